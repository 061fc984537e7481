/** Lists over what the core has and what is on disk: nothing twice, nothing left out, and the core's word first. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunStatus } from '@berth/protocol'
import { ManualClock } from '@berth/runtime'
import type { RunReads } from '../ports/run-reads.ts'
import type { DoneRun, LiveRun, StoredRun } from '../ports/stored-run.ts'
import type { TaskPicture } from '../ports/task-look.ts'
import { AllRuns } from './all-runs.ts'
import { HeldRun } from './held-run.ts'
import { MemoryRuns } from './memory-runs.ts'
import { RunSample } from './run-sample.ts'
import { makeLiveRun } from './testing/run-rows.ts'

const T0 = Date.parse('2026-01-01T00:00:00Z')
const ID = 'r_01kdvdna04000100000000000'

/** Ids by their last character; those with a capital letter before it live in memory. */
const idOf = (n: number) => `${ID}${'0123456789abcdefghjkmnpq'[n]}`

function liveRow(n: number, changes: Partial<LiveRun> = {}): LiveRun {
  return makeLiveRun({ seq: n, id: idOf(n), function: 'work', acceptedMs: T0, session: 's1', ...changes })
}

function doneRow(n: number): DoneRun {
  const { failures: _f, losses: _l, boot: _b, fence: _e, ...order } = liveRow(n)
  const end = { status: 'completed', finishedMs: T0 + 9, startedMs: T0 + 1, queueMs: 1, runMs: 8 } as const
  const rest = { error: null, explain: null, webhookState: null, deliveries: 0, resultBytes: 2 }
  return { ...order, ...end, ...rest, isDurable: true, worker: 'w1#2', attempt: 1 }
}

function picture(n: number, changes: Partial<TaskPicture> = {}): TaskPicture {
  return {
    run: idOf(n),
    status: 'queued',
    group: 'default',
    function: 'work',
    contract: 1,
    priority: 100,
    fairnessKey: undefined,
    mode: 'sync',
    isDurable: false,
    worker: undefined,
    attempt: 0,
    acceptedAt: 0,
    startedAt: undefined,
    metadata: undefined,
    parent: undefined,
    history: [],
    ...changes,
  }
}

/** `core`: what the core has. `disk`: the newest first, and how often it was read. */
function makeRuns(core: readonly TaskPicture[], disk: readonly StoredRun[]) {
  const clock = new ManualClock()
  const reading = { lists: 0 }
  const older = (id: string, before: string | null | undefined) => !before || id < before
  const scheduler = {
    newest: (count: number, before: string | undefined, isMeant: (task: TaskPicture) => boolean) =>
      core
        .filter((task) => older(task.run, before) && isMeant(task))
        .sort((a, b) => (a.run < b.run ? 1 : -1))
        .slice(0, count),
    find: (id: string) => core.find((task) => task.run === id),
    cancel: () => assert.fail('not here'),
    reprioritise: () => assert.fail('not here'),
    explain: () => undefined,
    explainDry: () => assert.fail('not here'),
  }
  const bytes = Buffer.from('{"a":1}')
  const reads: Partial<RunReads> = {
    files: async () => [],
    async list(filter, limit, before) {
      reading.lists++
      const isMeant = ({ run }: StoredRun) => !filter.status || filter.status.includes(run.status)
      return disk.filter((one) => older(one.run.id, before) && isMeant(one)).slice(0, limit)
    },
    count: async (_, atMost) => Math.min(atMost, disk.length),
    find: async (id) => disk.find(({ run }) => run.id === id) ?? null,
    payload: async () => ({ mediaType: '', bytes, head: null }),
    result: async () => ({ mediaType: 'image/png', bytes: Buffer.from('PNG') }),
  }
  const held = (id: string) => {
    const found = disk.find(({ kind, run }) => kind === 'live' && run.id === id)
    if (found?.kind !== 'live' || !scheduler.find(id)) return undefined
    return new HeldRun(found.run, { mediaType: '', bytes, head: null }, 'live', clock, () => {})
  }
  const fleet = { workers: () => [] }
  const sample = new RunSample()
  const memory = new MemoryRuns({ scheduler, sample, fleet, clock, rowOf: (id) => held(id)?.row })
  const durable = {
    held,
    cancel: async () => undefined,
    reprioritise: async () => undefined,
    watch: async () => undefined,
  }
  const isRecorded = () => false
  const progressOf = (id: string) => (id === idOf(4) ? { fraction: 0.5, text: null } : null)
  const options = {
    memory,
    durable,
    reads: reads as RunReads,
    scheduler,
    fleet,
    clock,
    isRecorded,
    progressOf,
    outputOf: () => undefined,
  }
  return { runs: new AllRuns(options), reading }
}

