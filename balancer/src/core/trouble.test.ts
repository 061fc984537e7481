/** Workers that fall silent, lose their link or end: what their tasks become, and when. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HEARTBEAT_MS, LEASE_MS, TestScheduler, work } from './test-scheduler.ts'

/** A worker of one slot with a running task and one ahead of the slot. */
function busyWorker(functions = work()): { bench: TestScheduler; running: string; ahead: string } {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1, functions })
  bench.teach('a', 5, 50)
  bench.now = 1_000
  const [running, ahead] = bench.submitMany(2) as [string, string]
  bench.start(running)
  return { bench, running, ahead }
}

// --- Silent --------------------------------------------------------------------------------------

test('a silent worker gets nothing new; what it runs goes on; what is ahead is recalled', () => {
  const { bench, running, ahead } = busyWorker()
  bench.core.troubled('a', 'silent', 1_000, 7_000)
  assert.deepEqual(
    bench.recalled.map(({ attempt }) => attempt),
    [bench.last(ahead).attemptId],
  )
  assert.equal(bench.refusal().code, 'NO_CAPACITY')
  bench.core.recovered('a', 8_000)
  bench.finish(running)
  assert.equal(bench.verdict(running), 'completed')
  bench.giveBack(ahead)
  assert.equal(bench.sends(ahead), 2)
})

test('what is ahead of a silent worker goes elsewhere by age if a second run does no harm', () => {
  const { bench, running, ahead } = busyWorker(work({ idempotent: true }))
  bench.core.troubled('a', 'silent', 1_000, 7_000)
  bench.worker('b', { slots: 1 })
  bench.advance(2 * HEARTBEAT_MS + 999)
  assert.equal(bench.sends(ahead), 1)
  bench.advance(1)
  assert.deepEqual([bench.sends(ahead), bench.last(ahead).worker], [2, 'b'])
  assert.equal(bench.last(ahead).attempt, 2, 'it may have started unheard: an attempt')
  assert.equal(bench.end(running), undefined)
})

test('what is ahead of a silent worker and may not run twice waits for its word', () => {
  const { bench, ahead } = busyWorker()
  bench.core.troubled('a', 'silent', 1_000, 7_000)
  bench.worker('b', { slots: 1 })
  bench.advance(LEASE_MS - 1)
  assert.equal(bench.sends(ahead), 1, 'its STARTED may have been swallowed')
  bench.core.recovered('a', bench.now)
  bench.giveBack(ahead)
  assert.deepEqual([bench.sends(ahead), bench.last(ahead).worker, bench.last(ahead).attempt], [2, 'b', 1])
})

test('what may not run twice and was ahead of a silent worker ends with its lease: it may have run', () => {
  const { bench, ahead } = busyWorker()
  bench.core.troubled('a', 'silent', 1_000, 7_000)
  bench.worker('b', { slots: 1 })
  bench.advance(LEASE_MS)
  assert.equal(bench.verdict(ahead), 'WORKER_LOST')
  assert.match(bench.detail(ahead), /it may have run/)
  assert.equal(bench.sends(ahead), 1)
})

test('the last attempt of what is ahead of a silent worker is not given away', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  bench.teach('a', 5, 50)
  bench.start(bench.submit())
  const ahead = bench.submit({ idempotent: true, attempts: 1 })
  bench.core.troubled('a', 'silent', bench.now, bench.now + HEARTBEAT_MS)
  bench.worker('b', { slots: 1 })
  bench.advance(LEASE_MS - 1)
  assert.deepEqual([bench.sends(ahead), bench.end(ahead)], [1, undefined])
})

test('the age of a task ahead counts from its own sending', () => {
  const { bench } = busyWorker(work({ idempotent: true }))
  bench.now = 4_000
  const young = bench.submit()
  bench.core.troubled('a', 'silent', 3_000, 9_000)
  bench.worker('b', { slots: 5 })
  bench.now = 9_000
  bench.advance(4_000 + 2 * HEARTBEAT_MS + 999 - 9_000)
  assert.equal(bench.sends(young), 1)
  bench.advance(1)
  assert.equal(bench.sends(young), 2)
})

