/** CALL and CALL-RESULT: a scripted worker calls, the real core runs what it called, and a link that ends ends it. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  ANY_WORKER,
  ByteReader,
  type CallHeader,
  DATA_KIND,
  DATA_MORE,
  LIMITS,
  LinkWriter,
  type OutcomeHeader,
  RECORD,
  readOutcome,
  type TaskError,
} from '@berth/protocol'
import { createLog, systemClock } from '@berth/runtime'
import { Scheduler } from '../core/scheduler.ts'
import type { Caller, CallPort } from '../ports/calls.ts'
import type { FilePiece, MemoryFilesPort, WritingRun } from '../ports/files.ts'
import type { Settlement, Submission } from '../ports/submission.ts'
import { Calls } from './calls.ts'
import type { Fleet } from './fleet.ts'
import {
  endWith,
  FleetBench,
  makeEntry,
  REQUEST_BODY_LIMIT_BYTES,
  TERMS,
  until,
} from './testing/fleet-bench.ts'
import { makeFunctions, type ScriptedLink, ScriptedWorker } from './testing/scripted-worker.ts'

interface Answer {
  readonly call: number
  readonly header: OutcomeHeader
  readonly result: string
}

/** Everything a worker has read of its task's calls, DATA put together with the answer behind it. */
function answersAt(link: ScriptedLink, task: number): Answer[] {
  const answers: Answer[] = []
  let gathered: Uint8Array[] = []
  for (const record of link.records) {
    if (record.task !== task) continue
    if (record.type === RECORD.DATA) gathered.push(record.bytes)
    if (record.type !== RECORD.CALL_RESULT) continue
    const reader = new ByteReader(record.bytes)
    const call = reader.u32()
    const header = readOutcome(reader)
    answers.push({ call, header, result: Buffer.concat([...gathered, reader.rest()]).toString() })
    gathered = []
  }
  return answers
}

/** Bytes that the balancer has given back of a task's window. */
function creditedOf({ records }: ScriptedLink, task: number): number {
  const credits = records.filter((each) => each.type === RECORD.CREDIT && each.task === task)
  return credits.reduce((sum, { bytes }) => sum + new ByteReader(bytes).u32(), 0)
}

function call(
  link: ScriptedLink,
  task: number,
  id: number,
  name: string,
  input = '{}',
  more: Partial<CallHeader> = {},
): void {
  const writer = new LinkWriter(() => ({ at: performance.now() }))
  writer.call(task, { call: id, function: name, remainingMs: null, ...more }, Buffer.from(input))
  for (let frame = writer.take(); frame; frame = writer.take()) link.raw(Uint8Array.from(frame))
}

/** A worker that runs `parent` for a caller of ours, at a fleet with the real core. */
async function setUp(t: TestContext) {
  let fleet: Fleet | undefined
  const scheduler = new Scheduler({
    dispatch: {
      send: (assignment) => fleet?.send(assignment),
      recall: (...args) => fleet?.recall(...args),
      cancel: (...args) => fleet?.cancel(...args),
      acknowledge: (...args) => fleet?.acknowledge(...args),
    },
    ledger: {
      claim() {},
      finish() {},
      moved() {},
      writeFirst() {},
      attemptOver() {},
      pushedBack() {},
      late() {},
    },
    epoch: 1,
    random: Math.random,
    limits: { tasksPerLane: 100, bytes: 64 * 1024 * 1024 },
    maxAttempts: 3,
    heartbeatMs: TERMS.heartbeatIntervalMs + TERMS.heartbeatTimeoutMs,
    leaseMs: TERMS.leaseMs,
  })
  const functions = makeFunctions('parent', 'child', 'harmless').map((each) => ({
    ...each,
    idempotent: each.name === 'harmless' ? true : null,
  }))
  const worker = endWith(t, await ScriptedWorker.start({ functions }))
  const bench = new FleetBench(t, { workforce: scheduler, calls: scheduler })
  fleet = bench.fleet
  fleet.setRoster([makeEntry(worker.url)])
  const link = await worker.welcomed()
  await until(() => bench.logged('worker linked') || undefined, 'the worker in service')
  const ends: Settlement[] = []
  const now = systemClock.monoMs()
  const submission: Submission = {
    run: 'r_parent',
    group: 'default',
    function: 'parent',
    contract: undefined,
    selector: ANY_WORKER,
    priority: 7,
    fairnessKey: 'k',
    mode: 'sync',
    isDurable: false,
    attempts: undefined,
    idempotent: undefined,
    timeoutMs: undefined,
    deadlineAt: now + 60_000,
    queueUntilAt: now + 60_000,
    payload: { bytes: Buffer.from('{}'), mediaType: '', isEnvelope: false },
    trace: '',
    onSettled: (settlement) => void ends.push(settlement),
  }
  assert.deepEqual(scheduler.submit(submission, now), { ok: true })
  const parent = (await link.task()).task
  link.started(parent)
  const answers = (count: number) =>
    link.until(() => {
      const found = answersAt(link, parent)
      return found.length >= count ? found : undefined
    }, `${count} answers`)
  return { bench, worker, scheduler, link, parent, ends, answers }
}

