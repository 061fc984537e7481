/**
 * Reads over HTTP: the one query client, the keys of what is read, and `useGet`, which polls only while the
 * page is live and seen. A key begins with the noun it reads, so that an action can invalidate all of a noun.
 */
import { QueryClient, type UseQueryResult, useQuery } from '@tanstack/react-query'
import { useLive } from '../shell/live.ts'
import { ApiError, type QueryValue, request } from './client.ts'

/** Nouns that are read; the first word of every key. */
export type Noun =
  | 'workers'
  | 'groups'
  | 'functions'
  | 'capability'
  | 'runs'
  | 'run'
  | 'queue'
  | 'pauses'
  | 'schedules'
  | 'deliveries'
  | 'config'
  | 'activity'
  | 'stats'
  | 'forms'
  | 'logs'
  | 'me'

export type ReadKey = readonly [Noun, ...unknown[]]

/** A refusal will not change by asking again at once; silence may. */
const RETRIES = 2

/** `me`: what `GET /me` has answered already, null when it was not asked. */
export function createQueryClient(me: unknown = null): QueryClient {
  const client = new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: 2_000,
        refetchOnWindowFocus: true,
        retry: (failures, error) => failures < RETRIES && error instanceof ApiError && mayPass(error),
        retryDelay: (failures) => Math.min(8_000, 500 * 2 ** failures),
      },
      mutations: { retry: false },
    },
  })
  if (me !== null) client.setQueryData(keyOf({ key: ['me'] }), me)
  return client
}

function keyOf({ key, query }: Pick<GetOptions<unknown>, 'key' | 'query'>): readonly unknown[] {
  return [...key, query ?? null]
}

function mayPass(error: ApiError): boolean {
  return error.status === 0 || error.status === 429 || error.status >= 502
}

export interface GetOptions<T> {
  readonly key: ReadKey
  readonly path: string
  readonly query?: Readonly<Record<string, QueryValue>>
  readonly schema?: { parse(value: unknown): T }
  /** Read again every so many ms while live and seen; never without it. */
  readonly everyMs?: number
  readonly isEnabled?: boolean
  /** What was read last stays while another query of the same noun is under way. */
  readonly keepsPrevious?: boolean
}

/** One GET as a query; `data` undefined until the first answer, `error` is an `ApiError`. */
export function useGet<T>(options: GetOptions<T>): UseQueryResult<T, Error> {
  const { isLive } = useLive()
  return useQuery<T, Error>({
    queryKey: keyOf(options),
    queryFn: ({ signal }) =>
      request<T>('GET', options.path, { schema: options.schema, query: options.query, signal }),
    enabled: options.isEnabled ?? true,
    refetchInterval: isLive && options.everyMs ? options.everyMs : false,
    refetchIntervalInBackground: false,
    placeholderData: options.keepsPrevious ? (previous) => previous : undefined,
  })
}
