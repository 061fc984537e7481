/** `GET /runs/summary`: runs of a filter by status and time. Read by the dashboard. */
import { z } from 'zod'
import { runStatusSchema } from './run-view.ts'

export const runSummarySchema = z.object({
  /** Of every status, zeros included. */
  counts: z.record(runStatusSchema, z.number()),
  /** There are more than are counted; from `cappedAt` on all are. */
  isCapped: z.boolean(),
  cappedAt: z.string().nullable(),
  from: z.string(),
  /** Not included. */
  to: z.string(),
  stepMs: z.number(),
  /** Without gaps, the oldest first; what is zero is left out of `counts`. */
  buckets: z.array(z.object({ at: z.string(), counts: z.partialRecord(runStatusSchema, z.number()) })),
})

export type RunSummary = z.infer<typeof runSummarySchema>
