import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMITS } from '../limits.ts'
import { ByteReader, type KnownText, ProtocolError } from './bytes.ts'
import { readFrame } from './frame-reader.ts'
import { LinkWriter, reuseFrame } from './link-writer.ts'
import { DATA_MORE, RECORD, readOutcome, TASK_FLAG } from './records.ts'

const HEADER = {
  run: 'r_1',
  fence: 1,
  function: 'f',
  contract: 1,
  priority: 100,
  attempt: 1,
  mode: 'sync',
  remainingMs: null,
  timeoutMs: null,
  trace: '',
} as const
const DONE = { outcome: 'completed', runMs: 1, mediaType: '' } as const

interface Seen {
  readonly type: number
  readonly flags: number
  readonly task: number
  readonly bytes: number
}

function createWriter(): LinkWriter {
  return new LinkWriter(() => ({ at: 1 }))
}

function records(frame: Uint8Array | undefined): Seen[] {
  const seen: Seen[] = []
  if (frame)
    readFrame(frame, (type, flags, task, payload) => {
      if (type !== RECORD.STAMP) seen.push({ type, flags, task, bytes: payload.left })
    })
  return seen
}

function drain(writer: LinkWriter): Seen[] {
  const seen: Seen[] = []
  for (let frame = writer.take(); frame; frame = writer.take()) {
    assert.ok(frame.length <= LIMITS.frameBytes, `a frame of ${frame.length} bytes`)
    seen.push(...records(frame))
  }
  return seen
}

test('nothing to say is no frame', () => {
  const writer = createWriter()
  assert.equal(writer.isReady, false)
  assert.equal(writer.take(), undefined)
})

test('a small input travels whole, many tasks to a frame', () => {
  const writer = createWriter()
  for (let task = 1; task <= 3; task++) writer.task(task, 0, HEADER, '', new Uint8Array(100))
  const seen = records(writer.take())
  assert.deepEqual(
    seen.map(({ type, flags, task }) => [type, flags, task]),
    [1, 2, 3].map((task) => [RECORD.TASK, TASK_FLAG.WHOLE, task]),
  )
  assert.equal(writer.isReady, false)
})

test('a long input follows as DATA within the window, then waits for credit', () => {
  const writer = createWriter()
  const bytes = LIMITS.windowBytes + 1000
  writer.task(5, 0, HEADER, '', new Uint8Array(bytes))
  const first = drain(writer)
  assert.deepEqual(first[0]?.type, RECORD.TASK)
  const sent = first
    .filter(({ type }) => type === RECORD.DATA)
    .reduce((sum, { bytes: size }) => sum + size, 0)
  assert.equal(sent, LIMITS.windowBytes)
  assert.equal(writer.isReady, false)
  assert.equal(writer.waitingBytes(5), 1000)
  writer.credit(5, 600)
  assert.deepEqual(
    drain(writer).map(({ bytes: size, flags }) => [size, flags]),
    [[600, DATA_MORE]],
  )
  writer.credit(5, 65_536)
  const last = drain(writer)
  assert.deepEqual(
    last.map(({ type, bytes: size, flags }) => [type, size, flags]),
    [
      [RECORD.DATA, 400, 0],
      [RECORD.END, 0, 0],
    ],
  )
})

test('credit beyond the window does not widen it', () => {
  const writer = createWriter()
  writer.task(5, 0, HEADER, '', new Uint8Array(4 * LIMITS.windowBytes))
  writer.credit(5, 0xffff_ffff)
  const sent = drain(writer).filter(({ type }) => type === RECORD.DATA)
  assert.equal(
    sent.reduce((sum, { bytes }) => sum + bytes, 0),
    LIMITS.windowBytes,
  )
})

test('control goes before payloads, and payloads take turns', () => {
  const writer = createWriter()
  writer.data(1, 1, new Uint8Array(LIMITS.windowBytes))
  writer.data(2, 1, new Uint8Array(10))
  writer.control(RECORD.CANCEL, 9)
  const seen = drain(writer)
  assert.equal(seen[0]?.type, RECORD.CANCEL)
  assert.deepEqual(
    seen.slice(1, 3).map(({ task }) => task),
    [1, 2],
  )
})

test('one task without credit does not hold up another', () => {
  const writer = createWriter()
  writer.data(1, 1, new Uint8Array(2 * LIMITS.windowBytes))
  drain(writer)
  writer.data(2, 1, new Uint8Array(50_000))
  assert.deepEqual(
    drain(writer).map(({ task, bytes }) => [task, bytes]),
    [[2, 50_000]],
  )
})

test('an outcome comes behind the chunks of its task, its result whole', () => {
  const writer = createWriter()
  writer.data(1, 1, new Uint8Array(1000))
  writer.outcome(1, DONE, new Uint8Array(10))
  writer.outcome(2, DONE, new Uint8Array(LIMITS.inlineBytes))
  writer.outcome(3, DONE, new Uint8Array(LIMITS.inlineBytes + 1))
  const seen = drain(writer)
  const of = (task: number) => seen.filter((record) => record.task === task).map(({ type }) => type)
  assert.deepEqual(of(1), [RECORD.DATA, RECORD.END])
  assert.deepEqual(of(2), [RECORD.END])
  assert.deepEqual(of(3), [RECORD.DATA, RECORD.END])
})

