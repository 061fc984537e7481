/**
 * A second reading of cron for tests, written apart from the calendar on purpose: it walks over every UTC second or
 * minute of a time and asks of each what the clocks of the zone show. Slow, and too simple to be wrong in the same way.
 */

const MINUTE_MS = 60_000
const QUARTER_MS = 15 * MINUTE_MS
const DAY_MS = 86_400_000
/** Quarters of an hour in the coarse steps. */
const COARSE = 24

export type OffsetAt = (ms: number) => number

/** Offsets of a zone, read from `Intl` in steps of hours, and of quarters of an hour where two of them differ. */
export function offsetsOf(zone: string, fromMs: number, toMs: number): OffsetAt {
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, timeZoneName: 'longOffset' })
  const read = (ms: number) => {
    const name = format.formatToParts(ms).find(({ type }) => type === 'timeZoneName')
    return parseOffset(name?.value ?? '')
  }
  const first = Math.floor(fromMs / QUARTER_MS)
  const table = new Int32Array(Math.ceil(toMs / QUARTER_MS) - first + 1)
  let last = read(first * QUARTER_MS)
  for (let at = 0; at < table.length; at += COARSE) {
    const end = Math.min(at + COARSE, table.length)
    const isSame = read((first + end) * QUARTER_MS) === last
    for (let quarter = at; quarter < end; quarter++)
      table[quarter] = isSame ? last : read((first + quarter) * QUARTER_MS)
    last = isSame ? last : read((first + end) * QUARTER_MS)
  }
  return (ms) => table[Math.floor(ms / QUARTER_MS) - first] ?? Number.NaN
}

function parseOffset(text: string): number {
  const match = /^GMT(?:([+-])(\d\d):(\d\d))?$/.exec(text)
  if (!match) throw new Error(`no offset: ${text}`)
  const [, sign, hours = '0', minutes = '0'] = match
  return (sign === '-' ? -1 : 1) * (Number(hours) * 60 + Number(minutes)) * MINUTE_MS
}

export interface Oracle {
  readonly isStepping: boolean
  readonly seconds: readonly boolean[]
  readonly minutes: readonly boolean[]
  readonly hours: readonly boolean[]
  readonly dates: readonly boolean[]
  readonly months: readonly boolean[]
  readonly days: readonly boolean[]
  readonly areBothNamed: boolean
}

const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ')
const DAYS = 'sun mon tue wed thu fri sat'.split(' ')

/** Of an expression that is accepted. */
export function oracleOf(expression: string): Oracle {
  const words = expression.trim().toLowerCase().split(/\s+/)
  if (words.length === 5) words.unshift('0')
  const [seconds = '', minutes = '', hours = '', dates = '', months = '', days = ''] = words
  const isStep = (word: string) => word.includes('*') || word.includes('/')
  const everyHour = hours.split(',').some((item) => item === '*' || item.endsWith('/1'))
  return {
    isStepping: isStep(seconds) || isStep(minutes) || everyHour,
    seconds: named(seconds, 0, 59),
    minutes: named(minutes, 0, 59),
    hours: named(hours, 0, 23),
    dates: named(dates, 1, 31),
    months: named(months, 1, 12, MONTHS),
    // `*/n` counts within 0 to 6; 7 is what a Sunday may be called besides.
    days: named(days, 0, 6, DAYS).map((is, day) => is || (day === 0 && named(days, 0, 7, DAYS)[7] === true)),
    areBothNamed: !dates.startsWith('*') && !days.startsWith('*'),
  }
}

function named(word: string, low: number, high: number, names: readonly string[] = []): boolean[] {
  const number = (text: string) => (names.includes(text) ? names.indexOf(text) + low : Number(text))
  return Array.from({ length: high + 1 }, (_, value) =>
    word.split(',').some((item) => {
      const [range = '', step = '1'] = item.split('/')
      if (range === '*') return high !== 7 && value >= low && (value - low) % Number(step) === 0
      const last = high === 7 && range !== '7' ? 6 : high
      const [from = '', to = item.includes('/') ? String(last) : from] = range.split('-')
      const end = to === 'sun' && number(from) > 0 ? 7 : number(to)
      return value >= number(from) && value <= end && (value - number(from)) % Number(step) === 0
    }),
  )
}

