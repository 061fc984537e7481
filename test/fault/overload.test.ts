/**
 * Overload on real processes: floods, dribblers, resets and bodies without end. Whatever comes, what is not
 * taken is refused with advice when to return, health and operators are answered, memory and sockets keep
 * within their bounds, and the good traffic goes on. FAULTS B9, B13, B14, G1 (memory), E1.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { after, before, describe, type TestContext, test } from 'node:test'
import { bodyOf } from '../end-to-end/fleet.ts'
import {
  type Balancer,
  KEYS,
  postTask,
  startBalancer,
  startWorker,
  type Worker,
  waitForWorkers,
} from '../harness/berth.ts'
import { type Probe, writeProbe } from '../harness/executions.ts'
import { createScope, makeFolder, type Scope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { postText, startFlood } from './flood.ts'

const SLOTS = 4
const LIMIT_MS = 60_000
const MB = 1024 * 1024
/** A health route answers in a millisecond; behind what waits for a slot it would answer in ten minutes. */
const OPERATOR_LIMIT_MS = 15_000

describe('overload', () => {
  const scope = createScope()
  let probe: Probe
  let worker: Worker
  let balancer: Balancer

  before(async () => {
    probe = await writeProbe(await makeFolder(scope, 'overload'))
    worker = await startWorker(scope, { folder: probe.folder, env: { SLOTS: String(SLOTS) } })
    balancer = await startBalancer(scope, {
      workers: [worker.url],
      env: { QUEUE_LIMIT: '50', QUEUE_BYTES: '24mb', LOG_LEVEL: 'warn' },
    })
    await waitForWorkers(balancer, 1)
  })
  after(() => scope.end())

  test('a flood of 256 callers: refused with Retry-After, and operators are answered all the while', async (t) => {
    await occupySlots(t, balancer)
    const flood = startFlood(t, balancer.port, 256, postText('/task', KEYS.caller, '{"function":"probe"}'))
    await flood.reached(5_000)
    const before = await rssOf(balancer)
    let slowestMs = 0
    let polls = 0
    while (flood.total() < 20_000 || polls < 10) {
      for (const path of ['/health', '/workers']) {
        const startedAt = performance.now()
        assert.equal((await balancer.request(path)).status, 200)
        slowestMs = Math.max(slowestMs, performance.now() - startedAt)
      }
      polls++
    }
    flood.end()
    assert.ok(slowestMs < OPERATOR_LIMIT_MS, `an operator waited ${Math.round(slowestMs)} ms`)
    assert.deepEqual([...flood.counts.keys()], [429], 'the first 50 wait, every other one is refused')
    assert.match(flood.heads.get(429) ?? '', /^retry-after: [1-9]/im)
    assertGrowth(before, await rssOf(balancer), 150)
    await until(async () => (await waiting(balancer)) === 0, LIMIT_MS, 'callers that left wait no more')
  })

  test('bodies without end: refused before they are in memory, and small tasks go on', async (t) => {
    const before = await rssOf(balancer)
    const uploads = Array.from({ length: 100 }, () => startUpload(t, balancer, 9 * MB))
    const statuses = await Promise.all(uploads)
    const refused = statuses.filter((status) => status === 429).length
    assert.ok(refused > 70, `${refused} of 100 uploads of 9 MB were refused where 24 MB may wait`)
    assert.deepEqual([...new Set(statuses)].sort(), refused === 100 ? [429] : [200, 429])
    assertGrowth(before, await rssOf(balancer), 250)
    assert.equal((await postTask(balancer, { function: 'probe', input: { id: 'after' } })).status, 200)
  })

  test('2,000 dribblers: at most 1,024 stay, and nobody else notices (B9)', async (t) => {
    const baseline = await descriptorsOf(balancer)
    const dribblers: Socket[] = []
    for (let i = 0; i < 2_000; i++) dribblers.push(await dribble(t, balancer.port))
    const isOpen = (socket: Socket): boolean => !socket.destroyed
    await until(() => dribblers.filter(isOpen).length <= 1_024, LIMIT_MS, 'the oldest are closed')
    for (const socket of dribblers.filter(isOpen)) socket.write('a')
    assert.ok((await descriptorsOf(balancer)) <= baseline + 1_024 + 20)
    for (let i = 0; i < 20; i++) assert.equal((await postTask(balancer, { function: 'probe' })).status, 200)
    // The bound on heads is 10 s; nothing of this test waits for that.
    for (const socket of dribblers) socket.destroy()
    await until(async () => (await descriptorsOf(balancer)) <= baseline + 5, LIMIT_MS, 'no socket is left')
  })

  test('a storm of resets leaves no descriptor behind (B14)', async (t) => {
    const baseline = await descriptorsOf(balancer)
    for (let round = 0; round < 15; round++)
      await Promise.all(
        Array.from({ length: 100 }, async (_, i) => {
          const socket = connect(balancer.port, '127.0.0.1')
          socket.on('error', () => {})
          await once(socket, 'connect')
          if (i % 2 === 0) socket.write(postText('/task', KEYS.caller, '{"function":"probe"}'))
          socket.resetAndDestroy()
        }),
      )
    await until(async () => (await descriptorsOf(balancer)) <= baseline + 5, LIMIT_MS, 'descriptors are back')
    assert.equal((await postTask(balancer, { function: 'probe' })).status, 200)
    t.diagnostic(`${baseline} descriptors before and after`)
  })

  test('a caller of a batch that leaves: what ran is aborted, what waited never runs (B12, B13)', async (t) => {
    /** Of this batch; a task of a caller before may still be noted. */
    const count = async (event: string): Promise<number> =>
      (await probe.read()).filter((noted) => noted.id.startsWith('b') && noted.event === event).length
    const tasks = Array.from({ length: 300 }, (_, i) => ({
      function: 'probe',
      input: { id: `b${i}`, ms: 60_000 },
    }))
    const socket = connect(balancer.port, '127.0.0.1')
    t.after(() => socket.destroy())
    socket.write(postText('/tasks', KEYS.caller, JSON.stringify(tasks)))
    await until(async () => (await count('started')) === SLOTS, LIMIT_MS, 'all slots run the batch')
    assert.ok((await waiting(balancer)) <= 50, 'a batch keeps to QUEUE_LIMIT')
    socket.resetAndDestroy()
    await until(async () => (await count('aborted')) === SLOTS, LIMIT_MS, 'all that ran is aborted')
    assert.equal((await postTask(balancer, { function: 'probe', input: { id: 'good' } })).status, 200)
    assert.deepEqual([await count('started'), await count('finished')], [SLOTS, 0])
  })

  test('a batch of more than may wait is answered whole, in its own time', async () => {
    const lines = Array.from({ length: 1_000 }, (_, i) =>
      JSON.stringify({ function: 'probe', input: { id: `${i}` } }),
    )
    const answer = await balancer.request('/tasks', { method: 'POST', body: lines.join('\n') })
    const answers = answer.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { index: number; status: number; result: { id: string } })
    assert.equal(new Set(answers.map(({ index }) => index)).size, 1_000)
    for (const { index, status, result } of answers) assert.deepEqual([status, result.id], [200, `${index}`])
  })

  test('without a worker every one of 30,000 is refused with Retry-After, and memory stays (G1)', async (t) => {
    await worker.stop()
    await until(async () => (await postTask(balancer, { function: 'probe' })).status === 503, LIMIT_MS)
    const flood = startFlood(t, balancer.port, 32, postText('/task', KEYS.caller, '{"function":"probe"}'))
    await flood.reached(5_000)
    const before = await rssOf(balancer)
    await flood.reached(30_000)
    flood.end()
    assert.deepEqual([...flood.counts.keys()], [503])
    assert.match(flood.heads.get(503) ?? '', /^retry-after: [1-9]/im)
    assertGrowth(before, await rssOf(balancer), 150)
    const { code, detail } = bodyOf(await postTask(balancer, { function: 'probe' }))
    assert.equal(code, 'NO_CAPACITY')
    assert.match(detail ?? '', /No worker can take "probe"/)
    assert.equal(balancer.hasExited(), false)
  })
})