test('a flood of small records rolls over into frames within the limit', () => {
  const writer = createWriter()
  for (let task = 1; task <= 200; task++) writer.outcome(task, DONE, new Uint8Array(LIMITS.inlineBytes))
  assert.equal(drain(writer).length, 200)
})

test('the longest error still fits one record', () => {
  const writer = createWriter()
  const detail = '☃"\\'.repeat(20_000)
  const errors = Array.from({ length: 50 }, () => ({ pointer: `/${detail}`, detail }))
  const error = { code: 'FUNCTION_FAILED', message: detail, errors }
  writer.outcome(1, { outcome: 'failed', runMs: 0, mediaType: '', error }, new Uint8Array(LIMITS.inlineBytes))
  const frame = writer.take()
  assert.ok(frame)
  readFrame(frame, (type, _flags, _task, payload) => {
    if (type !== RECORD.END) return
    assert.ok(payload.left <= LIMITS.recordBytes)
    const read = readOutcome(payload)
    assert.equal(read.error?.code, 'FUNCTION_FAILED')
    assert.ok(read.error?.message.startsWith('☃"\\'))
    assert.equal(payload.left, LIMITS.inlineBytes)
  })
})

test('room: a writer of chunks waits while a window is under way', async () => {
  const writer = createWriter()
  writer.data(1, 1, new Uint8Array(2 * LIMITS.windowBytes))
  let hasRoom = false
  const waiting = writer.hasRoom(1).then(() => {
    hasRoom = true
  })
  await Promise.resolve()
  assert.equal(hasRoom, false)
  drain(writer)
  writer.credit(1, 65_536)
  drain(writer)
  await waiting
  assert.ok(hasRoom)
})

test('forgetting a task drops its bytes and lets its writers go', async () => {
  const writer = createWriter()
  writer.data(1, 1, new Uint8Array(3 * LIMITS.windowBytes))
  const waiting = writer.hasRoom(1)
  writer.forget(1)
  await waiting
  assert.equal(writer.waitingBytes(1), 0)
  assert.deepEqual(drain(writer), [])
})

test('a frame cut anywhere is refused whole, before any record takes effect', () => {
  const writer = createWriter()
  writer.task(1, 0, HEADER, '', new Uint8Array(40))
  writer.control(RECORD.CANCEL, 1)
  const frame = writer.take() as Uint8Array
  const ends = new Set<number>()
  let at = 0
  while (at < frame.length) {
    at += 10 + new DataView(frame.buffer, frame.byteOffset).getUint32(at + 6)
    ends.add(at)
  }
  for (let length = 1; length < frame.length; length++) {
    if (ends.has(length)) continue
    let read = 0
    assert.throws(() => readFrame(frame.subarray(0, length), () => read++), ProtocolError)
    assert.equal(read, 0, `a record of a frame cut at ${length} was read`)
  }
})

test('lengths that lie and frames over the limit are refused', () => {
  const lying = new Uint8Array(10)
  new DataView(lying.buffer).setUint32(6, 0xffff_ffff)
  assert.throws(() => readFrame(lying, () => {}), { closeCode: 1009 })
  assert.throws(() => readFrame(new Uint8Array(LIMITS.frameBytes + 1), () => {}), { closeCode: 1009 })
})

test('an unknown record type is passed on by its length and harms nothing', () => {
  const writer = createWriter()
  writer.control(0x7f, 3, (out) => out.bytes(new Uint8Array(33)))
  writer.control(RECORD.STARTED, 4)
  assert.deepEqual(
    drain(writer).map(({ type, task }) => [type, task]),
    [
      [0x7f, 3],
      [RECORD.STARTED, 4],
    ],
  )
})

test('a head goes before the input: inside the TASK when both are small, else as DATA of its own', () => {
  const writer = createWriter()
  writer.task(1, 0, HEADER, 'image/png', new Uint8Array(LIMITS.inlineBytes - 10), new Uint8Array(10))
  writer.task(2, 0, HEADER, 'image/png', new Uint8Array(LIMITS.inlineBytes - 9).fill(7), Uint8Array.of(1, 2))
  writer.task(
    3,
    0,
    HEADER,
    'image/png',
    new Uint8Array(LIMITS.inlineBytes - 9).fill(7),
    new Uint8Array(10).fill(1),
  )
  const payload: number[] = []
  const seen: [number, number][] = []
  for (let frame = writer.take(); frame; frame = writer.take())
    readFrame(frame, (type, flags, task, record) => {
      if (type !== RECORD.STAMP)
        seen.push([type, flags & (type === RECORD.TASK ? TASK_FLAG.WHOLE : DATA_MORE)])
      if (type === RECORD.DATA && task === 3) payload.push(...record.rest())
    })
  assert.deepEqual(seen.slice(0, 3), [
    [RECORD.TASK, TASK_FLAG.WHOLE],
    [RECORD.TASK, TASK_FLAG.WHOLE],
    [RECORD.TASK, 0],
  ])
  assert.deepEqual(
    seen.slice(3).map(([type]) => type),
    [RECORD.DATA, RECORD.DATA, RECORD.END],
  )
  assert.equal(seen[3]?.[1] ?? 0, DATA_MORE, 'to the receiver they are one')
  assert.equal(payload.length, LIMITS.inlineBytes + 1)
  assert.deepEqual(payload.slice(8, 12), [1, 1, 7, 7])
})