test('a call becomes a task with the input as it came, and its end the answer', async (t) => {
  const { link, parent, answers, scheduler } = await setUp(t)
  call(link, parent, 5, 'child', '{"n":1}')
  const { task, header, input } = await link.task(1)
  assert.deepEqual(
    [header.function, header.priority, header.mode, header.callers, Buffer.from(input).toString()],
    ['child', 7, 'sync', ['parent'], '{"n":1}'],
  )
  assert.ok((header.remainingMs ?? 0) > 30_000 && (header.remainingMs ?? 0) <= 60_000)
  const picture = scheduler.find(header.run)
  assert.deepEqual([picture?.parent, picture?.fairnessKey], ['r_parent', 'k'])
  link.started(task)
  link.end(task, { ok: true })
  const [answer] = await answers(1)
  assert.deepEqual([answer?.call, answer?.header.outcome, answer?.result], [5, 'completed', '{"ok":true}'])
})

test('long and short answers of one task are never taken for each other', async (t) => {
  const { link, parent, answers } = await setUp(t)
  for (const id of [1, 2, 3]) call(link, parent, id, 'child')
  const children = [await link.task(1), await link.task(2), await link.task(3)]
  for (const { task } of children) link.started(task)
  const long = 'x'.repeat(LIMITS.windowBytes + 50_000)
  link.end(children[0]?.task ?? 0, long)
  link.end(children[1]?.task ?? 0, 'short')
  link.end(children[2]?.task ?? 0, long)
  // The window of the task is for all its answers: the worker says what it has taken.
  link.socket.on('message', () => link.credit(parent, LIMITS.recordBytes))
  const got = await answers(3)
  assert.deepEqual(got.map(({ call: id, result }) => [id, result.length]).sort(), [
    [1, long.length + 2],
    [2, 7],
    [3, long.length + 2],
  ])
})

test('a failure is told with its code, and what names its callers as itself is refused', async (t) => {
  const { link, parent, answers } = await setUp(t)
  call(link, parent, 1, 'child')
  const { task } = await link.task(1)
  link.started(task)
  const error = { code: 'FUNCTION_FAILED', message: 'no paper', retryAfterMs: 50 }
  link.end(task, new Uint8Array(0), { outcome: 'failed', runMs: 1, mediaType: '', error })
  call(link, parent, 2, 'parent')
  call(link, parent, 3, 'child', '{}', { via: ['child'] })
  call(link, parent, 4, 'child', '{}', { via: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] })
  call(link, parent, 5, 'nobody')
  const told = (await answers(5)).map(({ call: id, header }) => [id, header.outcome, header.error?.code])
  assert.deepEqual(told.sort(), [
    [1, 'failed', 'FUNCTION_FAILED'],
    [2, 'refused', 'CONFLICT'],
    [3, 'refused', 'CONFLICT'],
    [4, 'refused', 'CONFLICT'],
    [5, 'refused', 'UNKNOWN_FUNCTION'],
  ])
  assert.equal((await answers(5)).find(({ call: id }) => id === 1)?.header.error?.retryAfterMs, 50)
})

test('when the link ends what was called ends, and the next link hears nothing of it', async (t) => {
  const { link, worker, parent, scheduler, ends } = await setUp(t)
  call(link, parent, 1, 'child')
  const child = await link.task(1)
  link.started(child.task)
  await until(() => scheduler.find(child.header.run)?.status === 'running' || undefined, 'the child runs')
  const { run, fence } = (await link.task()).header
  worker.script.hello = {
    started: [
      { run, fence, durable: false, finished: false },
      { run: child.header.run, fence: child.header.fence, durable: false, finished: false },
    ],
  }
  link.socket.terminate()
  const next = await worker.welcomed(1)
  assert.deepEqual(
    next.welcome.adopt.map(({ run: adopted }) => adopted),
    ['r_parent'],
  )
  assert.equal(scheduler.find(child.header.run), undefined)
  call(next, parent, 2, 'child')
  const again = await next.task()
  next.started(again.task)
  next.end(again.task, 'anew')
  const found = () => answersAt(next, parent)
  await next.until(() => found()[0], 'the answer')
  assert.deepEqual(
    found().map(({ call: id, result }) => [id, result]),
    [[2, '"anew"']],
  )
  next.end(parent, 'done')
  await until(() => ends[0], 'the end')
  assert.equal(ends[0]?.kind, 'completed')
})

