/** What the page of groups and contracts reads: the queue's lanes, a function's schemas, a group's settings. */
import { z } from 'zod'
import { request } from '../../api/client.ts'
import { useGet } from '../../api/query.ts'
import type { Lane } from './matrix.ts'

const QUEUE_POLL_MS = 3_000
const SETTINGS_POLL_MS = 5_000

const queueSchema = z.object({
  lanes: z.array(
    z.object({ group: z.string(), contract: z.number(), function: z.string(), waiting: z.number() }),
  ),
})

/** Null until the queue has been read; a balancer that does not tell it leaves what waits unknown. */
export function useLanes(): readonly Lane[] | null {
  const { data } = useGet({
    key: ['queue', 'lanes'],
    path: '/queue',
    query: { limit: 1 },
    schema: queueSchema,
    everyMs: QUEUE_POLL_MS,
  })
  return data?.lanes ?? null
}

const servedSchema = z.object({
  name: z.string(),
  group: z.string(),
  contract: z.number(),
  input: z.json(),
  output: z.json(),
})
const servedListSchema = z.object({ items: z.array(servedSchema), cursor: z.string().nullable() })

export type Served = z.infer<typeof servedSchema>

/** Pages of the catalogue that are asked for to find one function. */
const MOST_PAGES = 20

/** A function as every contract of every group declares it. */
export async function findServed(
  name: string,
  groups: readonly string[],
  signal: AbortSignal,
): Promise<Served[]> {
  const lists = await Promise.all(groups.map((group) => findInGroup(name, group, signal)))
  return lists.flat()
}

async function findInGroup(name: string, group: string, signal: AbortSignal): Promise<Served[]> {
  const found: Served[] = []
  let cursor: string | null = null
  for (let page = 0; page < MOST_PAGES; page++) {
    const list: z.infer<typeof servedListSchema> = await request('GET', '/functions', {
      query: { group, limit: 500, cursor },
      schema: servedListSchema,
      signal,
    })
    found.push(...list.items.filter((item) => item.name === name))
    cursor = list.cursor
    if (cursor === null) break
  }
  return found
}

const groupSettingsSchema = z.looseObject({
  defaultContract: z.number().nullable(),
  paused: z
    .looseObject({ since: z.string(), until: z.string().nullable(), reason: z.string().nullable() })
    .nullable(),
})

export type GroupSettings = z.infer<typeof groupSettingsSchema>

export function groupPath(group: string): string {
  return `/groups/${encodeURIComponent(group)}`
}

export function useGroupSettings(group: string) {
  return useGet<GroupSettings>({
    key: ['groups', 'settings', group],
    path: groupPath(group),
    schema: groupSettingsSchema,
    everyMs: SETTINGS_POLL_MS,
  })
}

export function patchGroup(group: string, body: unknown, reason?: string): Promise<unknown> {
  return request('PATCH', groupPath(group), { body, reason })
}

const demandSchema = z.looseObject({
  series: z.array(
    z.looseObject({
      metric: z.string(),
      values: z.array(z.union([z.number(), z.array(z.number())]).nullable()),
    }),
  ),
})

export interface GroupDemand {
  readonly waiting: number | null
  readonly arrivalsPerMinute: number | null
}

/** What came in the last minute and what waits now; unknown where nobody has counted. */
export function useGroupDemand(group: string): GroupDemand {
  const { data } = useGet({
    key: ['stats', 'group-demand', group],
    path: '/stats',
    query: {
      metric: 'submitted,waiting',
      by: 'group',
      of: group,
      from: new Date(Math.floor(Date.now() / 5_000) * 5_000 - 60_000).toISOString(),
      step: '15s',
    },
    schema: demandSchema,
    keepsPrevious: true,
  })
  const valuesOf = (metric: string) =>
    (data?.series.find((one) => one.metric === metric)?.values ?? []).filter(
      (value) => typeof value === 'number',
    )
  const submitted = valuesOf('submitted')
  const waiting = valuesOf('waiting').at(-1)
  return {
    waiting: waiting === undefined ? null : Math.round(waiting),
    arrivalsPerMinute:
      submitted.length === 0
        ? null
        : (60 * submitted.reduce((sum, value) => sum + value, 0)) / submitted.length,
  }
}
