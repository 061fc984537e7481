/**
 * One open socket to one worker: frames out, frames in, nothing remembered beyond the socket. Owned
 * by a member (member.ts), which opens it and hears everything through `LinkEvents`. Writes of one
 * turn of the event loop leave as one frame; at most one frame waits in the socket's own buffer.
 * Invariant: a link is over as soon as either end says so. `onClosed` comes once, nothing comes after
 * it, and nothing is thrown into the socket's events whatever the worker sends.
 */
import {
  type ByteReader,
  CALL_FLAG,
  CANCEL_REASONS,
  type CancelReason,
  CLOSE,
  DATA_FIRST,
  DATA_KIND,
  DATA_MORE,
  LIMITS,
  LinkWriter,
  type OutcomeHeader,
  ProtocolError,
  parseFromWorker,
  RECORD,
  readCall,
  readFileHeader,
  readFrame,
  readOutcome,
  readStamp,
  reuseFrame,
  STARTED_FLAG,
  TASK_FLAG,
  type TaskExtras,
  TurnoverMap,
  writeFileResult,
} from '@berth/protocol'
import { type Clock, WIRE_HEAD_BYTES, type WireSocket } from '@berth/runtime'
import type { Assignment, Payload, Pieces } from '../ports/dispatch.ts'
import type { FilePiece, UploadedFile } from '../ports/files.ts'
import type { StreamKind } from '../ports/stream.ts'
import type { Outcome } from '../ports/workforce.ts'
import type { CallInputs } from './call-inputs.ts'
import type { HeardCall } from './calls.ts'
import { Incoming } from './incoming.ts'
import { kindOfFrame, type LinkTrace } from './link-record.ts'
import { type OpenFile, UploadFeed } from './upload-feed.ts'
import type { LinkEvents, Unstamped, WorkerLink } from './worker-link.ts'

export interface LinkOptions {
  /** As `dial` hands it over: open and paused. */
  readonly socket: WireSocket
  readonly clock: Clock
  readonly resultLimitBytes: number
  readonly callInputs: CallInputs
  /** The bytes of what was sent along with tasks. */
  readonly openFile?: OpenFile | undefined
  /** Is told of every message. */
  readonly trace?: LinkTrace | undefined
  readonly events: LinkEvents
}

/** RFC 6455: the end that closes met something that it did not expect. */
const INTERNAL_ERROR = 1011
/** The peer broke the protocol: it hears of nothing but that. */
const BREACHES: ReadonlySet<number> = new Set([CLOSE.protocolError, 1007, 1009])
/** What a close frame has room for. */
const CLOSE_REASON_BYTES = 123
/** A worker that lets so much pile up does not read any more. */
const UNREAD_BYTES = LIMITS.textBytes
const NOTHING = new Uint8Array(0)
/** Answers of calls that may wait for one attempt, whose worker takes them when it likes. */
const ANSWER_BYTES = 64 * 1024 * 1024

export class Link implements WorkerLink {
  readonly #socket: WireSocket
  readonly #clock: Clock
  readonly #events: LinkEvents
  readonly #resultLimitBytes: number
  readonly #callInputs: CallInputs
  readonly #writer: LinkWriter
  /** Tasks the worker has from this link; with what comes in pieces, once something does. */
  readonly #tasks = new TurnoverMap<number, Incoming | undefined>()
  /** Of those whose files are on their way. */
  readonly #feeds = new Map<number, UploadFeed>()
  readonly #openFile: OpenFile
  readonly #trace: LinkTrace | undefined
  /** Those for whose DATA the next frame gives credit. */
  readonly #credits = new Set<Incoming>()
  #flushing: NodeJS.Immediate | undefined
  #isClosed = false
  #hasStray = false

  constructor(options: LinkOptions) {
    this.#socket = options.socket
    this.#clock = options.clock
    this.#events = options.events
    this.#resultLimitBytes = options.resultLimitBytes
    this.#callInputs = options.callInputs
    this.#openFile = options.openFile ?? (async () => undefined)
    this.#trace = options.trace
    this.#writer = new LinkWriter(() => ({ at: this.#clock.monoMs() }), WIRE_HEAD_BYTES)
    this.#listen()
  }

