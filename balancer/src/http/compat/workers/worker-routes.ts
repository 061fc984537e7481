/**
 * The workers API (`COMPAT`: `workers`): pieces of work that are begun, continued, followed and scheduled. A worker is a
 * session here whose turns the function `AGENT_FUNCTION` runs. Everything is asked of `Tasks`, ports/runs.ts and the
 * files beside this one, which only change names and shapes.
 * Invariants: no call waits for the work; every error is `{error}` with its status.
 */
import { BUDGET_LEVELS, type TaskError } from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import { z } from 'zod'
import type { RunFilesPort } from '../../../ports/files.ts'
import { note } from '../../activity.ts'
import { readJsonBody } from '../../body.ts'
import { eventBody } from '../../event-body.ts'
import { requestOrigin } from '../../file-address.ts'
import { answerFile, pathOf } from '../../file-routes.ts'
import { readQuery } from '../../lists.ts'
import { describeProblem } from '../../problem.ts'
import type { Route, RouteContext } from '../../routes.ts'
import { STREAM_HEADERS } from '../../stream-reply.ts'
import type { Tasks } from '../../tasks.ts'
import { askTask, headOf, readAnswer } from '../task-answers.ts'
import type { Mailboxes } from './mailbox.ts'
import type { WorkerObject } from './worker-object.ts'
import { type WorkerSchedules, whenSchema } from './worker-schedules.ts'
import { AGENT_GROUP, type WorkerSessions } from './worker-sessions.ts'
import { followWorker, type WorkerStreamDeps } from './worker-stream.ts'

export interface WorkerApiDeps extends WorkerStreamDeps {
  readonly tasks: Pick<Tasks, 'handle'>
  readonly workers: WorkerSessions
  readonly schedules: WorkerSchedules
  readonly files: Pick<RunFilesPort, 'open'>
  /** Undefined without `EMAIL_DOMAIN`. */
  readonly mailboxes: Mailboxes | undefined
  /** A run's id makes a worker's. */
  readonly createRunId: () => string
  readonly clock: Pick<Clock, 'wallMs'>
  /** `REQUEST_BODY_LIMIT`. */
  readonly bodyLimitBytes: number
  /** `AGENT_FUNCTION`. */
  readonly agentFunction: string
}

const BASE = '/api/workers'

const inputSchema = z.string('must be text').min(1, 'must not be empty')
const budgetSchema = z.enum(BUDGET_LEVELS).default('standard')
const turnShape = { input: inputSchema, budget: budgetSchema, stream: z.boolean().nullish() }
const createSchema = z.strictObject({ ...turnShape, metadata: z.record(z.string(), z.string()).optional() })
const continueSchema = z.strictObject(turnShape)
const scheduleSchema = z.strictObject({ input: inputSchema, budget: budgetSchema, when: whenSchema })

type Turn = z.infer<typeof createSchema>

export function workerApiRoutes(deps: WorkerApiDeps): readonly Route[] {
  const route = (method: Route['method'], path: string, handle: Handler): Route => {
    // An address is the right to write to its worker.
    const policy = method === 'GET' && path !== '/:id/email' ? 'read' : 'key'
    return { method, path: `${BASE}${path}`, policy, refuse, handle: (c) => handle(c, deps) }
  }
  return [
    route('POST', '', create),
    route('GET', '/:id', show),
    route('POST', '/:id', proceed),
    route('GET', '/:id/stream', stream),
    route('GET', '/:id/email', showAddress),
    route('GET', '/:id/files/*', sendFile),
    route('POST', '/:id/schedules', addSchedule),
    route('GET', '/:id/schedules', listSchedules),
    route('DELETE', '/:id/schedules/:schedule', cancelSchedule),
  ]
}

type Handler = (c: RouteContext, deps: WorkerApiDeps) => Promise<Response>

// --- Turns ---------------------------------------------------------------------------------------

