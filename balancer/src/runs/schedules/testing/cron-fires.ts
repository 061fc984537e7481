/**
 * Holds the calendar of cron against the oracle, for tests: fires of an expression one after another, and random
 * expressions, wrong ones among them, which both must read alike.
 */
import assert from 'node:assert/strict'
import { nextCronInstant } from '../cron-instants.ts'
import { readCron } from '../cron-text.ts'
import { findZone } from '../zone.ts'
import { firesBetween, isTaken, offsetsOf, oracleOf } from './cron-oracle.ts'

const DAY_MS = 86_400_000
const MINUTE_MS = 60_000
const FROM = Date.UTC(2017, 0, 1)
const TO = Date.UTC(2022, 0, 1)

/** By the calendar, one after another. */
export function firesOf(expression: string, zoneName: string, fromMs: number, toMs: number): number[] {
  const [cron, zone] = [readCron(expression), findZone(zoneName)]
  assert.ok(cron.ok && zone, expression)
  const fires: number[] = []
  let next = nextCronInstant(cron.fields, zone, fromMs - 1)
  for (; next !== null && next < toMs; next = nextCronInstant(cron.fields, zone, next)) fires.push(next)
  return fires
}

export function assertSame(actual: readonly number[], expected: readonly number[], what: string): void {
  const at = expected.findIndex((instant, index) => instant !== actual[index])
  const show = (instant: number | undefined) =>
    instant === undefined ? 'none' : new Date(instant).toISOString()
  if (at >= 0 || actual.length !== expected.length) {
    const first = at < 0 ? expected.length : at
    assert.fail(`${what}: fire ${first} is ${show(actual[first])}, and should be ${show(expected[first])}`)
  }
}

/** How many of the expressions were taken, and how often they fired. */
export function tryRandomExpressions(
  rounds: number,
  seed: number,
  zoneNames: readonly string[],
): { readonly taken: number; readonly fires: number } {
  const random = createRandom(seed)
  const zones = zoneNames.map((name) => ({ name, offsetAt: offsetsOf(name, FROM - 3 * DAY_MS, TO) }))
  let [taken, fires] = [0, 0]
  for (let round = 0; round < rounds; round++) {
    const expression = randomExpression(random)
    const cron = readCron(expression)
    assert.equal(cron.ok, isTaken(expression), `${expression}: ${JSON.stringify(cron).slice(0, 200)}`)
    if (!cron.ok) continue
    taken++
    const { name, offsetAt } = zones[Math.floor(random() * zones.length)] ?? assert.fail()
    const hasSeconds = expression.trim().split(/\s+/).length === 6
    const stepMs = hasSeconds ? 1_000 : MINUTE_MS
    const from = Math.floor((FROM + random() * (TO - FROM - 10 * DAY_MS)) / MINUTE_MS) * MINUTE_MS
    const to = from + 300 * stepMs
    const [expected = []] = firesBetween([oracleOf(expression)], offsetAt, from, to, stepMs)
    assertSame(firesOf(expression, name, from, to), expected, `${expression} in ${name}`)
    fires += expected.length
  }
  return { taken, fires }
}

/** Mulberry32. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function randomExpression(random: () => number): string {
  const pick = <Value>(...values: readonly Value[]): Value =>
    values[Math.floor(random() * values.length)] as Value
  const between = (low: number, high: number) => low + Math.floor(random() * (high - low + 1))
  const names = { 12: ['JAN', 'feb', 'Dec'], 7: ['SUN', 'mon', 'Sat'] } as Record<number, string[]>
  // One in a while is out of bounds, runs backwards or is no word at all.
  const value = (low: number, high: number) => {
    const chance = random()
    if (chance < 0.01) return String(between(high + 1, high + 3))
    if (chance < 0.013) return pick('L', '15W', '1#2', '?', '', 'x', '-1', '1.5')
    return names[high] && chance < 0.3 ? pick(...names[high]) : String(between(low, high))
  }
  const range = (low: number, high: number) => {
    const [a, b] = [between(low, high), between(low, high)]
    return random() < 0.97 ? `${Math.min(a, b)}-${Math.max(a, b)}` : `${value(low, high)}-${value(low, high)}`
  }
  const item = (low: number, high: number) => {
    const step = () => (random() < 0.98 ? between(1, high) : between(0, high + 2))
    return pick(
      () => '*',
      () => value(low, high),
      () => range(low, high),
      () => `*/${step()}`,
      () => `${range(low, high)}/${step()}`,
      () => `${value(low, high)}/${step()}`,
    )()
  }
  const word = (low: number, high: number) =>
    random() < 0.3 ? '*' : Array.from({ length: pick(1, 1, 2, 3) }, () => item(low, high)).join(',')
  const words = [word(0, 59), word(0, 23), word(1, 31), word(1, 12), word(0, 7)]
  if (random() < 0.3) words.unshift(word(0, 59))
  if (random() < 0.005) words.pop()
  return words.join(pick(' ', ' ', '  '))
}