test('the lease of a silent worker ends: what started is lost, what was sent may have run', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 3, functions: work() })
  const [started, sent] = bench.submitMany(2) as [string, string]
  const repeatable = bench.submit({ idempotent: true })
  bench.start(started)
  bench.core.troubled('a', 'silent', 0, HEARTBEAT_MS)
  bench.worker('b', { slots: 3 })
  bench.now = HEARTBEAT_MS
  bench.advance(LEASE_MS - HEARTBEAT_MS - 1)
  assert.deepEqual(
    [started, sent, repeatable].map((run) => bench.end(run)),
    [undefined, undefined, undefined],
  )
  bench.advance(1)
  assert.deepEqual([bench.verdict(started), bench.verdict(sent)], ['WORKER_LOST', 'WORKER_LOST'])
  assert.match(bench.detail(started), /"a" was lost in attempt 1/)
  assert.deepEqual([bench.last(repeatable).worker, bench.last(repeatable).attempt], ['b', 2])
  assert.equal(bench.core.attemptsAt('a'), 0)
})

test('a loss of what may be repeated says that no attempt is left, and does not ask to declare it', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1, functions: work({ idempotent: true }) })
  const run = bench.submit({ attempts: 1 })
  bench.start(run)
  bench.core.troubled('a', 'silent', 0, HEARTBEAT_MS)
  bench.advance(LEASE_MS)
  assert.equal(bench.verdict(run), 'WORKER_LOST')
  assert.match(bench.detail(run), /no attempt is left/)
  assert.doesNotMatch(bench.detail(run), /declare/)
})

test('a worker that speaks again after its lease comes back without its tasks', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const run = bench.submit()
  bench.start(run)
  bench.core.troubled('a', 'silent', 0, HEARTBEAT_MS)
  bench.advance(LEASE_MS)
  bench.finish(run)
  assert.equal(bench.verdict(run), 'WORKER_LOST', 'the late result is nobody’s')
  bench.core.recovered('a', bench.now)
  bench.finish(bench.submit())
})

// --- Unlinked ------------------------------------------------------------------------------------

test('the same process links again: what it lists goes on, the rest is elsewhere or lost', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 4 })
  const [goesOn, unheard, neverCame, forgotten] = bench.submitMany(4) as [string, string, string, string]
  bench.start(goesOn, forgotten)
  bench.core.troubled('a', 'unlinked', 0, 0)
  assert.equal(bench.refusal().code, 'NO_CAPACITY')
  const list = [goesOn, unheard].map((run) => ({ run, fence: bench.last(run).fence }))
  const adopted = bench.core.relinked('a', list, 100)
  assert.deepEqual(
    adopted,
    [goesOn, unheard].map((run) => ({ run, fence: bench.last(run).fence, task: bench.last(run).attemptId })),
  )
  assert.equal(bench.verdict(forgotten), 'WORKER_LOST')
  assert.equal(bench.sends(neverCame), 2)
  bench.finish(goesOn)
  bench.finish(unheard)
  assert.deepEqual([bench.verdict(goesOn), bench.end(unheard)?.attempt], ['completed', 1])
})

test('a list with another fence is another attempt and does not go on', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const run = bench.submit({ idempotent: true })
  bench.start(run)
  bench.core.troubled('a', 'unlinked', 0, 0)
  assert.deepEqual(bench.core.relinked('a', [{ run, fence: bench.last(run).fence - 1 }], 10), [])
  assert.deepEqual([bench.sends(run), bench.last(run).attempt], [2, 2])
})

