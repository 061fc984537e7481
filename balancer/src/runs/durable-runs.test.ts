/** Durable runs on a whole balancer without sockets: what is accepted, what is not, and what is done with runs anywhere. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WINDOW } from '../core/disk-window.ts'
import type { Accepted } from '../ports/runs.ts'
import type { LiveRun, RunEnd } from '../ports/stored-run.ts'
import { MemoryRunReads } from '../store/memory-run-reads.ts'
import type { ModelWorker } from './testing/model-worker.ts'
import { ModelWorld, type WorldOptions } from './testing/model-world.ts'

const NEVER = new AbortController().signal

async function makeWorld(slots = 1, options: WorldOptions = {}): Promise<[ModelWorld, ModelWorker]> {
  const world = new ModelWorld(options)
  const worker = world.addWorker('w0', slots)
  await world.boot()
  await world.link(worker)
  return [world, worker]
}

async function ask(world: ModelWorld, count = 1): Promise<Accepted> {
  return world.runs.accept(
    Array.from({ length: count }, () => world.order()),
    undefined,
  )
}

function codeOf(accepted: Accepted): string {
  return accepted.ok ? 'accepted' : accepted.error.code
}

/** Reads and starts until the worker runs something of the run. */
async function run(world: ModelWorld, worker: ModelWorker, id: string): Promise<void> {
  await world.breathe()
  worker.startNext()
  world.read(worker)
  assert.deepEqual(
    worker.running.map((task) => task.run),
    [id],
  )
}

// --- Acceptance ------------------------------------------------------------------------------------

test('a run is on disk when it is answered, and its end when that is told', async () => {
  const [world, worker] = await makeWorld()
  const id = await world.accept({ metadata: { a: 'b' } })
  const seq = world.disk.runs.seqs.get(id) as number
  assert.deepEqual(world.disk.runs.live.get(seq)?.metadata, { a: 'b' })
  const outcome = world.runs.outcome(id, 60_000, NEVER)
  await world.settle()
  const settlement = await outcome
  assert.equal(settlement?.kind, 'completed')
  assert.equal(world.done(id)?.status, 'completed')
  assert.equal((await world.runs.outcome(id, 0, NEVER))?.kind, 'completed', 'long ago as well')
  assert.equal(await world.runs.outcome('r_none', 0, NEVER), undefined)
  assert.equal(worker.tasks.size, 0, 'its worker has been told that it may forget')
})

test('what is wrong with an input is told where it stands in the task', async () => {
  const [world, worker] = await makeWorld()
  for (const [pointer, said, told, place] of [
    ['/q', 'The input at /q does not fit: no', 'The input at /input/q does not fit: no', '/input/q'],
    ['', 'The input does not fit: no', 'The input at /input does not fit: no', '/input'],
    ['/q', 'The input at /q does not fit: no', 'The input at /q does not fit: no', '/q'],
  ] as const) {
    const id = await world.accept(place === '/q' ? { isRouted: true } : {})
    await run(world, worker, id)
    const outcome = world.runs.outcome(id, 60_000, NEVER)
    const errors = [{ pointer, detail: 'no' }]
    const [task] = worker.running
    assert.ok(task)
    worker.finish(task, 'failed', { code: 'INVALID_INPUT', message: said, errors })
    world.read(worker)
    await world.settle()
    const settlement = await outcome
    const error = settlement?.kind === 'failed' ? settlement.error : undefined
    assert.deepEqual([error?.detail, error?.errors], [told, [{ pointer: place, detail: 'no' }]])
    assert.deepEqual(world.done(id)?.error, error)
  }
})

test('RUN_LIMIT counts what has not ended, wherever it is', async () => {
  const [world] = await makeWorld(1, { terms: { runLimit: 3 } })
  assert.equal(codeOf(await ask(world, 4)), 'QUEUE_FULL')
  assert.equal(codeOf(await ask(world, 3)), 'accepted')
  const refused = await ask(world)
  assert.ok(!refused.ok && refused.error.detail.includes('RUN_LIMIT') && refused.error.retryAfterMs)
  await world.settle()
  assert.equal(codeOf(await ask(world, 3)), 'accepted')
  await world.crash(false)
  await world.boot()
  assert.equal(codeOf(await ask(world)), 'QUEUE_FULL', 'those of an earlier balancer count')
})

