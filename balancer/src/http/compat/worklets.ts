/**
 * The API of worklets (`COMPAT`: `worklets`): invoked, in the background too, and polled. An application is a group, a
 * worklet a function of its default contract, its draft what runs on workers tagged `env=draft`.
 * Everything is asked of `Tasks` and ports/runs.ts; only names and shapes are changed here.
 */
import { type FieldError, isName, type RunStatus, type RunView, type TaskError } from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import type { InterfacesPort } from '../../ports/fleet.ts'
import type { RunSelectorPort, RunsPort } from '../../ports/runs.ts'
import type { ContractsPort } from '../../ports/submission.ts'
import type { Door } from '../door.ts'
import type { BackgroundPort } from '../durable-wish.ts'
import { describeProblem } from '../problem.ts'
import { readRoutedBody } from '../routed-body.ts'
import type { Route, RouteContext } from '../routes.ts'
import { bodyTooLarge, type Refused, readJsonObject } from '../task-call.ts'
import type { Tasks } from '../tasks.ts'
import { wrongField } from '../wrong-field.ts'
import { askTask, readAnswer, resultTextOf } from './task-answers.ts'

export interface WorkletDeps {
  readonly tasks: Pick<Tasks, 'handle'>
  readonly runs: Pick<RunsPort, 'find'> & RunSelectorPort
  readonly background: BackgroundPort
  readonly interfaces: InterfacesPort
  readonly contracts: ContractsPort
  readonly door: Door
  readonly clock: Pick<Clock, 'monoMs'>
  /** `REQUEST_BODY_LIMIT`. */
  readonly bodyLimitBytes: number
  /** `TASK_TIMEOUT`, ms: of worklets whose function names no limit of its own. */
  readonly taskTimeoutMs: number
}

/** What an address names. */
interface Worklet {
  readonly group: string
  readonly function: string
  readonly tags: Readonly<Record<string, string>>
}

const EXAMPLE = 'send an object such as {"worklet_input": {}}.'
const STAGES: readonly (readonly [segment: string, env: string])[] = [
  ['', '!=draft'],
  ['/production', '!=draft'],
  ['/draft', 'draft'],
]

const STATUSES: Readonly<Record<RunStatus, string>> = {
  scheduled: 'PENDING',
  queued: 'PENDING',
  running: 'RUNNING',
  completed: 'SUCCEEDED',
  failed: 'FAILED',
  expired: 'FAILED',
  cancelled: 'CANCELLED',
}

const MESSAGES: Readonly<Record<RunStatus, string>> = {
  scheduled: 'Worklet is waiting for its time',
  queued: 'Worklet is waiting for a free slot',
  running: 'Worklet is running',
  completed: 'Worklet has finished executing successfully',
  failed: 'Worklet has failed',
  expired: 'Worklet did not finish before its deadline',
  cancelled: 'Worklet was cancelled',
}

export function workletRoutes(deps: WorkletDeps): readonly Route[] {
  return STAGES.flatMap(([segment, env]): Route[] => {
    const path = `/applications/:app${segment}/worklets/:worklet`
    const read = { policy: 'read', refuse } as const
    const show = (c: RouteContext) => showWorklet(c, env, deps)
    return [
      { policy: 'key', refuse, method: 'POST', path: `${path}/invoke`, handle: (c) => invoke(c, env, deps) },
      { ...read, method: 'GET', path: `${path}/:run`, handle: show },
      { policy: 'read', refuse, method: 'POST', path: `${path}/:run`, handle: show },
    ]
  })
}

// --- Invoked -------------------------------------------------------------------------------------

async function invoke(c: RouteContext, env: string, deps: WorkletDeps): Promise<Response> {
  const { door, bodyLimitBytes: limitBytes, clock, tasks } = deps
  const startedAt = clock.monoMs()
  const terms = { limitBytes, tooLarge: bodyTooLarge(limitBytes), door }
  const received = await readRoutedBody(c.req.raw, terms)
  if (!received.ok) return refuse(received.error)
  const call = readCall(received.bytes)
  if (!call.ok) return refuse(call.error)
  const worklet = readWorklet(c, env)
  if (!worklet) return refuse(unknownWorklet(c))
  const answer = await askTask(c, tasks, toTask(worklet, call, deps))
  const result = resultTextOf(answer)
  const latencyMs = Math.round(clock.monoMs() - startedAt)
  if (result !== undefined)
    return json(`{"success":true,"worklet_output":${result},"latency_ms":${latencyMs}}`, 200)
  const said = readAnswer(answer)
  if (answer.status === 202) return json(toScheduled(said), 200)
  const headers = { ...answer.headers, 'content-type': 'application/json' }
  return new Response(JSON.stringify(toFailure(said)), { status: answer.status, headers })
}

interface WorkletCall {
  readonly ok: true
  readonly input: object
  readonly isAsync: boolean
}

