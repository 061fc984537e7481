/**
 * `ctx.call` of one attempt: runs another function, here when this worker serves it, else through the balancer, and
 * keeps the attempt's slots in circulation meanwhile. Made with each attempt by `direct-order.ts` and `link-task.ts`.
 *
 * From the first call until none is open the slots are lent. Results are handed over when they are back: a handler
 * that went on with one result while another call still needs the slots would wait for itself.
 * Invariant: while the handler's own code goes on after a call it has its slots, unless the attempt was aborted.
 */
import { isName } from '@berth/protocol'
import type { AttemptContext } from '../context.ts'
import type { DirectOrder, DirectSpec, Inheritance } from '../direct/direct-order.ts'
import type { SlotHold } from '../intake.ts'
import { isPlainObject } from '../json-body.ts'
import type { WorkerParts } from '../parts.ts'
import type { RegisteredFunction } from '../registry.ts'
import { makeRunId } from '../run-id.ts'
import type { Reply } from '../stream/reply.ts'
import { CallError } from './call-error.ts'
import { CallReply } from './call-reply.ts'

/** Calls below each other. */
const DEPTH_LIMIT = 8
/** Calls of one attempt at once. */
const OPEN_LIMIT = 100

export interface Calling {
  readonly function: RegisteredFunction
  /** The functions above it, the first one first. */
  readonly callers: readonly string[]
  readonly priority: number
  /** Its place in the queue: children go before what arrived later. */
  rank(): number | undefined
  readonly hold: Pick<SlotHold, 'lend' | 'reclaim'>
  /** Makes the task of a child here. */
  makeChild(spec: DirectSpec, reply: Reply, inheritance: Inheritance): DirectOrder
  /** Slots that children take on its behalf. */
  onSlots?(more: number): void
  /** Asks the balancer; absent when the task did not come from one. */
  callRemote?(name: string, input: Uint8Array): Promise<unknown>
}

export class CallGate {
  readonly #parts: WorkerParts
  readonly #calling: Calling
  /** Ends each open call. */
  readonly #open = new Set<() => void>()
  #back: PromiseWithResolvers<void> | undefined
  #isClosed = false

  constructor(parts: WorkerParts, calling: Calling) {
    this.#parts = parts
    this.#calling = calling
  }

