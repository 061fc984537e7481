/**
 * What one end of a link still has to say, in the order in which it may say it.
 *
 * `ws.send` never refuses, so each link has this writer before its socket: small records (control)
 * go first and in order; longer payloads wait as one queue a task and take turns, a record each,
 * within the window of 256 KiB that the peer's CREDIT renews. `take` builds the next frame; the
 * socket's owner calls it while its own buffer has room. Nothing here knows a socket or a timer.
 */
import { LIMITS } from '../limits.ts'
import { ByteWriter, reuseBytes } from './bytes.ts'
import { type CallHeader, callFlagsOf, writeCall } from './call-record.ts'
import {
  DATA_FIRST,
  DATA_KIND,
  DATA_MORE,
  type OutcomeHeader,
  patchStamp,
  RECORD,
  RECORD_HEADER_BYTES,
  type Stamp,
  TASK_FLAG,
  type TaskHeader,
  writeOutcome,
  writeStamp,
  writeTaskHeader,
} from './records.ts'

interface Item {
  readonly kind: number
  readonly bytes: Uint8Array
  sent: number
  /** Written after the item's last byte, in the same turn. */
  readonly after?: (out: ByteWriter) => void
  /** The task goes on behind `after`, and with it what its window has room for. */
  readonly goesOn?: boolean
}

interface Outgoing {
  readonly task: number
  readonly items: Item[]
  /** A piece of a file: goes when nothing else does, of this task or any other. */
  bulk: Item | undefined
  credit: number
  waitingBytes: number
  /** Called when the queue has room again. */
  readonly waiters: (() => void)[]
}

const EMPTY = new Uint8Array(0)
const encoder = new TextEncoder()
/** Of a character of a text, in UTF-8. */
const MOST_BYTES = 3
/** From here on a frame is built in a large buffer from the start. */
const LONG_BYTES = LIMITS.recordBytes / 4
/**
 * Large buffers that are free again, for all links of a process: as garbage they would be most of what a
 * process that passes on large bodies makes, and the collector runs by that.
 */
const spares: Uint8Array<ArrayBuffer>[] = []
const MOST_SPARES = 16

/** More than any headroom. */
const LARGE_BYTES = LIMITS.frameBytes + 64

function largeBuffer(): Uint8Array<ArrayBuffer> {
  return spares.pop() ?? new Uint8Array(LARGE_BYTES)
}

/** The frame is with the operating system and nobody looks at it any more: its memory serves another one. */
export function reuseFrame(frame: Uint8Array): void {
  const { buffer } = frame
  if (buffer.byteLength !== LARGE_BYTES || !(buffer instanceof ArrayBuffer)) return reuseBytes(frame)
  if (spares.length < MOST_SPARES) spares.push(new Uint8Array(buffer))
}

/** An END with the longest error or a TASK with the longest extras, with what is inline and its headers. */
const LARGEST_SMALL_RECORD =
  LIMITS.inlineBytes + Math.max(LIMITS.errorBytes, LIMITS.extrasText * MOST_BYTES) + 2048

export class LinkWriter {
  readonly #stamp: () => Stamp
  readonly #control: ByteWriter
  #frames: Uint8Array[] = []
  readonly #outgoing = new Map<number, Outgoing>()
  /** Tasks with something to send and credit for it, in turn. */
  readonly #turns = new Set<Outgoing>()
  /** The same for those that have nothing but a piece of a file to send: they go last. */
  readonly #bulkTurns = new Set<Outgoing>()

  /**
   * `stamp` leads every frame. It is asked when a frame begins, to make room, and again as the frame is taken:
   * what counts is the moment at which it leaves, with every change that its records brought about.
   * `headroom` bytes stay free before each frame, in the same memory, for whoever sends it.
   */
  constructor(stamp: () => Stamp, headroom = 0) {
    this.#stamp = stamp
    this.#control = new ByteWriter(headroom)
  }

  /** True when `take` would return a frame. */
  get isReady(): boolean {
    return this.hasControl || this.#turns.size > 0 || this.#bulkTurns.size > 0
  }

  /** True while records written at once (all but long payloads) wait for `take`. */
  get hasControl(): boolean {
    return this.#control.length > 0 || this.#frames.length > 0
  }

