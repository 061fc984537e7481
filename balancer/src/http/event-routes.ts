/**
 * What happens in a run, by HTTP (CONTRACT §4, Runs): its events as server-sent events that can be resumed, and its own
 * lines. All is asked of ports/run-events.ts, which reads no faster than the client does.
 * Invariant: a client that resumes with the last id it saw misses nothing that is kept; one that does not read is cut.
 */
import type { TaskError } from '@berth/protocol'
import { EVENT_COMMENT, encodeEvent, LOG_LEVELS, type LogLevel } from '@berth/runtime'
import type { RunEventsPort } from '../ports/run-events.ts'
import type { StoredEvent } from '../ports/told.ts'
import { eventBody, STALL_MS } from './event-body.ts'
import { readQuery } from './lists.ts'
import { plain } from './plain-address.ts'
import { problem } from './problem.ts'
import type { Route, RouteContext } from './routes.ts'
import { STREAM_HEADERS } from './stream-reply.ts'
import { filterLines } from './worker-lines.ts'

export interface EventRouteDeps {
  readonly events: RunEventsPort
  /** A client that takes nothing for so long is cut; default 30,000 ms. */
  readonly stallMs?: number
}

export function eventRoutes(deps: EventRouteDeps): readonly Route[] {
  return [
    { method: 'GET', path: '/runs/:id/events', policy: 'read', handle: plain((c) => followRun(c, deps)) },
    { method: 'GET', path: '/runs/:id/logs', policy: 'read', handle: (c) => showLines(c, deps) },
  ]
}

async function followRun(c: RouteContext, { events, stallMs = STALL_MS }: EventRouteDeps): Promise<Response> {
  const after = readLastId(c.req.header('last-event-id'))
  if (after === undefined) return problem(WRONG_ID)
  const id = c.req.param('id') ?? ''
  const leaving = new AbortController()
  const found = await events.follow(id, after, AbortSignal.any([c.req.raw.signal, leaving.signal]))
  if (found.kind === 'unknown') return problem(unknownRun(id))
  if (found.kind === 'refused') return problem(found.error)
  if (found.kind === 'over') return new Response(null, { status: 204 })
  const headers = { 'content-type': 'text/event-stream; charset=utf-8', ...STREAM_HEADERS }
  if (c.req.method === 'HEAD') {
    leaving.abort()
    await found.batches.return()
    return new Response(null, { headers })
  }
  return new Response(eventBody(textsOf(found.batches), leaving, stallMs), { headers })
}

/** One batch is read when the one before is with the client. */
async function* textsOf(
  batches: AsyncGenerator<readonly StoredEvent[], void, void>,
): AsyncGenerator<string, void, void> {
  for await (const batch of batches) yield textOf(batch)
}

function textOf(batch: readonly StoredEvent[]): string {
  if (batch.length === 0) return EVENT_COMMENT
  return batch.map(({ n, type, data }) => encodeEvent({ id: n, event: type, data })).join('')
}

async function showLines(c: RouteContext, { events }: EventRouteDeps): Promise<Response> {
  const query = readQuery(c.req.url, ['level'])
  if (!query.ok) return problem(query.error)
  const { level } = query.value
  if (level !== undefined && !isLevel(level)) return problem(WRONG_LEVEL)
  const id = c.req.param('id') ?? ''
  const found = await events.lines(id)
  if (found === undefined) return problem(unknownRun(id))
  return c.json({ logs: filterLines(found.lines, { level, run: undefined }), dropped: found.dropped })
}

/** 0 without one; undefined for what no event of ours has had. */
function readLastId(header: string | undefined): number | undefined {
  if (header === undefined || header === '') return 0
  return /^\d{1,15}$/.test(header) ? Number(header) : undefined
}

function isLevel(text: string): text is LogLevel {
  return (LOG_LEVELS as readonly string[]).includes(text)
}

const WRONG_ID: TaskError = {
  code: 'INVALID_REQUEST',
  detail: '`Last-Event-ID` must be the id of an event of this run; leave it out to begin with the first.',
}
const WRONG_LEVEL: TaskError = {
  code: 'INVALID_REQUEST',
  detail: `\`level\` must be one of ${LOG_LEVELS.join(', ')}.`,
}

function unknownRun(id: string): TaskError {
  return {
    code: 'NOT_FOUND',
    detail: `There is no run "${id.slice(0, 64)}". Tasks in memory are remembered from a sample after their end.`,
  }
}