  /** Queues a task for the next frame. Like everything here it does nothing once the link is over. */
  task(assignment: Assignment): void {
    if (this.#isClosed) return
    const { attemptId, payload } = assignment
    this.#tasks.set(attemptId, undefined)
    const { mediaType, bytes, head, turns, files } = payload
    const extras = turns || files ? { ...assignment.extras, ...moreExtras(payload) } : assignment.extras
    const header = extras === assignment.extras ? assignment : { ...assignment, extras }
    this.#writer.task(attemptId, flagsOf(assignment), header, mediaType, bytes, head, turns)
    if (files) this.#feed(attemptId, files)
    this.#schedule()
  }

  /** The files of a task follow it, and the end of its input them. */
  #feed(task: number, files: readonly UploadedFile[]): void {
    const feed = new UploadFeed(files, {
      open: this.#openFile,
      send: (bytes, onSent) => {
        this.#writer.bulk(task, DATA_KIND.file | DATA_MORE, bytes, onSent)
        this.#schedule()
      },
      onEnd: () => {
        this.#feeds.delete(task)
        this.#writer.inputEnd(task)
        this.#schedule()
      },
      onFailed: (message) => this.#refuse(task, message),
    })
    this.#feeds.set(task, feed)
  }

  /** It cannot be sent as a whole, there or anywhere: it has ended before it began. */
  #refuse(task: number, message: string): void {
    if (this.#isClosed || !this.#tasks.has(task)) return
    this.#control(RECORD.RECALL, task)
    this.#forget(task)
    const error = { code: 'INTERNAL', message, nonRetryable: true }
    this.#events.onFinished(task, { outcome: 'refused', runMs: 0, mediaType: '', error, result: NOTHING })
  }