test('doubt is over after two heartbeats: what had no STARTED may have run, ahead or not', () => {
  const { bench, running, ahead } = busyWorker()
  const repeatable = bench.submit({ idempotent: true })
  bench.core.troubled('a', 'unlinked', 1_000, 1_000)
  assert.equal(bench.recalled.length, 0, 'there is no link to recall over')
  bench.worker('b', { slots: 5 })
  bench.advance(2 * HEARTBEAT_MS - 1)
  assert.equal(bench.end(ahead), undefined)
  bench.advance(1)
  assert.equal(bench.verdict(ahead), 'WORKER_LOST', 'it may have started after the link ended')
  assert.deepEqual([bench.last(repeatable).worker, bench.last(repeatable).attempt], ['b', 2])
  assert.equal(bench.end(running), undefined, 'what had STARTED waits for the lease')
  bench.advance(LEASE_MS)
  assert.equal(bench.verdict(running), 'WORKER_LOST')
})

test('a silent worker whose link then ends keeps the beginning of its silence', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const run = bench.submit()
  bench.start(run)
  bench.core.troubled('a', 'silent', 0, HEARTBEAT_MS)
  bench.core.troubled('a', 'unlinked', 0, 20_000)
  bench.advance(LEASE_MS - 1)
  assert.equal(bench.end(run), undefined)
  bench.advance(1)
  assert.equal(bench.verdict(run), 'WORKER_LOST')
})

// --- Gone ----------------------------------------------------------------------------------------

test('the process is gone: what had no STARTED goes elsewhere at once, the rest is lost', () => {
  const { bench, running, ahead } = busyWorker()
  bench.core.troubled('a', 'unlinked', 1_000, 1_000)
  bench.worker('b', { slots: 1 })
  bench.core.workerGone('a', 1_001)
  assert.equal(bench.verdict(running), 'WORKER_LOST')
  assert.deepEqual([bench.last(ahead).worker, bench.last(ahead).attempt], ['b', 1])
  bench.advance(LEASE_MS)
  assert.equal(bench.core.nextAt(), Number.POSITIVE_INFINITY)
})

test('a process that is gone gets nothing until its next one has linked', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const run = bench.submit()
  bench.core.workerGone('a', 0)
  assert.equal(bench.sends(run), 1)
  assert.equal(bench.refusal().code, 'NO_CAPACITY')
  bench.core.relinked('a', [], 10)
  assert.equal(bench.sends(run), 2)
})

test('a worker that leaves the list takes no task with it', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const run = bench.submit()
  bench.core.removeWorker('a', 0)
  assert.equal(bench.sends(run), 1, 'not to the one that left')
  bench.worker('b', { slots: 1 })
  assert.equal(bench.last(run).worker, 'b')
  assert.equal(bench.core.attemptsAt('a'), 0)
  bench.core.removeWorker('nobody', 0)
})

test('recalls that nobody will answer do not hold others up', () => {
  const { bench } = busyWorker()
  bench.submitMany(2)
  bench.core.troubled('a', 'silent', 1_000, 7_000)
  assert.equal(bench.recalled.length, 3)
  bench.worker('b', { slots: 1 })
  bench.teach('b', 5, 50)
  const [, ahead] = bench.submitMany(2) as [string, string]
  assert.equal(bench.last(ahead).worker, 'b')
  bench.worker('c', { slots: 1 })
  assert.equal(bench.recalled.at(-1)?.worker, 'b')
})

test('nothing is due while all is well', () => {
  const bench = new TestScheduler()
  bench.worker('a')
  bench.submit()
  assert.equal(bench.core.nextAt(), Number.POSITIVE_INFINITY)
  bench.core.troubled('a', 'silent', 0, HEARTBEAT_MS)
  bench.core.recovered('a', HEARTBEAT_MS + 1)
  bench.advance(10 * LEASE_MS)
  assert.equal(bench.core.traffic().running, 1)
  assert.equal(bench.core.nextAt(), Number.POSITIVE_INFINITY)
})

test('a worker that was left alone after BUSY and then restarted is served again', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const run = bench.submit()
  for (let i = 0; i < 8; i++) {
    bench.busy(run)
    if (i < 7) bench.advance(bench.core.nextAt() - bench.now)
  }
  bench.core.workerGone('a', bench.now)
  bench.core.relinked('a', [], bench.now)
  assert.equal(bench.sends(run), 9)
})
