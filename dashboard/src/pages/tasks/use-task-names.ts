/** Names that the query bar completes: from the feed's workers, and from what the balancer knows to be served. */
import { useMemo } from 'react'
import { z } from 'zod'
import { useGet } from '../../api/query.ts'
import { useFeed } from '../../feed/use-feed.tsx'
import type { Names } from './task-query.ts'

const functionsSchema = z.object({ items: z.array(z.object({ name: z.string(), group: z.string() })) })

export function useTaskNames(): Names {
  const { workers } = useFeed().feed
  const { data } = useGet({
    key: ['functions', 'names'],
    path: '/functions',
    query: { limit: 500 },
    schema: functionsSchema,
  })
  const ids = [...workers.keys()].sort().join('\n')
  const groups = [...new Set([...workers.values()].flatMap(({ group }) => group ?? []))].sort().join('\n')
  return useMemo(
    () => ({
      functions: data?.items ?? [],
      groups: listOf(groups),
      workers: listOf(ids),
    }),
    [data, groups, ids],
  )
}

function listOf(joined: string): readonly string[] {
  return joined === '' ? [] : joined.split('\n')
}