  /**
   * Sends a task with its input, `head` before it: inline when small, else as DATA and END behind it. The earlier
   * `turns` of its session, if any, go before its input, which then is never inline. Where its extras name files its
   * input stays open: the files follow by `bulk`, and `inputEnd` behind them.
   */
  task(
    task: number,
    flags: number,
    header: Omit<TaskHeader, 'mediaType'>,
    mediaType: string,
    input: Uint8Array | readonly Uint8Array[],
    head: Uint8Array = EMPTY,
    turns: Uint8Array = EMPTY,
  ): void {
    const isOpen = (header.extras?.files?.length ?? 0) > 0
    const isWhole = !isOpen && turns.length === 0 && head.length + lengthOf(input) <= LIMITS.inlineBytes
    const out = this.#room()
    const at = beginRecord(out, RECORD.TASK, isWhole ? flags | TASK_FLAG.WHOLE : flags, task)
    writeTaskHeader(out, header, mediaType)
    if (isWhole) {
      out.bytes(head)
      if (input instanceof Uint8Array) out.bytes(input)
      else for (const piece of input) out.bytes(piece)
    }
    endRecord(out, at)
    if (isWhole) return
    if (turns.length > 0) this.data(task, DATA_KIND.turns, turns)
    if (head.length > 0) this.data(task, DATA_KIND.payload | DATA_MORE, head)
    const pieces = input instanceof Uint8Array ? [input] : input
    for (const piece of pieces.slice(0, -1)) this.data(task, DATA_KIND.payload | DATA_MORE, piece)
    this.data(
      task,
      DATA_KIND.payload,
      pieces.at(-1) ?? EMPTY,
      isOpen ? undefined : (out) => emptyRecord(out, RECORD.END, task),
    )
  }

  /** All files of a task have left: its input is complete. */
  inputEnd(task: number): void {
    this.data(task, DATA_KIND.payload, EMPTY, (out) => emptyRecord(out, RECORD.END, task))
  }

