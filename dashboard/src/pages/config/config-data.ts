/**
 * What the page reads of the balancer: the file, its state, the history, dry runs. Schemas keep to what the page
 * shows. The file's state is read every few seconds, so that a change underneath is seen while one types.
 */
import { useInfiniteQuery, useQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { z } from 'zod'
import { ApiError, request, requestAnswer } from '../../api/client.ts'
import { useGet } from '../../api/query.ts'
import { useFeedPart } from '../../feed/use-feed.tsx'

export const PATH = '/config/workers'
const STATE_EVERY_MS = 3_000
const PAGE = 50

/** `etag` null: there is no file. */
export interface ConfigFile {
  readonly text: string
  readonly etag: string | null
}

const EMPTY_FILE: ConfigFile = { text: '[]\n', etag: null }

export function useConfigFile() {
  return useQuery<ConfigFile, Error>({
    queryKey: ['config', 'file'],
    queryFn: async ({ signal }) => {
      try {
        const { data, headers } = await requestAnswer<string>('GET', PATH, { isText: true, signal })
        return { text: data, etag: headers.get('etag') }
      } catch (error) {
        if (error instanceof ApiError && error.status === 404) return EMPTY_FILE
        throw error
      }
    },
    staleTime: Number.POSITIVE_INFINITY,
  })
}

const stateSchema = z.object({
  file: z.string(),
  etag: z.string().nullable(),
  isWritable: z.boolean(),
  readOnlyReason: z.string().nullable(),
  version: z.number().nullable(),
})
export type FileState = z.infer<typeof stateSchema>

/** Reads the file again whenever somebody else has changed it. */
export function useFileState(file: ReturnType<typeof useConfigFile>): FileState | undefined {
  const since = useFeedPart(({ feed }) => feed.config?.since)
  const state = useGet({
    key: ['config', 'state'],
    path: `${PATH}/state`,
    schema: stateSchema,
    everyMs: STATE_EVERY_MS,
  })
  const { refetch: readState } = state
  useEffect(() => {
    if (since !== undefined) void readState()
  }, [since, readState])
  const { data } = state
  const isOther = data !== undefined && file.data !== undefined && data.etag !== file.data.etag
  const { refetch, isFetching } = file
  useEffect(() => {
    if (isOther && !isFetching) void refetch()
  }, [isOther, isFetching, refetch])
  return data
}

const versionSchema = z.object({
  version: z.number(),
  at: z.string(),
  who: z.string(),
  reason: z.string().nullable(),
  action: z.enum(['start', 'change', 'rollback']),
  of: z.number().nullable(),
  workers: z.number(),
  added: z.number(),
  removed: z.number(),
  changed: z.number(),
})
export type Version = z.infer<typeof versionSchema>

const pageSchema = z.object({ items: z.array(versionSchema), cursor: z.string().nullable() })

/** The newest first; `fetchNextPage` reads older ones. `newest` makes it read again. */
export function useVersions(newest: number | null | undefined) {
  return useInfiniteQuery({
    queryKey: ['config', 'history', newest ?? null],
    queryFn: ({ pageParam, signal }) =>
      request('GET', `${PATH}/history`, {
        query: { limit: PAGE, cursor: pageParam },
        schema: pageSchema,
        signal,
      }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.cursor,
    placeholderData: (previous) => previous,
  })
}

const versionTextSchema = versionSchema.extend({ text: z.string() })

export function useVersionText(version: number | null) {
  return useQuery({
    queryKey: ['config', 'version', version],
    queryFn: ({ signal }) =>
      request('GET', `${PATH}/history/${version}`, { schema: versionTextSchema, signal }),
    enabled: version !== null,
    staleTime: Number.POSITIVE_INFINITY,
  })
}

const previewSchema = z.object({
  ok: z.boolean(),
  errors: z.array(
    z.object({
      line: z.number().optional(),
      column: z.number().optional(),
      pointer: z.string(),
      detail: z.string(),
    }),
  ),
  added: z.array(z.string()),
  removed: z.array(z.string()),
  changed: z.array(z.object({ id: z.string(), fields: z.array(z.string()) })),
  slotsLost: z.number(),
  slotsLostShare: z.number(),
  running: z.number(),
  functionsLeft: z.array(z.object({ group: z.string(), contract: z.number(), name: z.string() })),
  workers: z.number(),
  warnings: z.array(z.string()),
})
export type Preview = z.infer<typeof previewSchema>

export type Proposal = { readonly text: string } | { readonly version: number }

export function askPreview(proposal: Proposal, signal?: AbortSignal): Promise<Preview> {
  const asked = 'text' in proposal ? { rawBody: proposal.text } : { query: proposal, rawBody: '' }
  return request('POST', `${PATH}/dry-run`, { ...asked, schema: previewSchema, signal })
}

/** The dry run of a proposal; none while it is null. `keepsPrevious` while the next one is counted. */
export function usePreview(proposal: Proposal | null, keepsPrevious = false) {
  return useQuery({
    queryKey: ['config', 'dry-run', proposal],
    queryFn: ({ signal }) => askPreview(proposal ?? { text: '[]' }, signal),
    enabled: proposal !== null,
    staleTime: 0,
    gcTime: 10_000,
    placeholderData: keepsPrevious ? (previous) => previous : undefined,
  })
}

const appliedSchema = z.object({
  version: z.number().nullable(),
  isApplied: z.boolean(),
  added: z.array(z.string()),
  removed: z.array(z.string()),
  changed: z.array(z.object({ id: z.string(), fields: z.array(z.string()) })),
  etag: z.string(),
})
export type Applied = z.infer<typeof appliedSchema>

export function putFile(text: string, etag: string | null, reason: string): Promise<Applied> {
  const headers: Record<string, string> = etag === null ? { 'if-none-match': '*' } : { 'if-match': etag }
  return request('PUT', PATH, { rawBody: text, headers, reason, schema: appliedSchema })
}

export function rollBack(version: number, etag: string | null, reason: string): Promise<Applied> {
  const headers: Record<string, string> = etag === null ? {} : { 'if-match': etag }
  return request('POST', `${PATH}/rollback`, { body: { version }, headers, reason, schema: appliedSchema })
}
