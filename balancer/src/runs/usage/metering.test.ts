/** What live runs use: meters under a manual clock, with a core and a disk that only listen. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TaskError, Usage } from '@berth/protocol'
import { createLog, ManualClock } from '@berth/runtime'
import type { EndedTask, RecordPort } from '../../ports/record.ts'
import type { RunWrite } from '../../ports/run-writes.ts'
import type { Kept } from '../../ports/store.ts'
import type { LiveRun } from '../../ports/stored-run.ts'
import type { Settlement, Submission } from '../../ports/submission.ts'
import type { TaskPicture } from '../../ports/task-look.ts'
import type { UsedSoFar } from '../../ports/told.ts'
import { makeLiveRun } from '../testing/run-rows.ts'
import { Metering } from './metering.ts'
import { Output } from './output.ts'

const BUDGETS = {
  low: { tokens: 100, costUsd: 0.3, runMs: 1_000 },
  standard: { runMs: 1_000 },
  high: {},
  unlimited: {},
}
const NEXT: RecordPort = { wantsChoice: () => false, ended() {} }

function makeMetering() {
  const clock = new ManualClock()
  const exhausted: [string, TaskError][] = []
  const rows = new Map<string, LiveRun>()
  const parents = new Map<string, string>()
  const writes: RunWrite[] = []
  const disk: { answer: Kept } = { answer: { ok: true } }
  const metering = new Metering({
    budgets: BUDGETS,
    clock,
    log: createLog({ source: 'test', write: () => {} }),
    core: () => ({
      exhaust: (run, error) => void exhausted.push([run, error]),
      find: (run) => ({ parent: parents.get(run) }) as TaskPicture,
    }),
    rowOf: (run) => rows.get(run),
    keep: async (given) => {
      writes.push(...given)
      return disk.answer
    },
    next: NEXT,
  })
  /** A durable run, as far as meters know it. */
  const hold = (id: string, changes: Partial<LiveRun> = {}) => {
    const row = makeLiveRun({ seq: rows.size + 1, id, ...changes })
    rows.set(id, row)
    return row
  }
  const use = (run: string, usage: Usage, attempt = 1) =>
    metering.told(run, 'usage', JSON.stringify(usage), attempt)
  /** Something that a task in memory tells, in one piece. */
  const item = (run: string, usage: unknown, parent?: string, attempt = 1) => {
    const taken: number[] = []
    const submission = { run, call: parent && { parent } } as unknown as Submission
    const source = { taken: (bytes: number) => void taken.push(bytes) }
    const bytes = Buffer.from(JSON.stringify(usage))
    metering.item(
      submission,
      { kind: 'usage', bytes, isLast: true, source },
      { worker: 'w', attempt, queueMs: 0 },
    )
    assert.deepEqual(taken, [bytes.length])
  }
  const end = (run: string) => {
    const task = { submission: { run, isDurable: false } } as EndedTask
    metering.ended(task, {} as Settlement, 'completed', 0)
  }
  return { metering, clock, exhausted, writes, disk, parents, rows, hold, use, item, end }
}

const settled = () => new Promise<void>((resolve) => setImmediate(resolve))

test('attempts of a run add up, and what one tells again counts once', () => {
  const { metering, hold, use } = makeMetering()
  hold('r_1')
  assert.equal(use('r_1', { steps: 1 }), '{"steps":1}')
  assert.equal(use('r_1', { steps: 1 }), '{"steps":1}')
  use('r_1', { steps: 3, costUsd: 0.1 })
  use('r_1', { steps: 1, costUsd: 0.2 }, 2)
  use('r_1', { steps: 9 }, 1)
  assert.deepEqual(metering.usageOf('r_1'), { steps: 4, costUsd: 0.3 }, 'the first attempt counts no more')
  assert.equal(metering.usageOf('r_2'), null)
  for (const wrong of ['{', '[1]', '7'])
    assert.equal(metering.told('r_1', 'usage', wrong, 2), undefined, wrong)
})

test('what a run calls counts for it and for who called it, however deep, with meters or without', () => {
  const { metering, hold, item, parents, use, end } = makeMetering()
  hold('r_1')
  parents.set('r_2', 'r_1').set('r_3', 'r_2')
  item('r_3', { totalTokens: 5 }, 'r_2')
  item('r_2', { totalTokens: 2 }, 'r_1')
  item('r_3', { totalTokens: 6 }, 'r_2')
  use('r_1', { totalTokens: 1 })
  assert.deepEqual(
    ['r_1', 'r_2', 'r_3'].map((run) => metering.usageOf(run)?.totalTokens),
    [9, 8, 6],
  )
  end('r_3')
  end('r_2')
  assert.deepEqual([metering.usageOf('r_2'), metering.usageOf('r_1')?.totalTokens], [null, 9])
})