/** Whether the dialect takes it at all. */
export function isTaken(expression: string): boolean {
  const words = expression
    .trim()
    .toLowerCase()
    .split(/[ \t]+/)
  if (words.length === 5) words.unshift('0')
  if (words.length !== 6 || expression.length > 256) return false
  const bounds: readonly (readonly [number, number, readonly string[]])[] = [
    [0, 59, []],
    [0, 59, []],
    [0, 23, []],
    [1, 31, []],
    [1, 12, MONTHS],
    [0, 7, DAYS],
  ]
  const isWord = (word: string, at: number) =>
    word.split(',').every((item) => {
      const [low, high, names] = bounds[at] ?? [0, 0, []]
      const [range = '', step, ...rest] = item.split('/')
      const isCount = (text: string) => /^\d+$/.test(text) && Number(text) >= 1 && Number(text) <= high
      if (rest.length > 0 || (step !== undefined && !isCount(step))) return false
      if (range === '*') return true
      const ends = range.split('-')
      const values = ends.map((end) => {
        if (names.includes(end)) return names.indexOf(end) + low
        return /^\d{1,3}$/.test(end) ? Number(end) : Number.NaN
      })
      if (ends.length === 2 && ends[1] === 'sun' && values[0] !== 0) values[1] = 7
      const [from = Number.NaN, to = from] = values
      return ends.length <= 2 && from >= low && to <= high && from <= to
    })
  if (!words.every(isWord)) return false
  const { dates, months, areBothNamed } = oracleOf(expression)
  if (areBothNamed) return true
  // 2024 has every date that any year has.
  return dates.some((is, date) =>
    months.some((isMonth, month) => is && isMonth && new Date(2024, month - 1, date).getDate() === date),
  )
}

/** What clocks show; `local` is written as if it were UTC. */
class Shown {
  #day = Number.NaN
  date = 0
  month = 0
  weekday = 0
  hour = 0
  minute = 0
  second = 0

  show(local: number): void {
    const day = Math.floor(local / DAY_MS)
    if (day !== this.#day) {
      const date = new Date(local)
      this.#day = day
      this.date = date.getUTCDate()
      this.month = date.getUTCMonth() + 1
      this.weekday = date.getUTCDay()
    }
    const seconds = (local - day * DAY_MS) / 1_000
    this.hour = Math.floor(seconds / 3_600)
    this.minute = Math.floor(seconds / 60) % 60
    this.second = seconds % 60
  }

  isNamed(oracle: Oracle): boolean {
    if (!oracle.minutes[this.minute] || !oracle.seconds[this.second] || !oracle.hours[this.hour]) return false
    if (!oracle.months[this.month]) return false
    const isDate = oracle.dates[this.date] === true
    const isDay = oracle.days[this.weekday] === true
    return oracle.areBothNamed ? isDate || isDay : isDate && isDay
  }
}

/**
 * Every instant at which each of them fires from `fromMs` until before `toMs`, by walking in steps of a second or a
 * minute. A fixed time fires the first time that clocks show it, and what they leave out at the change that does so.
 */
export function firesBetween(
  oracles: readonly Oracle[],
  offsetAt: OffsetAt,
  fromMs: number,
  toMs: number,
  stepMs: number,
): number[][] {
  const fires = oracles.map((): number[] => [])
  // Shown before: enough of the past to know an hour that comes again.
  let highest = Number.NEGATIVE_INFINITY
  for (let at = fromMs - 2 * DAY_MS; at < fromMs; at += QUARTER_MS)
    highest = Math.max(highest, at + offsetAt(at) + QUARTER_MS - stepMs)
  const shown = new Shown()
  for (let at = fromMs; at < toMs; at += stepMs) {
    const local = at + offsetAt(at)
    shown.show(local)
    for (let index = 0; index < oracles.length; index++) {
      const oracle = oracles[index] as Oracle
      const isFired = oracle.isStepping
        ? shown.isNamed(oracle)
        : local > highest &&
          (shown.isNamed(oracle) || (local > highest + stepMs && isLeftOut(oracle, highest, local, stepMs)))
      if (isFired) fires[index]?.push(at)
    }
    highest = Math.max(highest, local)
  }
  return fires
}

/** Some time is named that clocks jumped over. */
function isLeftOut(oracle: Oracle, highest: number, local: number, stepMs: number): boolean {
  const shown = new Shown()
  for (let over = highest + stepMs; over < local; over += stepMs) {
    shown.show(over)
    if (shown.isNamed(oracle)) return true
  }
  return false
}
