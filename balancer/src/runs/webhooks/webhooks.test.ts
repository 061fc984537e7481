/** Deliveries from the end of a run to its receiver: what is sent, what follows, and what is remembered. */
import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { Webhook } from 'standardwebhooks'
import type { StoredDelivery } from '../../ports/stored-delivery.ts'
import { MemoryDisk } from '../../store/memory-store.ts'
import { Receiver } from '../testing/receiver.ts'
import {
  type BenchOptions,
  makeWebhook,
  makeWebhookBench,
  OTHER_SECRET,
  SECRET,
  type WebhookBench,
} from '../testing/webhook-bench.ts'

let receiver: Receiver
let benches: WebhookBench[] = []

beforeEach(async () => {
  receiver = await Receiver.start()
})
afterEach(async () => {
  for (const bench of benches) await bench.stop()
  benches = []
  await receiver.stop()
})

async function make(options?: BenchOptions): Promise<WebhookBench> {
  const bench = await makeWebhookBench(options)
  benches.push(bench)
  return bench
}

const hook = (path = '/hook', more = {}) => ({ webhook: makeWebhook(`${receiver.url}${path}`, more) })

function attemptsOf(bench: WebhookBench, { id }: StoredDelivery): unknown[] {
  return [...(bench.disk.runs.tries.get(id)?.values() ?? [])].map(({ n, status, error }) => [
    n,
    status,
    error,
  ])
}

