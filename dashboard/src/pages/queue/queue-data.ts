/** What the page reads: `GET /queue`, every two seconds while live; and figures over all lanes. */
import { z } from 'zod'
import { useGet } from '../../api/query.ts'

const EVERY_MS = 2_000
export const HEAD = 200

const pauseSchema = z.object({
  since: z.string(),
  until: z.string().nullable(),
  reason: z.string().nullable(),
  by: z.enum(['function', 'group']),
})

const laneSchema = z.object({
  group: z.string(),
  contract: z.number(),
  function: z.string(),
  tags: z.string().nullable(),
  waiting: z.number(),
  hasMore: z.boolean(),
  oldestAt: z.string().nullable(),
  arrivalPerSecond: z.number().nullable(),
  servicePerSecond: z.number().nullable(),
  clearMs: z.number().nullable(),
  capable: z.number(),
  free: z.number(),
  limits: z.array(
    z.object({
      of: z.enum(['group', 'function']),
      kind: z.enum(['concurrency', 'rate']),
      used: z.number(),
      limit: z.number(),
      perMs: z.number().nullable(),
    }),
  ),
  paused: pauseSchema.nullable(),
  fairness: z.array(
    z.object({ key: z.string(), weight: z.number(), running: z.number(), waiting: z.number() }),
  ),
})

const waitingSchema = z.object({
  id: z.string(),
  position: z.number(),
  group: z.string(),
  contract: z.number(),
  function: z.string(),
  priority: z.number(),
  fairnessKey: z.string().nullable(),
  waitedMs: z.number(),
  why: z.enum(['paused', 'concurrency', 'rate', 'no_worker', 'no_slot']),
})

const queueSchema = z.object({
  at: z.string(),
  waiting: z.number(),
  lanes: z.array(laneSchema),
  head: z.array(waitingSchema),
})

export type Lane = z.infer<typeof laneSchema>
export type Waiting = z.infer<typeof waitingSchema>
export type Queue = z.infer<typeof queueSchema>

export function useQueue(group: string | null) {
  return useGet({
    key: ['queue'],
    path: '/queue',
    query: { group, limit: HEAD },
    schema: queueSchema,
    everyMs: EVERY_MS,
    keepsPrevious: true,
  })
}

export function laneId({ group, contract, function: name, tags }: Lane): string {
  return [group, contract, name, tags ?? ''].join('\n')
}

/** Something there wants a look. */
export function isBusy({ waiting, hasMore, paused }: Lane): boolean {
  return waiting > 0 || hasMore || paused !== null
}

export interface QueueFigures {
  readonly oldestAt: string | null
  readonly hasMore: boolean
  /** A second; null while they are not known. */
  readonly arrivals: number | null
  readonly served: number | null
  /** The longest of all functions that have a queue; null while one grows or nobody knows. */
  readonly clearMs: number | null
  readonly doesGrow: boolean
  readonly functions: number
  readonly waitingFunctions: number
  readonly paused: number
}

/** Rates are those of functions: what has several lanes counts once. */
export function figuresOf(lanes: readonly Lane[]): QueueFigures {
  const byFunction = new Map(
    lanes.map((lane) => [[lane.group, lane.contract, lane.function].join('\n'), lane]),
  )
  const functions = [...byFunction.values()]
  const queued = lanes.filter(({ waiting, hasMore }) => waiting > 0 || hasMore)
  const oldest = lanes.flatMap(({ oldestAt }) => oldestAt ?? []).sort()
  const sum = (rates: readonly (number | null)[]) =>
    rates.some((rate) => rate !== null) ? rates.reduce<number>((all, rate) => all + (rate ?? 0), 0) : null
  const arrivals = sum(functions.map((lane) => lane.arrivalPerSecond))
  const served = sum(functions.map((lane) => lane.servicePerSecond))
  // What is paused does not get less, and nobody expects it to.
  const clear = queued.filter(({ paused }) => paused === null).map((lane) => lane.clearMs)
  return {
    oldestAt: oldest[0] ?? null,
    hasMore: lanes.some(({ hasMore }) => hasMore),
    arrivals,
    served,
    clearMs: clear.includes(null) ? null : Math.max(0, ...clear.map(Number)),
    doesGrow: queued.some((lane) => isGrowing(lane)),
    functions: functions.length,
    waitingFunctions: new Set(
      queued.map(({ group, contract, function: name }) => [group, contract, name].join('\n')),
    ).size,
    paused: functions.filter(({ paused }) => paused !== null).length,
  }
}

export function isGrowing({ waiting, arrivalPerSecond, servicePerSecond, clearMs }: Lane): boolean {
  return (
    waiting > 0 && clearMs === null && arrivalPerSecond !== null && arrivalPerSecond > (servicePerSecond ?? 0)
  )
}

/** Where a task of the list would stand with another priority; null: behind all that are here. */
export function placeWith(head: readonly Waiting[], task: Waiting, priority: number): number | null {
  const others = head.filter(({ id, group }) => group === task.group && id !== task.id)
  const before = others.filter(
    (other) => other.priority < priority || (other.priority === priority && other.waitedMs > task.waitedMs),
  ).length
  return before === others.length && others.length + 1 >= HEAD ? null : before + 1
}
