/** Streams as the core sees them: whom an item goes to, and what a chunk that has left rules out. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StreamItem, StreamKind, StreamOrigin } from '../ports/stream.ts'
import { HEARTBEAT_MS, TestScheduler, work } from './test-scheduler.ts'

/** A core with one worker of one slot, and streams that remember what came. */
function setUp(facts: Parameters<typeof work>[0] = {}) {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1, functions: work(facts) })
  const items: { kind: StreamKind; origin: StreamOrigin }[] = []
  let taken = 0
  const submit = (asked = {}) =>
    bench.submit({ mode: 'stream', onItem: ({ kind }, origin) => items.push({ kind, origin }), ...asked })
  const give = (run: string, kind: StreamKind, worker = bench.last(run).worker) => {
    const source = {
      taken(bytes: number) {
        taken += bytes
      },
    }
    const item: StreamItem = { kind, bytes: new Uint8Array(10), isLast: true, source }
    bench.core.streamed(worker, bench.last(run).attemptId, item, bench.now)
  }
  return { bench, items, submit, give, taken: () => taken }
}

test('an item goes to its task and says where it comes from', () => {
  const { bench, items, submit, give, taken } = setUp()
  const run = submit()
  bench.now = 40
  bench.start(run)
  give(run, 'log')
  give(run, 'chunk')
  assert.deepEqual(items, [
    { kind: 'log', origin: { worker: 'a', attempt: 1, queueMs: 40 } },
    { kind: 'chunk', origin: { worker: 'a', attempt: 1, queueMs: 40 } },
  ])
  assert.equal(taken(), 0, 'its reader says what it has taken')
})

test('what nobody follows is taken at once', () => {
  const { bench, items, submit, give, taken } = setUp()
  const unfollowed = submit({ onItem: undefined })
  give(unfollowed, 'chunk')
  assert.equal(taken(), 10)
  give(unfollowed, 'chunk', 'unknown')
  assert.equal(taken(), 20)
  bench.finish(unfollowed)
  const cancelled = submit()
  bench.core.cancel(cancelled, 'caller', bench.now)
  give(cancelled, 'chunk')
  assert.equal(taken(), 30)
  bench.finish(cancelled, { outcome: 'cancelled' })
  give(cancelled, 'chunk')
  assert.equal(taken(), 40)
  assert.deepEqual(items, [])
})

test('a piece of a file goes to its task with the fence, and what keeps none is told so', () => {
  const { bench } = setUp()
  const origins: object[] = []
  let taken = 0
  const answers: (string | undefined)[] = []
  const send = (run: string, header = true) =>
    bench.core.filed(
      'a',
      bench.last(run).attemptId,
      {
        header: header ? { file: 1, path: 'a', mediaType: 'a/b', size: 1, sha256: '' } : undefined,
        isLast: false,
        bytes: new Uint8Array(0),
        recordBytes: 10,
        source: {
          taken(bytes) {
            taken += bytes
          },
        },
        answer: (_file, error) => void answers.push(error?.code),
      },
      bench.now,
    )
  const run = bench.submit({ onFile: (_piece, origin) => void origins.push(origin) })
  send(run)
  assert.deepEqual(origins, [{ attempt: 1, fence: bench.last(run).fence }])
  bench.finish(run)
  send(run)
  const without = bench.submit({})
  bench.start(without)
  send(without)
  send(without, false)
  assert.deepEqual([answers, taken, origins.length], [['CONFLICT', 'CONFLICT'], 30, 1])
})

test('a stream is repeated until a chunk has left, and never again', () => {
  for (const end of ['fail', 'lose'] as const) {
    const { bench, submit, give } = setUp({ maxRetries: 9, idempotent: true })
    const run = submit({ attempts: 9 })
    const endAttempt = () => {
      if (end === 'fail') bench.fail(run)
      else bench.finish(run, { outcome: 'lost' })
      bench.advance(60_000)
    }
    give(run, 'log')
    give(run, 'progress')
    endAttempt()
    assert.equal(bench.sends(run), 2, `${end}: lines and progress may be said twice`)
    give(run, 'chunk')
    endAttempt()
    assert.equal(bench.sends(run), 2, end)
    assert.equal(bench.verdict(run), end === 'fail' ? 'FUNCTION_FAILED' : 'WORKER_LOST')
  }
})

test('a link that ends in the middle of a stream ends it at once; its slot waits for certainty', () => {
  const { bench, submit, give } = setUp({ idempotent: true })
  bench.worker('b', { slots: 1, functions: work({ idempotent: true }) })
  const streams = [submit(), submit()]
  const onA = streams.find((run) => bench.last(run).worker === 'a') ?? assert.fail()
  const onB = streams.find((run) => run !== onA) ?? assert.fail()
  for (const run of streams) bench.start(run)
  give(onA, 'chunk')
  give(onB, 'log')
  for (const id of ['a', 'b']) bench.core.troubled(id, 'unlinked', bench.now, bench.now)
  assert.equal(bench.verdict(onA), 'WORKER_LOST')
  assert.match(bench.detail(onA), /in the middle of the stream/)
  assert.equal(bench.verdict(onB), undefined, 'nothing has left: the next hello tells')
  assert.equal(bench.core.attemptsAt('a'), 1)
  const started = streams.map((run) => ({ run, fence: bench.last(run).fence }))
  assert.deepEqual(bench.core.relinked('a', started, bench.now), [], 'nobody waits for it any more')
  assert.equal(bench.core.attemptsAt('a'), 0)
  assert.equal(bench.core.relinked('b', started, bench.now).length, 1)
  bench.advance(10 * HEARTBEAT_MS)
  assert.equal(bench.end(onA)?.attempt, 1)
})

test('a silent worker keeps its streams until it is lost', () => {
  const { bench, submit, give } = setUp()
  const run = submit()
  bench.start(run)
  give(run, 'chunk')
  bench.core.troubled('a', 'silent', bench.now, bench.now)
  assert.equal(bench.verdict(run), undefined)
  bench.core.recovered('a', bench.now)
  bench.finish(run)
  assert.equal(bench.verdict(run), 'completed')
})

test('streaming a function that does not is refused; one of which nobody knows goes to the worker', () => {
  const { bench, submit } = setUp({ supportsStreaming: false })
  const { code, detail } = bench.refusal({ mode: 'stream' })
  assert.equal(code, 'INVALID_REQUEST')
  assert.match(detail, /"work" does not stream/)
  assert.equal(bench.core.traffic().waiting, 0)
  bench.submit()
  for (const supportsStreaming of [true, undefined]) {
    const other = setUp({ supportsStreaming })
    assert.equal(other.bench.sends(other.submit()), 1)
  }
  assert.throws(() => submit())
})
