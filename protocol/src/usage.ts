/**
 * What a run uses: numbers by name, added up exactly. Used by workers (what an attempt has told so far), by the
 * balancer (attempts, children, sessions, schedules) and by whoever shows it.
 * Invariant: every amount is a multiple of a billionth, so that parts as they are shown add up to their total as it
 * is shown, in any order; at most `USAGE_NAMES` names, whatever comes.
 */

/** By name, from 0; such as `{inputTokens: 12, totalTokens: 12, costUsd: 0.002, steps: 1}`. */
export type Usage = Readonly<Record<string, number>>

/** Names of one run, session or schedule; what comes under further ones is not counted. */
export const USAGE_NAMES = 64
export const USAGE_NAME_LENGTH = 64
/** No amount is larger; what would be counts as this. */
const MOST = 1e15

const PARTS = 1_000_000_000n
const DIGITS = 9
const MOST_PARTS = BigInt(MOST) * PARTS

/** Added up to `totalTokens` where a report has none. */
const TOKENS = ['inputTokens', 'outputTokens', 'reasoningTokens'] as const
/** What a cost is made of: `modelCostUsd`, `toolCostUsd`, `sandboxCostUsd`, `internalCostUsd`, or any other kind. */
const COST_KIND = /.CostUsd$/

/** Amounts by name that grow. */
export class UsageSum {
  readonly #parts = new Map<string, bigint>()

  constructor(usage: Usage | null = null) {
    if (usage) this.add(usage)
  }

  get isEmpty(): boolean {
    return this.#parts.size === 0
  }

  add(usage: Usage): void {
    for (const name in usage) this.#grow(name, partsOf(usage[name] as number))
  }

  /** Grows to what has been used by now, name by name, and never shrinks; returns by how much it grew. */
  raise(usage: Usage): UsageSum {
    const more = new UsageSum()
    for (const name in usage) {
      const by = partsOf(usage[name] as number) - (this.#parts.get(name) ?? 0n)
      if ((by > 0n || !this.#parts.has(name)) && this.#grow(name, by)) more.#grow(name, by)
    }
    return more
  }

  addSum(other: UsageSum): void {
    for (const [name, parts] of other.#parts) this.#grow(name, parts)
  }

  of(name: string): number {
    return amountOf(this.#parts.get(name) ?? 0n)
  }

  /** What is missing to so much, 0 when it is reached. */
  upTo(name: string, amount: number): number {
    const missing = partsOf(amount) - (this.#parts.get(name) ?? 0n)
    return missing > 0n ? amountOf(missing) : 0
  }

  /** Null when nothing was told. */
  toUsage(): Usage | null {
    if (this.isEmpty) return null
    return Object.fromEntries([...this.#parts].map(([name, parts]) => [name, amountOf(parts)]))
  }

  /** False when there is no room for another name. */
  #grow(name: string, by: bigint): boolean {
    const before = this.#parts.get(name)
    if (before === undefined && this.#parts.size >= USAGE_NAMES) return false
    const grown = (before ?? 0n) + by
    this.#parts.set(name, grown < MOST_PARTS ? grown : MOST_PARTS)
    return true
  }
}

/**
 * One report with the totals that follow from it: `totalTokens` of input, output and reasoning, `costUsd` of its
 * kinds, unless the report names them. Amounts become multiples of a billionth.
 */
export function completeUsage(report: Usage): Usage {
  const whole = new UsageSum(report)
  if (!('totalTokens' in report)) addTotal(whole, report, 'totalTokens', isTokens)
  if (!('costUsd' in report)) addTotal(whole, report, 'costUsd', isCostKind)
  return whole.toUsage() ?? {}
}

function addTotal(whole: UsageSum, report: Usage, total: string, isPart: (name: string) => boolean): void {
  for (const name in report) if (isPart(name)) whole.add({ [total]: report[name] as number })
}

function isTokens(name: string): boolean {
  return (TOKENS as readonly string[]).includes(name)
}

function isCostKind(name: string): boolean {
  return COST_KIND.test(name)
}

/** What of anything that somebody sent is usage: numbers from 0 under names of a bearable length. */
export function readUsage(value: unknown): Usage | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const amounts = Object.entries(value).filter(
    ([name, amount]) =>
      name.length > 0 && name.length <= USAGE_NAME_LENGTH && typeof amount === 'number' && amount >= 0,
  )
  return completeUsage(Object.fromEntries(amounts.slice(0, USAGE_NAMES)))
}

/** The cost as a whole, `costUsd`, and its kinds; null when no cost was told. */
export function costsOf(usage: Usage | null): Usage | null {
  const costs = Object.entries(usage ?? {}).filter(([name]) => name === 'costUsd' || isCostKind(name))
  return costs.length === 0 ? null : Object.fromEntries(costs)
}

function partsOf(amount: number): bigint {
  if (!(amount > 0)) return 0n
  if (amount >= MOST) return MOST_PARTS
  const whole = Math.floor(amount)
  return BigInt(whole) * PARTS + BigInt(Math.round((amount - whole) * Number(PARTS)))
}

/** The number that is written with these digits. */
function amountOf(parts: bigint): number {
  return Number(`${parts / PARTS}.${String(parts % PARTS).padStart(DIGITS, '0')}`)
}
