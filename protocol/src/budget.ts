/**
 * How much a run may use (CONTRACT §2, BUDGETS; §4, `budget`): the levels, and what travels of them to a worker.
 */
import { z } from 'zod'

export const BUDGET_LEVELS = ['low', 'standard', 'high', 'unlimited'] as const
export type BudgetLevel = (typeof BUDGET_LEVELS)[number]

const amount = z.number().min(0)

/** What is left out is not limited. `runMs`: milliseconds inside handlers. */
export const budgetAmountsSchema = z.object({
  tokens: amount.optional(),
  costUsd: amount.optional(),
  steps: amount.optional(),
  runMs: amount.optional(),
})

/** The limits of a run, and what is left of them as an attempt is sent; without `left` nothing is used yet. */
export const taskBudgetSchema = budgetAmountsSchema.extend({
  level: z.enum(BUDGET_LEVELS),
  left: budgetAmountsSchema.optional(),
})

export type BudgetAmounts = Readonly<z.infer<typeof budgetAmountsSchema>>
export type TaskBudget = Readonly<z.infer<typeof taskBudgetSchema>>
