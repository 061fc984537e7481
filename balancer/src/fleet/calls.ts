/**
 * What handlers call through the balancer (docs/protocol.md, Calls): a CALL of a running attempt becomes a task of
 * its own, and the end of that the CALL-RESULT. One a fleet; members bring the calls and carry the answers.
 * Invariant: a call is answered once, and tasks of handlers never wait for themselves: no function below itself,
 * at most eight below each other, a bound on what one attempt and all together have open.
 */
import {
  ANY_WORKER,
  LIMITS,
  type OutcomeError,
  type OutcomeHeader,
  type OutcomeKind,
  type TaskError,
} from '@berth/protocol'
import type { Clock, Log } from '@berth/runtime'
import type { Caller, CallPort, Settlement } from '../ports/scheduling.ts'

/** CALL as a link read it. */
export interface HeardCall {
  /** Its number among those of its attempt. */
  readonly id: number
  readonly function: string
  /** Functions between the task and the call, which ran at the worker. */
  readonly via: readonly string[]
  /** JSON; shares memory with its frame. */
  readonly input: Uint8Array
}

export type AnswerCall = (header: OutcomeHeader, result: Uint8Array) => void

export interface CallsOptions {
  readonly port: CallPort
  readonly clock: Clock
  readonly log: Log
  readonly createRunId: () => string
  /** `QUEUE_TIMEOUT`. */
  readonly queueTimeoutMs: number
}

/** Calls of one attempt at once. */
const OPEN_LIMIT = 100
/** Of all attempts together. */
const ALL_LIMIT = 10_000
const NOTHING = new Uint8Array(0)

export class Calls {
  readonly #options: CallsOptions
  #open = 0

  constructor(options: CallsOptions) {
    this.#options = options
  }

  /** Answers at once when there shall be no task, else at its end. */
  take(worker: string, attemptId: number, call: HeardCall, answer: AnswerCall): void {
    const { port, clock, log, createRunId, queueTimeoutMs } = this.#options
    const caller = port.caller(worker, attemptId)
    const chain = [...(caller?.callers ?? []), ...(caller ? [caller.function] : []), ...call.via]
    const refusal = caller ? this.#refusalOf(caller, chain, call) : GONE
    if (!caller || refusal) return answer(headerOf('refused', refusal ?? GONE), NOTHING)
    const now = clock.monoMs()
    const run = createRunId()
    const { priority, fairnessKey, deadlineAt, trace, group } = caller
    const admission = port.submit(
      {
        run,
        group,
        function: call.function,
        contract: undefined,
        selector: ANY_WORKER,
        priority,
        fairnessKey,
        mode: 'sync',
        isDurable: false,
        attempts: undefined,
        idempotent: undefined,
        timeoutMs: undefined,
        deadlineAt,
        queueUntilAt: now + queueTimeoutMs,
        // Copied: the bytes lie in a buffer of the socket.
        payload: { bytes: new Uint8Array(call.input), mediaType: '', isEnvelope: false },
        trace,
        call: { worker, attemptId, parent: caller.run, callers: chain },
        onSettled: (settlement) => {
          this.#open--
          answerWith(settlement, answer)
        },
      },
      now,
    )
    if (admission.ok) this.#open++
    else answer(headerOf('refused', toOutcomeError(admission.error)), NOTHING)
    log.debug('function called', { run, parent: caller.run, function: call.function, taken: admission.ok })
  }

  #refusalOf(caller: Caller, chain: readonly string[], call: HeardCall): OutcomeError | undefined {
    const name = call.function
    const whole = [...chain, name].join(' → ')
    if (chain.includes(name)) return conflict(`it would call itself: ${whole}`)
    if (chain.length > LIMITS.callDepth)
      return conflict(`it would be more than ${LIMITS.callDepth} calls deep: ${whole}`)
    if (caller.calls >= OPEN_LIMIT)
      return conflict(`${OPEN_LIMIT} calls are open already; await some of them first`)
    if (call.input.length > LIMITS.inlineBytes) {
      const message = `its input is ${call.input.length} bytes; through the balancer at most ${LIMITS.inlineBytes} can be passed`
      return { code: 'PAYLOAD_TOO_LARGE', message }
    }
    if (this.#open < ALL_LIMIT) return undefined
    const message = `${ALL_LIMIT} calls of running tasks are open at this balancer, which is the limit`
    return { code: 'QUEUE_FULL', message, retryAfterMs: 1_000 }
  }
}

const GONE: OutcomeError = { code: 'CANCELLED', message: 'the task that calls it does not run any more' }

function conflict(message: string): OutcomeError {
  return { code: 'CONFLICT', message }
}

function answerWith(settlement: Settlement, answer: AnswerCall): void {
  const { kind, runMs } = settlement
  if (kind === 'completed')
    return answer({ outcome: 'completed', runMs, mediaType: settlement.mediaType }, settlement.result)
  const { error } = settlement
  answer({ ...headerOf(KINDS[error.code] ?? 'failed', toOutcomeError(error)), runMs }, NOTHING)
}

const KINDS: Readonly<Record<string, OutcomeKind | undefined>> = {
  TIMEOUT: 'timeout',
  CANCELLED: 'cancelled',
  WORKER_LOST: 'lost',
}

function headerOf(outcome: OutcomeKind, error: OutcomeError): OutcomeHeader {
  return { outcome, runMs: 0, mediaType: '', error }
}

function toOutcomeError({ code, detail, errors, retryAfterMs }: TaskError): OutcomeError {
  return {
    code,
    message: detail,
    ...(errors ? { errors } : {}),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  }
}