  /** Sends an outcome with its result, behind whatever the task still has under way. A text travels as UTF-8. */
  outcome(task: number, header: OutcomeHeader, result: Uint8Array | string): void {
    const payload = typeof result === 'string' && !isShort(result) ? encoder.encode(result) : result
    const isInline = typeof payload === 'string' || payload.length <= LIMITS.inlineBytes
    if (isInline && !this.#outgoing.has(task)) return writeEnd(this.#room(), task, header, payload)
    const inEnd = isInline ? payload : EMPTY
    this.data(task, DATA_KIND.payload, isInline ? EMPTY : payload, (out) =>
      writeEnd(out, task, header, inEnd),
    )
  }

  /**
   * Answers a call of a task: a long result goes before the record, as DATA. Answers of one task leave one by one,
   * or the DATA of one would be taken for that of another.
   */
  callResult(task: number, call: number, header: OutcomeHeader, result: Uint8Array): void {
    const isInline = result.length <= LIMITS.inlineBytes
    const after = (out: ByteWriter) => {
      const at = beginRecord(out, RECORD.CALL_RESULT, 0, task)
      out.u32(call)
      writeOutcome(out, header)
      if (isInline) out.bytes(result)
      endRecord(out, at)
    }
    const waits = this.#outgoing.get(task)?.items.length ?? 0
    if (isInline && waits === 0) return after(this.#room())
    const outgoing = this.#outgoingOf(task)
    const bytes = isInline ? EMPTY : result
    outgoing.items.push({ kind: DATA_KIND.payload, bytes, sent: 0, after, goesOn: true })
    outgoing.waitingBytes += bytes.length
    this.#schedule(outgoing)
  }

  /** Asks for a call of a task. A long input goes before the record; those of one task leave one by one. */
  call(task: number, header: CallHeader, input: Uint8Array): void {
    const isLong = input.length > LIMITS.inlineBytes
    const after = (out: ByteWriter) => {
      const at = beginRecord(out, RECORD.CALL, callFlagsOf(header, isLong), task)
      writeCall(out, header)
      if (!isLong) out.bytes(input)
      endRecord(out, at)
    }
    if (!isLong) return after(this.#room())
    const outgoing = this.#outgoingOf(task)
    // Not counted: chunks and lines of a handler that calls are not held up, or dropped, for what it passes on.
    outgoing.items.push({ kind: DATA_KIND.call, bytes: input, sent: 0, after, goesOn: true })
    this.#schedule(outgoing)
  }

  /** Queues one item of bytes for a task; `after` is written right behind its last byte. */
  data(task: number, kind: number, bytes: Uint8Array, after?: (out: ByteWriter) => void): void {
    const outgoing = this.#outgoingOf(task)
    outgoing.items.push(after ? { kind, bytes, sent: 0, after } : { kind, bytes, sent: 0 })
    outgoing.waitingBytes += bytes.length
    this.#schedule(outgoing)
  }

  /**
   * Queues a piece of a file behind everything else that there is to send; one at a time for each task. `onSent` is
   * called when its last byte is in a frame, and never when the task is forgotten before.
   */
  bulk(task: number, flags: number, bytes: Uint8Array, onSent: () => void): void {
    const outgoing = this.#outgoingOf(task)
    outgoing.bulk = { kind: flags, bytes, sent: 0, after: onSent, goesOn: true }
    outgoing.waitingBytes += bytes.length
    this.#schedule(outgoing)
  }

  /** Sends a record without payload, or with the few bytes that `write` adds. */
  control(type: number, task: number, write?: (out: ByteWriter) => void, flags = 0): void {
    const out = this.#room()
    const at = beginRecord(out, type, flags, task)
    write?.(out)
    endRecord(out, at)
  }

  /** The peer's CREDIT: so many bytes of this task may follow. */
  credit(task: number, bytes: number): void {
    const outgoing = this.#outgoing.get(task)
    if (!outgoing) return
    outgoing.credit = Math.min(outgoing.credit + bytes, LIMITS.windowBytes)
    this.#schedule(outgoing)
  }

  /** Bytes that wait for this task, inputs of its calls aside. */
  waitingBytes(task: number): number {
    return this.#outgoing.get(task)?.waitingBytes ?? 0
  }

  /** True while anything of this task waits for its turn or for CREDIT. */
  isSending(task: number): boolean {
    const outgoing = this.#outgoing.get(task)
    return outgoing !== undefined && (outgoing.items.length > 0 || outgoing.bulk !== undefined)
  }

  /** Resolves when less than a window waits for this task: what a writer of chunks awaits. */
  async hasRoom(task: number): Promise<void> {
    const outgoing = this.#outgoing.get(task)
    if (!outgoing || outgoing.waitingBytes < LIMITS.windowBytes) return
    await new Promise<void>((resolve) => outgoing.waiters.push(resolve))
  }

  /** Drops what waits for a task that nobody needs any more. */
  forget(task: number): void {
    const outgoing = this.#outgoing.get(task)
    if (outgoing) this.#remove(outgoing)
  }

  /** The next frame, or undefined when nothing may be sent now. */
  take(): Uint8Array | undefined {
    const whole = this.#frames.shift()
    if (whole) return this.#stamped(whole)
    if (!this.isReady) return undefined
    this.#stampFirst()
    if (this.#isLong && this.#control.length < LONG_BYTES) this.#control.moveInto(largeBuffer())
    while (this.#control.length + RECORD_HEADER_BYTES < LIMITS.frameBytes) {
      if (!this.#turn()) break
    }
    return this.#stamped(this.#control.take())
  }

  /** True when long payloads fill much of the next frame. */
  get #isLong(): boolean {
    const outgoing = this.#next
    return outgoing !== undefined && Math.min(outgoing.waitingBytes, outgoing.credit) >= LONG_BYTES
  }

  get #next(): Outgoing | undefined {
    // Asked for every frame, of which most have no more than control records.
    if (this.#turns.size > 0) return this.#turns.values().next().value
    return this.#bulkTurns.size > 0 ? this.#bulkTurns.values().next().value : undefined
  }

  /** One record of the task whose turn it is. False when there is none, or the frame has no room for it. */
  #turn(): boolean {
    const outgoing = this.#next
    const item = outgoing?.items[0] ?? outgoing?.bulk
    if (!outgoing || !item) return false
    const left = item.bytes.length - item.sent
    const room = LIMITS.frameBytes - this.#control.length - RECORD_HEADER_BYTES
    const size = Math.min(left, LIMITS.recordBytes, outgoing.credit, room)
    if (left > 0 && size <= 0) return false
    if (size < left && isUndivided(item)) return false
    if (item.after && size === left && room - size < LARGEST_SMALL_RECORD) return false
    this.#leaveTurns(outgoing)
    if (left > 0) this.#writeData(outgoing, item, size)
    if (item.sent === item.bytes.length) this.#finishItem(outgoing, item)
    this.#schedule(outgoing)
    return true
  }

  #writeData(outgoing: Outgoing, item: Item, size: number): void {
    const isLast = item.sent + size === item.bytes.length
    const at = beginRecord(this.#control, RECORD.DATA, item.kind | (isLast ? 0 : DATA_MORE), outgoing.task)
    this.#control.bytes(item.bytes.subarray(item.sent, item.sent + size))
    endRecord(this.#control, at)
    item.sent += size
    outgoing.credit -= size
    if (item.kind !== DATA_KIND.call) outgoing.waitingBytes -= size
    if (outgoing.waitingBytes < LIMITS.windowBytes) for (const waiter of outgoing.waiters.splice(0)) waiter()
  }

  #finishItem(outgoing: Outgoing, item: Item): void {
    if (item === outgoing.bulk) outgoing.bulk = undefined
    else outgoing.items.shift()
    item.after?.(this.#control)
    if (item.after && !item.goesOn) this.#remove(outgoing)
  }

  #schedule(outgoing: Outgoing): void {
    const item = outgoing.items[0] ?? outgoing.bulk
    if (!item || this.#outgoing.get(outgoing.task) !== outgoing) return
    const isBulk = item === outgoing.bulk
    if (!isBulk) this.#bulkTurns.delete(outgoing)
    const needed = isUndivided(item) ? item.bytes.length : 1
    if (outgoing.credit >= needed || item.bytes.length === item.sent)
      (isBulk ? this.#bulkTurns : this.#turns).add(outgoing)
  }

  #outgoingOf(task: number): Outgoing {
    const known = this.#outgoing.get(task)
    if (known) return known
    const fresh: Outgoing = {
      task,
      items: [],
      bulk: undefined,
      credit: LIMITS.windowBytes,
      waitingBytes: 0,
      waiters: [],
    }
    this.#outgoing.set(task, fresh)
    return fresh
  }

  #remove(outgoing: Outgoing): void {
    this.#outgoing.delete(outgoing.task)
    this.#leaveTurns(outgoing)
    for (const waiter of outgoing.waiters.splice(0)) waiter()
  }

  #leaveTurns(outgoing: Outgoing): void {
    this.#turns.delete(outgoing)
    this.#bulkTurns.delete(outgoing)
  }

  /** Where the next small record goes. */
  #room(): ByteWriter {
    if (this.#control.length > LIMITS.frameBytes - LARGEST_SMALL_RECORD) {
      this.#frames.push(this.#control.take())
    }
    this.#stampFirst()
    return this.#control
  }

  #stamped(frame: Uint8Array): Uint8Array {
    patchStamp(frame, RECORD_HEADER_BYTES, this.#stamp())
    return frame
  }

  #stampFirst(): void {
    if (this.#control.length > 0) return
    const at = beginRecord(this.#control, RECORD.STAMP, 0, 0)
    writeStamp(this.#control, this.#stamp())
    endRecord(this.#control, at)
  }
}

/** Returns where its payload begins. */
function beginRecord(out: ByteWriter, type: number, flags: number, task: number): number {
  out.u8(type)
  out.u8(flags)
  out.u32(task)
  out.u32(0)
  return out.length
}

function endRecord(out: ByteWriter, payloadAt: number): void {
  out.patchU32(payloadAt - 4, out.length - payloadAt)
}

function writeEnd(out: ByteWriter, task: number, header: OutcomeHeader, result: Uint8Array | string): void {
  const at = beginRecord(out, RECORD.END, 0, task)
  writeOutcome(out, header)
  if (typeof result === 'string') out.text(result)
  else out.bytes(result)
  endRecord(out, at)
}

function emptyRecord(out: ByteWriter, type: number, task: number): void {
  endRecord(out, beginRecord(out, type, 0, task))
}

/** The header of a file, which is read as a whole. */
function isUndivided({ kind }: Item): boolean {
  return (kind & DATA_FIRST) !== 0
}

function lengthOf(input: Uint8Array | readonly Uint8Array[]): number {
  return input instanceof Uint8Array ? input.length : input.reduce((sum, { length }) => sum + length, 0)
}

/** Fits into its END whatever its characters are. */
function isShort(text: string): boolean {
  return MOST_BYTES * text.length <= LIMITS.inlineBytes
}