async function create(c: RouteContext, deps: WorkerApiDeps): Promise<Response> {
  const read = await readJsonBody(c.req.raw, createSchema, deps.bodyLimitBytes)
  if (!read.ok) return refuse(read.error)
  const twin = isRepeat(c)
    ? await deps.workers.findTwin(undefined, read.value, deps.clock.wallMs())
    : undefined
  if (twin?.session) return answerTurn(c, deps, twin.session, read.value, twin.id)
  return begin(c, deps, `w${deps.createRunId().slice(1)}`, read.value)
}

async function proceed(c: RouteContext, deps: WorkerApiDeps): Promise<Response> {
  const id = idOf(c)
  const read = await readJsonBody(c.req.raw, continueSchema, deps.bodyLimitBytes)
  if (!read.ok) return refuse(read.error)
  if ((await deps.workers.runsOf(id)).length === 0) return refuse(unknownWorker(id))
  const twin = isRepeat(c) ? await deps.workers.findTwin(id, read.value, deps.clock.wallMs()) : undefined
  return twin ? answerTurn(c, deps, id, read.value, twin.id) : begin(c, deps, id, read.value)
}

/** The turn is on disk when this answers; whatever waits in the session goes first. */
async function begin(c: RouteContext, deps: WorkerApiDeps, worker: string, turn: Turn): Promise<Response> {
  const { input, budget, metadata } = turn
  const task = { function: deps.agentFunction, group: AGENT_GROUP, mode: 'async', session: worker, budget }
  const answer = await askTask(c, deps.tasks, { ...task, input: { input }, metadata })
  const { runId, detail } = readAnswer(answer)
  if (answer.status === 202) return answerTurn(c, deps, worker, turn, String(runId))
  const headers = { ...answer.headers, 'content-type': 'application/json' }
  return new Response(JSON.stringify({ error: detail }), { status: answer.status, headers })
}

async function answerTurn(
  c: RouteContext,
  deps: WorkerApiDeps,
  worker: string,
  { stream: isStream }: Turn,
  run: string,
): Promise<Response> {
  return isStream === true ? streamTo(c, deps, worker, run) : answerWorker(c, deps, worker)
}

/** A client library repeats by itself what was not answered in time, with the count of its tries. */
function isRepeat(c: RouteContext): boolean {
  const hasKey = c.req.header('idempotency-key') !== undefined
  return !hasKey && Number(c.req.header('x-stainless-retry-count') ?? 0) > 0
}

// --- Read ----------------------------------------------------------------------------------------

async function show(c: RouteContext, deps: WorkerApiDeps): Promise<Response> {
  const query = readQuery(c.req.url, ['stream'])
  if (!query.ok) return refuse(query.error)
  return query.value.stream === 'true' ? stream(c, deps) : answerWorker(c, deps, idOf(c))
}

async function answerWorker(c: RouteContext, deps: WorkerApiDeps, id: string): Promise<Response> {
  const worker = await deps.workers.find(id)
  return worker ? c.json(placeFiles(worker, requestOrigin(c))) : refuse(unknownWorker(id))
}

async function stream(c: RouteContext, deps: WorkerApiDeps): Promise<Response> {
  const id = idOf(c)
  const runs = await deps.workers.runsOf(id)
  return runs.length === 0 ? refuse(unknownWorker(id)) : streamTo(c, deps, id, undefined)
}

function streamTo(c: RouteContext, deps: WorkerApiDeps, id: string, only: string | undefined): Response {
  const leaving = new AbortController()
  const signal = AbortSignal.any([c.req.raw.signal, leaving.signal])
  const headers = { 'content-type': 'text/event-stream; charset=utf-8', ...STREAM_HEADERS }
  return new Response(eventBody(followWorker(deps, id, only, signal), leaving), { headers })
}

async function showAddress(c: RouteContext, { workers, mailboxes }: WorkerApiDeps): Promise<Response> {
  const id = idOf(c)
  if ((await workers.runsOf(id)).length === 0) return refuse(unknownWorker(id))
  const address = mailboxes?.addressOf(id)
  return address === undefined ? refuse(mailboxes ? NO_ADDRESS : NO_DOMAIN) : c.json(address)
}

