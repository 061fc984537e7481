/**
 * `ctx.call` of one attempt: runs another function, through the balancer where the task came from one, else here, and
 * keeps the attempt's slots in circulation meanwhile. Made with each attempt by `direct-order.ts` and `link-task.ts`.
 *
 * From the first call until none is open the slots are lent. Results are handed over when they are back: a handler
 * that went on with one result while another call still needs the slots would wait for itself.
 * Invariant: while the handler's own code goes on after a call it has its slots, unless the attempt was aborted.
 */
import { isName, LIMITS } from '@berth/protocol'
import type { AttemptContext } from '../attempt/context.ts'
import { makeRunId } from '../attempt/run-id.ts'
import type { DirectOrder, DirectSpec, Inheritance } from '../direct/direct-order.ts'
import type { RegisteredFunction } from '../functions/registry.ts'
import { isPlainObject } from '../input/json-body.ts'
import type { SlotHold } from '../intake/intake.ts'
import type { WorkerParts } from '../parts.ts'
import type { Reply } from '../stream/reply.ts'
import { CallError } from './call-error.ts'
import { CallReply } from './call-reply.ts'

/** Calls of one attempt at once. */
const OPEN_LIMIT = 100

export interface Calling {
  readonly function: RegisteredFunction
  /** The functions above it, the first one first. */
  readonly callers: readonly string[]
  readonly hold: Pick<SlotHold, 'lend' | 'reclaim'>
  readonly how: CallHere | AskBalancer
}

/** The task came over this worker's own HTTP: what it calls runs here, or nowhere. */
export interface CallHere {
  readonly priority: number
  /** Its place in the queue: children go before what arrived later. */
  rank(): number | undefined
  /** Makes the task of a child. */
  makeChild(spec: DirectSpec, reply: Reply, inheritance: Inheritance): DirectOrder
}

/** Whoever sent the task runs what it calls, also when that is served here: there is one tree, and one owner of slots. */
export type AskBalancer = (name: string, input: Uint8Array, remainingMs: number) => Promise<unknown>

interface OpenCall {
  /** Ends the waiting: with the result, or because the attempt is over. */
  readonly done: PromiseWithResolvers<unknown>
  /** Nobody waits for it any more. */
  onAbort: (reason: unknown) => void
}

export class CallGate {
  readonly #parts: WorkerParts
  readonly #describe: () => Calling
  #made: Calling | undefined
  readonly #open = new Set<OpenCall>()
  /** Resolved when lent slots are back; undefined while none are lent. */
  #back: PromiseWithResolvers<void> | undefined
  #isClosed = false

  /** `describe` is asked at the first call: most handlers make none. */
  constructor(parts: WorkerParts, describe: () => Calling) {
    this.#parts = parts
    this.#describe = describe
  }

  get #calling(): Calling {
    this.#made ??= this.#describe()
    return this.#made
  }

  /** Resolves to the result; rejects with a CallError, or with the signal's reason. */
  async call(name: string, input: unknown, context: AttemptContext): Promise<unknown> {
    const text = this.#judge(name, input)
    const { signal } = context
    signal.throwIfAborted()
    const done = Promise.withResolvers<unknown>()
    done.promise.catch(() => {})
    const open: OpenCall = { done, onAbort: done.reject }
    const over = Promise.withResolvers<void>()
    const onAbort = () => {
      open.onAbort(signal.reason)
      over.resolve()
    }
    this.#open.add(open)
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      const { how } = this.#calling
      if (typeof how === 'function') this.#ask(how, name, text, context, open)
      else await this.#startHere(how, name, text, context, open)
      this.#lend()
      return await done.promise
    } finally {
      this.#settle(open)
      await Promise.race([this.#back?.promise, over.promise])
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** The attempt is over: what it still called is wanted by nobody. */
  close(): void {
    this.#isClosed = true
    for (const open of [...this.#open]) open.onAbort(new Error('the attempt that called it is over'))
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
    if (chain.length > LIMITS.callDepth)
      refuse(`it would be more than ${LIMITS.callDepth} calls deep: ${chain.join(' → ')}`)
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

  #ask(ask: AskBalancer, name: string, text: string, { deadline }: AttemptContext, open: OpenCall): void {
    const remainingMs = Math.max(0, deadline.getTime() - this.#parts.clock.wallMs())
    ask(name, Buffer.from(text), remainingMs).then(open.done.resolve, open.done.reject)
  }

  async #startHere(
    here: CallHere,
    name: string,
    text: string,
    context: AttemptContext,
    open: OpenCall,
  ): Promise<void> {
    const fn = this.#parts.registry.get(name)
    if (!fn) {
      const message =
        'this worker has no such function, and there is no balancer to ask; send the task through one'
      throw new CallError(name, { code: 'UNKNOWN_FUNCTION', message })
    }
    // A copy, as if it had come over the wire: what the caller does with its own is nobody else's.
    const checked = await fn.input.check(JSON.parse(text) as object, '')
    if (!checked.ok) throw new CallError(fn.name, checked.error)
    context.signal.throwIfAborted()
    if (this.#isClosed) throw overError(fn.name)
    const reply = new CallReply(fn.name, () => this.#settle(open))
    const { callers, function: caller } = this.#calling
    const order = here.makeChild(this.#specOf(fn, checked.value, context, here.priority), reply, {
      rank: here.rank(),
      callers: [...callers, caller.name],
    })
    open.onAbort = (reason) => {
      open.done.reject(reason)
      order.leaveCaller()
    }
    reply.done.then(open.done.resolve, open.done.reject)
    // Before the slots are lent: it stands before whatever waits behind its caller.
    order.submit()
  }

  #specOf(
    fn: RegisteredFunction,
    input: unknown,
    { deadline, trace }: AttemptContext,
    priority: number,
  ): DirectSpec {
    const now = this.#parts.clock.wallMs()
    const remainingMs = Math.max(0, deadline.getTime() - now)
    const timeoutMs = fn.timeoutMs ?? Math.max(1, remainingMs)
    return { function: fn, input, run: makeRunId(now), priority, timeoutMs, remainingMs, trace }
  }

  #lend(): void {
    if (this.#open.size === 0) return
    this.#back ??= Promise.withResolvers<void>()
    this.#calling.hold.lend()
  }

  /** In the moment in which a child ends, so that its slots go to its caller. */
  #settle(open: OpenCall): void {
    if (!this.#open.delete(open) || this.#open.size > 0 || !this.#back) return
    void this.#takeBack(this.#back)
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

function overError(name: string): CallError {
  return new CallError(name, { code: 'CONFLICT', message: 'the attempt that called it is over' })
}
