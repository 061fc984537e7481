/** The functions of the fleet, what they take and where the newest of each stands. Read by the pages of functions. */
import { type UseQueryResult, useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { z } from 'zod'
import { request } from '../../../api/client.ts'
import { useLive } from '../../../shell/live.ts'

const pauseSchema = z.looseObject({
  since: z.string(),
  until: z.string().nullable(),
  reason: z.string().nullable(),
  by: z.enum(['function', 'group']).default('function'),
})

const functionSchema = z.looseObject({
  name: z.string(),
  group: z.string(),
  contract: z.number(),
  description: z.string().nullable().default(null),
  examples: z.array(z.unknown()).default([]),
  maxRetries: z.number().default(0),
  input: z.record(z.string(), z.unknown()),
  output: z.record(z.string(), z.unknown()).nullable(),
  supportsStreaming: z.boolean(),
  idempotent: z.boolean().nullable(),
  slots: z.number(),
  timeout: z.number().nullable(),
  background: z.boolean(),
  keepWarm: z.boolean(),
  workers: z.array(z.string()),
  paused: pauseSchema.nullable().default(null),
})

const pageSchema = z.object({ items: z.array(functionSchema), cursor: z.string().nullable() })

export type FunctionItem = z.infer<typeof functionSchema>

/** One function of a group, under all its contracts, the newest first. */
export interface CatalogueEntry {
  readonly key: string
  readonly group: string
  readonly name: string
  readonly contracts: readonly FunctionItem[]
  readonly newest: FunctionItem
}

const EVERY_MS = 5_000
const PAGE = 500
/** 5,000 functions; what is beyond is said by the page. */
const MAX_PAGES = 10

export interface Catalogue {
  readonly items: readonly FunctionItem[]
  readonly isCut: boolean
}

export function useFunctions(): UseQueryResult<Catalogue, Error> {
  const { isLive } = useLive()
  return useQuery<Catalogue, Error>({
    queryKey: ['functions', 'all'],
    queryFn: ({ signal }) => readAll(signal),
    refetchInterval: isLive ? EVERY_MS : false,
  })
}

async function readAll(signal: AbortSignal): Promise<Catalogue> {
  const items: FunctionItem[] = []
  let cursor: string | null = null
  for (let page = 0; page < MAX_PAGES; page++) {
    const query = { limit: PAGE, cursor }
    const answer: z.infer<typeof pageSchema> = await request('GET', '/functions', {
      query,
      schema: pageSchema,
      signal,
    })
    items.push(...answer.items)
    cursor = answer.cursor
    if (cursor === null) return { items, isCut: false }
  }
  return { items, isCut: true }
}

export function gatherFunctions(items: readonly FunctionItem[]): CatalogueEntry[] {
  const groups = Map.groupBy(items, ({ group, name }) => `${group}/${name}`)
  return [...groups].flatMap(([key, contracts]) => {
    const sorted = contracts.toSorted((a, b) => b.contract - a.contract)
    const [newest] = sorted
    return newest ? [{ key, group: newest.group, name: newest.name, contracts: sorted, newest }] : []
  })
}

/** One function; undefined until it is known, null when nobody has ever served it. */
export function useFunction(group: string, name: string, contract: number | null) {
  const functions = useFunctions()
  const found = useMemo(() => {
    if (functions.data === undefined) return undefined
    const own = functions.data.items.filter((item) => item.group === group && item.name === name)
    const sorted = own.toSorted((a, b) => b.contract - a.contract)
    return (contract === null ? sorted[0] : sorted.find((item) => item.contract === contract)) ?? null
  }, [functions.data, group, name, contract])
  return { item: found, error: functions.error, refetch: functions.refetch }
}
