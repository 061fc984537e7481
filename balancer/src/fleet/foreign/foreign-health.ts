/**
 * What a worker of another make says of itself, in `GET /health` and in the pushes of its slot feed, as far as a
 * balancer needs it. Pure but for `askHealth`; used by the files beside it and by dial.ts, which finds out what it met.
 * Invariant: whatever comes, what leaves here has the types and bounds of our own protocol.
 */
import {
  canonicalJson,
  type FunctionInterface,
  isName,
  LIMITS,
  type ServiceState,
  type System,
  type Tags,
  tagsSchema,
  type WorkerStatus,
} from '@berth/protocol'
import { z } from 'zod'
import { UNKNOWN_FIGURE } from '../self-report.ts'

/** What of the fleet a worker is asked and told with. */
export interface ForeignAccess {
  /** Base URL, http or https. */
  readonly url: string
  readonly fleetKey: string
  readonly workerKey: string
  readonly timeoutMs: number
}

/** What it says again and again. */
export interface ForeignState {
  readonly status: WorkerStatus
  readonly reason: string | undefined
  readonly slots: ForeignSlots | undefined
  readonly services: readonly ServiceState[] | undefined
  readonly system: System | undefined
}

/** At least one of the two is known; what is not is undefined. */
export interface ForeignSlots {
  readonly limit: number | undefined
  readonly used: number | undefined
  readonly available: number | undefined
  readonly queued: number
}

export interface ForeignHealth extends ForeignState {
  readonly group: string
  readonly contract: number
  readonly functions: readonly FunctionInterface[]
  readonly tags: Tags
  readonly version: string
  /** Where its slot feed listens; undefined when it has none. */
  readonly websocketPort: number | undefined
}

export type HealthAnswer =
  | { readonly kind: 'foreign'; readonly health: ForeignHealth }
  /** It answers, and is no worker that we know how to use. */
  | { readonly kind: 'other' }
  /** `isSlowOrLong`: it does answer, and never ends or is too long. */
  | { readonly kind: 'refused' | 'failed'; readonly reason: string; readonly isSlowOrLong: boolean }

const MAX_BYTES = 4 * 1024 * 1024

const amount = z.coerce.number().min(0).max(LIMITS.slots).transform(Math.floor).optional().catch(undefined)

const slotsSchema = z.union([
  z.number().transform((available) => ({ available })),
  z.object({ limit: amount, total: amount, max: amount, used: amount, available: amount, queue: amount }),
])

const stateSchema = z.object({
  status: z.string().max(64).catch('ready'),
  slots: slotsSchema.optional().catch(undefined),
  services: z
    .array(z.looseObject({ name: z.string() }))
    .max(1000)
    .optional()
    .catch(undefined),
  system: z.looseObject({}).optional().catch(undefined),
})

const healthSchema = stateSchema.extend({
  group: z.string().refine(isName),
  contract: z.coerce.number().int().min(1),
  functions: z
    .array(z.union([z.string().transform((name) => ({ name })), z.looseObject({ name: z.string() })]))
    .max(LIMITS.functions),
  slots: slotsSchema,
  tags: z.record(z.string(), z.unknown()).optional().catch(undefined),
  version: z.string().max(64).optional().catch(undefined),
  websocketPort: z.coerce.number().int().min(1).max(65_535).optional().catch(undefined),
  protocols: z.array(z.string()).optional().catch(undefined),
})

/** Never rejects. */
export async function askHealth(access: ForeignAccess): Promise<HealthAnswer> {
  const { url, fleetKey, workerKey, timeoutMs } = access
  try {
    const answer = await fetch(`${url}/health`, {
      headers: { 'x-lb-auth': fleetKey, authorization: workerKey },
      redirect: 'error',
      signal: AbortSignal.timeout(timeoutMs),
    })
    if (!answer.ok) return { kind: 'other' }
    const text = await readText(answer)
    if (text === undefined)
      return { kind: 'failed', reason: `its /health is over ${MAX_BYTES} bytes`, isSlowOrLong: true }
    const health = readHealth(text)
    return health ? { kind: 'foreign', health } : { kind: 'other' }
  } catch (error) {
    const { name, cause } = error as { name?: string; cause?: { code?: string } }
    const isLate = name === 'TimeoutError'
    const isRefused = cause?.code === 'ECONNREFUSED'
    return {
      kind: isRefused ? 'refused' : 'failed',
      reason: `its /health cannot be read (${isLate ? 'no answer in time' : (cause?.code ?? 'no HTTP')})`,
      isSlowOrLong: isLate,
    }
  }
}

async function readText(answer: Response): Promise<string | undefined> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  for await (const piece of answer.body ?? []) {
    bytes += piece.length
    if (bytes > MAX_BYTES) return undefined
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}