test('what a finished task still calls is nothing to anybody', async (t) => {
  const { link, parent, bench, ends } = await setUp(t)
  link.end(parent, 1)
  await until(() => ends[0], 'the end')
  call(link, parent, 1, 'child')
  await until(() => bench.logged('worker speaks of a task that it does not have') || undefined, 'the line')
  assert.equal(link.tasks.length, 1)
})

test('a long input comes before its call, and one that is too long is told so', async (t) => {
  const { link, parent, answers } = await setUp(t)
  // Less than a window: nobody gives this writer credit.
  const text = JSON.stringify({ text: 'x'.repeat(LIMITS.windowBytes / 2) })
  call(link, parent, 1, 'child', text)
  const { task } = await link.task(1)
  await link.heard(RECORD.END, task)
  const pieces = link.records.filter((each) => each.task === task && each.type === RECORD.DATA)
  assert.equal(Buffer.concat(pieces.map(({ bytes }) => bytes)).toString(), text)
  link.started(task)
  link.end(task, 1)
  const writer = new LinkWriter(() => ({ at: performance.now() }))
  let sent = text.length
  const untilTaken = () =>
    link.until(() => creditedOf(link, parent) > sent - LIMITS.inlineBytes || undefined, 'credit')
  await untilTaken()
  for (; sent < 2 * REQUEST_BODY_LIMIT_BYTES; sent += LIMITS.windowBytes / 2, await untilTaken()) {
    writer.data(parent, DATA_KIND.call | DATA_MORE, Buffer.alloc(LIMITS.windowBytes / 2))
    for (let frame = writer.take(); frame; frame = writer.take()) link.raw(Uint8Array.from(frame))
    writer.credit(parent, LIMITS.windowBytes)
  }
  call(link, parent, 2, 'child', text)
  sent += text.length
  await untilTaken()
  call(link, parent, 3, 'child', text)
  await link.task(2)
  const told = (await answers(2)).map(({ call: id, header }) => [id, header.error?.code])
  assert.deepEqual(told, [
    [1, undefined],
    [2, 'PAYLOAD_TOO_LARGE'],
  ])
})

test('what its caller’s attempt has left is the limit of a call', async (t) => {
  const { link, parent } = await setUp(t)
  call(link, parent, 1, 'child', '{}', { remainingMs: 5_000 })
  const { header } = await link.task(1)
  assert.ok((header.remainingMs ?? 0) > 3_000 && (header.remainingMs ?? 0) <= 5_100, `${header.remainingMs}`)
})

test('a call that may have run is taken again only if that does no harm', async (t) => {
  const { link, parent, answers } = await setUp(t)
  call(link, parent, 1, 'child', '{}', { isAgain: true })
  call(link, parent, 2, 'harmless', '{}', { isAgain: true })
  const [answer] = await answers(1)
  assert.deepEqual([answer?.call, answer?.header.error?.code], [1, 'WORKER_LOST'])
  assert.equal((await link.task(1)).header.function, 'harmless')
})

test('of a durable run it is taken again unless its function says that this does harm', () => {
  const taken: string[] = []
  const idempotent: Record<string, boolean | null> = { plain: null, harmful: false, harmless: true }
  const tree = { run: 'r_p', isDurable: true, kept: 0 }
  const caller: Caller = {
    run: 'r_p',
    group: 'g',
    function: 'parent',
    priority: 1,
    fairnessKey: undefined,
    deadlineAt: Number.POSITIVE_INFINITY,
    trace: '',
    callers: [],
    calls: 0,
    tree,
  }
  const port: CallPort = {
    caller: () => caller,
    callTarget: (_worker, _attempt, name) => ({ contract: 3, idempotent: idempotent[name] ?? null }),
    submit: (submission) => {
      taken.push(submission.function)
      assert.deepEqual([submission.contract, submission.call?.tree], [3, tree])
      return { ok: true }
    },
  }
  const log = createLog({ source: 'test', write: () => {}, capacity: 10, level: 'info' })
  const all = new Calls({ port, clock: systemClock, log, createRunId: () => 'r_c', queueTimeoutMs: 1_000 })
  for (const name of Object.keys(idempotent)) {
    const heard = { id: 1, function: name, via: [], bytes: new Uint8Array(2), remainingMs: null }
    all.take('w', 1, { ...heard, isAgain: true }, () => {})
  }
  assert.deepEqual(taken, ['plain', 'harmless'])
})

