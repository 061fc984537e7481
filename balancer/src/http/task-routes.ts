/**
 * `POST /task` in the router: the same function as the hot route, for a server that mounts only the
 * router and for the table of policies. The hot route takes these requests first.
 */
import type { TaskError } from '@berth/protocol'
import { mediaTypeOf } from './auth.ts'
import { problem } from './problem.ts'
import type { Route, RouteContext } from './routes.ts'
import type { TaskAnswer, Tasks } from './tasks.ts'

export interface TaskRouteDeps {
  readonly tasks: Tasks
  readonly bodyLimitBytes: number
}

export function taskRoutes(deps: TaskRouteDeps): readonly Route[] {
  return [{ method: 'POST', path: '/task', policy: 'key', handle: (c) => handle(c, deps) }]
}

async function handle(c: RouteContext, { tasks, bodyLimitBytes }: TaskRouteDeps): Promise<Response> {
  const bytes = await readBounded(c.req.raw, bodyLimitBytes)
  if (bytes === undefined) return problem(tooLarge(bodyLimitBytes))
  const head = {
    contentType: mediaTypeOf(c.req.header('content-type')),
    contentEncoding: c.req.header('content-encoding'),
    prefer: c.req.header('prefer'),
    idempotencyKey: c.req.header('idempotency-key'),
  }
  const { signal } = c.req.raw
  return new Promise((resolve) => {
    const onAbort = () => abandon()
    const abandon = tasks.handle(head, bytes, c.req.header('traceparent'), (answer) => {
      signal.removeEventListener('abort', onAbort)
      resolve(toResponse(answer))
    })
    signal.addEventListener('abort', onAbort, { once: true })
  })
}

async function readBounded(request: Request, limitBytes: number): Promise<Uint8Array | undefined> {
  if (Number(request.headers.get('content-length') ?? 0) > limitBytes) return undefined
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of request.body ?? []) {
    bytes += piece.length
    if (bytes > limitBytes) return undefined
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

function toResponse({ status, headers, body }: TaskAnswer): Response {
  return new Response(typeof body === 'string' ? body : new Uint8Array(body), { status, headers })
}

function tooLarge(limitBytes: number): TaskError {
  return { code: 'PAYLOAD_TOO_LARGE', detail: `The body is over ${limitBytes} bytes (REQUEST_BODY_LIMIT).` }
}