/** Undefined for what is no such worker; one that speaks our own protocol is linked, not asked. */
export function readHealth(text: string): ForeignHealth | undefined {
  const parsed = healthSchema.safeParse(parseJson(text))
  if (!parsed.success || parsed.data.protocols !== undefined) return undefined
  const { group, contract, functions, tags = {}, version = 'foreign', websocketPort, ...state } = parsed.data
  return {
    ...toState(state),
    group,
    contract,
    functions: functions
      .filter(({ name }) => isName(name))
      .map(toInterface)
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    tags: toTags(tags),
    version,
    websocketPort,
  }
}

/** A push of the slot feed; undefined for what is none. */
export function readPush(text: string): ForeignState | undefined {
  const parsed = stateSchema.safeParse(parseJson(text))
  return parsed.success ? toState(parsed.data) : undefined
}

/** Equal for equal offers: whoever serves something else has to be greeted anew. */
export function offerOf({ group, contract, functions, tags }: ForeignHealth): string {
  return canonicalJson([group, contract, functions, tags])
}

// --- Words ---------------------------------------------------------------------------------------

const STATUSES: Readonly<Record<string, WorkerStatus>> = {
  maintenance: 'maintenance',
  off: 'maintenance',
  draining: 'draining',
  starting: 'starting',
  unready: 'unready',
  error: 'unready',
  down: 'unready',
}

type Said = z.infer<typeof stateSchema>

function toState({ status, slots, services, system }: Said): ForeignState {
  const word = STATUSES[status.toLowerCase()] ?? 'ready'
  return {
    status: word,
    reason: word === 'unready' ? `it says "${status}"` : undefined,
    slots: slots && toSlots(slots),
    services: services?.flatMap(toService),
    system: system && toSystem(system),
  }
}

function toSlots(slots: NonNullable<Said['slots']>): ForeignSlots {
  const { limit, total, max, used, available, queue = 0 }: Partial<Record<string, number>> = slots
  return { limit: limit ?? total ?? max, used, available, queued: queue }
}

/** How many slots there are and how many are in use, when `ours` are used by us and there were `before`. */
export function countSlots(
  slots: ForeignSlots | undefined,
  ours: number,
  before: number,
): { readonly limit: number; readonly used: number; readonly queued: number } {
  const { used, available, queued = 0 } = slots ?? {}
  const known = slots?.limit ?? (used !== undefined && available !== undefined ? used + available : undefined)
  const limit = Math.max(1, Math.min(LIMITS.slots, known ?? Math.max(before, (available ?? 0) + ours)))
  const busy = used ?? (available === undefined ? ours : limit - available)
  return { limit, used: Math.min(LIMITS.slots, Math.max(ours, busy)), queued }
}

const UP: ReadonlySet<unknown> = new Set([true, 'running', 'ok', 'up', 'ready', 'healthy'])

function toService({ name, status, state }: Readonly<Record<string, unknown>>): ServiceState[] {
  if (typeof name !== 'string' || !isName(name)) return []
  const said = state ?? status
  return UP.has(status) || UP.has(state)
    ? [{ name, state: 'running' }]
    : [{ name, state: 'down', reason: `it says "${String(said).slice(0, 100)}"` }]
}

function toSystem(said: Readonly<Record<string, unknown>>): System {
  return {
    cpuLoad: shareOf(said.cpuLoad ?? said.cpu),
    memoryUsed: shareOf(
      said.memoryUsed ?? said.usedMemoryPercent ?? said.memory,
      said.memoryUsed === undefined,
    ),
    eventLoopDelayMs: amountOf(said.eventLoopDelayMs),
    uptimeS: amountOf(said.uptime),
  }
}

function amountOf(said: unknown): number {
  return typeof said === 'number' && said >= 0 ? said : UNKNOWN_FIGURE
}

/** 0 … 1; what is above 1, or said in per cent, is divided by a hundred. */
function shareOf(said: unknown, isPercent = false): number {
  const value = typeof said === 'string' && said !== '' ? Number(said) : amountOf(said)
  if (!(value >= 0)) return UNKNOWN_FIGURE
  return Math.min(1, isPercent || value > 1 ? value / 100 : value)
}

function toTags(said: Readonly<Record<string, unknown>>): Tags {
  const tags: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(said))
    if (tagsSchema.safeParse({ [key]: value }).success) tags[key] = value
  return tagsSchema.safeParse(tags).data ?? {}
}

/** Its worker judges the input: what we do not understand of a schema refuses nothing here. */
function toInterface({
  name,
  params,
}: Readonly<Record<string, unknown>> & { name: string }): FunctionInterface {
  const isSchema =
    typeof params === 'object' && params !== null && 'type' in params && params.type === 'object'
  return {
    name,
    input: isSchema ? { ...params } : { type: 'object' },
    supportsStreaming: true,
    isStreamingUnknown: true,
    idempotent: null,
    slots: 1,
    timeoutMs: null,
    maxRetries: 0,
    background: false,
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