describe('a message', () => {
  it('says what became of the run, signed so that the specification’s library takes it', async () => {
    const bench = await make({ secret: `${SECRET} ${OTHER_SECRET}` })
    const finishedMs = Date.parse('2026-01-02T03:04:05.678Z')
    const delivery = await bench.end(
      { ...hook('/a?b=1'), metadata: { order: 'ü🎈' } },
      { finishedMs, attempt: 2, result: { mediaType: '', bytes: Buffer.from('{"a":1.0,"b":"\\u2028ü"}') } },
    )
    const { path, headers, body } = await receiver.until(1)
    assert.equal(path, '/a?b=1')
    assert.match(body.toString(), /"result":\{"a":1\.0,"b":"\\u2028ü"\}/)
    assert.deepEqual(JSON.parse(body.toString()), {
      type: 'task.completed',
      timestamp: '2026-01-02T03:04:05.678Z',
      data: {
        runId: delivery.run,
        status: 'completed',
        function: 'hello',
        group: 'default',
        contract: 1,
        result: { a: 1, b: '\u2028ü' },
        error: null,
        attempt: 2,
        metadata: { order: 'ü🎈' },
      },
    })
    assert.deepEqual(
      [headers['webhook-id'], headers['content-type'], headers['x-run-id'], headers['x-run-status']],
      [delivery.id, 'application/json', delivery.run, 'completed'],
    )
    for (const secret of [SECRET, OTHER_SECRET])
      assert.ok(new Webhook(secret).verify(body, headers as Record<string, string>))
    assert.deepEqual((await bench.settled(delivery.id)).state, 'delivered')
    assert.deepEqual(attemptsOf(bench, delivery), [[1, 204, null]])
    assert.deepEqual(
      [bench.run(delivery.run).webhookState, bench.run(delivery.run).deliveries],
      ['delivered', 1],
    )
  })

  it('is told of every final state', async () => {
    const bench = await make()
    const error = { code: 'FUNCTION_FAILED', detail: 'no paper' } as const
    for (const status of ['failed', 'cancelled', 'expired'] as const)
      await bench.end(hook(`/${status}`), { status, error, result: null })
    await receiver.until(3)
    const bodies = receiver.heard.map(({ body }) => JSON.parse(body.toString()))
    assert.deepEqual(
      bodies.map(({ type, data }) => [type, data.status, data.result, data.error]).sort(),
      ['cancelled', 'expired', 'failed'].map((status) => [
        `task.${status}`,
        status,
        null,
        { code: 'FUNCTION_FAILED', message: 'no paper' },
      ]),
    )
  })

  it('names where a long result is, as the caller reached the balancer', async () => {
    const bench = await make({ terms: { inlineLimitBytes: 9 } })
    const long = { result: { mediaType: '', bytes: Buffer.from('"12345678"') } }
    const at = { result: { mediaType: '', bytes: Buffer.from('"1234567"') } }
    const dataOf = ({ body }: { body: Buffer }) => JSON.parse(body.toString()).data
    const first = await bench.end(hook(), long)
    assert.equal(dataOf(await receiver.until(1)).resultUrl, `http://balancer.test:4000/runs/${first.run}`)
    assert.equal('result' in dataOf(await receiver.until(1)), false)
    const second = await bench.end(hook('/hook', { origin: 'https://berth.example' }), long)
    assert.equal(dataOf(await receiver.until(2)).resultUrl, `https://berth.example/runs/${second.run}`)
    await bench.end(hook(), at)
    const { result, resultUrl } = dataOf(await receiver.until(3))
    assert.deepEqual([result, resultUrl], ['1234567', undefined])
  })

  it('is the bare result when that is asked for, however long, and says what failed', async () => {
    const bench = await make({ terms: { inlineLimitBytes: 1 } })
    const bare = (path: string) => hook(path, { format: 'result' })
    await bench.end(bare('/json'), { result: { mediaType: '', bytes: Buffer.from('[1.0, 2]') } })
    assert.equal((await receiver.until(1)).body.toString(), '[1.0, 2]')
    await bench.end(bare('/bytes'), { result: { mediaType: 'image/png', bytes: Buffer.from('png') } })
    assert.equal((await receiver.until(2)).body.toString(), '{"mediaType":"image/png","base64":"cG5n"}')
    const error = { code: 'TIMEOUT', detail: 'too late' } as const
    await bench.end(bare('/failed'), { status: 'expired', error, result: null })
    const { body, headers } = await receiver.until(3)
    assert.deepEqual(JSON.parse(body.toString()), { success: false, error: 'too late', code: 'TIMEOUT' })
    const spent = { code: 'BUDGET_EXHAUSTED', detail: 'used up' } as const
    const soFar = { mediaType: '', bytes: Buffer.from('{"n":1}') }
    await bench.end(bare('/spent'), { status: 'failed', error: spent, result: soFar })
    const { body: part } = await receiver.until(4)
    const failure = { success: false, error: 'used up', code: 'BUDGET_EXHAUSTED', result: { n: 1 } }
    assert.deepEqual(JSON.parse(part.toString()), failure)
    assert.equal(headers['x-run-status'], 'expired')
    assert.ok(new Webhook(SECRET).verify(body, headers as Record<string, string>))
  })

  it('bears the caller’s headers over the operator’s', async () => {
    const bench = await make({ terms: { headers: { 'X-Team': 'operators', Authorization: 'operator' } } })
    await bench.end(hook('/hook', { headers: { AUTHORIZATION: 'caller', 'x-own': '1' } }))
    const { headers } = await receiver.until(1)
    assert.deepEqual(
      [headers['x-team'], headers.authorization, headers['x-own']],
      ['operators', 'caller', '1'],
    )
  })
})

