/**
 * What an attempt may still use: `ctx.budget`. Made for tasks with a budget, in the process and in the thread of the
 * handler. It knows what this attempt has told and what was left as it was sent; what called tasks use, the balancer
 * alone sees, which also judges.
 * Invariant: what is left never falls below 0, and a limit that was not named is not invented.
 */
import { type BudgetAmounts, completeUsage, type TaskBudget, type Usage, UsageSum } from '@berth/protocol'
import type { Budget } from '../functions/define.ts'

export class AttemptBudget {
  /** For the handler. */
  readonly view: Budget
  readonly #left: BudgetAmounts
  readonly #used = new UsageSum()
  /** Milliseconds in the handler so far. */
  readonly #runMs: () => number

  constructor(budget: TaskBudget, runMs: () => number) {
    const { left, ...limits } = budget
    this.#left = left ?? limits
    this.#runMs = runMs
    const leftNow = () => this.#leftNow()
    this.view = Object.freeze({
      ...limits,
      get left() {
        return leftNow()
      },
    })
  }

  add(report: Usage): void {
    this.#used.add(completeUsage(report))
  }

  #leftNow(): BudgetAmounts {
    const { tokens, costUsd, steps, runMs } = this.#left
    const rest = (left: number, name: string) => this.#used.upTo(name, left)
    return {
      ...(tokens === undefined ? {} : { tokens: rest(tokens, 'totalTokens') }),
      ...(costUsd === undefined ? {} : { costUsd: rest(costUsd, 'costUsd') }),
      ...(steps === undefined ? {} : { steps: rest(steps, 'steps') }),
      ...(runMs === undefined ? {} : { runMs: Math.max(0, Math.floor(runMs - this.#runMs())) }),
    }
  }
}