/** Other members are what their own system may have asked for: passed over. */
function readCall(bytes: Uint8Array): WorkletCall | Refused {
  const read = readJsonObject(bytes, EXAMPLE)
  if (!read.ok) return read
  const { worklet_input: given = {}, async: isAsync = false } = read.value as Readonly<
    Record<string, unknown>
  >
  if (typeof isAsync !== 'boolean') return wrongField('/async', 'must be true or false')
  const isInput = typeof given === 'object' && given !== null && !Array.isArray(given)
  return { ok: true, input: isInput ? given : { input: given }, isAsync }
}

/** Undefined for names that no group or function can have. */
function readWorklet(c: RouteContext, env: string): Worklet | undefined {
  const { app = '', worklet = '' } = c.req.param()
  return isName(app) && isName(worklet) ? { group: app, function: worklet, tags: { env } } : undefined
}

/** What runs in the background is bound by `BACKGROUND_TIMEOUT` alone, as any run of its kind. */
function toTask(worklet: Worklet, { input, isAsync }: WorkletCall, deps: WorkletDeps): object {
  const { background, taskTimeoutMs } = deps
  if (isAsync) return { ...worklet, input, mode: 'async' }
  const isBackground = background.isAny && background.has(worklet)
  const timeout = isBackground || hasTimeout(worklet, deps) ? undefined : taskTimeoutMs
  return { ...worklet, input, timeout }
}

function hasTimeout({ group, function: name }: Worklet, { interfaces, contracts }: WorkletDeps): boolean {
  const contract = contracts.defaultContract(group, name)
  const [right] = contract === undefined ? [] : interfaces.interfacesOf(group, contract)
  return typeof right?.declared.get(name)?.timeoutMs === 'number'
}

function toScheduled({ runId }: Readonly<Record<string, unknown>>): object {
  return {
    success: true,
    scheduled_worklet_run_id: runId,
    message: 'Worklet scheduled for background execution',
  }
}

// --- Polled --------------------------------------------------------------------------------------

async function showWorklet(c: RouteContext, env: string, { runs }: WorkletDeps): Promise<Response> {
  const { app = '', worklet = '', run: id = '' } = c.req.param()
  const run = await runs.find(id)
  if (run?.group !== app || run.function !== worklet) return refuse(unknownRun(id))
  const mark = run.durable ? markOf(await runs.selectorOf(id)) : undefined
  return mark === undefined || mark === env ? json(toStatus(run), 200) : refuse(runElsewhere(id, env))
}

/** Which of the two it was begun for; undefined of a run that did not begin here, which shows below both. */
function markOf(selector: Readonly<Record<string, unknown>> | null | undefined): string | undefined {
  return STAGES.map(([, env]) => env).find((env) => selector?.env === canonical(env))
}

/** As selectors are kept: what names no operator means `=`. */
function canonical(env: string): string {
  return env.startsWith('!=') ? env : `=${env}`
}

function toStatus({ status, error, result, latencyMs }: RunView): object {
  return {
    status: STATUSES[status],
    message: error?.message ?? MESSAGES[status],
    worklet_output: status === 'completed' ? (result ?? null) : null,
    latency_ms: latencyMs === null ? null : Math.round(latencyMs),
  }
}

// --- Shapes --------------------------------------------------------------------------------------

/** An error as these callers read it. */
function refuse(error: TaskError): Response {
  const { status, headers, body } = describeProblem(error)
  const shaped = JSON.stringify(toFailure(JSON.parse(body)))
  return new Response(shaped, { status, headers: { ...headers, 'content-type': 'application/json' } })
}

function toFailure({ detail, code, errors }: Readonly<Record<string, unknown>>): object {
  const places = (errors ?? []) as readonly FieldError[]
  const log = places.map((place) => `${place.pointer}: ${place.detail}`).join('\n')
  return { success: false, message: detail, code, ...(log === '' ? {} : { error_log: log }) }
}

function json(body: string | object, status: number): Response {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return new Response(text, { status, headers: { 'content-type': 'application/json' } })
}

function unknownWorklet(c: RouteContext): TaskError {
  const { app = '', worklet = '' } = c.req.param()
  const detail = `There is no worklet "${worklet.slice(0, 64)}" of an application "${app.slice(0, 64)}": GET /functions lists functions with their groups, which they are here.`
  return { code: 'UNKNOWN_FUNCTION', detail }
}

function runElsewhere(id: string, env: string): TaskError {
  const [here, there] = env === 'draft' ? ['draft', 'production'] : ['production', 'draft']
  const detail = `The ${here} of this worklet has no run "${id.slice(0, 64)}": it was begun in its ${there}, so ask below that address.`
  return { code: 'NOT_FOUND', detail }
}

function unknownRun(id: string): TaskError {
  const detail = `This worklet has no run "${id.slice(0, 64)}", or it is not kept any more (RUN_RETENTION).`
  return { code: 'NOT_FOUND', detail }
}
