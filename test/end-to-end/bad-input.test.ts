/**
 * Bad input, against a real balancer and against a worker directly: each a clear 4xx with status, code and
 * pointer, and no effect: the noted executions stay as they were, and the same processes go on serving.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import {
  type Answer,
  type Balancer,
  KEYS,
  startBalancer,
  startWorker,
  type Worker,
  waitForWorkers,
} from '../harness/berth.ts'
import { type Probe, writeProbe } from '../harness/executions.ts'
import { createScope, makeFolder } from '../harness/scope.ts'
import { bodyOf } from './fleet.ts'

type Case = {
  name: string
  /** A text goes out as it is. */
  body: unknown
  headers?: Record<string, string>
  status: number
  code: string
  /** The first place that is named; undefined where there is none. */
  pointer?: string
}

const GOOD = { function: 'probe', input: { id: 'good' } }

function wrongField(field: string, value: unknown, pointer = `/${field}`): Case {
  const name = `${field}: ${JSON.stringify(value)}`
  return { name, body: { ...GOOD, [field]: value }, status: 400, code: 'INVALID_REQUEST', pointer }
}

/** `members` as JSON text, since `__proto__` cannot be written in an object literal. */
function wrongInput(members: string, name: string): Case {
  const body = `{"function":"probe","input":{${members}}}`
  return { name: `input {${members}}`, body, status: 422, code: 'INVALID_INPUT', pointer: `/input/${name}` }
}

const KEY_CASES: Case[] = [
  { name: 'no key', headers: { authorization: '' }, body: GOOD, status: 401, code: 'UNAUTHORIZED' },
  { name: 'a wrong key', headers: { authorization: 'wrong' }, body: GOOD, status: 401, code: 'UNAUTHORIZED' },
  {
    name: 'a wrong key as Bearer',
    headers: { authorization: `Bearer ${KEYS.caller}x` },
    body: GOOD,
    status: 401,
    code: 'UNAUTHORIZED',
  },
]

const SHAPE_CASES: Case[] = [
  { name: 'nothing', body: '', status: 400, code: 'INVALID_REQUEST' },
  { name: 'not JSON', body: '{"function": hello}', status: 400, code: 'INVALID_REQUEST' },
  { name: 'half of it', body: '{"function":"probe","input":{', status: 400, code: 'INVALID_REQUEST' },
  { name: 'an array', body: [GOOD], status: 400, code: 'INVALID_REQUEST' },
  { name: 'a text', body: '"probe"', status: 400, code: 'INVALID_REQUEST' },
  { name: 'null', body: 'null', status: 400, code: 'INVALID_REQUEST' },
  { name: 'no function', body: {}, status: 400, code: 'INVALID_REQUEST', pointer: '/function' },
  {
    name: '11 MB',
    body: { ...GOOD, metadata: { a: 'x'.repeat(11e6) } },
    status: 413,
    code: 'PAYLOAD_TOO_LARGE',
  },
  { name: 'an unknown function', body: { function: 'nothing' }, status: 404, code: 'UNKNOWN_FUNCTION' },
  { name: 'a function of Object', body: { function: 'constructor' }, status: 404, code: 'UNKNOWN_FUNCTION' },
  { name: 'another group', body: { ...GOOD, group: 'elsewhere' }, status: 404, code: 'UNKNOWN_FUNCTION' },
]

const FIELD_CASES: Case[] = [
  wrongField('function', 7),
  wrongField('function', '../etc/passwd'),
  wrongField('group', {}),
  wrongField('contract', '1'),
  wrongField('contract', 0),
  wrongField('input', []),
  wrongField('input', 'text'),
  wrongField('input', null),
  wrongField('priority', '1'),
  wrongField('priority', 0),
  wrongField('priority', 1.5),
  wrongField('priority', 'NaN'),
  // What JSON.stringify makes of NaN.
  wrongField('priority', null),
  wrongField('priority', 2 ** 53),
  wrongField('priority', 2_097_153),
  wrongField('fairnessKey', 7),
  wrongField('mode', 'later'),
  wrongField('async', 'yes'),
  wrongField('webhook', 'https://example.org'),
  wrongField('tags', 'gpu'),
  wrongField('tags', { gpu: 7 }, '/tags/gpu'),
  wrongField('timeout', '30s'),
  wrongField('timeout', -1),
  wrongField('deadline', 'tomorrow'),
  wrongField('deadline', 1_700_000_000_000),
  wrongField('attempts', 0),
  wrongField('attempts', true),
  wrongField('idempotent', 'true'),
  wrongField('delay', -1),
  wrongField('runAt', 5),
  wrongField('session', 5),
  wrongField('budget', 'endless'),
  wrongField('metadata', { order: 5 }, '/metadata/order'),
  wrongField('colour', 'red'),
  {
    ...wrongField('priority', 0),
    name: 'priority: NaN',
    body: '{"function":"probe","priority":NaN}',
    pointer: undefined,
  },
  {
    ...wrongField('__proto__', {}),
    name: 'the field __proto__',
    body: '{"function":"probe","__proto__":{"input":{}}}',
  },
]

