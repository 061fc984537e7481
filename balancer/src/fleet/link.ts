/**
 * One open socket to one worker: frames out, frames in, nothing remembered beyond the socket. Owned
 * by a member (member.ts), which opens it and hears everything through `LinkEvents`. Writes of one
 * turn of the event loop leave as one frame; never more than 256 KiB wait in the socket's own buffer.
 */
import {
  type ByteReader,
  CANCEL_REASONS,
  type CancelReason,
  type FromBalancer,
  type FromWorker,
  LIMITS,
  LinkClock,
  LinkWriter,
  type Occupancy,
  ProtocolError,
  parseFromWorker,
  RECORD,
  readFrame,
  readOutcome,
  readStamp,
  TASK_FLAG,
} from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import type { WebSocket } from 'ws'
import type { Assignment } from '../ports/dispatch.ts'
import type { Outcome } from '../ports/scheduling.ts'
import { ResultBuffer } from './result-buffer.ts'

export interface LinkEvents {
  onMessage(message: FromWorker): void
  /** Any frame: a sign of life, with its age in milliseconds. */
  onFrame(ageMs: number): void
  onOccupancy(occupancy: Occupancy): void
  onStarted(attemptId: number): void
  onReturned(attemptId: number, why: 'busy' | 'recalled'): void
  onFinished(attemptId: number, outcome: Outcome): void
  onClosed(code: number, reason: string): void
}

export interface LinkOptions {
  readonly socket: WebSocket
  readonly clock: Clock
  readonly resultLimitBytes: number
  readonly events: LinkEvents
}

/** A message without `at`, which the link stamps itself. */
export type Unstamped = FromBalancer extends infer M ? (M extends unknown ? Omit<M, 'at'> : never) : never

export class Link {
  readonly #socket: WebSocket
  readonly #clock: Clock
  readonly #events: LinkEvents
  readonly #writer: LinkWriter
  readonly #ages = new LinkClock()
  readonly #results: ResultBuffer
  #flushing: NodeJS.Immediate | undefined
  #isClosed = false

  constructor(options: LinkOptions) {
    this.#socket = options.socket
    this.#clock = options.clock
    this.#events = options.events
    this.#results = new ResultBuffer(options.resultLimitBytes)
    this.#writer = new LinkWriter(() => ({ at: this.#clock.monoMs() }))
    this.#listen()
  }

  /** Queues a task for the next frame. */
  task(assignment: Assignment): void {
    const { attemptId, payload } = assignment
    this.#writer.task(attemptId, flagsOf(assignment), assignment, payload.mediaType, payload.bytes)
    this.#schedule()
  }

  recall(attemptId: number): void {
    this.#writer.control(RECORD.RECALL, attemptId)
    this.#schedule()
  }

  cancel(attemptId: number, reason: CancelReason): void {
    this.#writer.forget(attemptId)
    this.#writer.control(RECORD.CANCEL, attemptId, (out) => out.u8(CANCEL_REASONS.indexOf(reason)))
    this.#schedule()
  }

  acknowledge(attemptId: number, fence: number): void {
    this.#writer.control(RECORD.RESULT_ACK, attemptId, (out) => out.u64(fence))
    this.#schedule()
  }

  message(message: Unstamped): void {
    if (this.#isClosed) return
    this.#socket.send(JSON.stringify({ ...message, at: this.#clock.monoMs() }))
  }

  /** Closes; the peer has five seconds to agree, then the socket is destroyed by ws. */
  close(code: number, reason: string): void {
    this.#socket.close(code, reason.slice(0, 120))
  }

  /** Cuts the socket at once: the peer does not answer anyway. */
  terminate(): void {
    this.#socket.terminate()
  }

  #listen(): void {
    this.#socket.on('message', (data, isBinary) => this.#receive(data as Buffer, isBinary))
    this.#socket.on('error', () => this.#socket.terminate())
    this.#socket.on('close', (code, reason) => {
      this.#isClosed = true
      if (this.#flushing) clearImmediate(this.#flushing)
      this.#events.onClosed(code, reason.toString())
    })
    this.#socket.resume()
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#isClosed) return
    try {
      if (isBinary) readFrame(data, (type, _flags, task, payload) => this.#record(type, task, payload))
      else this.#text(data.toString('utf8'))
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.close(error.closeCode, error.message)
    }
  }

  #text(text: string): void {
    const parsed = parseFromWorker(text)
    if (parsed.kind === 'invalid') throw new ProtocolError(parsed.reason)
    if (parsed.kind === 'ignored') return this.#events.onFrame(0)
    this.#events.onFrame(this.#ages.ageMs(this.#clock.monoMs(), parsed.message.at))
    this.#events.onMessage(parsed.message)
  }

  #record(type: number, task: number, payload: ByteReader): void {
    switch (type) {
      case RECORD.STAMP:
        return this.#stamp(payload)
      case RECORD.STARTED:
        return this.#events.onStarted(task)
      case RECORD.BUSY:
        return this.#return(task, 'busy')
      case RECORD.RECALLED:
        return this.#return(task, 'recalled')
      case RECORD.DATA:
        return this.#data(task, payload)
      case RECORD.END:
        return this.#end(task, payload)
      case RECORD.CREDIT:
        this.#writer.credit(task, payload.u32())
        return this.#schedule()
    }
  }

  #stamp(payload: ByteReader): void {
    const stamp = readStamp(payload)
    this.#events.onFrame(this.#ages.ageMs(this.#clock.monoMs(), stamp.at))
    if (stamp.occupancy) this.#events.onOccupancy(stamp.occupancy)
  }

  #return(task: number, why: 'busy' | 'recalled'): void {
    this.#results.drop(task)
    this.#writer.forget(task)
    this.#events.onReturned(task, why)
  }

  #data(task: number, payload: ByteReader): void {
    const bytes = payload.rest()
    this.#results.add(task, bytes)
    this.#writer.control(RECORD.CREDIT, task, (out) => out.u32(bytes.length))
    this.#schedule()
  }

  #end(task: number, payload: ByteReader): void {
    const header = readOutcome(payload)
    const result = this.#results.take(task, payload.rest())
    this.#writer.forget(task)
    this.#events.onFinished(
      task,
      result ? { ...header, result } : { ...header, ...tooLarge(this.#results.limitBytes) },
    )
  }

  #schedule(): void {
    if (this.#flushing || this.#isClosed) return
    this.#flushing = setImmediate(() => {
      this.#flushing = undefined
      this.#flush()
    })
  }

  #flush(): void {
    while (!this.#isClosed && this.#socket.bufferedAmount < LIMITS.socketBytes) {
      const frame = this.#writer.take()
      if (!frame) return
      this.#socket.send(frame, this.#afterSend)
    }
  }

  /** The socket has taken a frame: what waited for room may follow. */
  readonly #afterSend = (): void => {
    if (this.#writer.isReady) this.#schedule()
  }
}

function flagsOf({ isDurable, isAhead, payload }: Assignment): number {
  return (
    (isDurable ? TASK_FLAG.DURABLE : 0) |
    (isAhead ? TASK_FLAG.AHEAD : 0) |
    (payload.isEnvelope ? TASK_FLAG.ENVELOPE : 0)
  )
}

function tooLarge(limitBytes: number): Pick<Outcome, 'outcome' | 'error' | 'result'> {
  const message = `The result is over ${limitBytes} bytes (RESULT_LIMIT).`
  return { outcome: 'failed', error: { code: 'RESULT_TOO_LARGE', message }, result: new Uint8Array(0) }
}
