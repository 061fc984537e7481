/**
 * Streams through a balancer and real workers: each chunk when it is made, an end that nobody takes for
 * another, and readers that stop (FAULTS B10, B11, B13, F18).
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import {
  type Balancer,
  KEYS,
  postTask,
  startBalancer,
  startWorker,
  type Worker,
  waitForWorkers,
} from '../harness/berth.ts'
import { createScope, makeFolder } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { bodyOf, LIMIT_MS, listWorkers, waitForStatus } from './fleet.ts'
import { callAtOnce } from './load.ts'
import { openStream, residentBytes, type StreamFleet, writeStreamFleet } from './stream-fleet.ts'

const MB = 1024 * 1024
const EVENTS = { accept: 'text/event-stream' }

type Event = { id: string; event: string; data: unknown }

/** What a client of server-sent events would make of it. */
function parseEvents(text: string): Event[] {
  const events = text.split('\n\n').slice(0, -1)
  return events.map((lines) => {
    const fields = Object.fromEntries(lines.split('\n').map((line) => line.split(/: (.*)/s).slice(0, 2)))
    return {
      id: fields.id,
      event: fields.event ?? '',
      data: fields.data ? JSON.parse(fields.data) : undefined,
    }
  })
}

describe('streams', () => {
  const scope = createScope()
  let fleet: StreamFleet
  let worker: Worker
  let balancer: Balancer

  before(async () => {
    fleet = await writeStreamFleet(await makeFolder(scope, 'fleet'))
    worker = await startWorker(scope, { folder: fleet.folder, env: { SLOTS: '20' } })
    balancer = await startBalancer(scope, { workers: [{ url: worker.url, name: 'w1' }] })
    await waitForWorkers(balancer, 1)
  })
  after(() => scope.end())

  test('each chunk arrives before the next is made', async (t) => {
    const words = ['alpha', 'beta', 'gamma']
    const stream = await openStream(t, balancer, { function: 'words', input: { words } })
    assert.equal(stream.response.headers['content-type'], 'text/plain; charset=utf-8')
    assert.equal(stream.response.headers['x-worker'], 'w1')
    let text = ''
    for (const word of words) {
      text += word
      assert.equal(await stream.until(text), text)
      await fleet.tell(word)
    }
    assert.equal((await stream.rest()).length, 0)
  })

  test('as events: chunks, lines and progress in the order in which they were made, then the result', async (t) => {
    const words = ['eins', 'zwei\n\ndata: x', 'drei 🎈']
    for (const word of words) await fleet.tell(word)
    const stream = await openStream(t, balancer, { function: 'words', input: { words } }, EVENTS)
    const events = parseEvents(String(await stream.rest()))
    assert.deepEqual(
      events.map(({ id }) => Number(id)),
      events.map((_, index) => index),
    )
    const shown = events.map(({ event, data }) => [event, (data as { text?: string })?.text ?? data])
    assert.deepEqual(shown, [
      ['', undefined],
      ...words.flatMap((word, index) => [
        ['chunk', word],
        ['log', `said ${word}`],
        ['progress', { fraction: (index + 1) / words.length }],
      ]),
      ['result', { words: 3 }],
    ])
  })

  test('headers and an id come at once as events, though nothing is made yet', async (t) => {
    const stream = await openStream(
      t,
      balancer,
      { function: 'words', input: { words: ['patience'] } },
      EVENTS,
    )
    assert.match(await stream.until('id: 0\n\n'), /^id: 0/)
    await fleet.tell('patience')
    assert.match(String(await stream.rest()), /event: result/)
  })

  test('a stream that fails is cut, or ends with an error; before its first chunk it has its status', async (t) => {
    await fleet.tell('part')
    const input = { words: ['part'], fails: true }
    const text = await openStream(t, balancer, { function: 'words', input })
    await assert.rejects(text.rest(), { code: 'ECONNRESET' })
    const events = await openStream(t, balancer, { function: 'words', input }, EVENTS)
    const last = parseEvents(String(await events.rest())).at(-1)
    assert.deepEqual(
      [last?.event, last?.data],
      ['error', { code: 'FUNCTION_FAILED', message: 'the end is missing' }],
    )
    const early = await postTask(balancer, {
      function: 'words',
      mode: 'stream',
      input: { words: [], fails: true },
    })
    assert.deepEqual([early.status, bodyOf(early).code], [500, 'FUNCTION_FAILED'])
    const wrong = await postTask(balancer, { function: 'words', mode: 'stream', input: { words: 5 } })
    assert.deepEqual([wrong.status, bodyOf(wrong).errors?.[0]?.pointer], [422, '/input/words'])
    const never = await postTask(balancer, { function: 'echo', mode: 'stream' })
    assert.deepEqual([never.status, bodyOf(never).code], [400, 'INVALID_REQUEST'])
  })

  test('a caller that leaves aborts the handler, and the slot is free again', async (t) => {
    const stream = await openStream(t, balancer, { function: 'words', input: { words: ['leaving'] } })
    await stream.until('leaving')
    stream.close()
    await fleet.untilSaid('aborted leaving')
    const isFree = async () => (await listWorkers(balancer))[0]?.slots?.used === 0
    await until(isFree, LIMIT_MS, 'no slot in use')
  })

  for (const [what, version, headers] of [
    ['Connection: close', '1.1', 'Connection: close\r\nTE: trailers\r\n'],
    ['HTTP/1.0', '1.0', ''],
  ] as const)
    test(`5 MB arrive whole with ${what}`, async (t) => {
      const body = JSON.stringify({
        function: 'flood',
        mode: 'stream',
        input: { bytes: 5 * MB, piece: 100_000, name: what },
      })
      const socket = connect(balancer.port, '127.0.0.1')
      t.after(() => socket.destroy())
      const head = `POST /task HTTP/${version}\r\nHost: a\r\nAuthorization: ${KEYS.caller}\r\n${headers}`
      socket.write(`${head}Content-Length: ${body.length}\r\n\r\n${body}`)
      const pieces: Buffer[] = []
      socket.on('data', (piece) => void pieces.push(Buffer.from(piece)))
      await once(socket, 'end')
      const whole = Buffer.concat(pieces)
      const from = whole.indexOf('\r\n\r\n') + 4
      const got = version === '1.0' ? whole.subarray(from) : dechunk(whole.subarray(from))
      assert.equal(sha256(got), sha256(flooded(5 * MB, 100_000)))
    })

  test('a reader that stops holds up its own handler and nobody else', { timeout: 120_000 }, async (t) => {
    const total = 100 * MB
    const task = (name: string) => ({ function: 'flood', input: { bytes: total, piece: 64 * 1024, name } })
    // What warms up is not the stream's.
    const warm = await openStream(t, balancer, {
      function: 'flood',
      input: { bytes: 20 * MB, piece: 65_536, name: 'warm' },
    })
    await warm.rest()
    const processes = [balancer.pid, worker.pid]
    const before = await Promise.all(processes.map(residentBytes))
    const names = ['slow1', 'slow2', 'slow3']
    const stopped = await Promise.all(names.map((name) => openStream(t, balancer, task(name))))
    const reached = async () => {
      const said = await fleet.said()
      return names.map((name) => said.filter((line) => line.startsWith(`${name} `)).at(-1)).join()
    }
    for (const name of names) await fleet.untilSaid(`${name} 0`)

    // Others go through the same link meanwhile, long ones and short ones.
    const others = await callAtOnce(200, 10, async (index) => {
      const answer = await postTask(balancer, { function: 'echo', input: { index, pad: 'x'.repeat(10_000) } })
      return answer.status === 200 && bodyOf(answer).result?.index === index
    })
    assert.ok(others.every(Boolean))
    const reader = await openStream(t, balancer, task('quick'))
    assert.equal(sha256(await reader.rest()), sha256(flooded(total, 64 * 1024)))

    // The three stand where they stood; what the system's own buffers hold is a few megabytes.
    const standing = await reached()
    for (const line of standing.split(',')) assert.ok(Number(line.split(' ')[1]) <= 20 * MB, line)
    const grown = await Promise.all(processes.map(residentBytes))
    for (const [index, bytes] of grown.entries()) {
      const growth = bytes - (before[index] ?? 0)
      assert.ok(growth < 64 * MB, `process ${index} has grown by ${Math.round(growth / MB)} MB`)
    }
    assert.equal(await reached(), standing)

    const [first, ...rest] = stopped
    for (const stream of rest) stream.close()
    assert.equal(sha256((await first?.rest()) ?? Buffer.alloc(0)), sha256(flooded(total, 64 * 1024)))
  })

  test('a worker that is killed ends its streams at once, as errors', async (t) => {
    const second = await startWorker(t, { folder: fleet.folder, env: { SLOTS: '4', TAGS: 'here=now' } })
    const own = await startBalancer(t, { workers: [{ url: second.url, name: 'w2' }] })
    await waitForWorkers(own, 1)
    const ask = (word: string, headers = {}) =>
      openStream(t, own, { function: 'words', input: { words: [word, 'never'] }, attempts: 3 }, headers)
    const [text, events] = await Promise.all([ask('k1'), ask('k2', EVENTS)])
    await text.until('k1')
    await events.until('"k2"')
    const killedAt = performance.now()
    await second.kill9()
    await assert.rejects(text.rest(), { code: 'ECONNRESET' })
    const last = parseEvents(`\n\n${await events.rest()}`).at(-1)
    assert.deepEqual([last?.event, (last?.data as { code?: string })?.code], ['error', 'WORKER_LOST'])
    // Long before the lease of a worker that says nothing has run out.
    assert.ok(performance.now() - killedAt < 15_000)
    await waitForStatus(own, 'w2', 'unreachable')
  })
})

/** The bytes of the function `flood`. */
function flooded(total: number, piece: number): Buffer {
  const block = Buffer.alloc(piece)
  const blocks: Buffer[] = []
  for (let at = 0; at < total; at += piece) {
    for (let i = 0; i < piece; i += 512) block[i] = (at + i) % 251
    blocks.push(Buffer.from(block.subarray(0, Math.min(piece, total - at))))
  }
  return Buffer.concat(blocks)
}

function dechunk(body: Buffer): Buffer {
  const pieces: Buffer[] = []
  for (let at = 0; ; ) {
    const lineEnd = body.indexOf('\r\n', at)
    const size = Number.parseInt(body.toString('latin1', at, lineEnd), 16)
    if (size === 0) {
      assert.equal(body.toString('latin1', lineEnd), '\r\n\r\n', 'the last chunk ends the body')
      return Buffer.concat(pieces)
    }
    pieces.push(body.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = lineEnd + 2 + size + 2
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
