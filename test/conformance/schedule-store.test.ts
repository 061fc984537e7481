/** What every store promises of schedules, run against each of them (port: balancer/src/ports/schedule-store.ts). */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type { RunWrite } from '../../balancer/src/ports/run-writes.ts'
import type { ScheduleClaim, ScheduleOrder, ScheduleWrite } from '../../balancer/src/ports/schedule-store.ts'
import { finished, makeRun, payloadOf, RunBench, T0 } from './run-store-bench.ts'
import { KINDS, type Place } from './store-places.ts'

function order(id: string, changes: Partial<ScheduleOrder> = {}): ScheduleOrder {
  return {
    id,
    group: 'default',
    function: 'hello',
    session: null,
    terms: { type: 'cron', cron: '* * * * *', timezone: 'Europe/Vienna' },
    overlap: 'skip',
    missed: 'once',
    enabled: true,
    order: '{"function":"hello"}',
    body: '{"function":"hello","metadata":{"a":"ü"}}',
    createdMs: T0,
    updatedMs: T0 + 1,
    anchorMs: T0 + 2,
    ...changes,
  }
}

function set(
  schedule: ScheduleOrder,
  nextMs: number | null,
  changes: Partial<Extract<ScheduleWrite, { kind: 'schedule-set' }>> = {},
): ScheduleWrite {
  const payload = payloadOf(`{"of":"${schedule.id}"}`)
  return { kind: 'schedule-set', schedule, nextMs, doneMs: null, dropsWaiting: false, payload, ...changes }
}

function claim(schedule: string, instantMs: number, changes: Partial<ScheduleClaim> = {}): ScheduleClaim {
  return {
    schedule,
    instantMs,
    atMs: instantMs + 3,
    outcome: 'fired',
    run: null,
    count: 1,
    detail: null,
    expectedMs: instantMs,
    nextMs: instantMs + 60_000,
    isDone: false,
    ...changes,
  }
}

function pass(...values: Parameters<typeof claim>): ScheduleWrite {
  return { kind: 'schedule-passed', claim: claim(...values) }
}

/** A run of a schedule, and the claim of the instant that fires it. */
function fire(seq: number, ...[schedule, instantMs, changes]: Parameters<typeof claim>): RunWrite {
  const run = makeRun(seq, { schedule, scheduledForMs: instantMs, trigger: 'schedule' })
  const runs = [{ run, payload: payloadOf('{}') }]
  return {
    kind: 'runs-accepted',
    runs,
    key: null,
    claim: claim(schedule, instantMs, { run: run.id, ...changes }),
  }
}

async function open(context: TestContext, place: Place): Promise<RunBench> {
  const bench = await RunBench.open(place)
  context.after(() => bench.close())
  return bench
}

const NO_COUNTS = { fired: 0, skipped: 0, missed: 0, refused: 0 }
const NEW = { lastMs: null, doneMs: null, lastRun: null, counts: NO_COUNTS, waiting: 0 }

