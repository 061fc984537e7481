/**
 * `POST /task` in the router: the same function as the hot route, for a server that mounts only the
 * router and for the table of policies. The hot route takes these requests first, but for those with a query.
 */
import type { TaskError } from '@berth/protocol'
import { mediaTypeOf } from './auth.ts'
import { BodyBytes, DISCARD_BYTES } from './body-bytes.ts'
import { readQuery } from './lists.ts'
import { problem } from './problem.ts'
import type { Route, RouteContext } from './routes.ts'
import { bodyTooLarge } from './task-call.ts'
import type { TaskAnswer, Tasks } from './tasks.ts'

export interface TaskRouteDeps {
  readonly tasks: Tasks
  readonly bodyLimitBytes: number
}

export function taskRoutes(deps: TaskRouteDeps): readonly Route[] {
  return [{ method: 'POST', path: '/task', policy: 'key', handle: (c) => handle(c, deps) }]
}

async function handle(c: RouteContext, { tasks, bodyLimitBytes }: TaskRouteDeps): Promise<Response> {
  // There are no parameters yet: one that was meant to say something must not be passed over.
  const query = readQuery(c.req.url, [])
  if (!query.ok) return problem(query.error)
  const read = await readBody(c.req.raw, bodyLimitBytes)
  if (!(read instanceof Uint8Array)) return problem(read)
  const head = {
    contentType: mediaTypeOf(c.req.header('content-type')),
    contentEncoding: c.req.header('content-encoding'),
    prefer: c.req.header('prefer'),
    idempotencyKey: c.req.header('idempotency-key'),
  }
  const { signal } = c.req.raw
  const answered = Promise.withResolvers<Response>()
  const abandon = tasks.handle(head, read, c.req.header('traceparent'), (answer) =>
    answered.resolve(toResponse(answer)),
  )
  signal.addEventListener('abort', abandon, { once: true })
  if (signal.aborted) abandon()
  return answered.promise.finally(() => signal.removeEventListener('abort', abandon))
}

async function readBody({ headers, body }: Request, limitBytes: number): Promise<Uint8Array | TaskError> {
  const bytes = new BodyBytes(limitBytes, headers.get('content-length'))
  const reader = body?.getReader()
  if (reader === undefined) return bytes.take()
  try {
    while (!bytes.isDeclaredOver) {
      const { done, value } = await reader.read()
      if (done) return bytes.take()
      if (!bytes.add(value)) break
    }
  } catch {
    // Nobody reads this: the caller has gone in the middle of it.
    return { code: 'INVALID_REQUEST', detail: 'The body ended before its end.' }
  }
  void discard(reader)
  return bodyTooLarge(limitBytes)
}

/** Drops what is still coming of a refused body, within a bound, so that the client reads the answer. */
async function discard(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  let dropped = 0
  try {
    while (dropped <= DISCARD_BYTES) {
      const { done, value } = await reader.read()
      if (done) return
      dropped += value.length
    }
    await reader.cancel()
  } catch {
    // The caller has gone, and with it the rest.
  }
}

function toResponse({ status, headers, body }: TaskAnswer): Response {
  return new Response(typeof body === 'string' ? body : new Uint8Array(body), { status, headers })
}
