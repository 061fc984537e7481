/**
 * The worker's own small server (CONTRACT §6): tasks, health, logs, maintenance. Built on Hono; each route
 * parses, calls, maps. The link's upgrade on the same server is `link.ts`.
 * Invariant: every address but `GET /health`, and on a loopback HOST `/openapi` and `/docs`, answers 401 without a
 * right key, also one that does not exist.
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { BERTH_VERSION, PROTOCOL } from '@berth/protocol'
import type { HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { type Context, Hono } from 'hono'
import { isJsonType, isMediaType, plainType } from '../bytes/media-type.ts'
import type { Keys } from '../config.ts'
import { viewLog } from '../observe/log-view.ts'
import { type PageOptions, Pages } from '../openapi/pages.ts'
import type { WorkerParts } from '../parts.ts'
import { LEAST_OVERRUN_BYTES } from '../stream/emitter.ts'
import { HttpCaller } from '../stream/http-caller.ts'
import { type Answer, jsonAnswer, problem } from './answer.ts'
import { opensOwn, opensReads, opensTasks, presentedBy } from './auth.ts'
import { readBody } from './http-body.ts'
import { type Answered, type DirectRequest, handleTask } from './http-task.ts'

type Env = { Bindings: HttpBindings }

export function createHttp(parts: WorkerParts, keys: Keys, options: PageOptions): Hono<Env> {
  const app = new Hono<Env>()
  const pages = new Pages(parts, keys, options)
  app.get('/health', (c) => send(c, health(parts, keys, c)))
  app.get('/openapi', (c) => send(c, pages.document(presentedBy(c.env.incoming))))
  app.get('/docs', (c) => send(c, pages.page(presentedBy(c.env.incoming))))
  app.get('/docs/:file', async (c) =>
    send(c, await pages.asset(presentedBy(c.env.incoming), c.req.param('file'))),
  )
  app.on('GET', ['/logs', '/metrics'], async (c, next) => {
    if (!opensReads(presentedBy(c.env.incoming), keys)) return send(c, unauthorized())
    await next()
    return undefined
  })
  app.get('/logs', (c) => {
    const logs = viewLog(parts.log, { level: c.req.query('level'), run: c.req.query('run') })
    return send(c, typeof logs === 'string' ? problem('INVALID_REQUEST', logs) : jsonAnswer({ logs }))
  })
  app.get('/metrics', (c) => send(c, textAnswer(parts.metrics.write(parts))))
  app.use(async (c, next) => {
    const presented = presentedBy(c.env.incoming)
    if (!opensTasks(presented, keys)) return send(c, unauthorized(opensOwn(presented, keys)))
    await next()
    return undefined
  })
  app.post('/task', (c) => runTask(parts, c))
  app.post('/task/:group/:function', (c) =>
    runTask(parts, c, { group: c.req.param('group'), function: c.req.param('function') }),
  )
  app.post('/on', (c) => send(c, refuseQuery(c) ?? switchOn(parts)))
  app.post('/off', (c) => send(c, refuseQuery(c) ?? switchOff(parts)))
  app.all('*', (c) => send(c, noSuchAddress(c.req.method, c.req.path)))
  app.onError((error, c) => {
    parts.log.error('a request failed', { path: c.req.path, error })
    return send(c, problem('INTERNAL', 'Something went wrong in the worker; its log says what'))
  })
  return app
}

/** Only a request that cannot be given to the router ends here: a `Host` or address that is none. */
export function explainUnroutable(): Response {
  const { status, headers, body } = problem('INVALID_REQUEST', 'The Host header or the address is not valid')
  return new Response(String(body), { status, headers })
}

/** Whether a client that asks first may send its body: with the right key, and one that is not too large. */
export function mayContinue({ limits }: WorkerParts, keys: Keys) {
  return (incoming: IncomingMessage): boolean =>
    opensTasks(presentedBy(incoming), keys) &&
    !(Number(incoming.headers['content-length']) > limits.requestBodyBytes)
}

function send(c: Context<Env>, { status, headers, body }: Answer): Response {
  c.status(status as Parameters<typeof c.status>[0])
  return c.body(typeof body === 'string' ? body : (body as Uint8Array<ArrayBuffer>), { headers })
}

async function runTask(
  parts: WorkerParts,
  c: Context<Env>,
  route?: { group: string; function: string },
): Promise<Response> {
  const { incoming, outgoing } = c.env
  const unreadable = mediaProblem(
    incoming.headers['content-type'],
    incoming.headers['content-encoding'],
    route !== undefined,
  )
  if (unreadable) return send(c, unreadable)
  const body = await readBody(incoming, parts.limits.requestBodyBytes)
  if (body.kind === 'too-large') return send(c, bodyTooLarge(parts))
  if (body.kind === 'gone')
    return send(c, problem('INVALID_REQUEST', 'The request ended in the middle of its body'))
  const request = {
    bytes: body.bytes,
    query: new URL(c.req.url).searchParams,
    contentType: incoming.headers['content-type'] ?? '',
    wantsEvents: acceptsEvents(incoming.headers.accept),
    ...(route ? { route } : {}),
  }
  const answer = await answerTask(parts, request, incoming, outgoing as ServerResponse)
  return answer ? send(c, answer) : RESPONSE_ALREADY_SENT
}