test('RUN_LIMIT holds between batches that come at the same time', async () => {
  const [world] = await makeWorld(1, { terms: { runLimit: 2_500 } })
  const all = await Promise.all([ask(world, 1_100), ask(world, 1_100), ask(world, 1_100)])
  assert.deepEqual(all.map(codeOf).sort(), ['QUEUE_FULL', 'accepted', 'accepted'])
  assert.deepEqual([world.runs.live, world.disk.runs.live.size], [2_200, 2_200])
  const given = new Set(all.flatMap((accepted) => (accepted.ok ? accepted.runs : [])))
  for (let n = 1; n <= 3_300; n++) {
    const id = `r_${String(n).padStart(26, '0')}`
    if (!given.has(id)) assert.equal(world.runs.held(id), undefined)
  }
})

test('callers make no more lines by their tags than there is memory for', async () => {
  const [world] = await makeWorld(1, { terms: { laneLimit: 4 } })
  const tagged = (n: number) => world.order({ tags: { customer: `c${n}` } })
  const accept = (...orders: ReturnType<typeof tagged>[]) => world.runs.accept(orders, undefined)
  const first = await accept(world.order(), tagged(1), tagged(2), tagged(3))
  assert.ok(first.ok)
  const refused = await accept(world.order(), tagged(4))
  assert.ok(!refused.ok && refused.error.code === 'QUEUE_FULL' && refused.index === 1)
  assert.match(refused.error.detail, /4 different needs.*without `tags`/)
  assert.equal(codeOf(await accept(world.order({ tags: {} }))), 'accepted')
  assert.deepEqual(await world.runs.cancel(first.runs[1] as string), { ok: true })
  assert.equal(codeOf(await accept(tagged(4))), 'accepted')
})

test('below DISK_RESERVE nothing is accepted', async () => {
  const [world] = await makeWorld(1, { terms: { diskReserveBytes: 1_000 } })
  world.freeBytes = 999
  await world.advance(2_000)
  const refused = await ask(world)
  assert.ok(
    !refused.ok &&
      refused.error.code === 'STORE_UNAVAILABLE' &&
      refused.error.detail.includes('DISK_RESERVE'),
  )
  world.freeBytes = 1_000
  await world.advance(2_000)
  assert.equal(codeOf(await ask(world)), 'accepted')
})

test('what nobody serves, and a balancer that drains, refuse; a batch names the run that is wrong', async () => {
  const [world, worker] = await makeWorld()
  const mixed = await world.runs.accept([world.order(), world.order({ function: 'gone' })], undefined)
  assert.ok(!mixed.ok && mixed.error.code === 'UNKNOWN_FUNCTION' && mixed.index === 1)
  assert.equal(world.disk.runs.live.size, 0)
  const waiting = await world.accept()
  const outcome = world.runs.outcome(waiting, 60_000, NEVER)
  const watched = world.runs.watch(waiting, 60_000, NEVER)
  worker.startNext()
  world.core.drain()
  world.runs.beginDrain()
  assert.equal(codeOf(await ask(world)), 'DRAINING')
  assert.equal(await watched, undefined, 'who looks on is let go')
  assert.equal(await world.runs.watch(waiting, 60_000, NEVER), undefined)
  world.runs.releaseCallers()
  assert.equal(await outcome, undefined)
  assert.equal(await world.runs.outcome(waiting, 60_000, NEVER), undefined)
})

test('a caller whose run ends while the balancer drains hears its end', async () => {
  const [world, worker] = await makeWorld()
  const id = await world.accept()
  const outcome = world.runs.outcome(id, 60_000, NEVER)
  await run(world, worker, id)
  world.core.drain()
  world.runs.beginDrain()
  worker.finish(worker.running[0] as never, 'completed')
  world.read(worker)
  await world.breathe()
  assert.equal((await outcome)?.kind, 'completed')
})

