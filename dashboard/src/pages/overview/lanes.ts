/**
 * The lanes of the queue as the overview needs them: who waits, for how long, and whether anybody could take
 * it. Read every five seconds while the page is live; undefined while it is not known.
 */
import { z } from 'zod'
import { useGet } from '../../api/query.ts'

const laneSchema = z.object({
  group: z.string(),
  contract: z
    .number()
    .nullish()
    .transform((value) => value ?? null),
  function: z.string(),
  waiting: z.number(),
  oldestAt: z.string().nullable(),
  capable: z.number(),
  free: z.number(),
  paused: z.unknown().transform((value) => value ?? null),
})

const queueSchema = z.object({ lanes: z.array(laneSchema) })

export type LaneView = z.infer<typeof laneSchema>

const EVERY_MS = 5_000

export function useLanes(): {
  readonly lanes: readonly LaneView[] | undefined
  readonly error: Error | null
} {
  const { data, error } = useGet({
    key: ['queue', 'lanes'],
    path: '/queue',
    query: { limit: 1 },
    schema: queueSchema,
    everyMs: EVERY_MS,
  })
  return { lanes: data?.lanes, error }
}
