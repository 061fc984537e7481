/** The workers API over the wire: every field of its object, turns, streams, files, schedules, repeats of its clients. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  type Balancer,
  EXAMPLE_FLEET,
  KEYS,
  startBalancer,
  startWorker,
  waitForWorkers,
} from '../../harness/berth.ts'
import { createScope } from '../../harness/scope.ts'
import { until } from '../../harness/until.ts'
import { LIMIT_MS } from '../fleet.ts'

const scope = createScope()
let balancer: Balancer
before(async () => {
  const worker = await startWorker(scope, { folder: EXAMPLE_FLEET })
  balancer = await startBalancer(scope, { workers: [{ url: worker.url }], env: { DISK_RESERVE: '0' } })
  await waitForWorkers(balancer, 1)
})
after(() => scope.end())

interface Worker {
  id: string
  object: string
  created_at: number
  status: string
  running: boolean
  error: unknown
  incomplete_details: unknown
  messages: { role: string; content: string }[]
  metadata: object
  output: {
    id: string
    type: string
    role: string
    status: string
    content: { type: string; text: string }[]
  }[]
  output_text: string
  sources: unknown[]
  files: { filename: string; mediaType: string; url: string }[]
  usage: Record<string, number>
  costs: Record<string, number>
}

async function ask(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const answer = await fetch(`${balancer.url}/api/workers${path}`, {
    method,
    headers: { authorization: `Bearer ${KEYS.caller}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  const isJson = answer.headers.get('content-type')?.includes('json') === true
  return { status: answer.status, text, headers: answer.headers, body: isJson ? JSON.parse(text) : undefined }
}

async function create(input: string, more: object = {}, headers?: Record<string, string>): Promise<Worker> {
  const { status, body, text } = await ask('POST', '', { input, ...more }, headers)
  assert.equal(status, 200, text)
  return body
}

async function get(id: string): Promise<Worker> {
  return (await ask('GET', `/${id}`)).body
}

async function completed(id: string): Promise<Worker> {
  await until(async () => (await get(id)).status === 'completed', LIMIT_MS, `the worker ${id} has ended`)
  return get(id)
}

const dataOf = (text: string) =>
  text
    .split('\n')
    .filter((line) => line.startsWith('data: '))
    .map((line) => JSON.parse(line.slice('data: '.length)))

test('created: at once, and then with every field that its callers know, each of its type', async () => {
  const begun = await create('to be or not to be', { metadata: { team: 'a' } })
  assert.ok(['pending', 'running'].includes(begun.status) || begun.status === 'completed')
  const worker = await completed(begun.id)
  const { id, created_at, output, usage, messages, ...rest } = worker
  assert.match(id, /^w_[0-9a-z]{26}$/)
  assert.ok(Number.isInteger(created_at) && Math.abs(created_at - Date.now() / 1_000) < 60)
  const answer = 'Turn 1: you said "to be or not to be" (6 words).'
  const [item, ...others] = output
  assert.equal(others.length, 0)
  const { id: itemId, ...message } = item ?? { id: '' }
  assert.ok(itemId.startsWith('msg_'))
  const content = [{ type: 'output_text', text: answer }]
  assert.deepEqual(message, { type: 'message', role: 'assistant', status: 'completed', content })
  assert.deepEqual(messages, [
    { role: 'user', content: 'to be or not to be' },
    { role: 'assistant', content: answer },
  ])
  assert.deepEqual(rest, {
    object: 'worker',
    status: 'completed',
    running: false,
    error: null,
    incomplete_details: null,
    metadata: { team: 'a' },
    output_text: answer,
    sources: [],
    files: [],
    costs: { internalCostUsd: 0, modelCostUsd: 0, sandboxCostUsd: 0, toolCostUsd: 0 },
  })
  assert.deepEqual(Object.keys(usage).sort(), [
    ...['cacheReadTokens', 'cacheWriteTokens', 'costUsd', 'credits', 'inputTokens', 'outputTokens'],
    ...['reasoningTokens', 'steps', 'totalTokens'],
  ])
  assert.deepEqual([usage.inputTokens, usage.steps, usage.costUsd], [6, 1, 0])
  assert.equal(usage.totalTokens, (usage.inputTokens ?? 0) + (usage.outputTokens ?? 0))
})

test('metadata is texts of at most 1,024 characters; anything else is refused and begins nothing', async () => {
  const longest = { note: 'x'.repeat(1_024) }
  const kept = await create('kept', { metadata: longest })
  assert.deepEqual(kept.metadata, longest)
  const list = async () => {
    const { body } = await balancer.request('/runs?limit=200')
    return (body as { items: { id: string; session: string }[] }).items
  }
  // Nothing of what was begun before is still to come.
  await completed(kept.id)
  const before = (await list()).map(({ id }) => id)
  for (const metadata of [{ note: 'x'.repeat(1_025) }, { n: 1 }, { o: {} }, ['a'], manyMembers()]) {
    const { status, body } = await ask('POST', '', { input: 'no', metadata })
    assert.equal(status, 400)
    assert.match((body as unknown as { error: string }).error, /metadata/)
  }
  assert.deepEqual(
    (await list()).filter(({ id }) => !before.includes(id)),
    [],
  )
})

const manyMembers = () => Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`m${n}`, '']))

test('continued: another turn of the same conversation, behind those that still run', async () => {
  const { id } = await create('first')
  const { body, status } = await ask('POST', `/${id}`, { input: 'second', budget: 'low' })
  assert.deepEqual([status, body.id, body.object], [200, id, 'worker'])
  await ask('POST', `/${id}`, { input: 'third' })
  const worker = await completed(id)
  assert.deepEqual(
    worker.messages.filter(({ role }) => role === 'user').map(({ content }) => content),
    ['first', 'second', 'third'],
  )
  assert.equal(worker.output_text, 'Turn 3: you said "third" (1 words).')
  assert.equal(worker.usage.steps, 3)
  assert.deepEqual(worker.metadata, {})
})

test('a stream replays what there is, goes on live and ends; each line is one JSON value', async () => {
  const { id } = await create('stream me')
  await completed(id)
  const replayed = await ask('GET', `/${id}/stream`)
  assert.match(replayed.headers.get('content-type') ?? '', /^text\/event-stream/)
  const events = dataOf(replayed.text)
  assert.deepEqual([events[0].type, events.at(-1).type], ['worker', 'worker'])
  assert.equal(events.at(-1).worker.status, 'completed')
  assert.ok(events.some(({ type }) => type === 'turn.completed'))

  for (const path of ['', `/${id}`]) {
    const answer = await ask('POST', path, { input: 'and live', stream: true })
    const live = dataOf(answer.text)
    const deltas = live.filter(({ type }) => type === 'output_text.delta').map(({ delta }) => delta)
    assert.equal(deltas.join(''), live.at(-1).worker.output_text, path)
    assert.equal(live.at(-1).worker.status, 'completed')
  }
  const asked = dataOf((await ask('GET', `/${id}?stream=true`)).text)
  assert.equal(asked.at(-1).worker.id, id)
})

test('files: listed with an address that answers the bytes; the newest of a path counts', async () => {
  const { id } = await create('write notes/a b.txt: one')
  await ask('POST', `/${id}`, { input: 'write notes.txt: first' })
  await ask('POST', `/${id}`, { input: 'write notes.txt: second' })
  const { files } = await completed(id)
  const [file] = files
  assert.equal(file?.filename, 'notes.txt')
  assert.equal(file?.mediaType, 'text/plain')
  const answer = await fetch(file?.url ?? '', { headers: { authorization: `Bearer ${KEYS.caller}` } })
  assert.deepEqual([answer.status, await answer.text()], [200, 'second'])
  assert.deepEqual((await ask('GET', `/${id}/files/nothing.txt`)).status, 404)
})

test('schedules of four kinds: made, listed with what is next, fired, cancelled', async () => {
  const { id } = await create('begin')
  const date = new Date(Date.now() + 3_600_000).toISOString()
  const whens = [
    { type: 'scheduled', date },
    { type: 'delayed', delayInSeconds: 3_600 },
    { type: 'cron', cron: '0 8 * * *' },
    { type: 'interval', intervalSeconds: 31_536_000 },
  ]
  const made: Record<string, unknown>[] = []
  for (const when of whens) {
    const { status, body, text } = await ask('POST', `/${id}/schedules`, {
      input: 'again',
      budget: 'low',
      when,
    })
    assert.equal(status, 200, text)
    const { id: schedule, nextRunAt, ...rest } = body
    assert.equal(typeof schedule, 'string')
    assert.ok(Date.parse(nextRunAt) > Date.now(), nextRunAt)
    const { date: _date, ...shown } = when as { type: string; date?: string }
    assert.deepEqual(rest, { input: 'again', budget: 'low', ...shown })
    made.push(body)
  }
  assert.equal(made[0]?.nextRunAt, date)
  const { body } = await ask('GET', `/${id}/schedules`)
  assert.deepEqual(body, { schedules: made.toReversed(), workerId: id })

  const cancelled = await ask('DELETE', `/${id}/schedules/${made[0]?.id}`)
  assert.deepEqual([cancelled.status, cancelled.body], [200, { cancelled: true }])
  assert.equal((await ask('DELETE', `/${id}/schedules/${made[0]?.id}`)).status, 404)
  const other = await create('other')
  assert.equal((await ask('DELETE', `/${other.id}/schedules/${made[1]?.id}`)).status, 404)

  await ask('POST', `/${id}/schedules`, {
    input: 'by the clock',
    when: { type: 'delayed', delayInSeconds: 1 },
  })
  const hasFired = async () => (await get(id)).messages.some(({ content }) => content === 'by the clock')
  await until(hasFired, LIMIT_MS, 'the schedule has fired')
  const left = await ask('GET', `/${id}/schedules`)
  assert.equal(left.body.schedules.length, 3)
})

test('a client that repeats by itself what was not answered in time begins nothing twice', async () => {
  const again = { 'x-stainless-retry-count': '1' }
  const first = await create('only once')
  assert.equal((await create('only once', {}, again)).id, first.id)
  assert.notEqual((await create('only once', { budget: 'low' }, again)).id, first.id)
  assert.notEqual((await create('only once')).id, first.id)
  await completed(first.id)
  const turns = async () => (await completed(first.id)).messages.filter(({ role }) => role === 'user').length
  await ask('POST', `/${first.id}`, { input: 'more' })
  await ask('POST', `/${first.id}`, { input: 'more' }, again)
  assert.equal(await turns(), 2)
  await ask('POST', `/${first.id}`, { input: 'more' })
  assert.equal(await turns(), 3)
})

test('what is wrong: `{error}` with its status, and nothing begins', async () => {
  const { id } = await create('x')
  const wrong: [string, string, unknown, number, RegExp][] = [
    ['POST', '', {}, 400, /input/],
    ['POST', '', { input: '' }, 400, /input must not be empty/],
    ['POST', '', { input: 7 }, 400, /input must be text/],
    ['POST', '', { input: 'x', budget: 'endless' }, 400, /budget/],
    ['POST', '', { input: 'x', strem: true }, 400, /strem/],
    ['POST', '/w_nothing', { input: 'x' }, 404, /no worker/],
    ['GET', '/w_nothing', undefined, 404, /no worker/],
    ['GET', '/w_nothing/stream', undefined, 404, /no worker/],
    ['GET', '/w_nothing/schedules', undefined, 404, /no worker/],
    [
      'POST',
      `/${id}/schedules`,
      { input: 'x', when: { type: 'delayed', delayInSeconds: 0 } },
      400,
      /1 second/,
    ],
    [
      'POST',
      `/${id}/schedules`,
      { input: 'x', when: { type: 'interval', intervalSeconds: 31_536_001 } },
      400,
      /year/,
    ],
    ['POST', `/${id}/schedules`, { input: 'x', when: { type: 'cron', cron: '61 * * * *' } }, 400, /cron/],
    ['POST', `/${id}/schedules`, { input: 'x' }, 400, /when/],
    ['DELETE', `/${id}/schedules/s_nothing`, undefined, 404, /no schedule/],
  ]
  for (const [method, path, body, status, message] of wrong) {
    const answer = await ask(method, path, body)
    assert.equal(answer.status, status, `${method} ${path}: ${answer.text}`)
    assert.deepEqual(Object.keys(answer.body), ['error'])
    assert.match(answer.body.error, message)
  }
  const anonymous = await ask('GET', `/${id}`, undefined, { authorization: 'Bearer wrong' })
  assert.deepEqual([anonymous.status, Object.keys(anonymous.body)], [401, ['error']])
  // A session of another function is no worker.
  await balancer.request('/task', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ function: 'hello', session: 'mine', mode: 'async' }),
  })
  assert.equal((await ask('GET', '/mine')).status, 404)
})