/** Takes every slot until the test ends. */
async function occupySlots(scope: Scope, balancer: Balancer): Promise<void> {
  const body = '{"function":"probe","input":{"ms":600000}}'
  for (let i = 0; i < SLOTS; i++) {
    const socket = connect(balancer.port, '127.0.0.1')
    scope.after(() => void socket.destroy())
    socket.write(postText('/task', KEYS.caller, body))
  }
  await until(async () => {
    const { body } = await balancer.request('/workers')
    return (body as { items: { slots: { used: number } }[] }).items[0]?.slots.used === SLOTS
  }, LIMIT_MS)
}

/** The status that a caller reads who declares so many bytes and sends them as long as they are taken. */
async function startUpload(t: TestContext, balancer: Balancer, bytes: number): Promise<number> {
  const socket = connect(balancer.port, '127.0.0.1')
  t.after(() => socket.destroy())
  let answer = ''
  socket.on('error', () => {}).on('data', (text) => (answer += text))
  socket.write(
    `POST /task HTTP/1.1\r\nHost: a\r\nAuthorization: ${KEYS.caller}\r\nConnection: close\r\nContent-Length: ${bytes}\r\n\r\n`,
  )
  const isOver = (): boolean => socket.destroyed || answer !== ''
  const piece = Buffer.alloc(64 * 1024, ' ')
  const body = Buffer.from('{"function":"probe"}')
  // Whitespace before the body is as good as anything to be long with.
  for (let left = bytes - body.length; left > 0 && !isOver(); left -= piece.length)
    if (!socket.write(piece.subarray(0, Math.min(left, piece.length))))
      await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => {})
  if (!isOver()) socket.write(body)
  if (!socket.destroyed) await once(socket, 'close')
  return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0)
}

async function dribble(t: TestContext, port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  t.after(() => socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write('POST /task HTTP/1.1\r\nX: ')
  return socket
}

async function waiting(balancer: Balancer): Promise<number> {
  const { body } = await balancer.request('/health')
  return (body as { queue: { waiting: number } }).queue.waiting
}

/** Megabytes that the balancer has in memory. */
async function rssOf({ pid }: Balancer): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(text)?.[1]) / 1024
}

function assertGrowth(before: number, after: number, most: number): void {
  assert.ok(after - before < most, `${Math.round(before)} MB before, ${Math.round(after)} MB after`)
}

async function descriptorsOf({ pid }: Balancer): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length
}
