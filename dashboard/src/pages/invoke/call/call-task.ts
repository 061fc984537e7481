/**
 * Calls a function through the balancer's public API with the session of this page, whatever the mode, and tells what
 * comes on the way. Called by use-engine.ts. A run that outlives its request is followed to its end by its events.
 * Invariants: it resolves once, never rejects; an aborted call is cancelled at the balancer, too: what is not durable by
 * closing its request, a run by its id.
 */
import { z } from 'zod'
import { text } from '../../../text/text.ts'
import { readEvents, type ServerEvent } from './sse.ts'

export interface TaskOrder {
  /** What `POST /task` takes. */
  readonly body: Readonly<Record<string, unknown>>
  /** Goes along as multipart; only with a key for uploads. */
  readonly files?: readonly File[]
  /** The input itself, as bytes: `input` of the body is not sent. */
  readonly bytes?: File | null
}

/** What the headers of an answer say; null where they say nothing. */
export interface AnswerFacts {
  readonly runId: string | null
  readonly worker: string | null
  readonly attempt: number | null
  /** Milliseconds by name: `queue`, `run`, `setup`. */
  readonly timing: Readonly<Record<string, number>>
}

export interface CallProblem {
  /** 0: the balancer was not reached. */
  readonly status: number
  readonly code: string
  readonly detail: string
  readonly errors: readonly { readonly pointer: string; readonly detail: string }[]
  readonly retryAfterS: number | null
}

export interface RunFile {
  readonly path: string
  readonly mediaType: string
  readonly size: number
}

export type CallNews =
  | { readonly kind: 'facts'; readonly facts: AnswerFacts }
  | { readonly kind: 'status'; readonly status: string; readonly worker: string | null }
  | { readonly kind: 'chunk'; readonly text: string }
  | { readonly kind: 'log'; readonly level: string; readonly text: string }
  | { readonly kind: 'progress'; readonly fraction: number; readonly text: string | null }
  | { readonly kind: 'file'; readonly file: RunFile }

export type CallOutcome =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly isCancelled: true; readonly problem: null }
  | { readonly ok: false; readonly isCancelled: false; readonly problem: CallProblem }

export interface CallPorts {
  readonly signal: AbortSignal
  readonly onNews: (news: CallNews) => void
  readonly fetch?: typeof fetch
  /** Between two tries to follow a run; default 1,000 ms. */
  readonly retryMs?: number
}

/** How often a run is followed again when its events break off. */
const FOLLOW_TRIES = 20
const CANCELLED: CallOutcome = { ok: false, isCancelled: true, problem: null }

export async function callTask(order: TaskOrder, ports: CallPorts): Promise<CallOutcome> {
  try {
    return await send(order, ports)
  } catch (error) {
    if (ports.signal.aborted) return CANCELLED
    const detail = error instanceof Error ? error.message : String(error)
    return fail({ status: 0, code: 'UNREACHABLE', detail, errors: [], retryAfterS: null })
  }
}

async function send(order: TaskOrder, ports: CallPorts): Promise<CallOutcome> {
  const { body, files = [], bytes } = order
  if (bytes) {
    const path = addressOf(body)
    if (path === null) return fail(NO_ALTERNATIVES)
    return readAnswer(await sendBytes(path, body.mode === 'stream', bytes, ports), ports)
  }
  if (files.length > 0) return readAnswer(await upload(body, files, ports), ports)
  const isStream = body.mode === 'stream'
  const answer = await (ports.fetch ?? fetch)('/task', {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(isStream ? { accept: 'text/event-stream' } : {}),
      // A run of a session outlives its request: its id must be known for it to be cancelled.
      ...(body.session !== undefined && !isStream ? { prefer: 'wait=0' } : {}),
    },
    body: JSON.stringify(body),
    signal: ports.signal,
  })
  return readAnswer(answer, ports)
}

/** By multipart, with a key that is good for a minute: with a cookie the balancer takes JSON alone. */
async function upload(body: TaskOrder['body'], files: readonly File[], ports: CallPorts): Promise<Response> {
  const key = await takeKey(ports)
  if (key instanceof Response) return key
  const ask = ports.fetch ?? fetch
  const form = new FormData()
  form.set('task', new Blob([JSON.stringify(body)], { type: 'application/json' }))
  for (const file of files) form.append('file', file, file.name)
  // Its run outlives the request: its id must be known for it to be cancelled.
  const headers = { authorization: `Bearer ${key}`, prefer: 'wait=0' }
  return ask('/task', { method: 'POST', headers, body: form, signal: ports.signal })
}

/** A key for one upload, or the answer that refused it. */
async function takeKey(ports: CallPorts): Promise<string | Response> {
  const headers = { 'content-type': 'application/json' }
  const ask = ports.fetch ?? fetch
  const made = await ask('/upload-keys', { method: 'POST', headers, body: '{}', signal: ports.signal })
  if (!made.ok) return made
  return z.object({ key: z.string() }).parse(await made.json()).key
}