test('a failing disk accepts nothing and loses nothing', async () => {
  const [world, worker] = await makeWorld()
  const id = await world.accept()
  await run(world, worker, id)
  world.disk.fault = 'no space left'
  worker.finish(worker.running[0] as never, 'completed')
  world.read(worker)
  await world.breathe()
  assert.equal(worker.tasks.size, 1, 'its worker keeps the outcome')
  assert.equal(codeOf(await ask(world)), 'STORE_UNAVAILABLE')
  world.disk.fault = undefined
  assert.equal(codeOf(await ask(world)), 'STORE_UNAVAILABLE', 'an end is not on disk yet')
  await world.advance(3_000)
  assert.deepEqual([world.done(id)?.status, worker.tasks.size], ['completed', 0])
  assert.equal(codeOf(await ask(world)), 'accepted')
  assert.equal(world.disk.runs.live.size, 1, 'what was refused is not there')
})

// --- Keys ------------------------------------------------------------------------------------------

test('one key begins one run: at the same time, later, over a restart; another body is refused', async () => {
  const [world] = await makeWorld()
  const key = { hash: 'h', bodyHash: 'b', answer: null }
  const all = await Promise.all(Array.from({ length: 20 }, () => world.runs.accept([world.order()], key)))
  const ids = new Set(all.flatMap((accepted) => (accepted.ok ? accepted.runs : [])))
  assert.deepEqual([ids.size, all.filter((one) => one.ok && !one.isReplay).length], [1, 1])
  world.runs.noteAnswer(key, 'accepted')
  await world.breathe()
  await world.crash(false)
  await world.boot()
  const again = await world.runs.accept([world.order()], key)
  assert.ok(again.ok && again.isReplay && again.answer === 'accepted')
  assert.deepEqual(again.runs, [...ids])
  assert.equal(
    codeOf(await world.runs.accept([world.order()], { hash: 'h', bodyHash: 'c', answer: null })),
    'IDEMPOTENCY_MISMATCH',
  )
  assert.equal(world.disk.runs.live.size, 1)
})

test('what a key began is told without beginning anything, and to one body only', async () => {
  const [world] = await makeWorld(1, { terms: { idempotencyLimit: 1 } })
  const key = { hash: 'h', bodyHash: 'b', answer: null }
  assert.equal(await world.runs.replay(key), undefined)
  const accepting = world.accept({}, key)
  const [during, id] = await Promise.all([world.runs.replay(key), accepting])
  assert.deepEqual(during, { ok: true, runs: [id], isReplay: true, answer: null })
  const other = await world.runs.replay({ ...key, bodyHash: 'c' })
  assert.ok(other && codeOf(other) === 'IDEMPOTENCY_MISMATCH')
  assert.equal(await world.runs.replay({ ...key, hash: 'new' }), undefined)
  await world.settle()
  world.clock.advance(25 * 3_600_000)
  assert.equal(await world.runs.replay(key), undefined)
})

test('a key is remembered for 24 h behind the end, then it begins anew', async () => {
  const [world] = await makeWorld()
  const key = { hash: 'h', bodyHash: 'b', answer: null }
  const first = await world.accept({}, key)
  await world.settle()
  world.runs.noteAnswer(key, 'final')
  await world.breathe()
  const row = world.disk.runs.keys.get('h')
  assert.equal(row?.answer, 'final')
  assert.equal(row?.expiresMs, (world.done(first)?.finishedMs ?? 0) + 24 * 3_600_000)
  world.clock.advance(24 * 3_600_000)
  const second = await world.runs.accept([world.order()], { hash: 'h', bodyHash: 'other', answer: null })
  assert.ok(second.ok && !second.isReplay && second.runs[0] !== first)
})

test('the key of a batch is good until 24 h after the last of its runs, which stay so long', async () => {
  const [world] = await makeWorld(1, { terms: { runRetentionMs: 60_000 } })
  const key = { hash: 'h', bodyHash: 'b', answer: null }
  const hourMs = 3_600_000
  const late = world.order({ dueMs: world.clock.wallMs() + 2 * hourMs })
  const first = await world.runs.accept([world.order(), late, world.order()], key)
  assert.ok(first.ok)
  const again = async () => {
    const accepted = await world.runs.accept([world.order()], key)
    return accepted.ok && accepted.isReplay
  }
  const expiry = () => world.disk.runs.keys.get('h')?.expiresMs
  for (let n = 0; n < 20; n++) await world.settle(1)
  assert.deepEqual([world.runs.live, expiry()], [1, null])
  await world.advance(2 * hourMs + 1_000)
  await world.settle()
  const [a, b, c] = first.runs as [string, string, string]
  assert.equal(expiry(), (world.done(b)?.finishedMs ?? 0) + 24 * hourMs)
  world.clock.advance(23 * hourMs)
  await world.advance(10_000)
  assert.deepEqual([await again(), [a, b, c].every((id) => world.done(id))], [true, true])
  world.clock.advance(hourMs)
  await world.advance(20_000)
  assert.deepEqual([world.done(a), world.done(b), world.disk.runs.keys.size], [undefined, undefined, 0])
  assert.equal(await again(), false)
})

