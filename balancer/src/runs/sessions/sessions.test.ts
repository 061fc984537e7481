/** Sessions on a whole balancer without sockets: who goes next, where, and what becomes of turns that wait. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NewRun } from '../../ports/runs.ts'
import { MemoryRunReads } from '../../store/memory-run-reads.ts'
import { EndedRuns } from '../ended-runs.ts'
import type { ModelWorker } from '../testing/model-worker.ts'
import { ModelWorld, type WorldOptions } from '../testing/model-world.ts'
import { ContinuedRuns } from './continued-runs.ts'

async function makeWorld(workers = 1, slots = 1, options: WorldOptions = {}): Promise<ModelWorld> {
  const world = new ModelWorld(options)
  for (let n = 0; n < workers; n++) world.addWorker(`w${n}`, slots)
  await world.boot()
  for (const worker of world.workers.values()) await world.link(worker)
  return world
}

const turn = (world: ModelWorld, changes: Partial<NewRun> = {}) => world.accept({ session: 's', ...changes })

function workerOf(world: ModelWorld, run: string): ModelWorker | undefined {
  return [...world.workers.values()].find(({ tasks }) => [...tasks].some((task) => task.run === run))
}

/** Runs what has begun or may begin, a turn at most, to its end; the runs in the order in which they began. */
async function play(world: ModelWorld, how: 'completed' | 'failed' = 'completed'): Promise<void> {
  await world.breathe(8)
  for (const worker of world.workers.values()) {
    for (let slot = 0; slot < worker.slots; slot++) worker.startNext()
    for (const task of worker.running) worker.finish(task, how)
    while (worker.said.length > 0) world.read(worker)
    world.push(worker)
  }
  await world.breathe(8)
}

const order = (world: ModelWorld) => world.executions.map(({ run }) => run)
const statusOf = (world: ModelWorld, run: string) => {
  const seq = world.disk.runs.seqs.get(run) ?? -1
  return world.disk.runs.live.get(seq)?.status ?? world.disk.runs.done.get(seq)?.status
}

test('turns go one after another whatever their priorities and ends, beside all others', async () => {
  const world = await makeWorld(2, 4)
  const [a, b, c] = [await turn(world), await turn(world, { priority: 1 }), await turn(world)]
  const others = [await world.accept(), await turn(world, { session: 'other' })]
  await play(world, 'failed')
  assert.deepEqual(new Set(order(world)), new Set([a, ...others]))
  assert.equal(statusOf(world, b), 'running', 'sent, for the one before has ended')
  await play(world)
  await play(world)
  assert.deepEqual(
    order(world).filter((run) => run === a || run === b || run === c),
    [a, b, c],
  )
  assert.deepEqual(
    [a, b, c].map((run) => statusOf(world, run)),
    ['failed', 'completed', 'completed'],
  )
  assert.equal(world.runs.live, 0)
})

test('the next turn goes where the last one ran, while there is a slot; otherwise anywhere', async () => {
  const world = await makeWorld(3, 2)
  const first = await turn(world)
  await world.breathe(8)
  const home = workerOf(world, first)
  assert.ok(home)
  // Emptier workers are no reason to move.
  await play(world)
  for (let n = 0; n < 5; n++) {
    const run = await turn(world)
    await world.breathe(8)
    assert.equal(workerOf(world, run), home)
    await play(world)
  }
  const fill = await Promise.all(Array.from({ length: 6 }, () => world.accept()))
  await world.breathe(8)
  for (const worker of world.workers.values())
    for (let slot = 0; slot < 2; slot++) {
      worker.startNext()
      while (worker.said.length > 0) world.read(worker)
    }
  const late = await turn(world)
  const elsewhere = [...world.workers.values()].find((worker) => worker !== home)
  assert.ok(elsewhere)
  const [task] = elsewhere.running
  assert.ok(task && fill.includes(task.run))
  elsewhere.finish(task, 'completed')
  while (elsewhere.said.length > 0) world.read(elsewhere)
  await world.breathe(8)
  assert.equal(workerOf(world, late), elsewhere)
})

test('a head that waits on disk over a restart goes where the turn before ran', async () => {
  const world = await makeWorld(4, 2)
  const first = await turn(world)
  await world.breathe(8)
  const home = workerOf(world, first)
  await play(world)
  await world.crash(false)
  // It is taken while nobody is there to run it, and waits over another restart.
  await world.boot()
  const next = await turn(world)
  await world.breathe(8)
  await world.crash(false)
  await world.boot()
  for (const worker of world.workers.values()) await world.link(worker)
  await world.breathe(8)
  assert.ok(home)
  assert.equal(workerOf(world, next), home)
})

test('a handler is told of the turns that completed, also over a restart', async () => {
  const world = await makeWorld(1, 1)
  const input = (n: number) => ({ payload: { mediaType: '', bytes: Buffer.from(`{"n":${n}}`), head: null } })
  await turn(world, input(1))
  await play(world)
  await turn(world, input(2))
  await play(world, 'failed')
  await world.crash(false)
  await world.boot()
  await turn(world, input(3))
  await world.settle()
  assert.deepEqual(
    world.executions.map(({ turns }) => turns.map((each) => (each.input as { n: number }).n)),
    [[], [1], [1]],
  )
  assert.deepEqual(new Set(world.executions.map(({ session }) => session)), new Set(['s']))
})

