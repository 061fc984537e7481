/** Which tasks in memory are written behind, and that a task never waits for it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ANY_WORKER } from '@berth/protocol'
import { createLog, ManualClock } from '@berth/runtime'
import type { EndedTask } from '../ports/record.ts'
import type { StoreWrite } from '../ports/store.ts'
import type { Settlement } from '../ports/submission.ts'
import { type HistoryMode, RunHistory } from './run-history.ts'

const ID = 'r_01kdvdna040001000000000004'

function endedTask(run: string, isDurable = false): EndedTask {
  return {
    submission: {
      run,
      group: 'default',
      function: 'work',
      contract: undefined,
      selector: ANY_WORKER,
      priority: 100,
      mode: 'sync',
      isDurable,
      attempts: undefined,
      idempotent: undefined,
      timeoutMs: undefined,
      deadlineAt: Number.POSITIVE_INFINITY,
      queueUntilAt: Number.POSITIVE_INFINITY,
      payload: { bytes: new Uint8Array(9), mediaType: '', isEnvelope: true },
      trace: 'trace',
      metadata: { a: 'b' },
      onSettled() {},
    },
    seq: 7,
    priority: 100,
    acceptedAt: 0,
    startedAt: 2,
    hasStarted: true,
    attempts: 1,
    history: [],
    choice: undefined,
    lane: { needs: { contract: 3 } },
  }
}

const KNOWN = { worker: 'w', attempt: 1, queueMs: 2, runMs: 3 }
const COMPLETED: Settlement = { kind: 'completed', result: new Uint8Array(9), mediaType: '', ...KNOWN }

function failed(code: 'FUNCTION_FAILED' | 'INVALID_INPUT', detail = 'why'): Settlement {
  return { kind: 'failed', error: { code, detail }, ...KNOWN }
}

function makeHistory(mode: HistoryMode) {
  const applied: StoreWrite[][] = []
  const heard: string[] = []
  const log = createLog({ source: 'test', write: () => {} })
  const next = { wantsChoice: () => true, ended: (task: EndedTask) => void heard.push(task.submission.run) }
  const store = { apply: (writes: readonly StoreWrite[]) => applied.push([...writes]) }
  const history = new RunHistory({ mode, next, store, clock: new ManualClock(), log })
  const written = () =>
    applied.flat().map((write) => (write.kind === 'run-recorded' ? write.order.id : write.kind))
  return { history, applied, heard, written, log }
}

for (const [mode, expected] of [
  ['none', []],
  ['failed', ['f', 'e']],
  ['all', ['c', 'f', 'e', 'x']],
] as const)
  test(`RUN_HISTORY=${mode} keeps ${expected.length} of four ends`, async () => {
    const { history, heard, written } = makeHistory(mode)
    history.ended(endedTask('c'), COMPLETED, 'completed', 5)
    history.ended(endedTask('f'), failed('FUNCTION_FAILED'), 'failed', 5)
    history.ended(endedTask('e'), failed('FUNCTION_FAILED'), 'expired', 5)
    history.ended(endedTask('x'), failed('FUNCTION_FAILED'), 'cancelled', 5)
    history.ended(endedTask('durable', true), failed('FUNCTION_FAILED'), 'failed', 5)
    history.ended({ ...endedTask('refused'), attempts: 0 }, failed('INVALID_INPUT'), 'failed', 5)
    assert.deepEqual(written(), [], 'nothing within the turn of a task')
    await history.stop()
    assert.deepEqual(written(), expected)
    assert.deepEqual(heard, ['c', 'f', 'e', 'x', 'durable', 'refused'])
  })

test('a record has no bytes of input or result, and a long message is cut', () => {
  const { history, applied } = makeHistory('all')
  history.ended(endedTask(ID), failed('FUNCTION_FAILED', 'x'.repeat(5_000)), 'failed', 5)
  history.ended(endedTask('r2'), COMPLETED, 'completed', 5)
  history.flush()
  const [first, second] = applied.flat()
  assert.ok(first?.kind === 'run-recorded' && second?.kind === 'run-recorded')
  assert.deepEqual([first.end.error?.detail.length, second.end.result], [1_000, null])
  const { seq, contract, mode, metadata, acceptedMs } = first.order
  assert.deepEqual([seq, contract, mode, metadata], [7, 3, 'sync', { a: 'b' }])
  assert.equal(acceptedMs, Date.parse('2026-01-01T00:00:00.004Z'))
})

test('what ends faster than it is written is handed over in small parts, and beyond the bound it is counted', () => {
  const { history, applied, log } = makeHistory('all')
  for (let n = 0; n < 20_010; n++) history.ended(endedTask(`r${n}`), COMPLETED, 'completed', 5)
  history.flush()
  assert.deepEqual(
    applied.map(({ length }) => length),
    [500],
  )
  assert.match(log.lines().join(), /"dropped":10/)
  for (let n = 0; n < 50; n++) history.flush()
  assert.equal(applied.flat().length, 20_000)
})

test('what a durable run called is written whatever RUN_HISTORY says, before the end of that run', () => {
  const { history, applied, written } = makeHistory('none')
  const tree = { run: 'root', isDurable: true, kept: 0 }
  const called = (run: string): EndedTask => {
    const task = endedTask(run)
    const call = { worker: 'w', attemptId: 1, parent: 'root', callers: ['top'], tree }
    return { ...task, submission: { ...task.submission, call } }
  }
  for (const run of ['a', 'b']) history.ended(called(run), COMPLETED, 'completed', 5)
  assert.equal(applied.length, 0)
  history.ended({ ...endedTask('other', true) }, COMPLETED, 'completed', 5)
  assert.equal(applied.length, 0, 'it called nothing')
  history.ended({ ...endedTask('root', true), tree }, COMPLETED, 'completed', 5)
  assert.deepEqual(written(), ['a', 'b'])
  const [write] = applied.flat()
  assert.ok(write?.kind === 'run-recorded')
  assert.deepEqual([write.order.parent, write.order.trigger], ['root', 'call'])
  tree.kept = 10_000
  history.ended(called('c'), COMPLETED, 'completed', 5)
  history.ended({ ...endedTask('root', true), tree }, COMPLETED, 'completed', 5)
  assert.deepEqual(written(), ['a', 'b'], 'one tree has a bound')
})

test('what was called and wrote files is written at once, with its parent, whoever called it', () => {
  const file = { path: 'a', mediaType: 'a/b', size: 1, sha256: '', name: 'n', fence: 4 }
  const kept: StoreWrite[] = []
  const heard: string[] = []
  const history = new RunHistory({
    mode: 'none',
    next: {
      wantsChoice: () => true,
      ended: (task) => void heard.push(task.submission.run),
      tell: (task) => void heard.push(`${task.submission.run} elsewhere`),
    },
    store: { apply: () => assert.fail('not behind its end') },
    clock: new ManualClock(),
    log: createLog({ source: 'test', write: () => {} }),
    files: {
      record(run, fence, record) {
        if (run !== 'writes') return false
        assert.equal(fence, 4)
        void record([file])
        return true
      },
    },
    keep: async (writes) => {
      kept.push(...writes)
      return { ok: true }
    },
  })
  const tree = { run: 'root', isDurable: false, kept: 0 }
  for (const run of ['plain', 'writes']) {
    const task = endedTask(run)
    const call = { worker: 'w', attemptId: 1, parent: 'root', callers: ['top'], tree }
    history.ended({ ...task, fence: 4, submission: { ...task.submission, call } }, COMPLETED, 'completed', 5)
  }
  const [write, ...others] = kept
  assert.ok(write?.kind === 'run-recorded')
  assert.deepEqual([write.order.id, write.order.parent, write.order.trigger], ['writes', 'root', 'call'])
  assert.deepEqual([write.files, write.end.result?.bytes.length, others], [[file], 9, []])
  assert.deepEqual([heard, tree.kept], [['plain', 'writes elsewhere'], 1])
})

test('what nobody waits for is written by itself, a moment later', async () => {
  const done = Promise.withResolvers<readonly StoreWrite[]>()
  const log = createLog({ source: 'test', write: () => {} })
  const next = { wantsChoice: () => true, ended() {} }
  const store = {
    apply(writes: readonly StoreWrite[]) {
      done.resolve(writes)
      return 1
    },
  }
  const history = new RunHistory({ mode: 'all', next, store, clock: new ManualClock(), log, everyMs: 5 })
  history.ended(endedTask(ID), COMPLETED, 'completed', 5)
  assert.equal((await done.promise).length, 1)
  await history.stop()
})
