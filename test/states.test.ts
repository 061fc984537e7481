/** docs/states.md shows what the code does: its pictures are those of the tables, and the tables are right. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { ATTEMPT_EDGES, PHASE_EDGES, STATUS_OF_PHASE } from '../balancer/src/core/states.ts'
import { TestScheduler, work } from '../balancer/src/core/test-scheduler.ts'
import { RUN_EDGES, workerStateSchema } from '../protocol/src/index.ts'
import { simulate } from './simulation/simulate.ts'
import { judgeSteps, type Steps, StepWatch, stepsOf } from './simulation/step-watch.ts'
import { type Circumstances, IN_SERVICE, viewIn, WORKER_ROWS } from './states/worker-states.ts'
import { putIn, STATES_FILE } from './states.ts'

const SEEDS = 60

test('the pictures in docs/states.md are those of the code', async () => {
  const text = await readFile(STATES_FILE, 'utf8')
  assert.equal(putIn(text), text, 'run node test/states.ts --write')
})

test('every step of the tables is taken, and no other', () => {
  const taken = { phases: new Set<string>(), attempts: new Set<string>(), statuses: new Set<string>() }
  const add = (steps: Steps) => {
    for (const name of ['phases', 'attempts', 'statuses'] as const)
      for (const step of steps[name]) taken[name].add(step)
  }
  for (let seed = 1; seed <= SEEDS; seed++) add(simulate(seed, 600).steps)
  add(takeRareSteps())
  assert.deepEqual(taken.phases, stepsOf(PHASE_EDGES))
  assert.deepEqual(taken.attempts, stepsOf(ATTEMPT_EDGES))
  // What is scheduled comes with runs on disk.
  const present = [...stepsOf(RUN_EDGES)].filter((step) => !step.startsWith('scheduled>'))
  assert.deepEqual(taken.statuses, new Set(present))
})

/** What the loads of the simulation do not come to. */
function takeRareSteps(): Steps {
  const steps = new StepWatch()
  steps.start()
  try {
    const bench = new TestScheduler()
    const functions = work({ idempotent: true })
    for (const id of ['a', 'b']) bench.worker(id, { slots: 1, functions })
    const givenUp = bench.submit()
    bench.start(givenUp)
    bench.finish(givenUp, { outcome: 'lost' })
    const repeated = bench.submit({ attempts: 3 })
    bench.fail(repeated)
    bench.core.cancel(repeated, 'operator', bench.now)
    bench.finish(givenUp)
    const lost = bench.submit()
    bench.start(lost)
    const ids = bench.last(lost).worker === 'a' ? ['b', 'a'] : ['a', 'b']
    for (const id of ids) bench.core.workerGone(id, bench.now)
    bench.worker('c', { slots: 1 })
    const doubtful = bench.submit()
    bench.core.troubled('c', 'unlinked', bench.now, bench.now)
    for (const run of [lost, doubtful]) bench.core.cancel(run, 'operator', bench.now)
    const rare = new TestScheduler({
      writesFirst: (core, worker, attempt) => core.unwritten(worker, attempt, 0),
    })
    rare.worker('a')
    rare.submit({ mode: 'async', isDurable: true })
    const old = bench.submission({ mode: 'async', isDurable: true, contract: 1 })
    const attempt = { worker: 'c', boot: 'before', fence: 7, startedAt: undefined }
    bench.core.restore(old, attempt, bench.now)
    bench.core.relinked('c', [{ run: old.run, fence: 7, durable: true }], bench.now, 'before')
  } finally {
    steps.stop()
  }
  assert.deepEqual(judgeSteps(steps), [])
  return steps
}

test('a step that no table has is found', () => {
  const nothing = new Set<string>()
  const wrong = {
    phases: new Set(['settled>running']),
    attempts: nothing,
    statuses: new Set(['failed>queued']),
  }
  assert.deepEqual(judgeSteps(wrong), ['a task went settled>running', 'a run went failed>queued'])
})

test('every phase that a run can be seen in has its status', () => {
  assert.deepEqual(
    Object.keys(STATUS_OF_PHASE).sort(),
    Object.keys(PHASE_EDGES)
      .filter((phase) => phase !== 'settled' && phase !== 'orphan')
      .sort(),
  )
})

test('the first row that applies is the status of a worker, whatever later ones say', () => {
  for (const [index, { status, when, change, takesTasks }] of WORKER_ROWS.entries()) {
    let circumstances: Circumstances = IN_SERVICE
    for (const later of WORKER_ROWS.slice(index).reverse())
      circumstances = { ...circumstances, ...later.change, ...change }
    const view = viewIn(circumstances)
    assert.equal(view.status, status, `${when}, with all that follows`)
    const alone = viewIn({ ...IN_SERVICE, ...change })
    assert.equal(alone.status, status, `${when}, alone`)
    assert.equal(alone.status === 'ready' || alone.status === 'saturated', takesTasks)
  }
})

test('the rows have every status that a worker can show', () => {
  assert.deepEqual(new Set(WORKER_ROWS.map(({ status }) => status)), new Set(workerStateSchema.options))
})
