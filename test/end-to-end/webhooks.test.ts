/** Webhooks of runs through real processes: what arrives, what is shown, and what outlives a `kill -9`. */
import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import type { DeliveryView, RunView } from '@berth/protocol'
import { Webhook } from 'standardwebhooks'
import { Receiver } from '../../balancer/src/runs/testing/receiver.ts'
import {
  type Balancer,
  postTask,
  startBalancer,
  startWorker,
  type Worker,
  waitForWorkers,
} from '../harness/berth.ts'
import { writeProbe } from '../harness/executions.ts'
import { createScope, makeFolder } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { LIMIT_MS } from './fleet.ts'

type Listed = { items: DeliveryView[]; cursor: null }

describe('webhooks of runs', () => {
  const scope = createScope()
  let worker: Worker
  let balancer: Balancer
  let receiver: Receiver

  before(async () => {
    const probe = await writeProbe(await makeFolder(scope, 'fleet'))
    worker = await startWorker(scope, { folder: probe.folder, env: { SLOTS: '20' } })
    balancer = await startBalancer(scope, {
      env: {
        WEBHOOK_ALLOW: '127.0.0.0/8',
        WEBHOOK_INLINE_LIMIT: '1kb',
        WEBHOOK_HEADERS: '{"x-team":"ours"}',
      },
      workers: [{ url: worker.url, name: 'w1' }],
    })
    await waitForWorkers(balancer, 1)
  })
  after(() => scope.end())
  beforeEach(async () => {
    receiver = await Receiver.start()
  })
  afterEach(() => receiver.stop())

  async function begin(input: object, webhook: object = {}, more: object = {}): Promise<string> {
    const task = {
      function: 'probe',
      input,
      mode: 'webhook',
      webhook: { url: `${receiver.url}/hook`, ...webhook },
    }
    const answer = await postTask(balancer, { ...task, ...more })
    assert.equal(answer.status, 202, answer.text)
    return (answer.body as { runId: string }).runId
  }

  async function deliveriesOf(run: string): Promise<DeliveryView[]> {
    return ((await balancer.request(`/runs/${run}/deliveries`)).body as Listed).items
  }

  const untilState = (run: string, state: DeliveryView['state']) =>
    until(
      async () => (await deliveriesOf(run)).find((delivery) => delivery.state === state),
      LIMIT_MS,
      `the delivery of ${run} is ${state}`,
    )

  test('say what became of the run, signed with the secret that was made', { timeout: 60_000 }, async () => {
    const run = await begin({ id: 'ü' }, { headers: { 'X-Own': 'yes' } }, { metadata: { order: '7' } })
    const { headers, body } = await receiver.until(1)
    const path = join(balancer.dataDir, 'webhook-secret')
    assert.equal(statSync(path).mode & 0o777, 0o600)
    const message = new Webhook(readFileSync(path, 'utf8').trim()).verify(
      body,
      headers as Record<string, string>,
    ) as {
      type: string
      timestamp: string
      data: Record<string, unknown>
    }
    const { result, ...data } = message.data
    assert.deepEqual(
      [message.type, data],
      [
        'task.completed',
        {
          runId: run,
          status: 'completed',
          function: 'probe',
          group: 'default',
          contract: 1,
          error: null,
          attempt: 1,
          metadata: { order: '7' },
        },
      ],
    )
    assert.equal((result as { id: string }).id, 'ü')
    assert.deepEqual([headers['x-own'], headers['x-team'], headers['x-run-id']], ['yes', 'ours', run])
    const delivery = await untilState(run, 'delivered')
    assert.deepEqual(
      [delivery.id, delivery.tries, delivery.status, delivery.attempts.length],
      [headers['webhook-id'], 1, 204, 1],
    )
    const shown = (await balancer.request(`/runs/${run}`)).body as RunView
    assert.deepEqual(shown.webhook, { state: 'delivered', deliveries: 1 })
  })

  test('of failures and of long results say where to look', { timeout: 60_000 }, async () => {
    const failed = await begin({ how: 'fail' }, {}, { attempts: 1 })
    const { data } = JSON.parse((await receiver.until(1)).body.toString())
    assert.deepEqual(
      [data.runId, data.status, data.result, data.error],
      [failed, 'failed', null, { code: 'FUNCTION_FAILED', message: 'as it was told' }],
    )
    const long = await begin({ bytes: 2_000 })
    const { data: named } = JSON.parse((await receiver.until(2)).body.toString())
    assert.equal(named.resultUrl, `${balancer.url}/runs/${long}`)
    const bare = await begin({ bytes: 2_000 }, { format: 'result' })
    const { body, headers } = await receiver.until(3)
    assert.equal(JSON.parse(body.toString()).text.length, 2_000)
    assert.deepEqual([headers['x-run-id'], headers['x-run-status']], [bare, 'completed'])
  })

  test('are refused where nobody may be sent, and cancelled runs tell it too', {
    timeout: 60_000,
  }, async () => {
    for (const [url, words] of [
      [`${balancer.url}/fleet/off`, 'this server itself'],
      ['https://10.0.0.1/', 'not a public address'],
      ['https://1.1.1.1:22/', 'port 22'],
    ] as const) {
      const answer = await postTask(balancer, { function: 'probe', mode: 'webhook', webhook: { url } })
      const { errors, detail } = answer.body as { errors: { pointer: string }[]; detail: string }
      assert.deepEqual([answer.status, errors?.[0]?.pointer], [400, '/webhook/url'], answer.text)
      assert.match(detail, new RegExp(words), url)
    }
    const run = await begin({ ms: 60_000 })
    await balancer.request(`/runs/${run}/cancel`, { method: 'POST' })
    assert.equal(JSON.parse((await receiver.until(1)).body.toString()).type, 'task.cancelled')
  })

  test('are sent again when asked for, one or all of a time', { timeout: 60_000 }, async () => {
    const from = new Date().toISOString()
    receiver.answerWith(404, 410)
    const [first, second] = [await begin({}), await begin({}, { url: `${receiver.url}/gone` })]
    await until(async () => receiver.heard.length === 2, LIMIT_MS, 'both were sent')
    const states = await Promise.all([first, second].map(async (run) => (await deliveriesOf(run))[0]?.state))
    await until(
      async () => {
        const now = await Promise.all([first, second].map(async (run) => (await deliveriesOf(run))[0]?.state))
        return now.every((state) => state === 'failed' || state === 'disabled')
      },
      LIMIT_MS,
      `both are given up (${states})`,
    )
    const [{ id = '' } = {}] = await deliveriesOf(first)
    const asked = await balancer.request(`/deliveries/${id}/redeliver`, { method: 'POST' })
    assert.equal(asked.status, 202, asked.text)
    await untilState(first, 'delivered')
    assert.equal((await receiver.until(3)).headers['webhook-id'], id)
    const all = await balancer.request('/deliveries/redeliver', {
      method: 'POST',
      body: JSON.stringify({ from, to: new Date().toISOString() }),
    })
    assert.deepEqual([all.status, all.body], [202, { matched: 2 }])
    await receiver.until(5)
    await untilState(second, 'delivered')
    assert.equal((await balancer.request('/deliveries/d_none/redeliver', { method: 'POST' })).status, 404)
  })

  test('are tried until they are taken, over a killed balancer, with one id', {
    timeout: 90_000,
  }, async () => {
    const held = Promise.withResolvers<void>()
    receiver.answer = (_request, response) => void held.promise.then(() => response.writeHead(200).end())
    const run = await begin({})
    await receiver.until(1)
    await balancer.kill9()
    receiver.answerWith(500)
    held.resolve()
    const { port, dataDir, workersFile } = balancer
    const env = {
      PORT: String(port),
      DATA_DIR: dataDir,
      WORKERS_FILE: workersFile,
      WEBHOOK_ALLOW: '127.0.0.0/8',
    }
    balancer = await startBalancer(scope, { env })
    const { attempts } = await untilState(run, 'delivered')
    const ids = new Set(receiver.heard.map(({ headers }) => headers['webhook-id']))
    assert.deepEqual([ids.size, receiver.heard.length], [1, 3])
    assert.deepEqual(
      attempts.map(({ status }) => status),
      [500, 204],
    )
    assert.equal(new Set(receiver.heard.map(({ body }) => body.toString())).size, 1)
  })
})