test('what is called keeps files of its own, and its caller hears of it when they are on disk, or why not', async () => {
  const tree = { run: 'r_p', isDurable: false, kept: 0 }
  const caller: Caller = {
    run: 'r_p',
    group: 'g',
    function: 'parent',
    priority: 1,
    fairnessKey: undefined,
    deadlineAt: Number.POSITIVE_INFINITY,
    trace: '',
    callers: [],
    calls: 0,
    tree,
  }
  const submitted: Submission[] = []
  const port: CallPort = {
    caller: () => caller,
    callTarget: () => ({ contract: undefined, idempotent: null }),
    submit: (submission) => {
      submitted.push(submission)
      return { ok: true }
    },
  }
  const received: WritingRun[] = []
  const recordings = new Map<string, PromiseWithResolvers<TaskError | undefined>>()
  const files: MemoryFilesPort = {
    receive: (run) => void received.push(run),
    has: (run) => recordings.has(run),
    whenRecorded: async (run) => recordings.get(run)?.promise,
  }
  const log = createLog({ source: 'test', write: () => {}, capacity: 10, level: 'info' })
  const createRunId = () => `r_${submitted.length}`
  const all = new Calls({ port, clock: systemClock, log, createRunId, queueTimeoutMs: 1_000, files })
  const told: (readonly [number, string, string | undefined])[] = []
  for (const id of [0, 1, 2])
    all.take(
      'w',
      1,
      { id, function: 'child', via: [], bytes: new Uint8Array(2), remainingMs: null, isAgain: false },
      ({ outcome, error }) => told.push([id, outcome, error?.code]),
    )
  const piece: FilePiece = {
    header: undefined,
    isLast: true,
    bytes: new Uint8Array(1),
    recordBytes: 1,
    source: { taken: () => {} },
    answer: () => {},
  }
  submitted[1]?.onFile?.(piece, { attempt: 1, fence: 5 })
  assert.deepEqual(received, [{ id: 'r_1', seq: 0, isDurable: false }])
  for (const run of ['r_1', 'r_2']) recordings.set(run, Promise.withResolvers())
  const known = { worker: 'w', attempt: 1, queueMs: 0, runMs: 1 }
  for (const { onSettled } of submitted)
    onSettled({ kind: 'completed', result: new Uint8Array(2), mediaType: '', ...known })
  await new Promise(setImmediate)
  assert.deepEqual(told, [[0, 'completed', undefined]], 'without files at once, with files not yet')
  recordings.get('r_2')?.resolve({ code: 'STORE_UNAVAILABLE', detail: 'full' })
  await new Promise(setImmediate)
  recordings.get('r_1')?.resolve(undefined)
  await new Promise(setImmediate)
  assert.deepEqual(told.slice(1), [
    [2, 'failed', 'STORE_UNAVAILABLE'],
    [1, 'completed', undefined],
  ])
})

test('calls have bounds: of an attempt, and of all', () => {
  const submitted: Submission[] = []
  const caller: Caller = {
    run: 'r_p',
    group: 'g',
    function: 'parent',
    priority: 1,
    fairnessKey: undefined,
    deadlineAt: Number.POSITIVE_INFINITY,
    trace: '',
    callers: [],
    calls: 0,
    tree: { run: 'r_p', isDurable: false, kept: 0 },
  }
  let calls = 0
  const port: CallPort = {
    caller: () => ({ ...caller, calls }),
    callTarget: () => ({ contract: undefined, idempotent: null }),
    submit: (submission) => {
      submitted.push(submission)
      return { ok: true }
    },
  }
  const log = createLog({ source: 'test', write: () => {}, capacity: 10, level: 'info' })
  const createRunId = () => `r_${submitted.length}`
  const all = new Calls({ port, clock: systemClock, log, createRunId, queueTimeoutMs: 1_000 })
  const codes: (string | undefined)[] = []
  const take = () =>
    all.take(
      'w',
      1,
      { id: 1, function: 'child', via: [], bytes: new Uint8Array(2), remainingMs: null, isAgain: false },
      ({ error }) => codes.push(error?.code),
    )
  calls = 100
  take()
  assert.deepEqual(codes, ['CONFLICT'])
  calls = 0
  for (let i = 0; i < 10_001; i++) take()
  assert.deepEqual([submitted.length, codes], [10_000, ['CONFLICT', 'QUEUE_FULL']])
  const ended = { worker: 'w', attempt: 1, queueMs: 0, runMs: 1 }
  submitted[0]?.onSettled({ kind: 'failed', error: { code: 'WORKER_LOST', detail: 'gone' }, ...ended })
  take()
  assert.deepEqual([submitted.length, codes.at(-1)], [10_001, 'WORKER_LOST'])
  assert.equal(submitted[0]?.group, 'g')
})