/** To `POST /task/{group}/{function}`, whose body is the input whatever its type. */
async function sendBytes(path: string, isStream: boolean, bytes: File, ports: CallPorts): Promise<Response> {
  const key = await takeKey(ports)
  if (key instanceof Response) return key
  const headers = {
    authorization: `Bearer ${key}`,
    'content-type': bytes.type === '' ? 'application/octet-stream' : bytes.type,
    ...(isStream ? { accept: 'text/event-stream' } : {}),
  }
  return (ports.fetch ?? fetch)(path, { method: 'POST', headers, body: bytes, signal: ports.signal })
}

/** A task but for its input as an address; null where it cannot be said in one: several values of a tag. */
function addressOf(body: TaskOrder['body']): string | null {
  const { function: name, group = 'default', input: _input, webhook, tags = {}, ...rest } = body
  const pairs = Object.entries(tags as Readonly<Record<string, string | readonly string[]>>)
  if (pairs.some(([, values]) => Array.isArray(values) && values.length > 1)) return null
  const query = new URLSearchParams()
  for (const [member, value] of Object.entries(rest)) query.set(member, String(value))
  if (pairs.length > 0)
    query.set('tags', pairs.map(([tag, value]) => `${tag}:${[value].flat()[0]}`).join(','))
  if (webhook !== undefined) query.set('webhook', JSON.stringify(webhook))
  return `/task/${encodeURIComponent(String(group))}/${encodeURIComponent(String(name))}?${query}`
}

/** For an answer of `POST /task`, however it was asked. */
export async function readAnswer(answer: Response, ports: CallPorts): Promise<CallOutcome> {
  ports.onNews({ kind: 'facts', facts: factsOf(answer.headers) })
  if (!answer.ok) return fail(await problemOf(answer))
  const type = answer.headers.get('content-type') ?? ''
  if (type.startsWith('text/event-stream') && answer.body) return readStream(answer.body, ports)
  if (!type.startsWith('application/json')) return { ok: true, result: await bytesIn(answer, type) }
  const told: unknown = await answer.json()
  const { runId, result } = z
    .object({ runId: z.string().optional(), result: z.unknown().optional() })
    .parse(told)
  if (answer.status !== 202 || runId === undefined) return { ok: true, result: result ?? null }
  ports.onNews({ kind: 'facts', facts: { ...factsOf(answer.headers), runId } })
  return followRun(runId, ports)
}

/** Bytes as a result in JSON would have them. */
async function bytesIn(answer: Response, type: string): Promise<unknown> {
  const bytes = new Uint8Array(await answer.arrayBuffer())
  const STEP = 32_768
  let binary = ''
  for (let at = 0; at < bytes.length; at += STEP)
    binary += String.fromCharCode(...bytes.subarray(at, at + STEP))
  const [mediaType = ''] = type.split(';', 1)
  return { mediaType: mediaType || 'application/octet-stream', base64: btoa(binary) }
}

/** A stream ends with its `result` or its `error`; one that ends without has failed. */
async function readStream(body: ReadableStream<Uint8Array>, ports: CallPorts): Promise<CallOutcome> {
  for await (const event of readEvents(body)) {
    const outcome = hear(event, ports)
    if (outcome) return outcome
  }
  if (ports.signal.aborted) return CANCELLED
  return fail(BROKEN)
}

async function followRun(id: string, ports: CallPorts): Promise<CallOutcome> {
  const path = `/runs/${encodeURIComponent(id)}`
  const whenAborted = () => void cancelRun(path, ports)
  ports.signal.addEventListener('abort', whenAborted, { once: true })
  try {
    if (ports.signal.aborted) whenAborted()
    let lastId: string | null = null
    for (let left = FOLLOW_TRIES; left > 0 && !ports.signal.aborted; left--) {
      const followed: Followed = await followOnce(`${path}/events`, lastId, ports)
      if (followed.outcome) return followed.outcome
      if (followed.lastId !== lastId) left = FOLLOW_TRIES
      lastId = followed.lastId
      await pause(ports.retryMs ?? 1_000, ports.signal)
    }
    return ports.signal.aborted ? CANCELLED : fail(BROKEN)
  } finally {
    ports.signal.removeEventListener('abort', whenAborted)
  }
}

interface Followed {
  readonly outcome: CallOutcome | null
  readonly lastId: string | null
}

