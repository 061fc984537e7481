/**
 * The inside of a function thread: loads function files as the worker did, runs their `setup` once, then one call at
 * a time. Started by `thread.ts`.
 * Invariant: whatever user code does here reaches this thread alone; what it throws outside of a call ends the thread.
 */
import { pathToFileURL } from 'node:url'
import { parentPort, type Transferable as Transfer, workerData } from 'node:worker_threads'
import { completeUsage, UsageSum } from '@berth/protocol'
import { encodeResult, messageOf } from '../attempt/result.ts'
import { explainLoadError } from '../functions/discover.ts'
import { isFunctionDefinition, type RegisteredFunction, registerFunction } from '../functions/registry.ts'
import { resolveOwnPackages } from '../functions/resolve.ts'
import { captureConsole, speakFor } from '../privacy/task-console.ts'
import { logInto, ThreadContext } from './thread-context.ts'
import {
  type Ask,
  CrossedError,
  describeThrown,
  type FromThread,
  NOTES_LIMIT,
  type Note,
  type ThreadBirth,
  type ToThread,
} from './thread-messages.ts'

const { folder, env, notes } = workerData as ThreadBirth
const pending = new Int32Array(notes)
const functions = new Map<string, RegisteredFunction>()
const asked = new Map<number, PromiseWithResolvers<unknown>>()
let call = 0
let asks = 0
let dropped = 0
/** What the handler used and nobody was told of: numbers are added up, never dropped. */
let owed = new UsageSum()
let controller: AbortController | undefined

const plainLog = logInto((note) => sendNote(note, 0))
resolveOwnPackages(folder)
captureConsole(plainLog)
parentPort?.on('message', (message: ToThread) => {
  if (message.type === 'prepare') void prepare(message)
  else if (message.type === 'call') void run(message)
  else if (message.type === 'abort') controller?.abort(new DOMException(message.message, message.name))
  else if (message.type === 'reply') settleAsk(message.id)?.resolve(message.value)
  else settleAsk(message.id)?.reject(new CrossedError(message.error))
})

function send(message: FromThread, transfer: readonly (ArrayBuffer | ReadableStream)[] = []): void {
  parentPort?.postMessage(message, [...transfer] as Transfer[])
}

function settleAsk(id: number): PromiseWithResolvers<unknown> | undefined {
  const waiting = asked.get(id)
  asked.delete(id)
  return waiting
}

async function prepare({ name, path }: Extract<ToThread, { type: 'prepare' }>): Promise<void> {
  controller = new AbortController()
  try {
    const fn = await load(name, path)
    const ctx = { signal: controller.signal, log: plainLog, env }
    await fn.definition.setup?.(ctx)
    functions.set(name, fn)
    send({ type: 'prepared' })
  } catch (error) {
    send({ type: 'unprepared', error: describeThrown(error, messageOf(error)) })
  }
}

async function load(name: string, path: string): Promise<RegisteredFunction> {
  let exports: Record<string, unknown>
  try {
    exports = await import(pathToFileURL(path).href)
  } catch (error) {
    throw new Error(`it does not load in a thread: ${explainLoadError(error)}`)
  }
  if (!isFunctionDefinition(exports.default)) throw new Error('its default export is no function any more')
  return registerFunction(name, exports.default, path)
}

async function run({ name, input, facts, limitBytes }: Extract<ToThread, { type: 'call' }>): Promise<void> {
  const own = new AbortController()
  controller = own
  const number = ++call
  const fn = functions.get(name)
  const voice = {
    note: (note: Note) => sendNote(note, number),
    ask: (ask: Ask, transfer?: readonly ReadableStream[]) => sendAsk(ask, number, transfer),
  }
  const context = new ThreadContext(facts, env, own.signal, voice)
  try {
    const returned = await speakFor(context, () => fn?.definition.handler(input as never, context))
    const value: unknown = fn?.checkOutput ? await fn.checkOutput(returned) : returned
    const encoded = encodeResult(value, limitBytes)
    tellOwed(number)
    if (!encoded.ok) return send({ type: 'returned', encoded })
    // Small buffers lie in a pool, which would be copied as a whole.
    const bytes = new Uint8Array(encoded.bytes)
    send({ type: 'returned', encoded: { ok: true, bytes, mediaType: encoded.mediaType } }, [bytes.buffer])
  } catch (error) {
    tellOwed(number)
    send({ type: 'threw', error: describeThrown(error, messageOf(error)) })
  } finally {
    asked.clear()
  }
}

function sendAsk(ask: Ask, number: number, transfer: readonly ReadableStream[] = []): Promise<unknown> {
  if (number !== call) return Promise.resolve(undefined)
  const id = ++asks
  const waiting = Promise.withResolvers<unknown>()
  send({ type: 'ask', call: number, id, ask }, transfer)
  asked.set(id, waiting)
  return waiting.promise
}

function sendNote(note: Note, number: number): void {
  if (Atomics.load(pending, 0) >= NOTES_LIMIT) {
    if (note.kind === 'usage' && number === call) owed.add(completeUsage(note.used))
    else dropped++
    return
  }
  if (dropped > 0) {
    const text = `${dropped} lines were dropped: they came faster than they could be written`
    dropped = 0
    post({ kind: 'log', level: 'warn', text }, number)
  }
  post(note, number)
}

function tellOwed(number: number): void {
  const used = number === call ? owed.toUsage() : null
  if (!used) return
  owed = new UsageSum()
  post({ kind: 'usage', used }, number)
}

function post(note: Note, number: number): void {
  Atomics.add(pending, 0, 1)
  try {
    send({ type: 'note', call: number, note })
  } catch {
    // Functions and the like cannot cross; what JSON keeps of them is what a log would show.
    const plain = note.kind === 'log' ? { ...note, fields: plainFields(note.fields) } : note
    send({ type: 'note', call: number, note: plain })
  }
}

function plainFields(fields: Readonly<Record<string, unknown>> | undefined): Record<string, unknown> {
  const plain: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields ?? {})) {
    try {
      plain[name] = structuredClone(value)
    } catch {
      plain[name] = String(value)
    }
  }
  return plain
}