test('a limit is passed, not reached; the core hears of it once, and never within its own turn', async () => {
  const { metering, item, exhausted } = makeMetering()
  const meter = metering.open('r_1', 'low')
  meter?.start(0)
  item('r_1', { inputTokens: 60, outputTokens: 40, costUsd: 0.3 })
  assert.equal(meter?.exhausted(0), undefined)
  item('r_1', { inputTokens: 60, outputTokens: 40, costUsd: 0.300000001 })
  assert.match(meter?.exhausted(0)?.detail ?? '', /"low" .* 0\.300000001 of 0\.3 USD/)
  assert.equal(exhausted.length, 0)
  item('r_1', { inputTokens: 60, outputTokens: 50 })
  await settled()
  assert.deepEqual(
    exhausted.map(([run, { code }]) => [run, code]),
    [['r_1', 'BUDGET_EXHAUSTED']],
  )
  assert.equal(metering.open('r_2', 'high'), undefined, 'a level without limits needs no meter')
  assert.equal(metering.open('r_2', undefined), undefined)
})

test('what it calls uses the same budget, and is told what is left of it', async () => {
  const { metering, item, exhausted } = makeMetering()
  const meter = metering.open('r_1', 'low')
  assert.deepEqual(meter?.allowance(0), { level: 'low', ...BUDGETS.low })
  meter?.start(0)
  item('r_1', { totalTokens: 30, costUsd: 0.1 })
  meter?.stop(100)
  const child = meter?.child('r_2')
  assert.deepEqual(child?.allowance(100), {
    level: 'low',
    ...BUDGETS.low,
    left: { tokens: 70, costUsd: 0.2, runMs: 900 },
  })
  child?.start(100)
  item('r_2', { totalTokens: 71 }, 'r_1')
  await settled()
  assert.deepEqual(
    exhausted.map(([run]) => run),
    ['r_1'],
    'the run that has the budget ends, and what it called with it',
  )
  assert.equal(child?.exhausted(100)?.code, 'BUDGET_EXHAUSTED')
})

test('time counts while handlers run, for as many as run at once', () => {
  const { metering } = makeMetering()
  const meter = metering.open('r_1', 'standard')
  assert.equal(meter?.dueAt(), Number.POSITIVE_INFINITY)
  meter?.start(0)
  assert.equal(meter?.dueAt(), 1_251, 'with the slack that a link may take')
  meter?.stop(200)
  assert.equal(meter?.dueAt(), Number.POSITIVE_INFINITY)
  const children = ['r_2', 'r_3'].map((run) => meter?.child(run))
  for (const child of children) child?.start(1_000)
  assert.equal(children[0]?.dueAt(), 1_000 + 1_051 / 2)
  children[0]?.stop(1_300)
  assert.equal(children[1]?.exhausted(1_700), undefined, '200 + 2 × 300 + 400 and the slack')
  assert.equal(children[1]?.exhausted(1_751)?.code, 'BUDGET_EXHAUSTED')
})

test('what a worker says of the time it knows better', async () => {
  const { metering, exhausted } = makeMetering()
  const meter = metering.open('r_1', 'standard')
  meter?.start(0)
  const child = meter?.child('r_2')
  assert.match(child?.noteOvertime().detail ?? '', /all of 1000 ms in handlers/)
  await settled()
  assert.deepEqual([exhausted[0]?.[0], meter?.exhausted(0)?.code], ['r_1', 'BUDGET_EXHAUSTED'])
})

test('messages and sources: of the newest attempt, sources once, and what is none is dropped', () => {
  const { metering, hold } = makeMetering()
  hold('r_1')
  const tell = (kind: 'message' | 'source', value: unknown, attempt = 1) =>
    metering.told('r_1', kind, JSON.stringify(value), attempt)
  assert.equal(tell('message', 'first'), '"first"')
  assert.equal(
    tell('source', { url: 'https://a.example', title: 'A', more: 1 }),
    '{"url":"https://a.example","title":"A"}',
  )
  assert.equal(tell('source', { url: 'https://a.example', title: 'B' }), undefined)
  assert.equal(tell('source', { url: 'ftp://a.example' }), undefined)
  assert.equal(tell('message', 7), undefined)
  assert.deepEqual(
    metering.outputOf('r_1')?.unwritten.map(({ data }) => data),
    ['"first"', '{"url":"https://a.example","title":"A"}'],
  )
  tell('message', { role: 'assistant' }, 2)
  assert.equal(tell('message', 'late', 1), undefined)
  const output = metering.outputOf('r_1')
  assert.deepEqual(
    [output?.unwritten.map(({ data }) => data), output?.messages],
    [['{"role":"assistant"}'], 1],
  )
})