  /** Resolves to the result; rejects with a CallError, or with the signal's reason. */
  async call(name: string, input: unknown, context: AttemptContext): Promise<unknown> {
    const text = this.#judge(name, input)
    const started = await this.#start(name, text, context)
    if (this.#isClosed) {
      started.cancel()
      throw overError(name)
    }
    this.#open.add(started.cancel)
    this.#calling.hold.lend()
    const aborted = whenAborted(context.signal)
    try {
      return await Promise.race([started.done, aborted.promise])
    } finally {
      started.done.catch(() => {})
      if (context.signal.aborted) started.cancel()
      this.#open.delete(started.cancel)
      await Promise.race([this.#whenBack(), aborted.promise.catch(() => {})])
      aborted.stop()
    }
  }

  /** The attempt is over: what it still called is wanted by nobody. */
  close(): void {
    this.#isClosed = true
    for (const cancel of this.#open) cancel()
  }

  /** The input as JSON; throws when there shall be no call. */
  #judge(name: string, input: unknown): string {
    const { callers, function: fn } = this.#calling
    const chain = [...callers, fn.name]
    if (!isName(name))
      throw new TypeError(`ctx.call takes the name of a function, not ${JSON.stringify(name)}`)
    if (!isPlainObject(input)) throw new TypeError(`ctx.call("${name}") takes an object as input`)
    if (this.#isClosed) throw overError(name)
    const refuse = (message: string) => {
      throw new CallError(name, { code: 'CONFLICT', message })
    }
    if (chain.includes(name)) refuse(`it would call itself: ${[...chain, name].join(' → ')}`)
    if (chain.length > DEPTH_LIMIT)
      refuse(`it would be more than ${DEPTH_LIMIT} calls deep: ${chain.join(' → ')}`)
    if (this.#open.size >= OPEN_LIMIT)
      refuse(`${OPEN_LIMIT} calls are open already; await some of them first`)
    const text = JSON.stringify(input)
    const { requestBodyBytes } = this.#parts.limits
    if (text.length <= requestBodyBytes) return text
    throw new CallError(name, {
      code: 'PAYLOAD_TOO_LARGE',
      message: `its input is over ${requestBodyBytes} bytes`,
    })
  }

  #start(name: string, text: string, context: AttemptContext): Promise<StartedCall> | StartedCall {
    const fn = this.#parts.registry.get(name)
    if (fn) return this.#startHere(fn, text, context)
    const { callRemote } = this.#calling
    if (callRemote) return startRemote(name, callRemote(name, Buffer.from(text)), context.signal)
    const message =
      'this worker has no such function, and there is no balancer to ask; send the task through one'
    throw new CallError(name, { code: 'UNKNOWN_FUNCTION', message })
  }

  async #startHere(fn: RegisteredFunction, text: string, context: AttemptContext): Promise<StartedCall> {
    // A copy, as if it had come over the wire: what the caller does with its own is nobody else's.
    const checked = await fn.input.check(JSON.parse(text) as object, '')
    if (!checked.ok) throw new CallError(fn.name, checked.error)
    const { clock } = this.#parts
    const remainingMs = Math.max(0, context.deadline.getTime() - clock.wallMs())
    const { callers, function: caller, priority } = this.#calling
    const spec = {
      function: fn,
      input: checked.value,
      run: makeRunId(clock.wallMs()),
      priority,
      timeoutMs: fn.timeoutMs ?? Math.max(1, remainingMs),
      remainingMs,
      trace: context.trace,
    }
    const reply = new CallReply(fn.name)
    const order = this.#calling.makeChild(spec, reply, {
      rank: this.#calling.rank(),
      callers: [...callers, caller.name],
      onSlots: (more) => this.#calling.onSlots?.(more),
    })
    // Before the slots are lent: it stands before whatever waits behind its caller.
    order.submit()
    return { done: reply.done, cancel: () => order.leaveCaller() }
  }

  /** Resolves when the slots are back, which is when no call is open any more. */
  async #whenBack(): Promise<void> {
    this.#back ??= Promise.withResolvers<void>()
    const { promise } = this.#back
    if (this.#open.size === 0) void this.#takeBack(this.#back)
    await promise
  }

  async #takeBack(back: PromiseWithResolvers<void>): Promise<void> {
    await this.#calling.hold.reclaim()
    if (this.#back !== back) return
    // Another branch of the handler has called meanwhile, and the slots are that call's.
    if (this.#open.size > 0) return this.#calling.hold.lend()
    this.#back = undefined
    back.resolve()
  }
}

interface StartedCall {
  readonly done: Promise<unknown>
  /** Nobody waits for it any more. */
  cancel(): void
}

function startRemote(name: string, answered: Promise<unknown>, signal: AbortSignal): StartedCall {
  const unanswered = Promise.withResolvers<never>()
  const cancel = () => {
    const message =
      'the balancer did not answer before the attempt was over; it may be of a version without calls'
    unanswered.reject(new CallError(name, { code: 'TIMEOUT', message }))
  }
  if (signal.aborted) cancel()
  answered.catch(() => {})
  return { done: Promise.race([answered, unanswered.promise]), cancel }
}

function overError(name: string): CallError {
  return new CallError(name, { code: 'CONFLICT', message: 'the attempt that called it is over' })
}

/** Rejects with the reason of the signal. */
function whenAborted(signal: AbortSignal): { promise: Promise<never>; stop(): void } {
  const aborted = Promise.withResolvers<never>()
  aborted.promise.catch(() => {})
  const onAbort = () => aborted.reject(signal.reason)
  if (signal.aborted) onAbort()
  else signal.addEventListener('abort', onAbort, { once: true })
  return { promise: aborted.promise, stop: () => signal.removeEventListener('abort', onAbort) }
}