for (const [kind, newPlace] of Object.entries(KINDS)) {
  describe(`schedules in a ${kind} store`, () => {
    test('a schedule is found as it was set, with its payload, and set anew', async (context) => {
      const place = newPlace()
      const bench = await open(context, place)
      const first = order('s_1')
      await bench.write(set(first, T0 + 60_000))
      assert.deepEqual(await bench.reads.schedule('s_1'), { ...first, ...NEW, nextMs: T0 + 60_000 })
      assert.deepEqual(await bench.reads.schedulePayload('s_1'), payloadOf('{"of":"s_1"}'))
      const changed = order('s_1', {
        group: 'gpu',
        function: 'paint',
        terms: { type: 'interval', intervalSeconds: 5 },
        enabled: false,
      })
      await bench.write(set(changed, null, { payload: null, doneMs: T0 + 9 }))
      assert.deepEqual(await bench.reads.schedule('s_1'), {
        ...changed,
        ...NEW,
        nextMs: null,
        doneMs: T0 + 9,
      })
      assert.deepEqual(await bench.reads.schedulePayload('s_1'), payloadOf('{"of":"s_1"}'))
      await bench.write({ kind: 'schedule-removed', id: 's_1' }, { kind: 'schedule-removed', id: 's_none' })
      for (const name of ['schedule', 'schedulePayload', 'dueSchedule'] as const)
        assert.equal(await bench.reads[name]('s_1'), null)
    })

    test('an instant is claimed once, with its run and the step to the next or not at all', async (context) => {
      const bench = await open(context, newPlace())
      const at = T0 + 60_000
      await bench.write(set(order('s_1'), at))
      await bench.write(fire(1, 's_1', at))
      assert.deepEqual(await bench.reads.scheduleFires('s_1', 10), [
        {
          schedule: 's_1',
          instantMs: at,
          atMs: at + 3,
          outcome: 'fired',
          run: makeRun(1).id,
          count: 1,
          detail: null,
        },
      ])
      const { nextMs, lastMs, lastRun, counts } = (await bench.reads.schedule('s_1')) ?? assert.fail()
      assert.deepEqual(
        [nextMs, lastMs, lastRun, counts],
        [at + 60_000, at, makeRun(1).id, { ...NO_COUNTS, fired: 1 }],
      )
      // Claimed before; not the next one; of nobody; and of the right instant whose claim is there.
      assert.match((await bench.try(fire(2, 's_1', at))) ?? '', /does not fire/)
      assert.match((await bench.try(fire(3, 's_1', at + 1))) ?? '', /does not fire/)
      assert.match((await bench.try(fire(4, 's_none', at))) ?? '', /does not fire/)
      await bench.write(set(order('s_1'), at))
      assert.match((await bench.try(fire(5, 's_1', at))) ?? '', /UNIQUE/)
      assert.equal((await bench.reads.schedule('s_1'))?.nextMs, at, 'the step is undone')
      assert.equal(await bench.reads.count({}, 100), 1)
      // What stands beside a refused claim is not harmed.
      assert.notEqual(await bench.try(fire(6, 's_1', at), set(order('s_2'), at)), undefined)
      assert.notEqual(await bench.reads.schedule('s_2'), null)
    })

    test('what an instant stands for is counted by its outcome', async (context) => {
      const bench = await open(context, newPlace())
      await bench.write(
        set(order('s_1'), 1_000),
        pass('s_1', 9_000, {
          outcome: 'missed',
          count: 9,
          expectedMs: 1_000,
          nextMs: 10_000,
          detail: 'down',
        }),
        pass('s_1', 10_000, { outcome: 'skipped', nextMs: 11_000 }),
        pass('s_1', 11_000, { outcome: 'refused', nextMs: 12_000 }),
        fire(1, 's_1', 15_000, { count: 4, expectedMs: 12_000, nextMs: 16_000 }),
      )
      const found = (await bench.reads.schedule('s_1')) ?? assert.fail()
      assert.deepEqual(found.counts, { fired: 1, skipped: 1, missed: 12, refused: 1 })
      assert.deepEqual([found.nextMs, found.lastMs], [16_000, 15_000])
      const fires = await bench.reads.scheduleFires('s_1', 2)
      assert.deepEqual(
        fires.map(({ instantMs, outcome, count, detail }) => [instantMs, outcome, count, detail]),
        [
          [15_000, 'fired', 4, null],
          [11_000, 'refused', 1, null],
        ],
      )
    })

    test('one that waits is claimed a second time, in its place', async (context) => {
      const place = newPlace()
      const bench = await open(context, place)
      await bench.write(
        set(order('s_1', { overlap: 'queue' }), 1_000),
        pass('s_1', 1_000, { outcome: 'waiting', nextMs: 2_000 }),
        pass('s_1', 2_000, { outcome: 'waiting', nextMs: 3_000 }),
      )
      assert.equal((await bench.reads.schedule('s_1'))?.waiting, 2)
      assert.equal((await bench.reads.dueSchedule('s_1'))?.waitingMs, 1_000)
      await bench.write(fire(1, 's_1', 1_000, { expectedMs: null, nextMs: null }))
      const found = (await bench.reads.dueSchedule('s_1')) ?? assert.fail()
      assert.deepEqual(
        [found.waitingMs, found.isBusy, found.schedule.waiting, found.schedule.nextMs, found.schedule.counts],
        [2_000, true, 1, 3_000, { ...NO_COUNTS, fired: 1 }],
      )
      assert.match((await bench.try(fire(2, 's_1', 1_000, { expectedMs: null }))) ?? '', /waits/)
      const contents = await RunBench.open(place)
      context.after(() => contents.close())
      assert.deepEqual(contents.schedules, { count: 1, nextMs: 3_000, lastMs: 2_000, waiting: ['s_1'] })
      await bench.write(set(order('s_1'), 3_000, { dropsWaiting: true }))
      const dropped = (await bench.reads.schedule('s_1')) ?? assert.fail()
      assert.deepEqual([dropped.waiting, dropped.counts.skipped], [0, 1])
      assert.equal((await bench.reads.dueSchedule('s_1'))?.waitingMs, null)
    })

    test('one that fires once is done, kept for a while and removed with all it has', async (context) => {
      const bench = await open(context, newPlace())
      const terms = { type: 'delayed', delayInSeconds: 1 } as const
      await bench.write(
        set(order('s_1', { terms }), 1_000),
        set(order('s_2', { terms }), 2_000),
        fire(1, 's_1', 1_000, { nextMs: null, isDone: true, atMs: 1_500 }),
      )
      const { enabled, doneMs, nextMs } = (await bench.reads.schedule('s_1')) ?? assert.fail()
      assert.deepEqual([enabled, doneMs, nextMs], [false, 1_500, null])
      await bench.write({ kind: 'schedule-retention', doneBeforeMs: 1_500, limit: 10 })
      assert.notEqual(await bench.reads.schedule('s_1'), null)
      await bench.write({ kind: 'schedule-retention', doneBeforeMs: 1_501, limit: 10 })
      assert.deepEqual(
        (await bench.reads.schedules({}, 10, null)).map(({ id }) => id),
        ['s_2'],
      )
      assert.deepEqual(await bench.reads.scheduleFires('s_1', 10), [])
      assert.equal(await bench.reads.count({ schedule: 's_1' }, 10), 1, 'its runs stay')
    })

    test('a run that was taken back gives its instant back', async (context) => {
      const bench = await open(context, newPlace())
      const terms = { type: 'delayed', delayInSeconds: 1 } as const
      const once = { nextMs: null, isDone: true, run: makeRun(1).id }
      await bench.write(set(order('s_1', { terms }), 1_000), fire(1, 's_1', 1_000, once))
      const unfired = { kind: 'schedule-unfired', seq: 1, claim: claim('s_1', 1_000, once) } as const
      await bench.write(unfired, unfired)
      assert.deepEqual(await bench.reads.schedule('s_1'), {
        ...order('s_1', { terms }),
        ...NEW,
        nextMs: 1_000,
        lastRun: makeRun(1).id,
      })
      assert.equal(await bench.reads.find(makeRun(1).id), null)
      await bench.write(fire(2, 's_1', 1_000, { nextMs: null, isDone: true }))
      const late = { kind: 'schedule-unfired', seq: 9, claim: claim('s_1', 1_000, once) } as const
      await bench.write(late)
      assert.equal((await bench.reads.schedule('s_1'))?.counts.fired, 1, 'that of another run stays')
    })

    test('those that are due come in order, with what their next step needs', async (context) => {
      const bench = await open(context, newPlace())
      await bench.write(
        set(order('s_1'), 3_000),
        set(order('s_2'), 1_000),
        set(order('s_3'), null),
        set(order('s_4'), 9_000),
        set(order('s_5'), 2_000),
      )
      const before = await bench.reads.dueSchedules(3_000, 10)
      assert.deepEqual(
        before.due.map(({ schedule, isBusy, payload }) => [
          schedule.id,
          isBusy,
          new TextDecoder().decode(payload.bytes),
        ]),
        [
          ['s_2', false, '{"of":"s_2"}'],
          ['s_5', false, '{"of":"s_5"}'],
          ['s_1', false, '{"of":"s_1"}'],
        ],
      )
      assert.equal(before.nextMs, 9_000)
      assert.equal((await bench.reads.dueSchedules(3_000, 2)).due.length, 2)
      assert.deepEqual(await bench.reads.dueSchedules(500, 2), { due: [], nextMs: 1_000 })
      await bench.write(fire(1, 's_2', 1_000, { nextMs: 2_500 }))
      const isBusy = async () => (await bench.reads.dueSchedules(2_600, 10)).due.map((one) => one.isBusy)
      assert.deepEqual(await isBusy(), [false, true])
      await bench.write(finished(1))
      assert.deepEqual(await isBusy(), [false, false])
    })

    test('of large payloads some come at a time', async (context) => {
      const bench = await open(context, newPlace())
      const payload = { mediaType: '', bytes: new Uint8Array(3 * 1024 * 1024), head: null }
      for (const id of ['s_1', 's_2', 's_3']) await bench.write(set(order(id), 1_000, { payload }))
      const { due } = await bench.reads.dueSchedules(1_000, 10)
      assert.ok(due.length >= 1 && (kind === 'memory' || due.length === 2), `${due.length}`)
    })

    test('lists are narrowed and paged, the newest first', async (context) => {
      const bench = await open(context, newPlace())
      const interval = { type: 'interval', intervalSeconds: 5 } as const
      await bench.write(
        set(order('s_1'), 1),
        set(order('s_2', { group: 'gpu', session: 'talk', terms: interval }), 2),
        set(order('s_3', { function: 'other', enabled: false }), null),
      )
      const ids = async (...values: Parameters<RunBench['reads']['schedules']>) =>
        (await bench.reads.schedules(...values)).map(({ id }) => id)
      assert.deepEqual(await ids({}, 10, null), ['s_3', 's_2', 's_1'])
      assert.deepEqual(await ids({}, 1, 's_3'), ['s_2'])
      assert.deepEqual(await ids({ group: 'gpu' }, 10, null), ['s_2'])
      assert.deepEqual(await ids({ function: 'hello' }, 10, null), ['s_2', 's_1'])
      assert.deepEqual(await ids({ type: 'interval' }, 10, null), ['s_2'])
      assert.deepEqual(await ids({ enabled: false }, 10, null), ['s_3'])
      assert.deepEqual(await ids({ session: 'talk' }, 10, null), ['s_2'])
      assert.equal((await bench.reads.schedule('s_2'))?.session, 'talk')
      assert.deepEqual(await ids({ enabled: true, group: 'default' }, 10, null), ['s_1'])
    })

    test('of a long history the newest entries stay', async (context) => {
      const bench = await open(context, newPlace())
      await bench.write(set(order('s_1'), 1))
      const writes = Array.from({ length: 1_250 }, (_, at) => pass('s_1', at + 1, { nextMs: at + 2 }))
      await bench.write(...writes)
      const fires = await bench.reads.scheduleFires('s_1', 5_000)
      assert.ok(fires.length >= 1_000 && fires.length <= 1_150, `${fires.length}`)
      assert.deepEqual([fires[0]?.instantMs, fires.at(-1)?.instantMs], [1_250, 1_251 - fires.length])
      assert.equal((await bench.reads.schedule('s_1'))?.counts.fired, 1_250)
    })
  })
}