describe('a receiver that does not take it', () => {
  it('is tried again with the same id and bytes, and every try is remembered', async () => {
    const bench = await make()
    receiver.answerWith(500, 301, 408, 409, 425, 429)
    const delivery = await bench.end(hook())
    assert.equal((await bench.settled(delivery.id)).state, 'delivered')
    assert.equal(new Set(receiver.heard.map(({ headers }) => headers['webhook-id'])).size, 1)
    assert.equal(new Set(receiver.heard.map(({ body }) => body.toString())).size, 1)
    assert.deepEqual(attemptsOf(bench, delivery), [
      [1, 500, 'it answered 500'],
      [2, 301, 'it answered 301'],
      [3, 408, 'it answered 408'],
      [4, 409, 'it answered 409'],
      [5, 425, 'it answered 425'],
      [6, 429, 'it answered 429'],
      [7, 204, null],
    ])
    assert.equal(bench.run(delivery.run).deliveries, 7)
  })

  it('is given up after the last retry, and that is logged without the path', async () => {
    const bench = await make({ terms: { maxRetries: 2 } })
    receiver.answer = (_request, response) => response.writeHead(503).end()
    const delivery = await bench.end(hook('/secret-path'))
    const { state, tries, nextMs } = await bench.settled(delivery.id)
    assert.deepEqual([state, tries, nextMs, receiver.heard.length], ['failed', 3, null, 3])
    const line = bench.lines.find((text) => text.includes('webhook given up')) ?? ''
    assert.match(line, /127\.0\.0\.1:\d+/)
    assert.match(line, /it answered 503/)
    assert.doesNotMatch(line, /secret-path/)
  })

  it('is not tried again after another 4xx', async () => {
    const bench = await make()
    for (const status of [400, 401, 404, 422]) {
      receiver.answerWith(status)
      const delivery = await bench.end(hook())
      assert.equal((await bench.settled(delivery.id)).state, 'failed')
      assert.equal(attemptsOf(bench, delivery).length, 1)
    }
  })

  it('is refused at once when its address is not allowed', async () => {
    const bench = await make({ allow: [] })
    const delivery = await bench.end(hook())
    const { state, lastError } = await bench.settled(delivery.id)
    assert.deepEqual([state, lastError, receiver.heard.length], ['refused', 'it is not https', 0])
  })

  it('closes its URL with 410, for what waits and for what comes, over a restart, until it takes one again', async () => {
    const bench = await make({ bounds: { atOnceEach: 1 } })
    receiver.answerWith(410)
    const first = await bench.end(hook('/gone'))
    const waiting = await bench.end(hook('/gone'))
    assert.equal((await bench.settled(first.id)).state, 'disabled')
    assert.equal((await bench.settled(waiting.id)).state, 'disabled')
    const later = await bench.end(hook('/gone'))
    assert.equal(later.state, 'disabled')
    const other = await bench.end(hook('/there'))
    assert.equal((await bench.settled(other.id)).state, 'delivered')
    assert.deepEqual(
      receiver.heard.map(({ path }) => path),
      ['/gone', '/there'],
    )
    const again = await make({ disk: bench.disk })
    assert.equal((await again.end(hook('/gone'))).state, 'disabled')
    await again.webhooks.redeliver(later.id)
    assert.equal((await again.settled(later.id, 'pending', 'disabled')).state, 'delivered')
    assert.equal((await again.end(hook('/gone'))).state, 'pending')
  })
})

