/**
 * A time zone: how far its clocks are from UTC, and when that changes. Read from `Intl`, which Node has of every
 * zone, a UTC year at a time and kept. Called by cron-instants.ts.
 * Invariants: offsets are whole seconds; what is kept is bounded.
 */

/** From `atMs` on clocks are `after` milliseconds ahead of UTC, before it `before`. */
export interface ClockChange {
  readonly atMs: number
  readonly before: number
  readonly after: number
}

interface Year {
  /** At its first instant. */
  readonly offset: number
  readonly changes: readonly ClockChange[]
}

const DAY_MS = 86_400_000
const MAX_YEARS = 128
const MAX_ZONES = 1_000
const MAX_NAME = 64
const zones = new Map<string, Zone>()

/** Undefined for a name that no zone has. */
export function findZone(name: string): Zone | undefined {
  const known = zones.get(name)
  if (known) return known
  const format = name.length <= MAX_NAME ? formatOf(name) : undefined
  if (!format) return undefined
  const zone = new Zone(format)
  if (zones.size >= MAX_ZONES) zones.clear()
  zones.set(name, zone)
  return zone
}

/** The zone of this process: `TZ`, or that of the system. */
export function processZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone
}

export class Zone {
  readonly #format: Intl.DateTimeFormat
  readonly #years = new Map<number, Year>()

  constructor(format: Intl.DateTimeFormat) {
    this.#format = format
  }

  /** Milliseconds that clocks are ahead of UTC at an instant. */
  offsetAt(ms: number): number {
    const { offset, changes } = this.#year(yearOf(ms))
    let current = offset
    for (const change of changes) if (change.atMs <= ms) current = change.after
    return current
  }

  /** The first change behind `afterMs`, no later than `untilMs`. */
  changeBetween(afterMs: number, untilMs: number): ClockChange | undefined {
    for (let year = yearOf(afterMs); year <= yearOf(untilMs); year++)
      for (const change of this.#year(year).changes)
        if (change.atMs > afterMs) return change.atMs <= untilMs ? change : undefined
    return undefined
  }

  #year(year: number): Year {
    const known = this.#years.get(year)
    if (known) return known
    const read = this.#readYear(Date.UTC(year, 0, 1), Date.UTC(year + 1, 0, 1))
    if (this.#years.size >= MAX_YEARS) this.#years.clear()
    this.#years.set(year, read)
    return read
  }

  #readYear(fromMs: number, toMs: number): Year {
    const changes: ClockChange[] = []
    // A change at its very first instant belongs to it.
    let [at, offset] = [fromMs - 1_000, this.#read(fromMs - 1_000)]
    for (let next = fromMs; next < toMs; next += DAY_MS) {
      const last = Math.min(next + DAY_MS, toMs) - 1_000
      const ahead = this.#read(last)
      while (ahead !== offset) {
        const change = this.#bisect(at, last, offset)
        changes.push(change)
        at = change.atMs
        offset = change.after
      }
      at = last
    }
    return { offset: changes[0]?.before ?? offset, changes }
  }

  /** The first instant, to the second, at which the offset is another than at `fromMs`. */
  #bisect(fromMs: number, toMs: number, before: number): ClockChange {
    let [low, high] = [fromMs, toMs]
    while (high - low > 1_000) {
      const middle = low + Math.floor((high - low) / 2_000) * 1_000
      if (this.#read(middle) === before) low = middle
      else high = middle
    }
    return { atMs: high, before, after: this.#read(high) }
  }

  #read(ms: number): number {
    const parts: Record<string, number> = {}
    for (const { type, value } of this.#format.formatToParts(ms)) parts[type] = Number(value)
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts
    return Date.UTC(year, month - 1, day, hour, minute, second) - ms
  }
}

function yearOf(ms: number): number {
  return new Date(ms).getUTCFullYear()
}

function formatOf(timeZone: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone,
      calendar: 'gregory',
      numberingSystem: 'latn',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    })
  } catch {
    return undefined
  }
}