test('a call that breaks inside leaves its key to the next', async () => {
  const [world] = await makeWorld()
  const key = { hash: 'h', bodyHash: 'b', answer: null }
  const broken = Object.defineProperty(world.order(), 'metadata', {
    enumerable: true,
    get: () => assert.fail('broken inside'),
  })
  await assert.rejects(world.runs.accept([broken], key), /broken inside/)
  const next = world.runs.accept([world.order()], key)
  const late = world.breathe(50).then(() => undefined)
  assert.ok((await Promise.race([next, late]))?.ok)
})

test('a batch that breaks inside leaves nothing behind', async () => {
  const created: string[] = []
  const [world] = await makeWorld(1, { onCreated: (id) => created.push(id) })
  const broken = Object.defineProperty(world.order(), 'tags', {
    enumerable: true,
    // Read once for its contract, then once more.
    get: () => (created.length < 2 ? null : assert.fail('broken inside')),
  })
  const batch = [world.order(), world.order(), broken]
  await assert.rejects(world.runs.accept(batch, undefined), /broken inside/)
  assert.equal(created.length, 3)
  for (const id of created) assert.equal(world.runs.held(id), undefined)
  assert.deepEqual([world.runs.live, world.disk.runs.live.size], [0, 0])
})

test('a refusal keeps no key, and more keys than IDEMPOTENCY_LIMIT are refused', async () => {
  const [world] = await makeWorld(1, { terms: { idempotencyLimit: 1 } })
  const gone = await world.runs.accept([world.order({ function: 'gone' })], {
    hash: 'a',
    bodyHash: 'b',
    answer: null,
  })
  assert.deepEqual([codeOf(gone), world.disk.runs.keys.size], ['UNKNOWN_FUNCTION', 0])
  await world.accept({}, { hash: 'a', bodyHash: 'b', answer: null })
  assert.equal(
    codeOf(await world.runs.accept([world.order()], { hash: 'c', bodyHash: 'b', answer: null })),
    'QUEUE_FULL',
  )
  world.disk.runs.keys.clear()
  world.clock.advance(60_000)
  await world.accept({}, { hash: 'c', bodyHash: 'b', answer: null })
})

// --- Anywhere --------------------------------------------------------------------------------------

test('cancel ends a run that is delayed, waits in memory, waits on disk alone, or runs', async () => {
  const [world, worker] = await makeWorld()
  const running = await world.accept()
  await run(world, worker, running)
  const runs = await ask(world, WINDOW + 5)
  assert.ok(runs.ok)
  const [waiting, onDisk] = [runs.runs[0], runs.runs.at(-1)] as [string, string]
  const delayed = await world.accept({ dueMs: world.clock.wallMs() + 60_000 })
  assert.deepEqual(
    [world.runs.held(waiting)?.state, world.runs.held(onDisk), world.runs.held(delayed)],
    ['live', undefined, undefined],
  )
  for (const id of [running, waiting, onDisk, delayed]) {
    assert.deepEqual(await world.runs.cancel(id), { ok: true })
    assert.equal(world.done(id)?.status, 'cancelled')
    assert.deepEqual(await world.runs.cancel(id), { ok: true }, 'again')
  }
  assert.equal(worker.running.length, 0, 'its handler has its signal')
  assert.equal(await world.runs.cancel('r_none'), undefined)
  world.disk.fault = 'no space left'
  const lost = await world.runs.cancel(runs.runs.at(-2) as string)
  assert.ok(lost && !lost.ok && lost.error.code === 'STORE_UNAVAILABLE')
})