describe('the queue', () => {
  it('goes on after a restart with what is due, and with nothing else', async () => {
    const disk = new MemoryDisk()
    const before = await make({ disk })
    await before.stop()
    const crashed = await make({ disk })
    const due = await crashed.store(hook('/due'))
    const later = { ...due, id: `${due.id}x`, nextMs: Date.now() + 60_000 }
    await crashed.keep([{ kind: 'delivery-set', delivery: later, attempt: null }])
    assert.equal(receiver.heard.length, 0)
    const bench = await make({ disk })
    assert.equal((await bench.settled(due.id)).state, 'delivered')
    assert.equal(disk.runs.deliveries.get(later.id)?.state, 'pending')
    assert.equal(receiver.heard.length, 1)
  })

  it('begins what falls due later by itself', async () => {
    const bench = await make()
    receiver.answerWith([503, { 'retry-after': '1' }])
    const beganMs = Date.now()
    const delivery = await bench.end(hook())
    const { nextMs } = await bench
      .settled(delivery.id, 'delivered')
      .then(async function untilTried(found): Promise<StoredDelivery> {
        if (found.tries === 1) return found
        await new Promise((resolve) => setTimeout(resolve, 2))
        return untilTried(bench.disk.runs.deliveries.get(delivery.id) ?? found)
      })
    // Seen some time after it was set, on a busy machine.
    const [leastMs, mostMs] = [(nextMs ?? 0) - Date.now(), (nextMs ?? 0) - beganMs]
    assert.ok(leastMs <= 1_000 && mostMs > 500, `${leastMs} to ${mostMs}`)
    assert.equal((await bench.settled(delivery.id)).state, 'delivered')
  })

  it('holds nobody up for receivers that do not answer', async () => {
    const bench = await make({ bounds: { atOnce: 8, atOnceEach: 4, window: 2, loaded: 64 } })
    const slow = await Receiver.start()
    slow.answer = () => {}
    for (let n = 0; n < 20; n++) await bench.end({ webhook: makeWebhook(`${slow.url}/${n}`) })
    await slow.until(4)
    const good: StoredDelivery[] = []
    for (let n = 0; n < 20; n++) good.push(await bench.end(hook(`/${n}`)))
    for (const { id } of good) assert.equal((await bench.settled(id)).state, 'delivered')
    assert.equal(slow.heard.length, 4)
    await slow.stop()
  })

  it('delivers all of a long line although little of it fits into memory', async () => {
    const bench = await make({ bounds: { loaded: 10, window: 4, atOnce: 4, atOnceEach: 2, bytes: 40 } })
    const other = await Receiver.start()
    const all: StoredDelivery[] = []
    for (let n = 0; n < 60; n++)
      all.push(
        n % 3 === 0
          ? await bench.end(hook(`/${n}`))
          : await bench.end({ webhook: makeWebhook(`${other.url}/${n}`) }),
      )
    for (const { id } of all) assert.equal((await bench.settled(id)).state, 'delivered')
    assert.deepEqual([receiver.heard.length, other.heard.length], [20, 40])
    await other.stop()
  })

  it('sends nothing more while the disk cannot be written, and then goes on without saying it twice', async () => {
    const bench = await make({ bounds: { atOnceEach: 1 } })
    receiver.answer = (_request, response) => {
      bench.disk.fault = 'the disk is full'
      response.writeHead(200).end()
    }
    const first = await bench.end(hook('/first'))
    await receiver.until(1)
    while (!bench.lines.some((line) => line.includes('could not be written down')))
      await new Promise((resolve) => setTimeout(resolve, 1))
    bench.disk.fault = undefined
    receiver.answerWith()
    assert.equal((await bench.settled(first.id)).state, 'delivered')
    const second = await bench.end(hook('/second'))
    assert.equal((await bench.settled(second.id)).state, 'delivered')
    assert.equal(receiver.heard.length, 2)
  })

  it('leaves what is under way at the end of the process for the next one', async () => {
    const bench = await make({ terms: { timeoutMs: 60_000 } })
    receiver.answer = () => {}
    const delivery = await bench.end(hook())
    await receiver.until(1)
    await bench.stop()
    assert.deepEqual(
      [bench.disk.runs.deliveries.get(delivery.id)?.state, attemptsOf(bench, delivery)],
      ['pending', []],
    )
  })

  it('forgets a delivery whose run was removed', async () => {
    const bench = await make()
    receiver.answerWith(500)
    const delivery = await bench.end(hook())
    await receiver.until(1)
    await bench.keep([{ kind: 'run-removed', seq: delivery.seq }])
    const other = await bench.end(hook('/other'))
    assert.equal((await bench.settled(other.id)).state, 'delivered')
    assert.equal(bench.disk.runs.deliveries.has(delivery.id), false)
  })
})

