/**
 * A webhook's message as `GET /runs/{id}/deliveries` answers it (CONTRACT §4, Webhooks): where it goes, how it stands,
 * and every try that is remembered. Read by the dashboard and by clients. Null means "not yet" or "no answer".
 */
import { z } from 'zod'

export const DELIVERY_STATES = ['pending', 'delivered', 'failed', 'refused', 'disabled'] as const

export const deliveryViewSchema = z.object({
  /** Sent as `webhook-id`, the same at every try. */
  id: z.string(),
  run: z.string(),
  type: z.enum(['task.completed', 'task.failed', 'task.cancelled', 'task.expired']),
  url: z.string(),
  state: z.enum(DELIVERY_STATES),
  /** In all, those that are not in `attempts` any more among them. */
  tries: z.number(),
  createdAt: z.string(),
  /** When it is tried next; null when it is not. */
  nextAt: z.string().nullable(),
  /** What the receiver answered last, and what went wrong. */
  status: z.number().nullable(),
  error: z.string().nullable(),
  /** The newest 100, the oldest first. */
  attempts: z.array(
    z.object({
      n: z.number(),
      at: z.string(),
      durationMs: z.number(),
      status: z.number().nullable(),
      error: z.string().nullable(),
    }),
  ),
})

export type DeliveryView = z.infer<typeof deliveryViewSchema>