  #stopFeed(task: number): void {
    this.#feeds.get(task)?.stop()
    this.#feeds.delete(task)
  }

  /** Tasks of a former link that go on under these numbers. */
  adopt(attemptIds: readonly number[]): void {
    for (const attemptId of attemptIds) this.#tasks.set(attemptId, undefined)
  }

  recall(attemptId: number): void {
    this.#control(RECORD.RECALL, attemptId)
  }

  cancel(attemptId: number, reason: CancelReason): void {
    // What it returns now is wanted still.
    if (reason === 'budget') return this.#cancelWith(attemptId, reason)
    this.#stopFeed(attemptId)
    this.#writer.forget(attemptId)
    this.#cancelWith(attemptId, reason)
    if (this.#isClosed || !this.#tasks.has(attemptId)) return
    // From now on nobody reads it, and whatever still comes must not keep its END waiting.
    this.#incomingOf(attemptId).close()
  }

  #cancelWith(attemptId: number, reason: CancelReason): void {
    this.#control(RECORD.CANCEL, attemptId, (out) => out.u8(CANCEL_REASONS.indexOf(reason)))
  }

  acknowledge(attemptId: number, fence: number): void {
    this.#control(RECORD.RESULT_ACK, attemptId, (out) => out.u64(fence))
  }

  /** Answers a call of an attempt, unless that is over. */
  callResult(attemptId: number, call: number, header: OutcomeHeader, result: Uint8Array): void {
    if (this.#isClosed || !this.#tasks.has(attemptId)) return
    const isBehind = this.#writer.waitingBytes(attemptId) + result.length > ANSWER_BYTES
    if (isBehind) this.#writer.callResult(attemptId, call, unread(header), NOTHING)
    else this.#writer.callResult(attemptId, call, header, result)
    this.#schedule()
  }

  message(message: Unstamped): void {
    if (this.#isClosed) return
    if (this.#socket.backlogBytes > UNREAD_BYTES) return this.close(CLOSE.silent, 'you do not read')
    const text = JSON.stringify({ ...message, at: this.#clock.monoMs() })
    this.#trace?.note(true, message.type, Buffer.byteLength(text))
    this.#socket.sendText(text, this.#afterSend)
  }

  /**
   * Ends the link now; the socket waits a bounded time (dial.ts) for the peer to agree. What is queued
   * goes first, as far as the socket takes it: a CANCEL that stays behind would let its task run on.
   */
  close(code: number, reason: string): void {
    if (this.#isClosed) return
    if (!BREACHES.has(code)) this.#flush()
    this.#socket.close(code, clip(reason))
    this.#end(code, reason)
  }

  // --- In --------------------------------------------------------------------------------------

  #listen(): void {
    this.#socket.start({
      onText: (text) => this.#receive(text),
      onBinary: (frame) => this.#receive(frame),
      onClosed: (code, reason) => this.#end(code, reason),
    })
  }

  #end(code: number, reason: string): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#flushing) clearImmediate(this.#flushing)
    for (const incoming of this.#tasks.values()) incoming?.drop()
    for (const task of this.#feeds.keys()) this.#stopFeed(task)
    this.#tasks.clear()
    this.#events.onClosed(code, reason)
  }

  #receive(message: string | Uint8Array): void {
    if (this.#isClosed) return
    try {
      if (typeof message === 'string') this.#text(message)
      else {
        this.#trace?.note(false, kindOfFrame(message), message.length)
        readFrame(message, this.#onRecord)
      }
    } catch (error) {
      if (error instanceof ProtocolError) return this.close(error.closeCode, error.message)
      this.#events.onFault(error)
      this.close(INTERNAL_ERROR, 'the balancer failed to read a frame')
    }
  }

  #text(text: string): void {
    const parsed = parseFromWorker(text)
    if (parsed.kind === 'invalid') throw new ProtocolError(parsed.reason)
    this.#events.onFrame()
    if (parsed.kind !== 'message') return
    this.#trace?.note(false, parsed.message.type, Buffer.byteLength(text))
    this.#events.onMessage(parsed.message)
  }

  readonly #onRecord = (type: number, flags: number, task: number, payload: ByteReader): void => {
    // A record before it in this frame may have ended the link.
    if (this.#isClosed) return
    if (type === RECORD.STAMP) return this.#stamp(payload)
    if (type === RECORD.CREDIT) return this.#credit(task, payload.u32())
    if (!SPEAKS_OF_TASK.has(type)) return
    if (!this.#tasks.has(task)) return this.#stray(task)
    switch (type) {
      case RECORD.STARTED:
        return this.#events.onStarted(task, (flags & STARTED_FLAG.COLD) !== 0)
      case RECORD.BUSY:
        return this.#return(task, 'busy')
      case RECORD.RECALLED:
        return this.#return(task, 'recalled')
      case RECORD.DATA:
        return this.#data(task, flags, payload)
      case RECORD.END:
        return this.#finish(task, payload)
      case RECORD.CALL:
        return this.#events.onCall(task, this.#readCall(task, flags, payload))
    }
  }

  #stray(task: number): void {
    if (this.#hasStray) return
    this.#hasStray = true
    this.#events.onStray(task)
  }

  #stamp(payload: ByteReader): void {
    const { occupancy } = readStamp(payload)
    this.#events.onFrame()
    if (occupancy) this.#events.onOccupancy(occupancy)
  }

  #credit(task: number, bytes: number): void {
    this.#writer.credit(task, bytes)
    this.#schedule()
  }

  #data(task: number, flags: number, payload: ByteReader): void {
    const kind = flags & 0x0f
    const incoming = this.#incomingOf(task)
    if (kind === DATA_KIND.file) return this.#file(task, flags, payload, incoming)
    const bytes = payload.rest()
    if (!incoming.receive(bytes.length)) throw new ProtocolError('more DATA than its window has room for')
    if (kind === DATA_KIND.payload) incoming.addResult(bytes)
    if (kind === DATA_KIND.call && !incoming.isClosed) incoming.addInput(bytes, this.#callInputs)
    const streamKind = KINDS[kind]
    if (streamKind === undefined || incoming.isClosed) return incoming.taken(bytes.length)
    const isLast = (flags & DATA_MORE) === 0
    this.#events.onItem(task, { kind: streamKind, bytes, isLast, source: incoming })
  }

  #readCall(task: number, flags: number, payload: ByteReader): HeardCall {
    const { call, remainingMs, isAgain = false, ...header } = readCall(flags, payload)
    const heard = { id: call, function: header.function, via: header.via, remainingMs, isAgain }
    // Copied: the bytes lie in a buffer of the socket.
    if ((flags & CALL_FLAG.LONG) === 0) return { ...heard, bytes: new Uint8Array(payload.rest()) }
    return { ...heard, ...(this.#tasks.get(task)?.takeInput() ?? { bytes: NOTHING }) }
  }

  #file(task: number, flags: number, payload: ByteReader, source: Incoming): void {
    const recordBytes = payload.left
    if (!source.receive(recordBytes)) throw new ProtocolError('more DATA than its window has room for')
    if (source.isClosed) return source.taken(recordBytes)
    const header = (flags & DATA_FIRST) === 0 ? undefined : readFileHeader(payload)
    const answer: FilePiece['answer'] = (file, error) => {
      if (!this.#isClosed && this.#tasks.has(task))
        this.#control(RECORD.FILE_RESULT, task, (out) => writeFileResult(out, { file, error }))
    }
    const isLast = (flags & DATA_MORE) === 0
    this.#events.onFile(task, { header, isLast, bytes: payload.rest(), recordBytes, source, answer })
  }

  #incomingOf(task: number): Incoming {
    const known = this.#tasks.get(task)
    if (known) return known
    const incoming = new Incoming(task, this.#resultLimitBytes, this.#onCreditDue)
    this.#tasks.set(task, incoming)
    return incoming
  }

  readonly #onCreditDue = (incoming: Incoming): void => {
    if (this.#isClosed || this.#tasks.get(incoming.task) !== incoming) return
    this.#credits.add(incoming)
    this.#schedule()
  }

  #return(task: number, why: 'busy' | 'recalled'): void {
    this.#forget(task)
    this.#events.onReturned(task, why)
  }

  #finish(task: number, payload: ByteReader): void {
    const header = readOutcome(payload)
    const result = this.#wholeResult(task, payload.rest())
    this.#forget(task)
    this.#events.onFinished(
      task,
      result ? { ...header, result } : { ...header, ...tooLarge(this.#resultLimitBytes) },
    )
  }

  /** Undefined when it is over the limit. */
  #wholeResult(task: number, tail: Uint8Array): Pieces | undefined {
    const incoming = this.#tasks.get(task)
    if (incoming) return incoming.takeResult(tail)
    return tail.length > this.#resultLimitBytes ? undefined : tail
  }

  #forget(task: number): void {
    const incoming = this.#tasks.get(task)
    if (incoming) this.#credits.delete(incoming)
    incoming?.drop()
    if (this.#feeds.size > 0) this.#stopFeed(task)
    this.#tasks.delete(task)
    this.#writer.forget(task)
  }

  // --- Out -------------------------------------------------------------------------------------

  #control(...record: Parameters<LinkWriter['control']>): void {
    if (this.#isClosed) return
    this.#writer.control(...record)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#flushing || this.#isClosed) return
    this.#flushing = setImmediate(() => {
      this.#flushing = undefined
      this.#flush()
    })
  }

  /** A worker that does not read gets no credit either, so its window bounds what it may send. */
  #flush(): void {
    while (!this.#isClosed && this.#socket.backlogBytes + LIMITS.frameBytes <= LIMITS.socketBytes) {
      this.#giveCredit()
      const frame = this.#writer.take()
      if (!frame) return
      this.#trace?.note(true, kindOfFrame(frame), frame.length)
      this.#socket.sendBinary(frame, (error) => {
        if (!error) reuseFrame(frame)
        this.#afterSend()
      })
    }
  }

  #giveCredit(): void {
    for (const incoming of this.#credits)
      this.#writer.control(RECORD.CREDIT, incoming.task, (out) => out.u32(incoming.takeCredit()))
    this.#credits.clear()
  }

  /** The socket has taken a frame: what waited for room may follow. */
  readonly #afterSend = (): void => {
    if (this.#writer.isReady || this.#credits.size > 0) this.#schedule()
  }
}