describe('redelivery', () => {
  it('sends one again with its old id, on a ladder of its own', async () => {
    const bench = await make({ terms: { maxRetries: 1 } })
    receiver.answerWith(500, 500, 500)
    const delivery = await bench.end(hook())
    assert.equal((await bench.settled(delivery.id)).state, 'failed')
    const asked = await bench.webhooks.redeliver(delivery.id)
    assert.deepEqual(asked?.ok && [asked.delivery.state, asked.delivery.attempts.length], ['pending', 2])
    const { state, tries } = await bench.settled(delivery.id, 'pending', 'failed')
    assert.deepEqual([state, tries], ['delivered', 4])
    assert.equal(new Set(receiver.heard.map(({ headers }) => headers['webhook-id'])).size, 1)
    assert.equal(await bench.webhooks.redeliver('d_unknown'), undefined)
  })

  it('asked for while a try is under way comes after it', async () => {
    const bench = await make()
    const held = Promise.withResolvers<void>()
    receiver.answer = (_request, response) => void held.promise.then(() => response.writeHead(204).end())
    const delivery = await bench.end(hook())
    await receiver.until(1)
    await bench.webhooks.redeliver(delivery.id)
    held.resolve()
    await receiver.until(2)
    while (bench.disk.runs.deliveries.get(delivery.id)?.tries !== 2)
      await new Promise((resolve) => setTimeout(resolve, 1))
    assert.equal(bench.disk.runs.deliveries.get(delivery.id)?.state, 'delivered')
  })

  it('asked for while a try is under way is on disk when it is answered, and never less', async () => {
    const bench = await make()
    const row = () => bench.disk.runs.deliveries.get(delivery.id)
    const held = Promise.withResolvers<void>()
    receiver.answer = (_request, response) => void held.promise.then(() => response.writeHead(410).end())
    const delivery = await bench.end(hook())
    await receiver.until(1)
    const asked = await bench.webhooks.redeliver(delivery.id)
    assert.ok(asked?.ok)
    assert.equal(row()?.nextMs, Date.parse(asked.delivery.nextAt ?? ''))
    const before = bench.kept.length
    receiver.answerWith(204)
    held.resolve()
    await receiver.until(2)
    const [concluded = []] = bench.kept.slice(before)
    const states = concluded.map((write) =>
      write.kind === 'delivery-set' ? write.delivery.state : write.kind,
    )
    assert.deepEqual(states, ['disabled', 'url-disabled', 'pending'])
    assert.equal((await bench.settled(delivery.id)).state, 'delivered')
  })

  it('that cannot be written down is refused, and nothing is sent', async () => {
    const bench = await make()
    const held = Promise.withResolvers<void>()
    receiver.answer = (_request, response) => void held.promise.then(() => response.writeHead(204).end())
    const delivery = await bench.end(hook())
    await receiver.until(1)
    const found = (await bench.store(hook('/found'))).id
    const reads = bench.webhooks.redeliver(delivery.id)
    bench.disk.fault = 'no space left'
    const refused = await reads
    assert.ok(refused && !refused.ok && refused.error.code === 'STORE_UNAVAILABLE')
    bench.disk.fault = undefined
    held.resolve()
    assert.equal((await bench.settled(delivery.id)).state, 'delivered')
    await bench.webhooks.redeliver(found)
    assert.equal((await bench.settled(found)).state, 'delivered')
    assert.deepEqual(
      receiver.heard.map(({ path }) => path),
      ['/hook', '/found'],
    )
  })

  it('of a range is on disk, too, for what is being tried', async () => {
    const bench = await make()
    const held = Promise.withResolvers<void>()
    receiver.answer = (_request, response) => void held.promise.then(() => response.writeHead(204).end())
    const delivery = await bench.end(hook())
    await receiver.until(1)
    const before = bench.kept.length
    await bench.webhooks.redeliverRange({ fromMs: 0, toMs: Date.now() + 60_000, url: null })
    while (bench.kept.length === before) await new Promise((resolve) => setTimeout(resolve, 1))
    const marked = bench.kept[before]?.map((write) => write.kind === 'delivery-set' && write.delivery.id)
    assert.deepEqual(marked, [delivery.id])
    receiver.answerWith(204)
    held.resolve()
    await receiver.until(2)
  })

  it('of a range counts first, and sends all that was made then to that URL', async () => {
    const bench = await make()
    const [fromMs, made]: [number, StoredDelivery[]] = [Date.now(), []]
    for (let n = 0; n < 5; n++) made.push(await bench.end(hook(n < 3 ? '/a' : '/b')))
    for (const { id } of made) await bench.settled(id)
    const url = `${receiver.url}/a`
    assert.deepEqual(await bench.webhooks.redeliverRange({ fromMs, toMs: Date.now() + 60_000, url }), {
      ok: true,
      matched: 3,
    })
    await receiver.until(8)
    assert.equal(receiver.heard.slice(5).filter(({ path }) => path === '/a').length, 3)
    const none = await bench.webhooks.redeliverRange({ fromMs: 0, toMs: fromMs - 1, url: null })
    assert.deepEqual(none, { ok: true, matched: 0 })
  })
})

describe('judgeTarget', () => {
  it('points at what is wrong', async () => {
    const { webhooks } = await make({ allow: [] })
    const judge = (url: string, headers = {}) => webhooks.judgeTarget({ url, headers })
    assert.deepEqual(judge('https://receiver.example/'), { ok: true })
    const refused = judge('https://10.0.0.1/')
    assert.deepEqual(refused.ok === false && [refused.pointer, refused.detail.includes('10.0.0.1')], [
      '/url',
      true,
    ])
    const header = judge('https://receiver.example/', { 'Webhook-ID': 'x' })
    assert.equal(!header.ok && header.pointer, '/headers/Webhook-ID')
    const odd = judge('https://receiver.example/', { 'a/b': 'x' })
    assert.equal(!odd.ok && odd.pointer, '/headers/a~1b')
  })
})