test('a more urgent turn hurries the head, on disk and in the core, and one that goes lets it be', async () => {
  const world = await makeWorld(1, 1)
  const blocker = await world.accept()
  await play(world)
  assert.equal(statusOf(world, blocker), 'completed')
  const running = await world.accept()
  await world.breathe(8)
  const [worker] = world.workers.values()
  worker?.startNext()
  if (worker) world.read(worker)
  const before = await world.accept({ priority: 50 })
  const head = await turn(world)
  const urgent = await turn(world, { priority: 1 })
  await world.breathe(8)
  assert.equal(world.core.find(head)?.priority, 1)
  await world.runs.cancel(urgent)
  await world.breathe(8)
  assert.equal(world.core.find(head)?.priority, 100)
  const other = await turn(world)
  await world.runs.reprioritise(other, 7)
  await world.breathe(8)
  assert.equal(world.core.find(head)?.priority, 7)
  await world.settle()
  assert.deepEqual(order(world), [blocker, running, head, before, other])
})

test('a head that ran when a more urgent turn joined is hurried when it waits again', async () => {
  const world = await makeWorld(1, 1)
  const [worker] = world.workers.values()
  assert.ok(worker)
  const head = await turn(world)
  await world.breathe(8)
  worker.startNext()
  world.read(worker)
  await turn(world, { priority: 1 })
  await world.breathe(8)
  assert.equal(world.core.find(head)?.priority, 100, 'it runs')
  world.kill(worker, true)
  await world.breathe(8)
  assert.equal(world.core.find(head)?.status, 'queued')
  await turn(world)
  await world.breathe(8)
  assert.equal(world.core.find(head)?.priority, 1)
  await world.advance(50)
  assert.equal(world.disk.runs.live.get(world.disk.runs.seqs.get(head) ?? -1)?.priority, 1)
})

test('a turn that waits can be cancelled and expires, and the next does not wait for it', async () => {
  const world = await makeWorld(1, 1)
  const head = await turn(world)
  const cancelled = await turn(world)
  const expiring = await turn(world, { deadlineMs: world.clock.wallMs() + 3_000 })
  const last = await turn(world)
  await world.breathe(8)
  assert.deepEqual(await world.runs.cancel(cancelled), { ok: true })
  assert.equal(statusOf(world, cancelled), 'cancelled')
  await world.advance(6_000)
  assert.equal(statusOf(world, expiring), 'expired')
  const seq = world.disk.runs.seqs.get(expiring) ?? -1
  assert.match(world.disk.runs.done.get(seq)?.error?.detail ?? '', /waiting for its turn in the session "s"/)
  await play(world)
  await play(world)
  assert.deepEqual(order(world), [head, last])
})

test('a delayed turn joins when it is due', async () => {
  const world = await makeWorld(1, 1)
  const late = await turn(world, { dueMs: world.clock.wallMs() + 2_000 })
  const first = await turn(world)
  const second = await turn(world)
  await world.advance(2_500)
  const third = await turn(world)
  for (let n = 0; n < 4; n++) await play(world)
  assert.deepEqual(order(world), [first, second, late, third])
})

test('a disk that fails accepts no turn, loses none and begins none twice', async () => {
  const world = await makeWorld(1, 1)
  const [first, second] = [await turn(world), await turn(world)]
  await world.breathe(8)
  const [worker] = world.workers.values()
  assert.ok(worker)
  worker.startNext()
  world.read(worker)
  world.disk.fault = 'the disk is full'
  const refused = await world.runs.accept([world.order({ session: 's' })], undefined)
  assert.equal(refused.ok, false)
  const [task] = worker.running
  if (task) worker.finish(task, 'completed')
  world.read(worker)
  await world.advance(3_000)
  assert.deepEqual(order(world), [first])
  world.disk.fault = undefined
  await world.advance(3_000)
  await world.settle()
  assert.deepEqual(order(world), [first, second])
  assert.equal(world.runs.live, 0)
})

test('beyond the window of their lane heads wait on disk, and are not forgotten', async () => {
  const world = await makeWorld(1, 1, { windowSize: 2 })
  const runs: string[] = []
  for (let n = 0; n < 12; n++) runs.push(await turn(world, { session: `s${n % 6}` }))
  const urgent = await turn(world, { session: 's5', priority: 1 })
  await world.settle()
  assert.deepEqual(new Set(order(world)), new Set([...runs, urgent]))
  assert.equal(order(world).length, 13)
  const ofLast = order(world).filter((run) => [runs[5], runs[11], urgent].includes(run))
  assert.deepEqual(ofLast, [runs[5], runs[11], urgent])
})

// --- Retry and continue ----------------------------------------------------------------------------

