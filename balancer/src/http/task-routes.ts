/**
 * `POST /task` in the router: the same function as the hot route, for a server that mounts only the
 * router and for the table of policies. The hot route takes these requests first, but for those with a query.
 */
import { mediaTypeOf } from './auth.ts'
import type { Door } from './door.ts'
import { readQuery } from './lists.ts'
import { problem } from './problem.ts'
import { readRoutedBody } from './routed-body.ts'
import type { Route, RouteContext } from './routes.ts'
import { bodyTooLarge } from './task-call.ts'
import type { TaskAnswer, Tasks } from './tasks.ts'

export interface TaskRouteDeps {
  readonly tasks: Tasks
  /** `REQUEST_BODY_LIMIT`. */
  readonly bodyLimitBytes: number
  readonly door: Door
}

export function taskRoutes(deps: TaskRouteDeps): readonly Route[] {
  return [{ method: 'POST', path: '/task', policy: 'key', handle: (c) => handle(c, deps) }]
}

async function handle(c: RouteContext, { tasks, bodyLimitBytes, door }: TaskRouteDeps): Promise<Response> {
  // There are no parameters yet: one that was meant to say something must not be passed over.
  const query = readQuery(c.req.url, [])
  if (!query.ok) return problem(query.error)
  const tooLarge = bodyTooLarge(bodyLimitBytes)
  const read = await readRoutedBody(c.req.raw, { limitBytes: bodyLimitBytes, tooLarge, door })
  if (!read.ok) return problem(read.error)
  const head = {
    contentType: mediaTypeOf(c.req.header('content-type')),
    contentEncoding: c.req.header('content-encoding'),
    prefer: c.req.header('prefer'),
    idempotencyKey: c.req.header('idempotency-key'),
  }
  const { signal } = c.req.raw
  const answered = Promise.withResolvers<Response>()
  const abandon = tasks.handle(head, read.bytes, c.req.header('traceparent'), (answer) =>
    answered.resolve(toResponse(answer)),
  )
  signal.addEventListener('abort', abandon, { once: true })
  if (signal.aborted) abandon()
  return answered.promise.finally(() => signal.removeEventListener('abort', abandon))
}

function toResponse({ status, headers, body }: TaskAnswer): Response {
  return new Response(typeof body === 'string' ? body : new Uint8Array(body), { status, headers })
}
