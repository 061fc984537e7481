/** Which tasks that ended are remembered, for how long, and what of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ANY_WORKER } from '@berth/protocol'
import type { ChoiceRecord, EndedTask } from '../ports/record.ts'
import type { Settlement, Submission } from '../ports/submission.ts'
import type { FinalStatus } from './run-facts.ts'
import { type EndedRun, RunSample } from './run-sample.ts'

const CHOICE: ChoiceRecord = {
  at: 0,
  winner: { worker: 'w', expectedMs: 5, used: 0, limit: 1, occupancyAfter: 1 },
  runnersUp: [],
}

function endedTask(run: string, changes: Partial<EndedTask> & { submission?: Submission } = {}): EndedTask {
  const submission: Submission = {
    run,
    group: 'default',
    function: 'work',
    contract: undefined,
    selector: ANY_WORKER,
    priority: 100,
    mode: 'sync',
    isDurable: false,
    attempts: undefined,
    idempotent: undefined,
    timeoutMs: undefined,
    deadlineAt: Number.POSITIVE_INFINITY,
    queueUntilAt: Number.POSITIVE_INFINITY,
    payload: { bytes: new Uint8Array(1_000), mediaType: '', isEnvelope: true },
    trace: '',
    onSettled() {},
  }
  return {
    submission,
    seq: 1,
    priority: 100,
    acceptedAt: 0,
    startedAt: 2,
    hasStarted: true,
    attempts: 1,
    history: [],
    choice: undefined,
    lane: { needs: { contract: 3 } },
    ...changes,
  }
}

const COMPLETED: Settlement = {
  kind: 'completed',
  result: new Uint8Array(1_000),
  mediaType: '',
  worker: 'w',
  attempt: 1,
  queueMs: 2,
  runMs: 3,
}

function failed(
  code: 'FUNCTION_FAILED' | 'INVALID_INPUT' | 'CANCELLED' | 'TIMEOUT' | 'WORKER_LOST',
  detail = 'why',
): Settlement {
  return { kind: 'failed', error: { code, detail }, worker: 'w', attempt: 1, queueMs: 2, runMs: 3 }
}

function end(sample: RunSample, task: EndedTask, status: FinalStatus = 'completed', now = 5): void {
  const settlement = status === 'completed' ? COMPLETED : failed('FUNCTION_FAILED')
  sample.ended(task, settlement, status, now)
}

const count = (sample: RunSample) => [...sample.all()].length

test('all failures are kept, of the others at most 20 a second, those whose choice was noted', () => {
  const sample = new RunSample()
  for (let i = 0; i < 100; i++) {
    const now = i * 9
    const choice = sample.wantsChoice(now) ? CHOICE : undefined
    end(sample, endedTask(`c${i}`, { choice }), 'completed', now)
    end(sample, endedTask(`f${i}`), 'failed', now)
    end(sample, endedTask(`e${i}`), 'expired', now)
  }
  assert.equal(count(sample), 220)
  assert.ok(sample.find('c0') && !sample.find('c20') && sample.find('f99') && sample.find('e99'))
  const choice = sample.wantsChoice(1_500) ? CHOICE : undefined
  end(sample, endedTask('later', { choice }), 'completed', 1_500)
  assert.ok(sample.find('later'))
})

test('many that were noted and end at once are too many too', () => {
  const sample = new RunSample()
  for (let i = 0; i < 50; i++) end(sample, endedTask(`c${i}`, { choice: CHOICE }), 'completed', 5)
  for (let i = 0; i < 50; i++) end(sample, endedTask(`x${i}`), 'cancelled', 6)
  assert.equal(count(sample), 20)
})

test('input that a worker refused before anything ran is no run, but for whoever watches it', () => {
  const sample = new RunSample()
  const refused = failed('INVALID_INPUT')
  const unbegun = { attempts: 0, hasStarted: false }
  sample.ended(endedTask('a', unbegun), refused, 'failed', 0)
  assert.equal(sample.find('a'), undefined)
  let heard: EndedRun | undefined
  sample.watch('b', (run) => {
    heard = run
  })
  sample.ended(endedTask('b', unbegun), refused, 'failed', 0)
  assert.equal(heard?.error?.code, 'INVALID_INPUT')
  sample.ended(endedTask('c'), refused, 'failed', 0)
  assert.ok(sample.find('c'), 'a handler that ran and said so')
})

test('the newest 10,000 are kept', () => {
  const sample = new RunSample()
  for (let i = 0; i < 10_500; i++) end(sample, endedTask(`f${i}`), 'failed')
  assert.equal(count(sample), 10_000)
  assert.equal(sample.find('f499'), undefined)
  assert.ok(sample.find('f500') && sample.find('f10499'))
})

test('a durable run is not kept here', () => {
  const sample = new RunSample()
  const { submission } = endedTask('d')
  end(sample, endedTask('d', { submission: { ...submission, isDurable: true } }), 'failed')
  assert.equal(count(sample), 0)
})

test('whoever watches a run hears of its end once, kept or not, and it is kept', () => {
  const sample = new RunSample()
  const heard: EndedRun[] = []
  sample.watch('a', (run) => heard.push(run))
  const leave = sample.watch('a', () => assert.fail('it has left'))
  leave()
  sample.watch('b', () => assert.fail('another run'))
  end(sample, endedTask('a'))
  end(sample, endedTask('a'))
  assert.deepEqual(
    heard.map(({ id, status }) => [id, status]),
    [['a', 'completed']],
  )
  assert.ok(sample.find('a'))
})

test('of a run that is kept elsewhere whoever watches it hears, and nothing stays here', () => {
  const sample = new RunSample()
  const heard: EndedRun[] = []
  sample.watch('a', (run) => heard.push(run))
  for (const run of ['a', 'a', 'b']) sample.tell(endedTask(run), failed('FUNCTION_FAILED'), 'failed', 0)
  assert.deepEqual(
    heard.map(({ id, status }) => [id, status]),
    [['a', 'failed']],
  )
  assert.equal(count(sample), 0)
})

test('a record has the attempts, the end and no bytes', () => {
  const sample = new RunSample()
  const first = { n: 1, worker: 'v', startedAt: 1, finishedAt: 2, outcome: 'failed' } as const
  const task = endedTask('a', { attempts: 2, history: [first], startedAt: 10, acceptedAt: 0 })
  sample.ended(task, failed('WORKER_LOST'), 'failed', 20)
  const { history, contract, endedAt, error } = sample.find('a') ?? {}
  const last = { n: 2, worker: 'w', startedAt: 10, finishedAt: 20, outcome: 'lost' }
  assert.deepEqual([history, contract, endedAt], [[first, last], 3, 20])
  assert.deepEqual(error, { code: 'WORKER_LOST', message: 'why' })
  end(sample, endedTask('waited', { attempts: 0, hasStarted: false }), 'expired')
  assert.deepEqual([sample.find('waited')?.history, sample.find('waited')?.startedAt], [[], undefined])
  const kept = [...sample.all()].map((run) => JSON.stringify(run).length)
  assert.ok(Math.max(...kept) < 1_000, String(kept))
})

test('texts have a bound: a long message is cut, much metadata is left out', () => {
  const sample = new RunSample()
  const { submission } = endedTask('a')
  const long = { ...submission, run: 'a', metadata: { note: 'x'.repeat(5_000) } }
  sample.ended(
    endedTask('a', { submission: long }),
    failed('FUNCTION_FAILED', 'y'.repeat(9_000)),
    'failed',
    5,
  )
  assert.equal(sample.find('a')?.error?.message.length, 1_000)
  assert.equal(sample.find('a')?.metadata, undefined)
  const short = { ...submission, run: 'b', metadata: { note: 'x' } }
  sample.ended(endedTask('b', { submission: short }), failed('FUNCTION_FAILED'), 'failed', 5)
  assert.deepEqual(sample.find('b')?.metadata, { note: 'x' })
})