function portsOf(world: ModelWorld) {
  const reads = new MemoryRunReads(() => world.disk.runs)
  const runs = { find: async (id: string) => (await reads.find(id))?.run as never }
  const durable = world.runs
  const sample = { forget: () => false }
  return {
    reads,
    ended: new EndedRuns({ durable, reads, runs, sample }),
    continued: new ContinuedRuns({ durable, reads, runs }),
  }
}

const NEXT = { input: { n: 2 }, trigger: 'api', trace: '' } as const

test('a retry of a turn joins at the end of its session', async () => {
  const world = await makeWorld(1, 1)
  const [first, second] = [await turn(world), await turn(world)]
  await play(world, 'failed')
  const again = await portsOf(world).ended.retry(first, { trigger: 'api' })
  assert.ok(again?.ok)
  await world.settle()
  assert.deepEqual(order(world), [first, second, again.run.id])
})

for (const [what, isEnded] of [
  ['that has ended', true],
  ['that runs', false],
] as const)
  test(`a run ${what} and is of no session begins the one that bears its id`, async () => {
    const world = await makeWorld(1, 2)
    const base = await world.accept({ metadata: { a: 'b' }, tags: null, priority: 7 })
    if (isEnded) await play(world)
    else await world.breathe(8)
    const { continued, reads } = portsOf(world)
    const next = await continued.continue(base, NEXT)
    const third = next?.ok ? await continued.continue(next.run.id, NEXT) : undefined
    assert.ok(next?.ok && third?.ok)
    const { session, metadata, priority, mode } = next.run as unknown as NewRun
    assert.deepEqual([session, metadata, priority, mode], [base, { a: 'b' }, 7, 'async'])
    assert.equal((await reads.find(base))?.run.session, base)
    for (let n = 0; n < 3; n++) await play(world)
    assert.deepEqual(order(world), [base, next.run.id, third.run.id])
    assert.deepEqual(
      world.executions.map(({ turns }) => turns.length),
      [0, 1, 2],
    )
  })

for (const isEnded of [true, false])
  test(`a task sent to the id of a run that ${isEnded ? 'has ended' : 'runs'} follows it, as /continue does`, async () => {
    const world = await makeWorld(1, 2)
    const [base, other] = [await world.accept(), await turn(world)]
    await (isEnded ? play(world) : world.breathe(8))
    const next = await turn(world, { session: base })
    const apart = await turn(world, { session: other })
    const { continued, reads } = portsOf(world)
    const third = await continued.continue(base, NEXT)
    assert.ok(third?.ok)
    for (let n = 0; n < 3; n++) await play(world)
    const sessionOf = async (id: string) => (await reads.find(id))?.run.session
    assert.deepEqual(
      [await sessionOf(base), await sessionOf(other)],
      [base, 's'],
      'one of a session keeps it',
    )
    const turns = new Map(world.executions.map((execution) => [execution.run, execution.turns.length]))
    assert.deepEqual(
      [base, next, third.run.id, apart].map((id) => turns.get(id)),
      [0, 1, 2, 0],
    )
  })

test('a delayed run is no first turn of a session that began before it was due', async () => {
  const world = await makeWorld(1, 4)
  const late = await world.accept({ dueMs: world.clock.wallMs() + 1_000 })
  const first = await turn(world, { session: late })
  await play(world)
  await world.advance(1_500)
  const second = await turn(world, { session: late })
  await world.breathe(8)
  assert.ok(workerOf(world, second), 'it waits for nobody')
  await play(world)
  assert.deepEqual(new Set(order(world)), new Set([first, late, second]))
  const third = await turn(world, { session: late })
  await play(world)
  assert.equal(statusOf(world, third), 'completed')
})

test('one key begins one turn; what lived in memory, is not due or is unknown has no next one', async () => {
  const world = await makeWorld(1, 1)
  const base = await world.accept()
  await play(world)
  const { continued } = portsOf(world)
  const key = { hash: 'k', bodyHash: 'b', answer: 'accepted' } as const
  const first = await continued.continue(base, NEXT, key)
  const replay = await continued.continue(base, NEXT, key)
  assert.ok(first?.ok && replay?.ok)
  assert.deepEqual([replay.run.id, first.isReplay, replay.isReplay], [first.run.id, false, true])
  const delayed = await world.accept({ dueMs: world.clock.wallMs() + 60_000 })
  const refused = await continued.continue(delayed, NEXT)
  assert.ok(
    refused &&
      !refused.ok &&
      refused.error.code === 'CONFLICT' &&
      /not due before/.test(refused.error.detail),
  )
  assert.equal(await continued.continue('r_none', NEXT), undefined)
  const memory = new ContinuedRuns({
    durable: world.runs,
    reads: new MemoryRunReads(() => world.disk.runs),
    runs: { find: async (id) => ({ id }) as never },
  })
  const lived = await memory.continue('r_memory', NEXT)
  assert.ok(lived && !lived.ok && /lived in memory/.test(lived.error.detail))
})