/** What of DATA goes to whoever follows the task. */
const KINDS: Readonly<Record<number, StreamKind | undefined>> = {
  [DATA_KIND.chunk]: 'chunk',
  [DATA_KIND.log]: 'log',
  [DATA_KIND.progress]: 'progress',
  [DATA_KIND.usage]: 'usage',
  [DATA_KIND.message]: 'message',
  [DATA_KIND.source]: 'source',
}

const SPEAKS_OF_TASK: ReadonlySet<number> = new Set([
  RECORD.STARTED,
  RECORD.BUSY,
  RECORD.RECALLED,
  RECORD.DATA,
  RECORD.END,
  RECORD.CALL,
])

/** What the payload brings that its worker has to be told. */
function moreExtras({ turns, files }: Payload): TaskExtras {
  const named = files?.map(({ path, mediaType, size }) => ({ path, mediaType, size }))
  return { ...(turns ? { turns: true } : {}), ...(named ? { files: named } : {}) }
}

function flagsOf({ isDurable, isAhead, payload }: Assignment): number {
  return (
    (isDurable ? TASK_FLAG.DURABLE : 0) |
    (isAhead ? TASK_FLAG.AHEAD : 0) |
    (payload.isEnvelope ? TASK_FLAG.ENVELOPE : 0)
  )
}

/** The longest beginning that a close frame can carry, whole characters only. */
function clip(reason: string): string {
  const room = new Uint8Array(CLOSE_REASON_BYTES)
  const { read } = new TextEncoder().encodeInto(reason, room)
  return reason.slice(0, read)
}

function unread({ runMs }: OutcomeHeader): OutcomeHeader {
  const message = `the worker is more than ${ANSWER_BYTES} bytes behind with the answers of its calls`
  return { outcome: 'failed', runMs, mediaType: '', error: { code: 'RESULT_TOO_LARGE', message } }
}

function tooLarge(limitBytes: number): Pick<Outcome, 'outcome' | 'error' | 'result'> {
  const message = `The result is over ${limitBytes} bytes (RESULT_LIMIT).`
  return { outcome: 'failed', error: { code: 'RESULT_TOO_LARGE', message }, result: NOTHING }
}
