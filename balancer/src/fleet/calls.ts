/**
 * What handlers call through the balancer (docs/protocol.md, Calls): a CALL of a running attempt becomes a task of
 * its own, and the end of that the CALL-RESULT. One a fleet; members bring the calls and carry the answers.
 * Invariant: a call is answered once, and tasks of handlers never wait for themselves: no function below itself,
 * at most eight below each other, a bound on what one attempt and all together have open. Nobody outlives its caller.
 * What wrote files is on disk with them before its caller is answered.
 */
import {
  ANY_WORKER,
  LIMITS,
  type OutcomeError,
  type OutcomeHeader,
  type OutcomeKind,
  type TaskError,
} from '@berth/protocol'
import { type Clock, type Log, wholeOf } from '@berth/runtime'
import type { Caller, CallPort, CallTarget } from '../ports/calls.ts'
import type { MemoryFilesPort } from '../ports/files.ts'
import { takesFiles, tellRecorded } from '../ports/memory-files.ts'
import type { Settlement, Submission } from '../ports/submission.ts'
import type { GatheredInput } from './call-inputs.ts'

/** CALL as a link read it, with its input (JSON), or why that could not be read. */
export type HeardCall = GatheredInput & {
  /** Its number among those of its attempt. */
  readonly id: number
  readonly function: string
  /** Functions between the task and the call, which ran at the worker. */
  readonly via: readonly string[]
  /** What the caller's attempt has left; null when its worker does not say. */
  readonly remainingMs: number | null
  /** It was asked on an earlier link, and may have run. */
  readonly isAgain: boolean
}

export type AnswerCall = (header: OutcomeHeader, result: Uint8Array) => void

export interface CallsOptions {
  readonly port: CallPort
  readonly clock: Clock
  readonly log: Log
  readonly createRunId: () => string
  /** `QUEUE_TIMEOUT`. */
  readonly queueTimeoutMs: number
  /** What is called keeps its files here; without it they are refused. */
  readonly files?: MemoryFilesPort | undefined
}

/** Calls of one attempt at once. */
const OPEN_LIMIT = 100
/** Of all attempts together. */
const ALL_LIMIT = 10_000
const NOTHING = new Uint8Array(0)

export class Calls {
  readonly #options: CallsOptions
  readonly #onFile: Submission['onFile']
  #open = 0

  constructor(options: CallsOptions) {
    this.#options = options
    this.#onFile = options.files && takesFiles(options.files)
  }

  /** Answers at once when there shall be no task, else at its end. */
  take(worker: string, attemptId: number, call: HeardCall, answer: AnswerCall): void {
    const { port, clock, log, createRunId, queueTimeoutMs, files } = this.#options
    const caller = port.caller(worker, attemptId)
    const chain = [...(caller?.callers ?? []), ...(caller ? [caller.function] : []), ...call.via]
    const target = port.callTarget(worker, attemptId, call.function)
    const refusal = caller ? this.#refusalOf(caller, chain, call, target) : GONE
    if (!caller || refusal || !('bytes' in call)) return answer(headerOf('refused', refusal ?? GONE), NOTHING)
    const now = clock.monoMs()
    const run = createRunId()
    const { priority, fairnessKey, trace, group, tree, budget, meter } = caller
    const deadlineAt = Math.min(caller.deadlineAt, now + (call.remainingMs ?? Number.POSITIVE_INFINITY))
    const admission = port.submit(
      {
        run,
        group,
        function: call.function,
        contract: target.contract,
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
        payload: { bytes: call.bytes, mediaType: '', isEnvelope: false },
        trace,
        budget,
        meter: meter?.child(run),
        call: { worker, attemptId, parent: caller.run, callers: chain, tree },
        onFile: this.#onFile,
        onSettled: (settlement) =>
          tellRecorded(files, run, settlement, (told) => {
            this.#open--
            answerWith(told, answer)
          }),
      },
      now,
    )
    if (admission.ok) this.#open++
    else answer(headerOf('refused', toOutcomeError(admission.error)), NOTHING)
    log.debug('function called', { run, parent: caller.run, function: call.function, taken: admission.ok })
  }

  #refusalOf(
    caller: Caller,
    chain: readonly string[],
    call: HeardCall,
    target: CallTarget,
  ): OutcomeError | undefined {
    const name = call.function
    if (call.isAgain && !mayRunAgain(caller, target)) return MAY_HAVE_RUN
    const whole = [...chain, name].join(' → ')
    if (chain.includes(name)) return conflict(`it would call itself: ${whole}`)
    if (chain.length > LIMITS.callDepth)
      return conflict(`it would be more than ${LIMITS.callDepth} calls deep: ${whole}`)
    if (caller.calls >= OPEN_LIMIT)
      return conflict(`${OPEN_LIMIT} calls are open already; await some of them first`)
    if ('error' in call) return call.error
    if (this.#open < ALL_LIMIT) return undefined
    const message = `${ALL_LIMIT} calls of running tasks are open at this balancer, which is the limit`
    return { code: 'QUEUE_FULL', message, retryAfterMs: 1_000 }
  }
}

const GONE: OutcomeError = { code: 'CANCELLED', message: 'the task that calls it does not run any more' }
const MAY_HAVE_RUN: OutcomeError = {
  code: 'WORKER_LOST',
  message:
    'the link to its caller was lost before the answer arrived, and it may have run; declare it idempotent to have it called again',
}

/** As after any loss: what runs for a durable run counts like that run itself. */
function mayRunAgain({ tree }: Caller, { idempotent }: CallTarget): boolean {
  return idempotent ?? tree.isDurable
}

function conflict(message: string): OutcomeError {
  return { code: 'CONFLICT', message }
}

function answerWith(settlement: Settlement, answer: AnswerCall): void {
  const { kind, runMs } = settlement
  if (kind === 'completed')
    return answer(
      { outcome: 'completed', runMs, mediaType: settlement.mediaType },
      wholeOf(settlement.result),
    )
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