const INPUT_CASES: Case[] = [
  wrongInput('"id":5', 'id'),
  wrongInput('"ms":"soon"', 'ms'),
  wrongInput('"ms":-1', 'ms'),
  wrongInput('"ms":1.5', 'ms'),
  wrongInput('"__proto__":{"ms":1}', '__proto__'),
  wrongInput('"constructor":{"prototype":{"ms":1}}', 'constructor'),
  wrongInput('"surplus":1', 'surplus'),
]

/** What a run on disk is asked for with, at the balancer only. */
function wrongHeader(name: string, value: string, fields: object = {}): Case {
  const body = { ...GOOD, ...fields }
  return {
    name: `${name}: ${value.slice(0, 40)}`,
    body,
    headers: { [name]: value },
    status: 400,
    code: 'INVALID_REQUEST',
  }
}

function wrongOrder(fields: object, pointer: string): Case {
  const name = `async with ${JSON.stringify(fields)}`
  return { name, body: { ...GOOD, mode: 'async', ...fields }, status: 400, code: 'INVALID_REQUEST', pointer }
}

const DURABLE_CASES: Case[] = [
  wrongHeader('idempotency-key', ''),
  wrongHeader('idempotency-key', 'x'.repeat(256)),
  wrongHeader('idempotency-key', 'caf\u00e9'),
  wrongHeader('idempotency-key', 'k', { mode: 'stream' }),
  wrongHeader('prefer', 'wait=301'),
  wrongHeader('prefer', 'wait=-1'),
  wrongHeader('prefer', 'respond-async, wait=soon'),
  wrongHeader('prefer', 'respond-async', { mode: 'stream' }),
  wrongOrder({ async: true, mode: 'sync' }, '/async'),
  wrongOrder({ mode: 'webhook' }, '/webhook'),
  wrongOrder({ mode: 'sync', delay: 5 }, '/delay'),
  wrongOrder({ delay: 5, runAt: '2030-01-01T00:00:00Z' }, '/runAt'),
  wrongOrder({ delay: 366 * 86_400_000 }, '/delay'),
  wrongOrder({ runAt: 'later' }, '/runAt'),
  wrongOrder({ webhook: { url: 'http://169.254.169.254/' } }, '/webhook/url'),
  wrongOrder({ webhook: { url: 'ftp://example.org/' } }, '/webhook/url'),
  wrongOrder({ webhook: { url: 'https://example.org/', headers: { host: 'a' } } }, '/webhook/headers/host'),
  wrongOrder({ webhook: { url: 'https://example.org/', headers: { a: 'b\r\nc: d' } } }, '/webhook/headers/a'),
  wrongOrder({ webhook: { url: 'https://example.org/', more: 1 } }, '/webhook/more'),
  wrongOrder({ session: 'a b' }, '/session'),
  wrongOrder({ session: 's', mode: 'stream' }, '/session'),
  wrongOrder({ budget: 'endless' }, '/budget'),
]

/** Every wrong body once more, as one that would go to disk. */
const ASYNC_CASES = [...SHAPE_CASES, ...FIELD_CASES, ...INPUT_CASES].map((bad): Case => {
  return { ...bad, name: `async: ${bad.name}`, headers: { ...bad.headers, prefer: 'respond-async' } }
})

describe('bad input', () => {
  const scope = createScope()
  let probe: Probe
  let worker: Worker
  let balancer: Balancer

  before(async () => {
    probe = await writeProbe(await makeFolder(scope, 'probe'))
    worker = await startWorker(scope, { folder: probe.folder })
    balancer = await startBalancer(scope, { workers: [worker.url] })
    await waitForWorkers(balancer, 1)
  })
  after(() => scope.end())

  function post(
    to: 'balancer' | 'worker',
    body: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const init = { method: 'POST', body: text, headers: { 'content-type': 'application/json', ...headers } }
    return to === 'balancer' ? balancer.request('/task', init) : worker.request('/task', init)
  }

  for (const to of ['balancer', 'worker'] as const) {
    describe(`sent to the ${to}`, () => {
      const durable = to === 'balancer' ? [...DURABLE_CASES, ...ASYNC_CASES] : []
      for (const bad of [...KEY_CASES, ...SHAPE_CASES, ...FIELD_CASES, ...INPUT_CASES, ...durable]) {
        test(bad.name, async () => {
          const answer = await post(to, bad.body, bad.headers)
          const { success, status, code, detail, errors } = bodyOf(answer)
          assert.deepEqual([answer.status, status, code], [bad.status, bad.status, bad.code], answer.text)
          assert.equal(answer.headers.get('content-type'), 'application/problem+json')
          assert.equal(success, false)
          assert.ok((detail ?? '').length > 10, answer.text)
          if (bad.pointer !== undefined) assert.equal(errors?.[0]?.pointer, bad.pointer, answer.text)
        })
      }

      test('nothing of it ran, and the same process serves on', async () => {
        assert.deepEqual(await probe.read(), [])
        const good = await post(to, GOOD)
        assert.deepEqual([good.status, bodyOf(good).result], [200, { id: 'good', pid: worker.pid }])
        const noted = await probe.read()
        assert.deepEqual(
          noted.map(({ event, id }) => [event, id]),
          [
            ['started', 'good'],
            ['finished', 'good'],
          ],
        )
        // The next list begins with a clean sheet.
        await probe.clear()
        assert.equal(balancer.hasExited() || worker.hasExited(), false)
      })
    })
  }
})
