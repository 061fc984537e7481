/**
 * Whether a run has used more than its budget, and how that is worded. Pure.
 * What is used up to the limit itself is within it.
 */
import type { BudgetAmounts, BudgetLevel, TaskError, UsageSum } from '@berth/protocol'

/** A worker ends its handler to the millisecond; here the time is as the link tells it. */
export const TIME_SLACK_MS = 250

export interface Used {
  readonly sum: UsageSum
  /** Milliseconds in handlers. */
  readonly runMs: number
}

/** The first limit that is passed. */
export function findPassed(level: BudgetLevel, limits: BudgetAmounts, used: Used): TaskError | undefined {
  const { tokens, costUsd, steps, runMs } = limits
  const usedTokens = used.sum.of('totalTokens')
  if (tokens !== undefined && usedTokens > tokens) return passed(level, `${usedTokens} of ${tokens} tokens`)
  const usedUsd = used.sum.of('costUsd')
  if (costUsd !== undefined && usedUsd > costUsd) return passed(level, `${usedUsd} of ${costUsd} USD`)
  const usedSteps = used.sum.of('steps')
  if (steps !== undefined && usedSteps > steps) return passed(level, `${usedSteps} of ${steps} steps`)
  if (runMs !== undefined && used.runMs > runMs + TIME_SLACK_MS) return overtime(level, runMs)
  return undefined
}

export function overtime(level: BudgetLevel, runMs: number): TaskError {
  return passed(level, `all of ${runMs} ms in handlers`)
}

/** Of each limit what is left, never below 0. */
export function leftOf(limits: BudgetAmounts, used: Used): BudgetAmounts {
  const { tokens, costUsd, steps, runMs } = limits
  const rest = (limit: number, name: string) => used.sum.upTo(name, limit)
  return {
    ...(tokens === undefined ? {} : { tokens: rest(tokens, 'totalTokens') }),
    ...(costUsd === undefined ? {} : { costUsd: rest(costUsd, 'costUsd') }),
    ...(steps === undefined ? {} : { steps: rest(steps, 'steps') }),
    ...(runMs === undefined ? {} : { runMs: Math.max(0, Math.ceil(runMs - used.runMs)) }),
  }
}

function passed(level: BudgetLevel, what: string): TaskError {
  const detail = `The budget "${level}" of the task is used up: it has used ${what}. Give it a higher level, or raise the limits (BUDGETS).`
  return { code: 'BUDGET_EXHAUSTED', detail }
}