async function followOnce(path: string, lastId: string | null, ports: CallPorts): Promise<Followed> {
  let id = lastId
  try {
    const headers = { accept: 'text/event-stream', ...(id === null ? {} : { 'last-event-id': id }) }
    const answer = await (ports.fetch ?? fetch)(path, { headers, signal: ports.signal })
    const isOver = answer.status >= 400 && answer.status < 500 && answer.status !== 429
    if (isOver) return { outcome: fail(await problemOf(answer)), lastId: id }
    if (!answer.ok || !answer.body) return { outcome: null, lastId: id }
    for await (const event of readEvents(answer.body)) {
      id = event.id ?? id
      const outcome = hear(event, ports)
      if (outcome) return { outcome, lastId: id }
    }
  } catch {
    // Broken off: the caller tries again, or sees that it was aborted.
  }
  return { outcome: null, lastId: id }
}

const textData = z.looseObject({ text: z.string().optional(), base64: z.string().optional() })
const logData = z.looseObject({ level: z.string().default('info'), text: z.string().default('') })
const progressData = z.looseObject({ fraction: z.number(), text: z.string().nullish() })
const statusData = z.looseObject({ status: z.string(), worker: z.string().nullish() })
const fileData = z.looseObject({ path: z.string(), mediaType: z.string(), size: z.number() })
const errorData = z.looseObject({ code: z.string(), message: z.string().default('') })

/** Tells what an event says; the outcome when it is the last one. */
function hear({ type, data }: ServerEvent, { onNews }: CallPorts): CallOutcome | null {
  const told = parseJson(data)
  switch (type) {
    case 'chunk': {
      const { text: said, base64 } = textData.parse(told)
      onNews({ kind: 'chunk', text: said ?? `[${sizeOfBase64(base64 ?? '')} B]` })
      return null
    }
    case 'log':
      onNews({ kind: 'log', ...logData.parse(told) })
      return null
    case 'progress': {
      const { fraction, text: said } = progressData.parse(told)
      onNews({ kind: 'progress', fraction, text: said ?? null })
      return null
    }
    case 'status': {
      const { status, worker } = statusData.parse(told)
      onNews({ kind: 'status', status, worker: worker ?? null })
      return status === 'cancelled' ? CANCELLED : null
    }
    case 'file':
      onNews({ kind: 'file', file: fileData.parse(told) })
      return null
    case 'result':
      return { ok: true, result: told }
    case 'error': {
      const { code, message, errors } = errorData.parse(told)
      if (code === 'CANCELLED') return CANCELLED
      const placed = fieldErrorsSchema.safeParse(errors)
      const list = placed.success ? placed.data : []
      return fail({ status: 200, code, detail: message, errors: list, retryAfterS: null })
    }
    default:
      return null
  }
}

const fieldErrorsSchema = z.array(z.object({ pointer: z.string(), detail: z.string() }))
const problemSchema = z.looseObject({
  code: z.string().default('INTERNAL'),
  detail: z.string().default(''),
  errors: fieldErrorsSchema.default([]),
})

async function problemOf(answer: Response): Promise<CallProblem> {
  const told = problemSchema.safeParse(parseJson(await answer.text()))
  const wait = Number(answer.headers.get('retry-after') ?? Number.NaN)
  const facts = { status: answer.status, retryAfterS: Number.isFinite(wait) ? wait : null }
  if (!told.success) return { ...facts, code: 'INTERNAL', detail: `HTTP ${answer.status}`, errors: [] }
  const { code, detail, errors } = told.data
  return { ...facts, code, detail, errors }
}

function factsOf(headers: Headers): AnswerFacts {
  const attempt = Number(headers.get('x-attempt') ?? Number.NaN)
  const timing = (headers.get('server-timing') ?? '').split(',').flatMap((part): [string, number][] => {
    const [, name, ms] = /^\s*([\w-]+)\s*;\s*dur=([\d.]+)/.exec(part) ?? []
    return name === undefined ? [] : [[name, Number(ms)]]
  })
  return {
    runId: headers.get('x-run-id'),
    worker: headers.get('x-worker'),
    attempt: Number.isFinite(attempt) ? attempt : null,
    timing: Object.fromEntries(timing),
  }
}

async function cancelRun(path: string, ports: CallPorts): Promise<void> {
  try {
    const headers = { 'content-type': 'application/json' }
    await (ports.fetch ?? fetch)(`${path}/cancel`, { method: 'POST', headers, body: '{}' })
  } catch {
    // Not reached: the run goes on, and its page says so.
  }
}

const NO_ALTERNATIVES: CallProblem = {
  status: 0,
  code: 'INVALID_REQUEST',
  detail: text.invoke.noAlternatives,
  errors: [],
  retryAfterS: null,
}

const BROKEN: CallProblem = {
  status: 0,
  code: 'UNREACHABLE',
  detail: text.invoke.brokenOff,
  errors: [],
  retryAfterS: null,
}

function fail(problem: CallProblem): CallOutcome {
  return { ok: false, isCancelled: false, problem }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function sizeOfBase64(text: string): number {
  return Math.floor((text.length * 3) / 4)
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end, { once: true })
  })
}