const live = (n: number, changes?: Partial<LiveRun>): StoredRun => ({
  kind: 'live',
  run: liveRow(n, changes),
})
const done = (n: number): StoredRun => ({ kind: 'done', run: doneRow(n) })
const numbers = (views: readonly { readonly id: string }[]) =>
  views.map(({ id }) => '0123456789abcdefghjkmnpq'.indexOf(id.slice(-1)))

test('a list has both kinds in the order of ids, and each once', async () => {
  const core = [
    picture(2),
    picture(5),
    picture(4, { isDurable: true, status: 'running', startedAt: 3, worker: 'w1' }),
  ]
  const { runs } = makeRuns(core, [done(6), live(4), done(3), live(1)])
  assert.deepEqual(numbers(await runs.list({}, 10)), [6, 5, 4, 3, 2, 1])
  assert.deepEqual(numbers(await runs.list({}, 3)), [6, 5, 4])
  assert.deepEqual(numbers(await runs.list({}, 3, idOf(4))), [3, 2, 1])
  assert.equal(await runs.count({}, 100), 6)
})

test('what the core knows of a run goes before its row, for what is shown and for what is meant', async () => {
  const started = { isDurable: true, status: 'running', startedAt: 3, worker: 'w1#7', attempt: 2 } as const
  const { runs } = makeRuns([picture(4, started)], [live(4), live(1)])
  const [shown] = await runs.list({ status: ['running'] }, 10)
  assert.deepEqual([shown?.id, shown?.worker, shown?.attempt, shown?.session], [idOf(4), 'w1', 2, 's1'])
  assert.deepEqual(numbers(await runs.list({ status: ['queued'] }, 10)), [1], 'its row still says queued')
})

test('a page is filled from further down when the core has changed what is meant', async () => {
  const statuses: RunStatus[] = ['queued']
  const core = [6, 5, 4, 3].map((n) => picture(n, { isDurable: true, status: 'running', startedAt: 1 }))
  const { runs, reading } = makeRuns(
    core,
    [6, 5, 4, 3, 2, 1].map((n) => live(n)),
  )
  assert.deepEqual(numbers(await runs.list({ status: statuses }, 2)), [2, 1])
  assert.equal(reading.lists, 3)
})

test('however much the core has, no more of the disk is read than a page shows', async () => {
  const numbersDown = Array.from({ length: 12 }, (_, at) => 12 - at)
  const core = numbersDown.filter((n) => n !== 7).map((n) => picture(n, { isDurable: n !== 9 }))
  const disk = numbersDown.filter((n) => n !== 9).map((n) => live(n))
  const { runs, reading } = makeRuns(core, disk)
  assert.deepEqual(numbers(await runs.list({ status: ['queued'] }, 3)), [12, 11, 10])
  assert.equal(reading.lists, 1)
  const all: number[] = []
  for (let before: string | undefined; ; ) {
    const page = await runs.list({ status: ['queued'] }, 5, before)
    all.push(...numbers(page))
    before = page.at(-1)?.id
    if (page.length < 5) break
  }
  assert.deepEqual(all, numbersDown)
})

test('one run is shown with its input and its result, bytes as base64', async () => {
  const { runs } = makeRuns([picture(4, { isDurable: true })], [done(6), live(4)])
  const ended = await runs.find(idOf(6))
  assert.deepEqual(ended?.input, { a: 1 })
  assert.deepEqual(ended?.result, { mediaType: 'image/png', size: 3, base64: 'UE5H' })
  assert.equal(ended?.worker, 'w1')
  const waiting = await runs.find(idOf(4))
  assert.deepEqual([waiting?.input, waiting?.result, waiting?.status], [{ a: 1 }, null, 'queued'])
  assert.deepEqual([waiting?.progress, ended?.progress], [{ fraction: 0.5, text: null }, null])
  assert.equal(await runs.find(idOf(9)), undefined)
  assert.equal(await runs.find('nobody'), undefined)
})
