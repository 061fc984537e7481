import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ScheduleTerms } from '../../ports/schedule-store.ts'
import type { JudgedChange, WantedSchedule } from '../../ports/schedules.ts'
import { type Fire, newRun, ScheduleBench, want } from './testing/schedule-bench.ts'

const SECOND = 1_000
const MINUTE = 60_000
const HOUR = 3_600_000
const DAY = 24 * HOUR
const START = Date.UTC(2026, 0, 1)

const cron = (text: string): ScheduleTerms => ({ type: 'cron', cron: text, timezone: 'UTC' })
const every = (intervalSeconds: number): ScheduleTerms => ({ type: 'interval', intervalSeconds })
const EVERY_SECOND = cron('* * * * * *')
const EVERY_MINUTE = cron('* * * * *')

function seconds(from: number, to: number, step = 1): number[] {
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, at) => from + at * step)
}

function changeTo(wanted: Partial<WantedSchedule> & { terms: ScheduleTerms }, isRestart: boolean) {
  return (): JudgedChange => ({ ok: true, wanted: want(wanted), isRestart, isSameTask: false })
}

describe('schedules', () => {
  it('fire what they carry, once at each instant, and say which it is', async () => {
    const bench = await ScheduleBench.start()
    const run = newRun({ priority: 7, metadata: { a: 'b' }, session: 's', budget: 'low' })
    const { id, upcomingMs, nextMs } = await bench.create({ terms: EVERY_MINUTE, run })
    const first = START + MINUTE
    assert.equal(nextMs, first)
    assert.deepEqual(
      upcomingMs,
      [0, 1, 2, 3, 4].map((at) => first + at * MINUTE),
    )
    await bench.advance(3 * MINUTE)
    assert.deepEqual(bench.seconds(), [60, 120, 180])
    const fire = bench.fires[0] ?? assert.fail()
    const { payload, ...order } = run
    assert.deepEqual(fire.order, {
      ...JSON.parse(JSON.stringify(order)),
      payload,
      trigger: 'schedule',
      schedule: id,
      scheduledForMs: first,
    })
    assert.equal(fire.atMs, first)
    const found = await bench.find(id)
    assert.deepEqual(
      found.fires.map(({ outcome, instantMs, run: fired }) => [outcome, instantMs, fired]),
      bench.fires.map(({ forMs, run: fired }) => ['fired', forMs, fired]).reverse(),
    )
    assert.equal(found.counts.fired, 3)
    await bench.stop()
  })

  it('show the instants of a time that nobody has made a schedule of, and those of a day', async () => {
    const bench = await ScheduleBench.start()
    const { schedules } = bench
    const shown = (terms: ScheduleTerms, count = 3) => {
      const read = schedules.preview(terms, count)
      return read.ok ? read.instantsMs.map((ms) => (ms - START) / SECOND) : read.error.errors?.[0]?.pointer
    }
    assert.deepEqual(shown(EVERY_MINUTE), [60, 120, 180])
    assert.deepEqual(shown(every(90)), [90, 180, 270])
    assert.deepEqual(shown({ type: 'delayed', delayInSeconds: 60 }), [60])
    assert.deepEqual(shown({ type: 'scheduled', date: '2020-01-01T00:00:00Z' }), [0])
    assert.equal(shown(cron('61 * * * *')), '/cron')
    assert.equal(shown({ type: 'cron', cron: '* * * * *', timezone: 'Nowhere' }), '/timezone')
    const hourly = await bench.create({ terms: cron('0 * * * *') })
    const dense = await bench.create({ terms: EVERY_SECOND })
    const later = await bench.create({ terms: { type: 'delayed', delayInSeconds: 3 * 86_400 } })
    await bench.create({ terms: EVERY_MINUTE, enabled: false })
    const { rows, isCapped } = await schedules.calendar(START, START + DAY, 10)
    assert.deepEqual(
      rows.map(({ schedule, instantsMs, isDense }) => [schedule.id, instantsMs.length, isDense]),
      [
        [dense.id, 288, true],
        [hourly.id, 24, false],
      ],
    )
    assert.deepEqual([isCapped, (await schedules.calendar(START, START + DAY, 2)).isCapped], [false, true])
    const week = await schedules.calendar(START, START + 7 * DAY, 10)
    assert.deepEqual(week.rows.find(({ schedule }) => schedule.id === later.id)?.instantsMs, [
      START + 3 * DAY,
    ])
    await bench.stop()
  })

  it('skip, queue or allow a run beside another, exactly (J8)', async () => {
    const bench = await ScheduleBench.start()
    bench.runMs = 2_900
    const ids = new Map<string, string>()
    for (const overlap of ['skip', 'queue', 'allow'] as const)
      ids.set(overlap, (await bench.create({ terms: EVERY_SECOND, overlap })).id)
    await bench.advance(30 * SECOND)
    assert.deepEqual(bench.seconds(ids.get('allow')), seconds(1, 30))
    assert.deepEqual(bench.seconds(ids.get('skip')), seconds(1, 30, 3))
    const queued = bench.fires.filter(({ schedule }) => schedule === ids.get('queue'))
    assert.deepEqual(bench.seconds(ids.get('queue')), seconds(1, queued.length))
    assert.equal(queued.length, Math.ceil(29_001 / 2_900))
    for (const [at, { atMs }] of queued.entries()) assert.equal(atMs, START + SECOND + at * 2_900)
    const skipping = await bench.find(ids.get('skip') ?? '')
    assert.deepEqual(skipping.counts, { fired: 10, skipped: 20, missed: 0, refused: 0 })
    assert.equal(skipping.fires.filter(({ outcome }) => outcome === 'skipped').length, 20)
    assert.equal((await bench.find(ids.get('queue') ?? '')).waiting, 30 - queued.length)
    await bench.stop()
  })

  it('let at most a hundred instants wait, over a restart, and give them up when told so', async () => {
    const bench = await ScheduleBench.start()
    bench.runMs = Number.POSITIVE_INFINITY
    const { id } = await bench.create({ terms: EVERY_SECOND, overlap: 'queue' })
    await bench.advance(120 * SECOND)
    const { waiting, counts } = await bench.find(id)
    assert.deepEqual([waiting, counts.fired, counts.skipped], [100, 1, 19])
    await bench.crash()
    await bench.boot()
    await bench.end(bench.fires[0]?.run ?? '')
    await bench.advance(0)
    assert.deepEqual(bench.seconds(), [1, 2], 'the next one goes when the one before has ended')
    await bench.schedules.change(
      id,
      changeTo({ terms: EVERY_SECOND, overlap: 'queue', enabled: false }, false),
    )
    assert.equal((await bench.find(id)).waiting, 0)
    await bench.end(bench.fires[1]?.run ?? '')
    await bench.advance(10 * SECOND)
    assert.deepEqual(bench.seconds(), [1, 2])
    await bench.stop()
  })

  it('release what begins to wait just as the run before it ends', async () => {
    const bench = await ScheduleBench.start()
    bench.runMs = 10 * SECOND
    await bench.create({ terms: every(10), overlap: 'queue' })
    await bench.advance(65 * SECOND)
    assert.deepEqual(bench.seconds(), seconds(10, 60, 10))
    assert.deepEqual(
      bench.fires.map(({ atMs }) => (atMs - START) / SECOND),
      seconds(10, 60, 10),
    )
    await bench.stop()
  })

  it('fire in time though they are made while others are looked at', async () => {
    const bench = await ScheduleBench.start()
    bench.readTurns = 3
    const other = await bench.create({ terms: every(10), overlap: 'allow' })
    for (let round = 0; round < 90; round++) {
      await bench.advance(9_500)
      // The instant of the other comes now, and is looked at in so many turns.
      const advancing = bench.advance(500)
      await bench.breathe(round % 9)
      await bench.create({ terms: { type: 'delayed', delayInSeconds: 2 } })
      await advancing
    }
    await bench.advance(3 * SECOND)
    const late = bench.fires.filter(({ forMs, atMs }) => atMs - (forMs ?? 0) > 25)
    assert.deepEqual(late, [])
    assert.equal(bench.fires.filter(({ schedule }) => schedule !== other.id).length, 90)
    await bench.stop()
  })

  it('of a time given anew begin behind what has fired, also when the clock was put back', async () => {
    const bench = await ScheduleBench.start()
    const date = '2026-01-01T00:30:00Z'
    const dated = await bench.create({ terms: { type: 'scheduled', date } })
    const { id } = await bench.create({ terms: EVERY_MINUTE })
    await bench.advance(HOUR)
    bench.clock.setWall(START)
    const changed = await bench.schedules.change(id, changeTo({ terms: every(30) }, true))
    assert.equal(changed?.ok && changed.schedule.nextMs, START + HOUR + 30 * SECOND)
    await bench.schedules.change(dated.id, changeTo({ terms: { type: 'scheduled', date } }, true))
    await bench.advance(40 * MINUTE)
    assert.deepEqual(bench.seconds(dated.id), [1_800, 1_800.001])
    assert.equal(bench.fires.length, 62)
    await bench.stop()
  })

  it('fire once though a run that was triggered by hand goes on', async () => {
    const bench = await ScheduleBench.start()
    bench.runMs = Number.POSITIVE_INFINITY
    const { id } = await bench.create({ terms: { type: 'delayed', delayInSeconds: 5 } })
    await bench.schedules.trigger(id, 'api')
    await bench.advance(10 * SECOND)
    assert.deepEqual(
      bench.fires.map(({ forMs }) => forMs),
      [null, START + 5 * SECOND],
    )
    await bench.stop()
  })

  it('release what waited while its balancer was down', async () => {
    const bench = await ScheduleBench.start()
    bench.runMs = Number.POSITIVE_INFINITY
    await bench.create({ terms: every(10), overlap: 'queue' })
    await bench.advance(25 * SECOND)
    await bench.crash()
    await bench.end(bench.fires[0]?.run ?? '')
    await bench.boot()
    await bench.advance(0)
    assert.deepEqual(bench.seconds(), [10, 20])
    await bench.stop()
  })

  it('fire what is late by less than a minute, each once, and know what was missed (J9)', async () => {
    const bench = await ScheduleBench.start()
    const short = await bench.create({ terms: every(10), overlap: 'allow' })
    await bench.advance(15 * SECOND)
    await bench.crash()
    bench.clock.advance(40 * SECOND)
    await bench.boot()
    await bench.advance(0)
    assert.deepEqual(bench.seconds(short.id), [10, 20, 30, 40, 50])
    await bench.schedules.remove(short.id)

    const ids = new Map<string, string>()
    for (const missed of ['skip', 'once'] as const)
      ids.set(missed, (await bench.create({ terms: cron('*/10 * * * *'), missed })).id)
    const interval = await bench.create({ terms: every(1), missed: 'once' })
    await bench.crash()
    bench.clock.advance(3 * DAY + 5 * MINUTE)
    bench.fires.length = 0
    await bench.boot()
    await bench.advance(0)
    const lastTen = START + 3 * DAY
    assert.deepEqual(
      bench.fires.filter(({ schedule }) => schedule === ids.get('skip')),
      [],
    )
    const once = bench.fires.filter(({ schedule }) => schedule === ids.get('once'))
    assert.deepEqual(
      once.map(({ forMs }) => forMs),
      [lastTen],
    )
    const minuteAgo = bench.clock.wallMs() - MINUTE
    const isOld = ({ schedule, forMs }: Fire) => schedule === interval.id && (forMs ?? 0) < minuteAgo
    assert.deepEqual(bench.fires.filter(isOld).length, 1)
    const skipped = await bench.find(ids.get('skip') ?? '')
    assert.deepEqual(skipped.counts, { fired: 0, skipped: 0, missed: 432, refused: 0 })
    assert.equal(skipped.fires[0]?.count, 432)
    assert.equal(skipped.nextMs, lastTen + 10 * MINUTE)
    assert.equal((await bench.find(ids.get('once') ?? '')).counts.missed, 431)
    await bench.advance(10 * MINUTE)
    assert.equal(bench.fires.filter(({ schedule }) => schedule === ids.get('skip')).length, 1)
    await bench.stop()
  })

  it('miss only what is late by more than a minute, and fire each instant of the last one', async () => {
    const bench = await ScheduleBench.start()
    const ids = new Map<string, string>()
    for (const missed of ['skip', 'once'] as const) {
      const terms = { terms: EVERY_SECOND, overlap: 'allow', missed } as const
      ids.set(missed, (await bench.create(terms)).id)
    }
    const tens = await bench.create({ terms: every(10), overlap: 'allow' })
    const edge = await bench.create({ terms: every(31), overlap: 'allow' })
    const alone = await bench.create({ terms: every(30), missed: 'once' })
    bench.runMs = 1
    await bench.crash()
    bench.clock.advance(91 * SECOND)
    await bench.boot()
    await bench.breathe(600)
    assert.deepEqual(bench.seconds(ids.get('skip')), seconds(31, 91), 'those of the last minute')
    assert.deepEqual(bench.seconds(ids.get('once')), seconds(30, 91), 'and one for those before')
    assert.deepEqual(bench.seconds(tens.id), seconds(40, 90, 10))
    assert.deepEqual(bench.seconds(edge.id), [31, 62], 'just a minute late is in time')
    // It is busy with the one for what it missed.
    assert.deepEqual(bench.seconds(alone.id), [30])
    assert.deepEqual((await bench.find(alone.id)).counts, { fired: 1, skipped: 2, missed: 0, refused: 0 })
    const { counts } = await bench.find(ids.get('skip') ?? '')
    assert.deepEqual(counts, { fired: 61, skipped: 0, missed: 30, refused: 0 })
    assert.equal((await bench.find(ids.get('once') ?? '')).counts.missed, 29)
    assert.deepEqual((await bench.find(tens.id)).counts, { fired: 6, skipped: 0, missed: 3, refused: 0 })
    await bench.advance(9 * SECOND)
    assert.deepEqual(bench.seconds(tens.id), seconds(40, 100, 10))
    await bench.stop()
  })

  it('fire nothing twice and nothing in a burst when the clock is set (J1)', async () => {
    const bench = await ScheduleBench.start()
    const { id } = await bench.create({ terms: EVERY_MINUTE })
    await bench.advance(10 * MINUTE)
    assert.equal(bench.fires.length, 10)
    bench.clock.setWall(bench.clock.wallMs() - HOUR)
    await bench.advance(59 * MINUTE)
    assert.equal(bench.fires.length, 10, 'rests until the clock is past what has fired')
    await bench.advance(3 * MINUTE)
    assert.deepEqual(bench.seconds(), seconds(60, 720, 60))
    bench.clock.setWall(bench.clock.wallMs() + HOUR)
    await bench.advance(2 * MINUTE)
    const forward = bench.seconds()
    assert.equal(forward.length, 15, 'the hour that was left out is missed, but for its last minute')
    assert.deepEqual(forward, [...new Set(forward)])
    assert.equal((await bench.find(id)).counts.missed, 59)
    bench.clock.setWall(bench.clock.wallMs() - 3_652 * DAY)
    await bench.advance(HOUR)
    assert.equal(bench.fires.length, 15)
    const warned = bench.lines.filter((line) => /the clock was put/.test(line))
    assert.equal(warned.length, 3)
    await bench.stop()
  })

  it('catch up with no half century when a clock begins in 1970 (J2)', async () => {
    const bench = await ScheduleBench.start({ wallMs: 1_000 })
    const made = [
      await bench.create({ terms: EVERY_SECOND, missed: 'once', overlap: 'allow' }),
      await bench.create({ terms: every(1), overlap: 'allow' }),
    ]
    await bench.advance(2 * SECOND)
    const before = bench.fires.length
    bench.clock.setWall(START)
    await bench.advance(SECOND)
    await bench.breathe(600)
    const [once, skip] = made.map(({ id }) => bench.seconds(id).filter((at) => at > -HOUR))
    // It is looked at a second after the clock is set.
    assert.deepEqual(skip, seconds(-59, 1), 'the last minute')
    assert.deepEqual(once, seconds(-60, 1), 'and one for all before')
    const caught = bench.fires.length - before
    await bench.crash()
    bench.clock.setWall(1_000)
    await bench.boot()
    await bench.advance(MINUTE)
    assert.ok(bench.lines.some((line) => line.includes('the clock is behind what schedules have fired')))
    assert.equal(bench.fires.length - before, caught)
    await bench.stop()
  })

  it('do not drift (J14)', async () => {
    const bench = await ScheduleBench.start()
    bench.clock.advance(123.4)
    await bench.create({ terms: every(90) })
    await bench.advance(6 * HOUR)
    assert.equal(bench.fires.length, (6 * HOUR) / (90 * SECOND))
    for (const [at, { forMs }] of bench.fires.entries())
      assert.equal(forMs, START + 123.4 + (at + 1) * 90 * SECOND)
    await bench.stop()
  })

  it('fire once after a delay or at a date, stay switched off, and begin anew with a new time (J13)', async () => {
    const bench = await ScheduleBench.start()
    const terms = { type: 'delayed', delayInSeconds: 5 } as const
    const delayed = await bench.create({ terms })
    const dated = await bench.create({ terms: { type: 'scheduled', date: '2026-01-01T00:00:07.500Z' } })
    const past = await bench.create({ terms: { type: 'scheduled', date: '1999-12-31T23:59:59+02:00' } })
    const now = await bench.create({ terms: { type: 'delayed', delayInSeconds: 0 } })
    const far = await bench.create({ terms: { type: 'scheduled', date: '9999-12-31T23:59:59Z' } })
    await bench.advance(10 * SECOND)
    assert.deepEqual(
      bench.fires.map(({ schedule, forMs }) => [schedule, (forMs ?? 0) - START]).sort(),
      [
        [delayed.id, 5_000],
        [dated.id, 7_500],
        [past.id, 0],
        [now.id, 0],
      ].sort(),
    )
    assert.deepEqual((await bench.find(far.id)).upcomingMs, [Date.parse('9999-12-31T23:59:59Z')])
    const done = await bench.find(delayed.id)
    assert.deepEqual([done.enabled, done.nextMs, done.upcomingMs], [false, null, []])
    const again = await bench.schedules.change(delayed.id, changeTo({ terms, enabled: true }, false))
    assert.equal(again?.ok === false && again.error.code, 'CONFLICT')
    const restarted = await bench.schedules.change(delayed.id, changeTo({ terms }, true))
    assert.equal(restarted?.ok && restarted.schedule.nextMs, START + 15_000)
    await bench.advance(10 * SECOND)
    assert.deepEqual(bench.seconds(delayed.id), [5, 15])
    await bench.crash()
    bench.clock.advance(7 * DAY)
    await bench.boot()
    await bench.advance(2 * MINUTE)
    assert.equal(await bench.schedules.find(delayed.id), undefined)
    assert.notEqual(await bench.schedules.find(far.id), undefined)
    await bench.stop()
  })

  it('fire a delayed one although its time passed while nobody was there', async () => {
    const bench = await ScheduleBench.start()
    const late = await bench.create({ terms: { type: 'delayed', delayInSeconds: 5 } })
    const strict = await bench.create({ terms: { type: 'delayed', delayInSeconds: 5 }, missed: 'skip' })
    await bench.crash()
    bench.clock.advance(HOUR)
    await bench.boot()
    await bench.advance(0)
    assert.deepEqual(bench.seconds(), [5])
    assert.equal(bench.fires[0]?.schedule, late.id)
    const { enabled, counts } = await bench.find(strict.id)
    assert.deepEqual([enabled, counts.missed], [false, 1])
    await bench.stop()
  })

  it('wait out what hinders them, and pass what is refused for good', async () => {
    const bench = await ScheduleBench.start()
    const { id } = await bench.create({ terms: every(10) })
    const forgotten = await bench.create({ terms: every(10), run: newRun({ function: 'forgotten' }) })
    bench.refusal = { code: 'QUEUE_FULL', detail: 'RUN_LIMIT', retryAfterMs: 1 }
    await bench.advance(15 * SECOND)
    assert.equal(bench.fires.length, 0)
    bench.refusal = undefined
    await bench.advance(5 * SECOND)
    assert.deepEqual(bench.seconds(id), [10, 20])
    const { counts, fires } = await bench.find(forgotten.id)
    assert.deepEqual(
      [counts.refused, fires[0]?.outcome, fires[0]?.detail],
      [2, 'refused', 'Nobody serves that.'],
    )
    bench.disk.fault = 'the disk is full'
    await bench.advance(15 * SECOND)
    bench.disk.fault = undefined
    await bench.advance(5 * SECOND)
    assert.deepEqual(bench.seconds(id), [10, 20, 30, 40])
    bench.disk.fault = 'the disk is full'
    await bench.advance(2 * MINUTE)
    bench.disk.fault = undefined
    await bench.advance(10 * SECOND)
    assert.ok((await bench.find(id)).counts.missed >= 5)
    assert.deepEqual(bench.seconds(id), [...new Set(bench.seconds(id))])
    await bench.stop()
  })

  it('refuse wrong terms with pointers, unknown functions, and more than there may be', async () => {
    const bench = await ScheduleBench.start({ maxSchedules: 2 })
    const refused = async (wanted: Parameters<typeof want>[0]) => {
      const made = await bench.schedules.create(want(wanted))
      assert.ok(!made.ok)
      return [made.error.code, made.error.errors?.map(({ pointer }) => pointer)]
    }
    const terms: ScheduleTerms = { type: 'cron', cron: '0 0 30 2 *', timezone: 'Mars/Base' }
    assert.deepEqual(await refused({ terms }), ['INVALID_REQUEST', ['/cron', '/timezone']])
    const unknown = newRun({ function: 'unknown' })
    assert.deepEqual(await refused({ terms: EVERY_MINUTE, run: unknown }), ['UNKNOWN_FUNCTION', undefined])
    const { id } = await bench.create({ terms: EVERY_MINUTE })
    await bench.create({ terms: EVERY_MINUTE })
    assert.deepEqual(await refused({ terms: EVERY_MINUTE }), ['QUEUE_FULL', undefined])
    const changed = await bench.schedules.change(id, changeTo({ terms }, true))
    assert.equal(changed?.ok, false)
    assert.equal(
      (await bench.find(id)).terms.type === 'cron' && (await bench.find(id)).nextMs,
      START + MINUTE,
    )
    await bench.schedules.remove(id)
    await bench.create({ terms: EVERY_MINUTE })
    await bench.stop()
  })

  it('take no deadline that their first instant does not come before, and say so', async () => {
    const bench = await ScheduleBench.start()
    const until = (deadlineMs: number) => newRun({ deadlineMs })
    const wrong = async (wanted: Parameters<typeof want>[0]) => {
      const made = await bench.schedules.create(want(wanted))
      assert.ok(!made.ok)
      return made.error.errors?.map(({ pointer, detail }) => `${pointer} ${detail}`).join()
    }
    const said =
      /^\/deadline is not later than the first instant of the schedule, 2026-01-01T00:01:00.000Z; name a later one, or leave it out/
    assert.match((await wrong({ terms: EVERY_MINUTE, run: until(START - HOUR) })) ?? '', said)
    assert.match((await wrong({ terms: EVERY_MINUTE, run: until(START + MINUTE) })) ?? '', said)
    assert.match((await wrong({ terms: EVERY_MINUTE, run: until(START), enabled: false })) ?? '', said)
    const { id } = await bench.create({ terms: EVERY_MINUTE, run: until(START + MINUTE + 1) })
    const change = async (wanted: Partial<WantedSchedule>, isRestart: boolean, isSameTask: boolean) => {
      const given = want({ terms: EVERY_MINUTE, run: until(START + MINUTE + 1), ...wanted })
      const judge = (): JudgedChange => ({ ok: true, wanted: given, isRestart, isSameTask })
      const changed = await bench.schedules.change(id, judge)
      return changed?.ok ? 'changed' : changed?.error.errors?.[0]?.pointer
    }
    assert.equal(await change({ run: until(START) }, false, false), '/deadline')
    assert.equal(await change({ terms: every(90) }, true, true), '/deadline')
    await bench.advance(2 * MINUTE)
    assert.equal(await change({ overlap: 'allow' }, false, true), 'changed', 'nothing of the task is named')
    assert.equal(await change({ enabled: false }, false, true), 'changed')
    assert.equal(await change({ enabled: true }, false, true), '/deadline')
    assert.equal(await change({ run: until(START + HOUR) }, false, false), 'changed')
    await bench.stop()
  })

  it('refuse an instant whose deadline has passed, with the reason', async () => {
    const bench = await ScheduleBench.start()
    const run = newRun({ deadlineMs: START + 90 * SECOND })
    const { id } = await bench.create({ terms: EVERY_MINUTE, run })
    const waiting = await bench.create({ terms: every(60), overlap: 'queue', run })
    const once = await bench.create({ terms: { type: 'delayed', delayInSeconds: 80 }, run })
    bench.runMs = 100 * SECOND
    await bench.advance(70 * SECOND)
    await bench.crash()
    bench.clock.advance(80 * SECOND)
    await bench.boot()
    await bench.advance(20 * SECOND)
    for (const run of bench.fires.map(({ run }) => run)) await bench.end(run)
    await bench.advance(2 * SECOND)
    assert.deepEqual(bench.fires.map(({ schedule }) => schedule).sort(), [id, waiting.id].sort())
    const { counts } = await bench.find(id)
    assert.deepEqual(counts, { fired: 1, skipped: 1, missed: 0, refused: 0 })
    await bench.advance(MINUTE)
    for (const one of [id, waiting.id, once.id]) {
      const { fires } = await bench.find(one)
      const refused = fires.filter(({ outcome }) => outcome === 'refused')
      assert.equal(refused.length > 0, true, one)
      assert.match(
        refused[0]?.detail ?? '',
        /^The deadline of its runs, 2026-01-01T00:01:30.000Z, has passed. .*PATCH/,
      )
    }
    assert.equal((await bench.find(once.id)).enabled, false)
    assert.equal(bench.fires.length, 2)
    await bench.stop()
  })

  it('are paused although nobody serves what they fire any more', async () => {
    const bench = await ScheduleBench.start()
    const { id } = await bench.create({ terms: EVERY_MINUTE })
    const wanted = want({ terms: EVERY_MINUTE, run: newRun({ function: 'unknown' }), enabled: false })
    const judged = { ok: true, wanted, isRestart: false } as const
    const refused = await bench.schedules.change(id, () => ({ ...judged, isSameTask: false }))
    assert.equal(refused?.ok === false && refused.error.code, 'UNKNOWN_FUNCTION')
    const paused = await bench.schedules.change(id, () => ({ ...judged, isSameTask: true }))
    assert.equal(paused?.ok && paused.schedule.enabled, false)
    await bench.stop()
  })

  it('rest while switched off, and go on with the next instant', async () => {
    const bench = await ScheduleBench.start()
    const { id } = await bench.create({ terms: EVERY_MINUTE })
    await bench.schedules.change(id, changeTo({ terms: EVERY_MINUTE, enabled: false }, false))
    await bench.advance(10 * MINUTE)
    assert.equal(bench.fires.length, 0)
    const triggered = await bench.schedules.trigger(id, 'ui')
    assert.ok(triggered?.ok)
    assert.deepEqual(
      bench.fires.map(({ schedule, forMs, order }) => [schedule, forMs, order.trigger]),
      [[id, null, 'ui']],
    )
    await bench.schedules.change(id, changeTo({ terms: EVERY_MINUTE }, false))
    await bench.advance(MINUTE)
    assert.deepEqual(bench.seconds(id).slice(1), [660])
    for (const act of ['find', 'remove'] as const)
      assert.equal(await bench.schedules[act]('s_none'), undefined)
    assert.equal(await bench.schedules.trigger('s_none', 'api'), undefined)
    await bench.stop()
  })

  it('are changed, switched off or removed at the very instant, and are either old or new (J11)', async () => {
    const bench = await ScheduleBench.start()
    bench.readTurns = 2
    const draw = createDraw(2_026)
    for (let round = 0; round < 2_500; round++) {
      bench.fires.length = 0
      const { id } = await bench.create({ terms: every(1), run: newRun({ priority: 1 }), overlap: 'allow' })
      const ahead = draw() < 0.5
      // So many turns of the loop before or behind the instant.
      const turns = Math.floor(draw() * 6)
      const advancing = ahead ? undefined : bench.advance(SECOND)
      await bench.breathe(turns)
      const kind = ['switched off', 'changed', 'removed'][Math.floor(draw() * 3)]
      const wanted = { terms: every(1), overlap: 'allow', run: newRun({ priority: 2 }) } as const
      const act =
        kind === 'removed'
          ? bench.schedules.remove(id)
          : bench.schedules.change(id, changeTo({ ...wanted, enabled: kind === 'changed' }, false))
      await Promise.all([advancing ?? bench.advance(SECOND), act])
      await bench.advance(100)
      const first = bench.fires.length
      const shown = await bench.schedules.find(id)
      const claimed = shown?.fires.filter(({ outcome }) => outcome === 'fired').length ?? first
      assert.equal(first, claimed, `round ${round}, ${kind}: fires without a claim, or the reverse`)
      assert.ok(first <= 1, `round ${round}, ${kind}: ${first} fires at one instant`)
      await bench.advance(SECOND)
      const late = bench.fires.slice(first)
      if (kind === 'changed') {
        assert.deepEqual(
          late.map(({ order }) => order.priority),
          [2],
          `round ${round}`,
        )
        assert.equal(first, 1, `round ${round}: the instant of the change fires, old or new`)
      } else assert.deepEqual(late, [], `round ${round}: fires though it was ${kind}`)
      if (kind !== 'removed') await bench.schedules.remove(id)
    }
    const refused = bench.lines.filter((line) => line.includes('could not be written'))
    assert.deepEqual(refused, [], 'no claim was refused: nobody acts on what another has changed')
    await bench.stop()
  })
})

function createDraw(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
}