test('an urgent run comes from the disk before the window; one that has begun is not changed', async () => {
  const [world, worker] = await makeWorld()
  const running = await world.accept()
  await run(world, worker, running)
  const runs = await ask(world, WINDOW + 5)
  assert.ok(runs.ok)
  const last = runs.runs.at(-1) as string
  assert.deepEqual(await world.runs.reprioritise(last, 1), { ok: true })
  assert.equal(world.disk.runs.live.get(world.disk.runs.seqs.get(last) as number)?.priority, 1)
  await world.breathe()
  const waiting = runs.runs[7] as string
  assert.deepEqual(await world.runs.reprioritise(waiting, 2), { ok: true })
  const refused = await world.runs.reprioritise(running, 1)
  assert.ok(refused && !refused.ok && refused.error.code === 'CONFLICT')
  await world.settle(2_000)
  const order = world.executions.map((one) => one.run)
  assert.deepEqual(order.slice(0, 3), [running, last, waiting])
  assert.deepEqual(
    order.slice(3),
    runs.runs.filter((id) => id !== last && id !== waiting),
    'the rest in its order',
  )
})

test('a priority that the disk refuses does not hold: the last one that it took does', async () => {
  const [world, worker] = await makeWorld(1, { windowSize: 2 })
  const priorityOf = (id: string) => world.core.find(id)?.priority
  await run(world, worker, await world.accept())
  const [first, last] = [await world.accept({ priority: 50 }), await world.accept()]
  assert.deepEqual(await world.runs.reprioritise(last, 60), { ok: true })
  world.disk.fault = 'no space left'
  const tries = [world.runs.reprioritise(last, 1), world.runs.reprioritise(last, 2)]
  assert.equal(priorityOf(last), 2)
  for (const lost of await Promise.all(tries))
    assert.ok(lost && !lost.ok && lost.error.code === 'STORE_UNAVAILABLE')
  assert.deepEqual([priorityOf(last), world.runs.held(last)?.row.priority], [60, 60])
  world.disk.fault = undefined
  assert.deepEqual(await world.runs.reprioritise(last, 70), { ok: true })
  await world.advance(2_000)
  const row = () => world.disk.runs.live.get(world.disk.runs.seqs.get(last) as number)
  assert.deepEqual([priorityOf(last), row()?.priority], [70, 70])
  await world.settle()
  assert.deepEqual(
    world.executions.slice(1).map((one) => one.run),
    [first, last],
  )
})

test('a run that is pushed back while the disk refuses its priority is found where its row says', async () => {
  const [world, worker] = await makeWorld(1, { windowSize: 1 })
  await run(world, worker, await world.accept())
  const pushed = await world.accept({ priority: 50 })
  const urgent = await world.accept({ priority: 10, dueMs: world.clock.wallMs() + 60_000 })
  world.disk.fault = 'no space left'
  const changing = world.runs.reprioritise(pushed, 90)
  world.runs.onDue(world.disk.runs.takeDue(Number.MAX_SAFE_INTEGER, 1), null)
  assert.equal(world.runs.held(pushed), undefined)
  assert.equal((await changing)?.ok, false)
  world.disk.fault = undefined
  await world.settle()
  assert.deepEqual(
    world.executions.slice(1).map((one) => one.run),
    [urgent, pushed],
  )
})

test('a deadline is kept on disk too, and a delayed run waits for its instant', async () => {
  const [world, worker] = await makeWorld()
  const running = await world.accept()
  await run(world, worker, running)
  await ask(world, WINDOW)
  const soon = await world.accept({ deadlineMs: world.clock.wallMs() + 5_000 })
  const delayed = await world.accept({ dueMs: world.clock.wallMs() + 8_000, priority: 1 })
  assert.equal(world.runs.held(soon), undefined)
  await world.advance(7_500)
  assert.equal(world.done(soon)?.status, 'expired')
  assert.equal(world.done(soon)?.error?.code, 'TIMEOUT')
  assert.equal(world.disk.runs.live.get(world.disk.runs.seqs.get(delayed) as number)?.status, 'scheduled')
  await world.advance(1_000)
  assert.equal(world.runs.held(delayed)?.state, 'live')
})

