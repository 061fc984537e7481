import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nextCronInstant } from './cron-instants.ts'
import { readCron } from './cron-text.ts'
import { assertSame, firesOf, tryRandomExpressions } from './testing/cron-fires.ts'
import { firesBetween, offsetsOf, oracleOf } from './testing/cron-oracle.ts'
import { findZone } from './zone.ts'

const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const FROM = Date.UTC(2017, 0, 1)
const TO = Date.UTC(2022, 0, 1)

const iso = (instants: readonly number[]) => instants.map((at) => new Date(at).toISOString())
const on = (expression: string, zone: string, from: string, to: string) =>
  iso(firesOf(expression, zone, Date.parse(from), Date.parse(to)))

/** Summer time of an hour on both sides of the equator, of half an hour, at midnight until it was given up. */
const ZONES = ['America/New_York', 'Europe/Vienna', 'Australia/Lord_Howe', 'America/Sao_Paulo']
const EXPRESSIONS = [
  ['30 2 * * *', '0 2 * * *', '45 1 * * *', '0 0 * * *', '59 23 * * *', '15 1,2,3 * * *'],
  ['*/15 1 * * *', '*/7 * * * *', '0 * * * *', '* 2-3 * * 0', '10-50/20 0-3 * * *', '30 */2 * * *'],
  ['0 12 29 2 *', '0 0 31 * *', '15 10 1,15 * MON', '0 2 */5 * SUN', '30 1 * MAR,OCT-NOV 0'],
].flat()
const SECONDS = [
  ['* * * * * *', '30 30 2 * * *', '*/20 30 2 * * *', '15,45 0 2,3 * * *', '0 59 1 * * *'],
  ['59 59 23 * * *', '0 */10 2 * * *', '30 0 */3 * * *'],
].flat()

