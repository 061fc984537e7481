/**
 * A link's messages through the real frames: written by `LinkWriter`, read by `readFrame`, at both
 * ends, a batch at a time. What concerns a single task travels in records; the rest is text on a
 * real link and passes by.
 */
import {
  CANCEL_REASONS,
  LinkWriter,
  RECORD,
  readCancelReason,
  readFrame,
  readOutcome,
  readTaskHeader,
  TASK_FLAG,
} from '@berth/protocol'
import { wholeOf } from '@berth/runtime'
import type { Assignment } from '../../balancer/src/ports/dispatch.ts'
import type { Codec, FromWorker, ToWorker } from './wire.ts'

export class LinkCodec implements Codec {
  readonly #balancer: LinkWriter
  readonly #worker: LinkWriter
  /** Sent and not read yet: what a header does not carry, which the worker does not need either. */
  readonly #sent = new Map<number, Assignment>()
  /** Tasks whose bytes are still coming. */
  readonly #coming = new Map<number, { assignment: Assignment; parts: Uint8Array[] }>()

  constructor(now: () => number) {
    this.#balancer = new LinkWriter(() => ({ at: now() }))
    this.#worker = new LinkWriter(() => ({
      at: now(),
      occupancy: { seq: 1, used: 0, linked: 0, queued: 0 },
    }))
  }

  readonly toWorker = (batch: readonly ToWorker[]): ToWorker[] => {
    const read: ToWorker[] = []
    for (const message of batch) if (!this.#writeToWorker(message)) read.push(message)
    for (let frame = this.#balancer.take(); frame; frame = this.#balancer.take())
      this.#readAtWorker(frame, read)
    return read
  }

  readonly fromWorker = (batch: readonly FromWorker[]): FromWorker[] => {
    const read: FromWorker[] = []
    for (const message of batch) if (!this.#writeFromWorker(message)) read.push(message)
    for (let frame = this.#worker.take(); frame; frame = this.#worker.take())
      this.#readAtBalancer(frame, read)
    return read
  }

  // --- To the worker ---------------------------------------------------------------------------

  #writeToWorker(message: ToWorker): boolean {
    if (message.kind === 'task') this.#writeTask(message.assignment)
    else if (message.kind === 'recall') this.#balancer.control(RECORD.RECALL, message.attempt)
    else if (message.kind === 'cancel')
      this.#balancer.control(RECORD.CANCEL, message.attempt, (out) =>
        out.u8(CANCEL_REASONS.indexOf(message.reason)),
      )
    else if (message.kind === 'acknowledge')
      this.#balancer.control(RECORD.RESULT_ACK, message.attempt, (out) => out.u64(message.fence))
    else return false
    return true
  }

  #writeTask(assignment: Assignment): void {
    this.#sent.set(assignment.attemptId, assignment)
    const flags =
      (assignment.isDurable ? TASK_FLAG.DURABLE : 0) |
      (assignment.isAhead ? TASK_FLAG.AHEAD : 0) |
      TASK_FLAG.ENVELOPE
    const { bytes, mediaType } = assignment.payload
    this.#balancer.task(assignment.attemptId, flags, assignment, mediaType, bytes)
  }

  #readAtWorker(frame: Uint8Array, read: ToWorker[]): void {
    readFrame(frame, (type, flags, attempt, payload) => {
      if (type === RECORD.TASK) {
        const header = readTaskHeader(payload)
        const sent = this.#sent.get(attempt) as Assignment
        this.#sent.delete(attempt)
        const isAhead = (flags & TASK_FLAG.AHEAD) !== 0
        const isDurable = (flags & TASK_FLAG.DURABLE) !== 0
        const assignment = { ...sent, ...header, attemptId: attempt, isAhead, isDurable }
        const parts = [payload.rest()]
        if ((flags & TASK_FLAG.WHOLE) !== 0) read.push(arrived(assignment, parts))
        else this.#coming.set(attempt, { assignment, parts })
      } else if (type === RECORD.DATA) this.#coming.get(attempt)?.parts.push(payload.rest())
      else if (type === RECORD.END) {
        const coming = this.#coming.get(attempt)
        this.#coming.delete(attempt)
        if (coming) read.push(arrived(coming.assignment, coming.parts))
      } else if (type === RECORD.RECALL) read.push({ kind: 'recall', attempt })
      else if (type === RECORD.CANCEL)
        read.push({ kind: 'cancel', attempt, reason: readCancelReason(payload) })
      else if (type === RECORD.RESULT_ACK) read.push({ kind: 'acknowledge', attempt, fence: payload.u64() })
    })
  }

  // --- From the worker -------------------------------------------------------------------------

  #writeFromWorker(message: FromWorker): boolean {
    if (message.kind === 'started') this.#worker.control(RECORD.STARTED, message.attempt)
    else if (message.kind === 'busy') this.#worker.control(RECORD.BUSY, message.attempt)
    else if (message.kind === 'recalled') this.#worker.control(RECORD.RECALLED, message.attempt)
    else if (message.kind === 'ended')
      this.#worker.outcome(message.attempt, message.outcome, wholeOf(message.outcome.result))
    else return false
    return true
  }

  #readAtBalancer(frame: Uint8Array, read: FromWorker[]): void {
    readFrame(frame, (type, _flags, attempt, payload) => {
      if (type === RECORD.STARTED) read.push({ kind: 'started', attempt })
      else if (type === RECORD.BUSY) read.push({ kind: 'busy', attempt })
      else if (type === RECORD.RECALLED) read.push({ kind: 'recalled', attempt })
      else if (type === RECORD.END) {
        const outcome = { ...readOutcome(payload), result: payload.rest() }
        read.push({ kind: 'ended', attempt, outcome })
      }
    })
  }
}

function arrived(assignment: Assignment, parts: readonly Uint8Array[]): ToWorker {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  if (bytes.length !== assignment.payload.bytes.length)
    throw new Error(`${assignment.run}: ${bytes.length} of ${assignment.payload.bytes.length} bytes came`)
  return { kind: 'task', assignment: { ...assignment, payload: { ...assignment.payload, bytes } } }
}
