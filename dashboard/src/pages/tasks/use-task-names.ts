/** Names that the query bar completes: from the feed's workers, and from what the balancer knows to be served. */
import { useMemo } from 'react'
import { z } from 'zod'
import { useGet } from '../../api/query.ts'
import type { FeedView } from '../../feed/feed-client.ts'
import { useFeedPart } from '../../feed/use-feed.tsx'
import type { Names } from './task-query.ts'

const functionsSchema = z.object({ items: z.array(z.object({ name: z.string(), group: z.string() })) })

export function useTaskNames(): Names {
  const ids = useFeedPart(idsOf)
  const groups = useFeedPart(groupsOf)
  const { data } = useGet({
    key: ['functions', 'names'],
    path: '/functions',
    query: { limit: 500 },
    schema: functionsSchema,
  })
  return useMemo(
    () => ({
      functions: data?.items ?? [],
      groups: listOf(groups),
      workers: listOf(ids),
    }),
    [data, groups, ids],
  )
}

const idsOf = ({ feed }: FeedView): string => [...feed.workers.keys()].sort().join('\n')

function groupsOf({ feed }: FeedView): string {
  return [...new Set([...feed.workers.values()].flatMap(({ group }) => group ?? []))].sort().join('\n')
}

function listOf(joined: string): readonly string[] {
  return joined === '' ? [] : joined.split('\n')
}
