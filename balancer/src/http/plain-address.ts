/** For routes whose address takes no parameters: one that is there is 400 before anything is done. */
import { readQuery } from './lists.ts'
import { problem } from './problem.ts'
import type { Route } from './routes.ts'

export function plain(handle: Route['handle']): Route['handle'] {
  return (c) => {
    const query = readQuery(c.req.url, [])
    return query.ok ? handle(c) : problem(query.error)
  }
}