test('a result that is a text travels as its UTF-8, whatever its length', () => {
  const third = LIMITS.inlineBytes / 3
  const texts = [
    '',
    '{"a":"é"}',
    'x'.repeat(third + 1),
    '€'.repeat(third + 1),
    'x'.repeat(LIMITS.inlineBytes + 1),
  ]
  for (const text of texts) {
    const writer = createWriter()
    writer.outcome(1, DONE, text)
    const parts: Buffer[] = []
    const frame = writer.take()
    assert.ok(frame)
    readFrame(frame, (type, _flags, _task, payload) => {
      if (type === RECORD.END) readOutcome(payload)
      if (type !== RECORD.STAMP) parts.push(Buffer.from(payload.rest()))
    })
    assert.equal(Buffer.concat(parts).toString(), text)
    assert.equal(parts.length > 1, Buffer.byteLength(text) > LIMITS.inlineBytes)
  }
})

test('the memory of a frame that has left serves another one, and only then', () => {
  const writer = createWriter()
  const makeFrame = (task: number) => {
    writer.task(task, 0, HEADER, '', new Uint8Array(100))
    return writer.take() as Uint8Array
  }
  const kept = makeFrame(1)
  const left = makeFrame(2)
  const before = Buffer.from(kept)
  reuseFrame(left)
  const next = [makeFrame(3), makeFrame(4)]
  assert.equal(next[0]?.buffer, left.buffer)
  assert.notEqual(next[1]?.buffer, left.buffer)
  assert.deepEqual(Buffer.from(kept), before)
  assert.deepEqual(
    next.flatMap(records).map(({ task }) => task),
    [3, 4],
  )
})

test('a text that comes again is told from every other one', () => {
  const known: KnownText = { last: '' }
  for (const text of ['echo', 'echo', 'ech', 'echoes', 'ecHo', 'é', 'é', 'Ã©', 'echo', '', 'x'.repeat(255)]) {
    const bytes = Buffer.from(text)
    const reader = new ByteReader(Buffer.from([bytes.length, ...bytes, 7]))
    assert.equal(reader.knownText8(known), text)
    assert.equal(reader.u8(), 7)
  }
  const cut = new ByteReader(Buffer.from([4, ...Buffer.from('echo')]), 0, 4)
  assert.throws(() => cut.knownText8({ last: 'echo' }), ProtocolError)
  const broken = new ByteReader(Buffer.from([1, 0xff]))
  assert.throws(() => broken.knownText8({ last: '' }), { closeCode: 1007 })
})

/** What a worker makes of the answers: each with all the DATA that came since the one before. */
function answersIn(frames: readonly Uint8Array[]): { call: number; bytes: number }[] {
  const answers: { call: number; bytes: number }[] = []
  let gathered = 0
  for (const frame of frames)
    readFrame(frame, (type, _flags, _task, payload) => {
      if (type === RECORD.DATA) gathered += payload.left
      if (type !== RECORD.CALL_RESULT) return
      const call = payload.u32()
      readOutcome(payload)
      answers.push({ call, bytes: gathered + payload.left })
      gathered = 0
    })
  return answers
}

function takeAll(writer: LinkWriter): Uint8Array[] {
  const frames: Uint8Array[] = []
  for (let frame = writer.take(); frame; frame = writer.take()) frames.push(Uint8Array.from(frame))
  return frames
}

test('answers of calls leave one by one, long ones as DATA, in the window of their task', () => {
  const writer = createWriter()
  const long = LIMITS.windowBytes - 1000
  writer.callResult(7, 1, DONE, new Uint8Array(long))
  writer.callResult(7, 2, DONE, new Uint8Array(5))
  writer.callResult(7, 3, DONE, new Uint8Array(2 * LIMITS.inlineBytes))
  const frames = takeAll(writer)
  assert.deepEqual(answersIn(frames), [
    { call: 1, bytes: long },
    { call: 2, bytes: 5 },
  ])
  assert.equal(writer.isReady, false, 'the window is used up')
  writer.credit(7, long)
  assert.deepEqual(answersIn([...frames, ...takeAll(writer)]).at(-1), {
    call: 3,
    bytes: 2 * LIMITS.inlineBytes,
  })
  writer.callResult(7, 4, DONE, new Uint8Array(6))
  assert.deepEqual(answersIn(takeAll(writer)), [{ call: 4, bytes: 6 }])
  writer.callResult(7, 5, DONE, new Uint8Array(LIMITS.inlineBytes + 1))
  writer.forget(7)
  assert.equal(writer.isReady, false)
})
