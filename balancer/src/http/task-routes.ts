/**
 * `POST /task` and `POST /task/{group}/{function}` in the router: the same exchange as the hot route, for a
 * server that mounts only the router and for the table of policies. The hot route takes these requests first,
 * but for those with a strange address.
 */

import { readQuery } from './lists.ts'
import { INTERNAL_ERROR, problem } from './problem.ts'
import { type Route, type RouteContext, triggerOf } from './routes.ts'
import type { RoutedTarget } from './task-call.ts'
import type { TaskExchange } from './task-exchange.ts'

export interface TaskRouteDeps {
  readonly exchange: TaskExchange
}

export function taskRoutes({ exchange }: TaskRouteDeps): readonly Route[] {
  return [
    { method: 'POST', path: '/task', policy: 'key', handle: (c) => serveTask(c, exchange) },
    {
      method: 'POST',
      path: '/task/:group/:function',
      policy: 'key',
      handle: (c) => serveRouted(c, exchange),
    },
  ]
}

function serveTask(c: RouteContext, exchange: TaskExchange): Response | Promise<Response> {
  // There are no parameters here: one that was meant to say something must not be passed over.
  const query = readQuery(c.req.url, [])
  return query.ok ? serve(c, exchange) : problem(query.error)
}

function serveRouted(c: RouteContext, exchange: TaskExchange): Response | Promise<Response> {
  const { group = '', function: name = '' } = c.req.param()
  return serve(c, exchange, { group, function: name, query: new URL(c.req.url).search.slice(1) })
}

/** Resolves when the exchange has ended, so that the router leaves the request alone until then. */
async function serve(c: RouteContext, exchange: TaskExchange, target?: RoutedTarget): Promise<Response> {
  const { incoming, outgoing } = c.env ?? {}
  // Only a test asks the app without a server.
  if (!incoming || !outgoing) return problem(INTERNAL_ERROR)
  const ended = Promise.withResolvers<void>()
  outgoing.once('close', () => ended.resolve())
  exchange.serve(incoming, outgoing, target, triggerOf(c))
  await ended.promise
  return new Response(null, { headers: { 'x-hono-already-sent': 'true' } })
}