for (const action of ['cancel', 'expire'] as const)
  test(`a run that is claimed and ends while ${action} reads the disk ends once`, async (context) => {
    const told: [string, string][] = []
    const hooks = { onEnded: (run: LiveRun, end: RunEnd) => told.push([run.id, end.status]) }
    const [world, worker] = await makeWorld(1, { hooks, windowSize: 1 })
    const first = await world.accept()
    await run(world, worker, first)
    const runs = await ask(world, 3)
    assert.ok(runs.ok)
    const id = await world.accept({ deadlineMs: world.clock.wallMs() + 3_000 })
    assert.equal(world.runs.held(id), undefined)
    const gate = Promise.withResolvers<void>()
    const [asked, method] = [Promise.withResolvers<void>(), action === 'cancel' ? 'find' : 'overdue'] as const
    const reads = MemoryRunReads.prototype
    const original = reads[method] as (...values: unknown[]) => Promise<unknown>
    context.mock.method(reads, method, async function late(this: MemoryRunReads, ...values: unknown[]) {
      const found = await original.apply(this, values)
      asked.resolve()
      await gate.promise
      return found
    })
    const cancelled = action === 'cancel' ? world.runs.cancel(id) : world.advance(3_500)
    await asked.promise
    for (let n = 0; n < 50 && world.done(id) === undefined; n++) await world.settle(1)
    const { status } = world.done(id) ?? {}
    gate.resolve()
    await cancelled
    await world.breathe()
    assert.ok(status)
    assert.deepEqual(
      told.filter(([run]) => run === id),
      [[id, status]],
    )
    assert.equal(world.runs.live, world.disk.runs.live.size)
  })

test('an outcome that cannot be read is STORE_UNAVAILABLE at once', async () => {
  const [world] = await makeWorld()
  const id = await world.accept()
  await world.settle()
  world.disk.fault = 'the disk is gone'
  const late = world.breathe(50).then(() => undefined)
  const outcome = await Promise.race([world.runs.outcome(id, 60_000, NEVER), late])
  assert.equal(outcome?.kind === 'failed' && outcome.error.code, 'STORE_UNAVAILABLE')
})

test('only what has ended is removed', async () => {
  const [world] = await makeWorld()
  const id = await world.accept()
  const early = await world.runs.remove(id)
  assert.ok(early && !early.ok && early.error.code === 'NOT_FINISHED')
  await world.settle()
  assert.deepEqual(await world.runs.remove(id), { ok: true })
  assert.equal(world.done(id), undefined)
  assert.equal(await world.runs.remove(id), undefined)
})

test('what has ended is kept for RUN_RETENTION', async () => {
  const [world] = await makeWorld(1, { terms: { runRetentionMs: 60_000 } })
  const id = await world.accept()
  await world.settle()
  await world.advance(50_000)
  assert.ok(world.done(id))
  await world.advance(20_000)
  assert.equal(world.done(id), undefined)
})

test('a run is kept for as long as its key is good; deleted, its key begins anew', async () => {
  const [world] = await makeWorld(1, { terms: { runRetentionMs: 60_000 } })
  const key = { hash: 'h', bodyHash: 'b', answer: null }
  const id = await world.accept({}, key)
  await world.settle()
  await world.advance(90_000)
  assert.ok(world.done(id))
  assert.deepEqual(await world.runs.remove(id), { ok: true })
  const again = await world.accept({}, key)
  assert.notEqual(again, id)
  await world.settle()
  world.clock.advance(24 * 3_600_000)
  await world.advance(10_000)
  assert.deepEqual([world.done(again), world.disk.runs.keys.size], [undefined, 0])
})

// --- Hooks -----------------------------------------------------------------------------------------

test('what an end brings is written with it, and told when it is on disk', async () => {
  const told: [string, string][] = []
  const events = [{ n: 1, type: 'status', atMs: 1, data: '{}' }] as const
  const hooks = {
    extrasOf: () => ({ delivery: null, events }),
    onEnded: (run: LiveRun, end: RunEnd) => told.push([run.id, end.status]),
  }
  const [world, worker] = await makeWorld(1, { hooks })
  const id = await world.accept()
  await run(world, worker, id)
  world.disk.fault = 'no space left'
  worker.finish(worker.running[0] as never, 'completed')
  world.read(worker)
  await world.breathe()
  assert.deepEqual(told, [])
  world.disk.fault = undefined
  await world.advance(2_000)
  assert.deepEqual(told, [[id, 'completed']])
  assert.equal(world.disk.runs.events.get(world.disk.runs.seqs.get(id) as number)?.events.size, 1)
})