const NO_DOMAIN: TaskError = {
  code: 'NOT_FOUND',
  detail: 'Workers have no mail addresses here: EMAIL_DOMAIN is not set.',
}
const NO_ADDRESS: TaskError = {
  code: 'NOT_FOUND',
  detail: 'The id of this worker fits into no mail address (lower case, at most 34 characters).',
}

/** The newest turn that has written the path has it. */
async function sendFile(c: RouteContext, deps: WorkerApiDeps): Promise<Response> {
  const id = idOf(c)
  const path = pathOf(c.req.url)
  for (const { id: run, files } of await deps.workers.runsOf(id)) {
    if (path === undefined || !files.some((file) => file.path === path)) continue
    const opened = await deps.files.open(run, path)
    if (opened) return 'code' in opened ? refuse(opened) : answerFile(c, opened)
  }
  return refuse({ code: 'NOT_FOUND', detail: `The worker "${id.slice(0, 64)}" has no such file.` })
}

function placeFiles(worker: WorkerObject, origin: string): WorkerObject {
  return { ...worker, files: worker.files.map((file) => ({ ...file, url: `${origin}${file.url}` })) }
}

// --- Schedules -----------------------------------------------------------------------------------

async function addSchedule(c: RouteContext, deps: WorkerApiDeps): Promise<Response> {
  const id = idOf(c)
  const read = await readJsonBody(c.req.raw, scheduleSchema, deps.bodyLimitBytes)
  if (!read.ok) return refuse(read.error)
  if ((await deps.workers.runsOf(id)).length === 0) return refuse(unknownWorker(id))
  const made = await deps.schedules.create(id, read.value, headOf(c), deps.clock.wallMs())
  if (!made.ok) return refuse(made.error)
  noteSchedule(
    c,
    'created',
    String(Reflect.get(made.schedule, 'id')),
    `Made a schedule of the worker "${id}".`,
  )
  return c.json(made.schedule)
}

async function listSchedules(c: RouteContext, deps: WorkerApiDeps): Promise<Response> {
  const id = idOf(c)
  if ((await deps.workers.runsOf(id)).length === 0) return refuse(unknownWorker(id))
  return c.json({ schedules: await deps.schedules.list(id), workerId: id })
}

async function cancelSchedule(c: RouteContext, deps: WorkerApiDeps): Promise<Response> {
  const id = idOf(c)
  const schedule = c.req.param('schedule') ?? ''
  const cancelled = await deps.schedules.cancel(id, schedule)
  if (typeof cancelled === 'object') return refuse(cancelled)
  if (cancelled) {
    noteSchedule(c, 'deleted', schedule, `Cancelled a schedule of the worker "${id}".`)
    return c.json({ cancelled: true })
  }
  const detail = `The worker "${id.slice(0, 64)}" has no schedule "${schedule.slice(0, 64)}".`
  return refuse({ code: 'NOT_FOUND', detail })
}

function noteSchedule(c: RouteContext, verb: string, id: string, summary: string): void {
  note(c, { action: `schedule.${verb}`, target: { kind: 'schedule', id }, summary })
}

// --- Shapes --------------------------------------------------------------------------------------

/** An error as these callers read it; where the body is wrong the place is told. */
function refuse(error: TaskError): Response {
  const { status, headers } = describeProblem(error)
  const [first] = error.errors ?? []
  const text = first === undefined ? error.detail : `${first.pointer.slice(1) || 'body'} ${first.detail}`
  const init = { status, headers: { ...headers, 'content-type': 'application/json' } }
  return new Response(JSON.stringify({ error: text }), init)
}

function idOf(c: RouteContext): string {
  return c.req.param('id') ?? ''
}

function unknownWorker(id: string): TaskError {
  const detail = `There is no worker "${id.slice(0, 64)}", or it is not kept any more (RUN_RETENTION).`
  return { code: 'NOT_FOUND', detail }
}