describe('the calendar of cron', () => {
  for (const zone of ZONES)
    it(`fires as a walk over every minute of five years says, in ${zone}`, () => {
      const offsetAt = offsetsOf(zone, FROM - 3 * DAY_MS, TO)
      const expected = firesBetween(EXPRESSIONS.map(oracleOf), offsetAt, FROM, TO, MINUTE_MS)
      for (const [at, expression] of EXPRESSIONS.entries())
        assertSame(firesOf(expression, zone, FROM, TO), expected[at] ?? [], `${expression} in ${zone}`)
    })

  for (const zone of ZONES)
    it(`fires as a walk over every second around each change says, in ${zone}`, () => {
      const offsetAt = offsetsOf(zone, FROM - 3 * DAY_MS, TO)
      let changes = 0
      for (let at = FROM; at < TO; at += 900_000) {
        if (offsetAt(at) === offsetAt(at - 900_000)) continue
        changes++
        const [from, to] = [at - 4 * 3_600_000, at + 4 * 3_600_000]
        const expected = firesBetween(SECONDS.map(oracleOf), offsetAt, from, to, 1_000)
        for (const [index, expression] of SECONDS.entries())
          assertSame(firesOf(expression, zone, from, to), expected[index] ?? [], `${expression} in ${zone}`)
      }
      assert.ok(changes >= 4, `${changes} changes in ${zone}`)
    })

  it('fires as a walk over ten years says in thirty zones, wherever clocks change (J5)', () => {
    const [from, to] = [Date.UTC(2016, 0, 1), Date.UTC(2026, 0, 1)]
    const some = ['30 2 * * *', '*/30 0-3 * * *', '0 0 * * *', '15 23,1 * * SUN', '0 3 1-7 * *']
    let changes = 0
    for (const zone of THIRTY) {
      const offsetAt = offsetsOf(zone, from - 3 * DAY_MS, to + DAY_MS)
      for (let at = from; at < to; at += 900_000) {
        if (offsetAt(at) === offsetAt(at - 900_000)) continue
        changes++
        const [first, last] = [at - DAY_MS, at + DAY_MS]
        const expected = firesBetween(some.map(oracleOf), offsetAt, first, last, MINUTE_MS)
        for (const [index, expression] of some.entries())
          assertSame(
            firesOf(expression, zone, first, last),
            expected[index] ?? [],
            `${expression} in ${zone}`,
          )
      }
    }
    assert.ok(changes > 300, `${changes} changes`)
  })

  it('reads and fires random expressions as a second reader does (J7)', () => {
    // 100,000 of them in `pnpm faults cron`.
    const { taken, fires } = tryRandomExpressions(15_000, 20_26, ZONES)
    assert.ok(taken > 5_000 && fires > 10_000, `${taken} taken, ${fires} fires`)
  })

  it('fires a fixed time that is left out once, at the jump (J3)', () => {
    const day = ['2025-03-09T05:00:00Z', '2025-03-10T05:00:00Z'] as const
    assert.deepEqual(on('30 2 * * *', 'America/New_York', ...day), ['2025-03-09T07:00:00.000Z'])
    assert.deepEqual(on('0,30 2 * * *', 'America/New_York', ...day), ['2025-03-09T07:00:00.000Z'])
    assert.deepEqual(on('0 2,3 * * *', 'America/New_York', ...day), ['2025-03-09T07:00:00.000Z'])
    const vienna = ['2025-03-29T23:00:00Z', '2025-03-30T22:00:00Z'] as const
    assert.deepEqual(on('30 2 * * *', 'Europe/Vienna', ...vienna), ['2025-03-30T01:00:00.000Z'])
    assert.deepEqual(on('*/15 2 * * *', 'Europe/Vienna', ...vienna), [])
  })

  it('fires a fixed time of an hour that comes twice once, and what steps each time (J4)', () => {
    const day = ['2025-11-02T04:00:00Z', '2025-11-03T05:00:00Z'] as const
    assert.deepEqual(on('30 1 * * *', 'America/New_York', ...day), ['2025-11-02T05:30:00.000Z'])
    assert.equal(on('*/15 1 * * *', 'America/New_York', ...day).length, 8)
    assert.equal(on('0 * * * *', 'America/New_York', ...day).length, 25)
    assert.equal(on('* * * * * *', 'America/New_York', ...day).length, 25 * 3_600)
    assert.deepEqual(on('0 2 * * *', 'Europe/Vienna', '2025-10-25T22:00:00Z', '2025-10-26T23:00:00Z'), [
      '2025-10-26T00:00:00.000Z',
    ])
    assert.equal(
      on('0 */2 * * *', 'Europe/Vienna', '2025-10-25T22:00:00Z', '2025-10-26T23:00:00Z').length,
      12,
    )
  })

  it('knows half hours, midnights and days that are left out (J5)', () => {
    assert.deepEqual(
      on('15 2 * * *', 'Australia/Lord_Howe', '2025-10-04T13:00:00Z', '2025-10-05T13:00:00Z'),
      ['2025-10-04T15:30:00.000Z'],
    )
    assert.deepEqual(on('30 0 * * *', 'America/Sao_Paulo', '2018-11-04T02:00:00Z', '2018-11-05T02:00:00Z'), [
      '2018-11-04T03:00:00.000Z',
    ])
    assert.deepEqual(on('0 12 30 12 *', 'Pacific/Apia', '2011-01-01T00:00:00Z', '2012-06-01T00:00:00Z'), [
      '2011-12-30T10:00:00.000Z',
    ])
  })

  it('finds rare dates, and none beyond those of four figures (J6, J15)', () => {
    assert.deepEqual(on('0 0 29 2 *', 'UTC', '2096-02-28T00:00:00Z', '2108-01-01T00:00:00Z'), [
      '2096-02-29T00:00:00.000Z',
      '2104-02-29T00:00:00.000Z',
    ])
    assert.deepEqual(on('0 0 29 2 */7', 'UTC', '2080-01-01T00:00:00Z', '2110-01-01T00:00:00Z'), [
      '2088-02-29T00:00:00.000Z',
    ])
    const cron = readCron('0 0 1 1 *')
    const zone = findZone('UTC')
    assert.ok(cron.ok && zone)
    for (const at of [8.64e15, Date.UTC(9999, 5)]) assert.equal(nextCronInstant(cron.fields, zone, at), null)
    assert.deepEqual(on('14 3 19 1 *', 'UTC', '2038-01-18T00:00:00Z', '2038-02-01T00:00:00Z'), [
      '2038-01-19T03:14:00.000Z',
    ])
  })

  it('refuses what has no single meaning, with what to write, at once (J6, J7)', () => {
    const refused: readonly (readonly [string, RegExp])[] = [
      ['0 0 30 2 *', /a date that no year has/],
      ['0 0 31 4,6,9,11 *', /a date that no year has/],
      ['0 0 31 FEB */2', /a date that no year has/],
      ['@daily', /five or six fields/],
      ['@reboot', /five or six fields/],
      ['', /has 0/],
      ['* * * *', /has 4/],
      ['* * * * * * *', /has 7/],
      ['0 0 L * *', /L, W, #, \? and @/],
      ['0 0 15W * *', /L, W, #, \? and @/],
      ['0 0 * * 5#2', /L, W, #, \? and @/],
      ['0 0 ? * 1', /L, W, #, \? and @/],
      ['*/0 * * * *', /not one of 1 to 59/],
      ['*/60 * * * *', /not one of 1 to 59/],
      ['60 * * * *', /not one of 0 to 59/],
      ['* 24 * * *', /not one of 0 to 23/],
      ['* * 0 * *', /not one of 1 to 31/],
      ['* * * 13 *', /not one of 1 to 12/],
      ['* * * * 8', /not one of 0 to 7/],
      ['50-10 * * * *', /backwards.*50-59,0-10/],
      ['* * * * SAT-MON', /backwards/],
      ['1,,2 * * * *', /minute that is none/],
      ['MON * * * *', /minute that is none/],
      ['-5 * * * *', /minute that is none/],
      ['1.5 * * * *', /minute that is none/],
      ['* * * * MONDAY', /names such as MON/],
      [`${'1,'.repeat(200)}1 * * * *`, /at most 256/],
    ]
    for (const [expression, pattern] of refused) {
      const beganAt = performance.now()
      const cron = readCron(expression)
      assert.ok(!cron.ok, expression)
      assert.match(cron.detail, pattern, expression)
      // Not by looking for it through all the years, which takes minutes.
      assert.ok(performance.now() - beganAt < 10_000, expression)
    }
  })

  it('takes 7 for Sunday, and both days as either of them (J7)', () => {
    const week = ['2026-06-01T00:00:00Z', '2026-06-15T00:00:00Z'] as const
    const sundays = ['2026-06-07T00:00:00.000Z', '2026-06-14T00:00:00.000Z']
    for (const day of ['0', '7', 'SUN', 'sun'])
      assert.deepEqual(on(`0 0 * * ${day}`, 'UTC', ...week), sundays)
    assert.deepEqual(on('0 0 * * FRI-SUN', 'UTC', ...week), on('0 0 * * 5,6,0', 'UTC', ...week))
    assert.deepEqual(on('0 0 * * 5-7', 'UTC', ...week), on('0 0 * * 5,6,0', 'UTC', ...week))
    assert.deepEqual(on('0 0 3 * 0', 'UTC', ...week), ['2026-06-03T00:00:00.000Z', ...sundays])
  })
})

const THIRTY = [
  ['Africa/Cairo', 'Africa/Casablanca', 'Africa/Johannesburg', 'America/Asuncion', 'America/Bogota'],
  ['America/Chicago', 'America/Havana', 'America/Los_Angeles', 'America/Mexico_City', 'America/New_York'],
  ['America/Nuuk', 'America/Santiago', 'America/Sao_Paulo', 'America/St_Johns', 'Antarctica/Troll'],
  ['Asia/Amman', 'Asia/Beirut', 'Asia/Gaza', 'Asia/Kathmandu', 'Asia/Kolkata', 'Asia/Tehran'],
  ['Asia/Pyongyang', 'Atlantic/Azores', 'Australia/Adelaide', 'Australia/Lord_Howe', 'Europe/Dublin'],
  ['Europe/Vienna', 'Pacific/Chatham', 'Pacific/Fiji', 'UTC'],
].flat()