test('of messages the newest are kept, a thousand or 1 MiB of them, and all are counted', () => {
  const { metering, hold } = makeMetering()
  hold('r_1')
  for (let n = 0; n < 1_002; n++) metering.told('r_1', 'message', `"${n}"`, 1)
  const output = metering.outputOf('r_1')
  assert.deepEqual(
    [output?.messages, output?.unwritten.length, output?.unwritten[0]?.data],
    [1_002, 1_000, '"2"'],
  )
  const long = JSON.stringify('x'.repeat(100_000))
  for (let n = 0; n < 12; n++) metering.told('r_1', 'message', long, 2)
  assert.deepEqual([output?.messages, output?.unwritten.length], [12, 10])
})

test('what goes with another attempt goes, though it began while the last one was being written', () => {
  const output = new Output(0)
  output.addMessage('"a"', 1)
  const told = output.told
  output.beginAgain(2)
  if (told) output.written(told)
  const { items, dropBefore } = output.told ?? { items: [null], dropBefore: { message: 0 } }
  assert.deepEqual(items, [])
  assert.ok(dropBefore.message > (told?.items[0]?.n ?? 0))
  if (output.told) output.written(output.told)
  assert.equal(output.told, undefined)
})

test('what a durable run has used is written within a tenth of a second, and again when the disk refused', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { metering, clock, writes, disk, hold, use, item } = makeMetering()
  const row = hold('r_1', { budget: 'standard' })
  metering.meterOf(row)?.start(0)
  item('r_9', { steps: 1 })
  clock.advance(50)
  use('r_1', { steps: 1 })
  metering.told('r_1', 'message', '"hi"', 1)
  disk.answer = { ok: false, detail: 'full' }
  t.mock.timers.tick(100)
  await settled()
  const used: UsedSoFar = {
    total: { steps: 1 },
    attempt: 1,
    now: { steps: 1 },
    runMs: 50,
    atMs: Math.round(clock.wallMs()),
    messages: 1,
  }
  const [first, ...none] = writes.splice(0)
  assert.ok(first?.kind === 'run-told' && none.length === 0, 'a task in memory is not written')
  assert.deepEqual([first.seq, first.used, first.told.items.length], [1, used, 1])
  disk.answer = { ok: true }
  t.mock.timers.tick(1_000)
  await settled()
  const [second] = writes.splice(0)
  assert.deepEqual(second, first)
  t.mock.timers.tick(5_000)
  await settled()
  assert.deepEqual(writes, [])
})

test('a run that comes from the disk goes on from what is written there', () => {
  const { metering, clock, hold, use } = makeMetering()
  const atMs = clock.wallMs() - 400
  const used = { total: { steps: 4 }, attempt: 2, now: { steps: 1 }, runMs: 500, atMs, messages: 2 }
  const row = hold('r_1', { budget: 'standard', used, attempt: 2 })
  const meter = metering.meterOf(row)
  meter?.start(clock.monoMs() - 10_000)
  assert.deepEqual(meter?.allowance(clock.monoMs()).left, { runMs: 100 }, 'it ran on while nobody counted')
  use('r_1', { steps: 3 }, 2)
  assert.deepEqual(metering.usageOf('r_1'), { steps: 6 })
  use('r_1', { steps: 1 }, 3)
  const end = metering.endOf(row, { attempt: 3 })
  assert.deepEqual([end.usage, end.messages, end.told?.items], [{ steps: 7 }, 0, []])
  assert.ok((end.told?.dropBefore.message ?? 0) > 0, 'messages of the attempt before go')
  assert.equal(metering.usageOf('r_1'), null)
  assert.deepEqual(metering.endOf(hold('r_2'), { attempt: 1 }), { told: undefined })
  assert.deepEqual(metering.endOf(hold('r_3', { used }), { attempt: 2 }).usage, { steps: 4 })
})

test('a run that waits on disk only takes along what it has used', async () => {
  const { metering, writes, disk, hold, use } = makeMetering()
  const row = hold('r_1')
  use('r_1', { steps: 1 })
  metering.away(row)
  assert.equal(writes[0]?.kind === 'run-told' && writes[0].used.total.steps, 1)
  assert.equal(metering.usageOf('r_1'), null)
  metering.away(row)
  assert.equal(writes.length, 1)
  disk.answer = { ok: false, detail: 'full' }
  use('r_1', { steps: 1 })
  metering.away(row)
  await settled()
  assert.deepEqual(metering.usageOf('r_1'), { steps: 1 }, 'what is not on disk is not forgotten')
  await metering.stop()
})