/** Runs a task for whoever holds this response; undefined when it was written to it already. */
export function answerTask(
  parts: WorkerParts,
  request: DirectRequest,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Answered {
  const overrunBytes = Math.max(parts.limits.resultBytes, LEAST_OVERRUN_BYTES)
  return handleTask(parts, request, new HttpCaller(incoming, outgoing, { overrunBytes }))
}

/**
 * The connection stays: closed now, a client that is still sending would see a reset, not the answer. The
 * server drops what comes, and ends the connection when that takes long.
 */
export function bodyTooLarge({ limits }: WorkerParts): Answer {
  const detail = `The body is over ${limits.requestBodyBytes} bytes; send less, or raise REQUEST_BODY_LIMIT`
  return problem('PAYLOAD_TOO_LARGE', detail)
}

export function acceptsEvents(accept = ''): boolean {
  if (accept === '' || accept === '*/*') return false
  return accept.split(',').some((range) => plainType(range) === 'text/event-stream')
}

/** `POST /task` is read as JSON whatever its type says; below it other types are bytes. */
function mediaProblem(type = '', encoding = 'identity', isRouted = false): Answer | undefined {
  if (encoding !== 'identity')
    return problem('UNSUPPORTED_MEDIA_TYPE', `The body is encoded as ${encoding.slice(0, 64)}; send it plain`)
  if (isRouted) {
    if (isJsonType(type) || isMediaType(type)) return undefined
    return problem('UNSUPPORTED_MEDIA_TYPE', `${JSON.stringify(type.slice(0, 100))} is no media type`)
  }
  if (!plainType(type).startsWith('multipart/')) return undefined
  const detail =
    'A body with files is taken by the balancer: send it there, to POST /task with a part "task". Here send JSON, or bytes to /task/{group}/{function}'
  return problem('UNSUPPORTED_MEDIA_TYPE', detail)
}

/** A parameter that nobody reads would be taken for obeyed. */
function refuseQuery(c: Context<Env>): Answer | undefined {
  const [name] = new URL(c.req.url).searchParams.keys()
  if (name === undefined) return undefined
  return problem(
    'INVALID_REQUEST',
    `There is no parameter "${name.slice(0, 64)}" here; this address takes none`,
  )
}

function switchOff({ condition }: WorkerParts): Answer {
  condition.off()
  return jsonAnswer({
    status: condition.status,
    message: 'The worker takes no new tasks; running ones finish',
  })
}

function switchOn(parts: WorkerParts): Answer {
  const { condition } = parts
  condition.on()
  const { status, reason } = condition
  const message =
    status === 'ready' ? 'The worker takes tasks' : `The worker is ${status}${reason ? `: ${reason}` : ''}`
  return jsonAnswer({ status, message })
}

/** Without a key the status only; with a wrong one 401, so that nobody takes the short answer for all there is. */
function health(parts: WorkerParts, keys: Keys, c: Context<Env>): Answer {
  const presented = presentedBy(c.env.incoming)
  const { status } = parts.condition
  if (presented.authorization === undefined && presented.fleet === undefined) return jsonAnswer({ status })
  if (!opensReads(presented, keys)) return unauthorized()
  const { identity, intake, system, tags, services, interface: own, condition } = parts
  const { uptimeS, memoryUsed, cpuLoad } = system.latest
  return jsonAnswer({
    status,
    reason: condition.reason ?? null,
    ...identity,
    version: BERTH_VERSION,
    functions: own.listed,
    services: services.states.map(({ name, state, reason }) => ({
      name,
      status: state === 'running' ? 'ready' : 'unready',
      state,
      reason: reason ?? null,
    })),
    tags: tags.current,
    slots: {
      used: intake.used,
      available: intake.available,
      limit: intake.limit,
      queue: intake.queued,
      stuck: intake.stuck,
    },
    system: { uptime: uptimeS, usedMemoryPercent: Math.round(memoryUsed * 1000) / 10, cpuLoad },
    websocketPort: parts.feedPort ?? null,
    protocols: [PROTOCOL],
  })
}

/** The text format of Prometheus. */
function textAnswer(body: string): Answer {
  return { status: 200, headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }, body }
}

/** Which of the two is wrong is told to nobody who has no right one. */
function unauthorized(isOwnRight = false): Answer {
  const detail = isOwnRight
    ? 'The key in x-lb-auth is not the fleet key of this worker (LB_AUTH_KEY): send the right one, or leave the header out'
    : 'A valid key is needed: Authorization: Bearer <AUTH_KEY>'
  return problem('UNAUTHORIZED', detail, {
    headers: { 'www-authenticate': 'Bearer' },
  })
}

const METHODS: Readonly<Record<string, string>> = {
  '/task': 'POST',
  '/on': 'POST',
  '/off': 'POST',
  '/health': 'GET',
  '/logs': 'GET',
  '/metrics': 'GET',
  '/openapi': 'GET',
  '/docs': 'GET',
}

function noSuchAddress(method: string, path: string): Answer {
  const allow = METHODS[path] ?? (/^\/task\/[^/]+\/[^/]+$/.test(path) ? 'POST' : undefined)
  if (allow === undefined) return problem('NOT_FOUND', `There is nothing at ${path.slice(0, 200)}`)
  return problem('METHOD_NOT_ALLOWED', `${path.slice(0, 200)} takes ${allow}, not ${method}`, {
    headers: { allow },
  })
}
