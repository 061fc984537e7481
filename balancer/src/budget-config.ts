/**
 * BUDGETS of the environment: what each level of a task's `budget` may use. Read by config.ts.
 * Invariant: a level that is named has the limits that stand there and no others; one that is not has its default.
 */
import { BUDGET_LEVELS, type BudgetAmounts, type BudgetLevel } from '@berth/protocol'
import { durationMs } from '@berth/runtime'
import { z } from 'zod'

export type BudgetTable = Readonly<Record<BudgetLevel, BudgetAmounts>>

/** CONTRACT §2. */
export const DEFAULT_BUDGETS: BudgetTable = Object.freeze({
  low: { runMs: 60_000 },
  standard: { runMs: 600_000 },
  high: { runMs: 3_600_000 },
  unlimited: {},
})

const EXAMPLE = '{"low": {"tokens": 20000, "costUsd": 0.05, "steps": 10, "runMs": "60s"}}'
const NOT_LIMITS = `must be an object with limits, such as ${EXAMPLE}; leave it out for its default`
const MOST = 1e15
const WHOLE = `must be a whole number from 0 to ${MOST}`
const NUMBER = `must be a number from 0 to ${MOST}`

const whole = z.int(WHOLE).min(0, WHOLE).max(MOST, WHOLE)
const duration = durationMs({ min: 1, default: 1 })
const levelShape = {
  tokens: whole.optional(),
  costUsd: z.number(NUMBER).min(0, NUMBER).max(MOST, NUMBER).optional(),
  steps: whole.optional(),
  /** As all durations of the environment: milliseconds, or a text with a unit. */
  runMs: z
    .unknown()
    .transform((value, context) => {
      const isQuantity = typeof value === 'string' || typeof value === 'number'
      const parsed = duration.safeParse(isQuantity ? String(value) : '')
      if (parsed.success) return parsed.data
      context.addIssue({ code: 'custom', message: 'must be a duration such as 60000 or "60s"' })
      return z.NEVER
    })
    .optional(),
}
const levelSchema = z.strictObject(levelShape, { error: notLimits })
const tableSchema = z.strictObject({
  low: levelSchema.optional(),
  standard: levelSchema.optional(),
  high: levelSchema.optional(),
  unlimited: z.strictObject({}, 'has no limits; leave it out').optional(),
})

/** A field of the configuration. */
export function budgets() {
  return z
    .string()
    .default('')
    .transform((text, context): BudgetTable => {
      const read = readBudgets(text)
      if (typeof read !== 'string') return read
      context.addIssue({ code: 'custom', message: read })
      return z.NEVER
    })
}

/** What is wrong with it, as a sentence behind the variable's name. */
export function readBudgets(text: string): BudgetTable | string {
  if (text.trim() === '') return DEFAULT_BUDGETS
  const value = parse(text)
  if (value === undefined) return `must be JSON, such as ${EXAMPLE}`
  const parsed = tableSchema.safeParse(value)
  if (!parsed.success) return describe(parsed.error.issues)
  return Object.freeze({ ...DEFAULT_BUDGETS, ...parsed.data })
}

function describe(issues: readonly z.core.$ZodIssue[]): string {
  const [first] = issues
  const place = first?.path.join('.') ?? ''
  if (first?.code === 'unrecognized_keys') {
    const known = place === '' ? BUDGET_LEVELS.slice(0, 3) : ['tokens', 'costUsd', 'steps', 'runMs']
    const what = place === 'unlimited' ? 'has no limits; leave it out' : `knows only ${known.join(', ')}`
    return `${place === '' ? 'it' : `"${place}"`} ${what} (there is "${first.keys.join('", "')}")`
  }
  const where = place === '' ? 'it' : `"${place}"`
  const wrong = place === '' ? `must be an object, such as ${EXAMPLE}` : (first?.message ?? 'is wrong')
  return `${where} ${wrong}`
}

/** Of an unknown key something better is said. */
function notLimits({ code }: { readonly code: string }): string | undefined {
  return code === 'invalid_type' ? NOT_LIMITS : undefined
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
