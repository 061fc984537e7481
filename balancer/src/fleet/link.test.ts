/** The link against a real socket: what leaves, and what is understood. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  ByteReader,
  ByteWriter,
  CLOSE,
  DATA_KIND,
  LIMITS,
  RECORD,
  readFileResult,
  type TaskHeader,
  writeFileHeader,
} from '@berth/protocol'
import { wholeOf } from '@berth/runtime'
import { makeAssignment, until } from './testing/fleet-bench.ts'
import { closes, connect, MB, makeBytes, occurs, rawRecord } from './testing/link-pair.ts'

test('what is written in one turn leaves as one frame, in order', async (t) => {
  const { link, peer } = await connect(t)
  for (const attemptId of [1, 2, 3]) link.task(makeAssignment({ attemptId, run: `r_${attemptId}` }))
  link.recall(2)
  link.cancel(3, 'operator')
  link.acknowledge(1, 77)
  await peer.heard(RECORD.RESULT_ACK)
  assert.equal(peer.frames.length, 1)
  assert.deepEqual(
    peer.records.map(({ type, task }) => [type, task]),
    [
      [RECORD.STAMP, 0],
      [RECORD.TASK, 1],
      [RECORD.TASK, 2],
      [RECORD.TASK, 3],
      [RECORD.RECALL, 2],
      [RECORD.CANCEL, 3],
      [RECORD.RESULT_ACK, 1],
    ],
  )
  link.recall(1)
  await peer.heard(RECORD.RECALL, 1)
  assert.equal(peer.frames.length, 2)
})

test('a task carries all that the worker needs', async (t) => {
  const { link, peer } = await connect(t)
  const bytes = Buffer.from('{"function":"hello","input":{"a":1}}')
  link.task(
    makeAssignment({
      attemptId: 9,
      run: 'r_x',
      fence: 2 ** 40 + 5,
      contract: 3,
      priority: 2_097_152,
      attempt: 2,
      mode: 'sync',
      isAhead: true,
      remainingMs: 1234,
      timeoutMs: 50,
      trace: '00-aa-bb-01',
      payload: { bytes, mediaType: '', isEnvelope: true },
    }),
  )
  const { task, flags, header, input } = await peer.task()
  const expected: TaskHeader = {
    run: 'r_x',
    fence: 2 ** 40 + 5,
    function: 'hello',
    contract: 3,
    priority: 2_097_152,
    attempt: 2,
    mode: 'sync',
    remainingMs: 1234,
    timeoutMs: 50,
    mediaType: '',
    trace: '00-aa-bb-01',
  }
  assert.equal(task, 9)
  assert.equal(flags, 0x02 | 0x04 | 0x08)
  assert.deepEqual(header, expected)
  assert.deepEqual(Buffer.from(input), bytes)
})

test('a turn brings its session, and the turns before it ahead of its input', async (t) => {
  const { link, peer } = await connect(t)
  const turns = Buffer.from('[{"input":{"n":1},"output":"one"}]')
  const bytes = Buffer.from('{"n":2}')
  const extras = { session: 'chat' }
  link.task(
    makeAssignment({
      attemptId: 5,
      isDurable: true,
      extras,
      payload: { bytes, mediaType: '', isEnvelope: false, turns },
    }),
  )
  const { flags, header } = await peer.task()
  await peer.heard(RECORD.END, 5)
  assert.equal(flags, 0x01, 'durable, and its input comes behind')
  assert.deepEqual(header.extras, { session: 'chat', turns: true })
  assert.deepEqual(
    peer.records.flatMap((record) =>
      record.type === RECORD.DATA ? [Buffer.from(record.bytes).toString()] : [],
    ),
    [turns.toString(), bytes.toString()],
  )
})

/** Files that came with a task, and what opens them. */
function makeUploads(files: Record<string, Buffer>) {
  const uploads = Object.entries(files).map(([path, { length: size }], n) => ({
    path,
    mediaType: 'image/png',
    size,
    sha256: '',
    name: `${n}`,
  }))
  const open = new Set<string>()
  const openFile = async (name: string) => {
    const bytes = Object.values(files)[Number(name)] as Buffer
    open.add(name)
    return {
      size: bytes.length,
      read: async (from: number, length: number) => bytes.subarray(from, from + length),
      close: async () => void open.delete(name),
    }
  }
  return { uploads, openFile, open }
}

test('files that came with a task follow its input, as far as the credit; then it ends', async (t) => {
  const files = { 'a.png': makeBytes(200_000), empty: Buffer.alloc(0), 'b.png': makeBytes(150_000) }
  const { uploads, openFile, open } = makeUploads(files)
  const { link, peer } = await connect(t, MB, openFile)
  const payload = { bytes: Buffer.from('{"n":2}'), mediaType: '', isEnvelope: false, files: uploads }
  link.task(makeAssignment({ attemptId: 5, isDurable: true, payload }))
  const { flags, header } = await peer.task()
  assert.equal(flags, 0x01, 'its input comes behind')
  assert.deepEqual(
    header.extras?.files,
    uploads.map(({ path, mediaType, size }) => ({ path, mediaType, size })),
  )
  const pieces = () => peer.records.filter(({ type }) => type === RECORD.DATA)
  const sum = () => pieces().reduce((bytes, record) => bytes + record.bytes.length, 0)
  await peer.until(() => sum() === 256 * 1024 || undefined, 'a window')
  peer.credit(5, 200_000)
  await peer.heard(RECORD.END, 5)
  assert.equal(Buffer.from(pieces()[0]?.bytes ?? []).toString(), '{"n":2}')
  const rest = pieces().slice(1)
  assert.ok(rest.every(({ flags }) => (flags & 0x0f) === 2))
  assert.deepEqual(Buffer.concat(rest.map(({ bytes }) => bytes)), Buffer.concat(Object.values(files)))
  assert.equal(open.size, 0)
})

test('a task whose files are gone has ended before it began', async (t) => {
  const { uploads } = makeUploads({ 'a.png': makeBytes(10) })
  const { link, peer, heard } = await connect(t, MB, async () => undefined)
  const payload = { bytes: Buffer.from('{}'), mediaType: '', isEnvelope: false, files: uploads }
  link.task(makeAssignment({ attemptId: 5, payload }))
  await peer.heard(RECORD.RECALL, 5)
  await occurs(heard, 'finished 5 refused')
  assert.match(
    heard.outcomes[0]?.error?.message ?? '',
    /"a\.png" that came with the task is not there any more/,
  )
})

test('a cancelled task gets no more of its files', async (t) => {
  const { uploads, openFile, open } = makeUploads({ 'a.png': makeBytes(MB) })
  const { link, peer } = await connect(t, MB, openFile)
  const payload = { bytes: Buffer.from('{}'), mediaType: '', isEnvelope: false, files: uploads }
  link.task(makeAssignment({ attemptId: 5, payload }))
  await peer.heard(RECORD.DATA, 5)
  link.cancel(5, 'operator')
  await peer.heard(RECORD.CANCEL, 5)
  await peer.until(() => open.size === 0 || undefined, 'its file is closed')
  link.recall(6)
  await peer.heard(RECORD.RECALL, 6)
  assert.equal(peer.records.filter(({ type }) => type === RECORD.END).length, 0)
})

test('a file from a handler comes piece by piece, and is answered', async (t) => {
  const { link, peer, heard } = await connect(t)
  link.task(makeAssignment())
  await peer.task()
  const header = { file: 3, path: 'a/ü', mediaType: 'a/b', size: 5, sha256: '0a'.repeat(32) }
  const out = new ByteWriter()
  writeFileHeader(out, header)
  const head = out.take()
  peer.raw(rawRecord(RECORD.DATA, 7, head, 0x32))
  peer.raw(rawRecord(RECORD.DATA, 7, Buffer.from('hel'), 0x12))
  peer.raw(rawRecord(RECORD.DATA, 7, Buffer.from('lo'), 0x02))
  await occurs(heard, 'file 7 2')
  assert.deepEqual(
    heard.pieces.map((piece) => [
      piece.header,
      Buffer.from(piece.bytes).toString(),
      piece.isLast,
      piece.recordBytes,
    ]),
    [
      [header, '', false, head.length],
      [undefined, 'hel', false, 3],
      [undefined, 'lo', true, 2],
    ],
  )
  heard.pieces[2]?.answer(3, { code: 'STORE_UNAVAILABLE', message: 'no room' })
  const { bytes } = await peer.heard(RECORD.FILE_RESULT, 7)
  const result = { file: 3, error: { code: 'STORE_UNAVAILABLE', message: 'no room' } }
  assert.deepEqual(readFileResult(new ByteReader(bytes)), result)
  peer.raw(rawRecord(RECORD.DATA, 7, Buffer.from('no header'), 0x32))
  assert.equal((await closes(heard)).code, CLOSE.protocolError)
  heard.pieces[0]?.answer(3, undefined)
})

test('an input of 3 MB goes as far as the credit, then on with it, and arrives whole', async (t) => {
  const { link, peer } = await connect(t)
  const bytes = makeBytes(3 * MB)
  link.task(makeAssignment({ attemptId: 5, payload: { bytes, mediaType: '', isEnvelope: false } }))
  const data = () => peer.records.filter(({ type }) => type === RECORD.DATA)
  const received = () => data().reduce((sum, { bytes: piece }) => sum + piece.length, 0)
  await peer.until(() => received() >= LIMITS.windowBytes || undefined, 'one window')
  // A whole round trip later nothing more has come.
  link.message({ type: 'ping', id: 1 })
  await peer.message('ping')
  assert.equal(received(), LIMITS.windowBytes)
  let credited = 0
  while (received() < bytes.length) {
    const now = received()
    peer.credit(5, now - credited)
    credited = now
    await peer.until(() => received() > now || undefined, 'more after credit')
  }
  await peer.heard(RECORD.END, 5)
  assert.deepEqual(Buffer.concat(data().map((each) => each.bytes)), bytes)
  assert.ok(peer.frames.every((length) => length <= LIMITS.frameBytes))
})

test('a result of 3 MB in pieces is credited as it comes and arrives whole', async (t) => {
  const { link, peer, heard } = await connect(t)
  link.task(makeAssignment({ attemptId: 5 }))
  await peer.task()
  const result = makeBytes(3 * MB)
  peer.started(5)
  peer.end(5, result)
  await until(() => heard.outcomes[0], 'the outcome')
  assert.equal(heard.outcomes[0]?.outcome, 'completed')
  assert.ok(Buffer.from(wholeOf(heard.outcomes[0]?.result ?? [])).equals(result))
  const credits = peer.records.filter(({ type }) => type === RECORD.CREDIT)
  assert.ok(credits.length > 0 && credits.length < 48, `${credits.length}: gathered, not one a record`)
})

test('a result over the limit fails its task, whole or in pieces; one at the limit does not', async (t) => {
  const { link, peer, heard } = await connect(t, 40_000)
  for (const attemptId of [1, 2, 3]) link.task(makeAssignment({ attemptId }))
  await peer.task(2)
  peer.end(1, makeBytes(40_000))
  peer.end(2, makeBytes(40_004))
  peer.end(3, makeBytes(200_000))
  await until(() => heard.outcomes.length === 3, 'three outcomes')
  assert.deepEqual(
    heard.outcomes.map(({ outcome, error, result }) => [outcome, error?.code, result.length]),
    [
      ['completed', undefined, 40_000],
      ['failed', 'RESULT_TOO_LARGE', 0],
      ['failed', 'RESULT_TOO_LARGE', 0],
    ],
  )
})

test('chunks and other kinds of DATA are no part of the result', async (t) => {
  const { link, peer, heard } = await connect(t)
  link.task(makeAssignment({ attemptId: 1 }))
  await peer.task()
  const parts: [number, string][] = [
    [DATA_KIND.chunk, 'chunk'],
    [DATA_KIND.payload, '"res'],
    [DATA_KIND.log, 'log'],
    [9, 'of a later version'],
  ]
  for (const [kind, text] of parts) peer.raw(rawRecord(RECORD.DATA, 1, Buffer.from(text), kind))
  peer.end(1, Buffer.from('ult"'))
  await occurs(heard, 'finished 1 completed')
  assert.equal(String(heard.outcomes[0]?.result), '"result"')
})

test('a result that ends in the frame of its last piece gets no credit any more', async (t) => {
  const { link, peer, heard } = await connect(t)
  link.task(makeAssignment({ attemptId: 1 }))
  link.task(makeAssignment({ attemptId: 2 }))
  await peer.task(1)
  const end = rawRecord(RECORD.END, 1, Buffer.from([0, 10, 0, 0, 0, 0, 0, 0, 0, 0]))
  peer.raw(Buffer.concat([rawRecord(RECORD.DATA, 1, Buffer.from('1')), end]))
  peer.raw(rawRecord(RECORD.DATA, 2, makeBytes(LIMITS.recordBytes)))
  await occurs(heard, 'finished 1 completed')
  await peer.heard(RECORD.CREDIT, 2)
  assert.ok(!peer.records.some(({ type, task }) => type === RECORD.CREDIT && task === 1))
})

test('what stands behind the record that ends the link does not count', async (t) => {
  const pair = await connect(t)
  const { link, peer, heard } = pair
  link.task(makeAssignment({ attemptId: 1 }))
  await peer.task()
  pair.on = ['started 1', () => link.close(CLOSE.normal, 'enough')]
  const stamp = Buffer.alloc(24)
  stamp.writeDoubleBE(1)
  const started = rawRecord(RECORD.STARTED, 1, makeBytes(0))
  peer.raw(Buffer.concat([started, rawRecord(RECORD.STAMP, 0, stamp)]))
  await closes(heard)
  assert.deepEqual(heard.events, ['started 1'])
  assert.deepEqual(heard.occupancies, [])
})

test('outcomes bring their error', async (t) => {
  const { link, peer, heard } = await connect(t)
  link.task(makeAssignment({ attemptId: 1 }))
  await peer.task()
  const error = { code: 'INVALID_INPUT', message: 'no', errors: [{ pointer: '/input/s', detail: 'must be' }] }
  peer.end(1, Buffer.alloc(0), { outcome: 'refused', runMs: 0, mediaType: '', error })
  await occurs(heard, 'finished 1 refused')
  assert.deepEqual(heard.outcomes[0]?.error, error)
})

test('what is said of tasks that the worker does not have is passed over, and told once', async (t) => {
  const { link, peer, heard } = await connect(t)
  link.task(makeAssignment({ attemptId: 1 }))
  await peer.task()
  peer.started(8)
  peer.busy(8)
  peer.recalled(9)
  for (let task = 100; task < 110; task++) peer.raw(rawRecord(RECORD.DATA, task, makeBytes(60_000)))
  peer.end(10, 'never asked')
  peer.end(1, 'first')
  peer.end(1, 'second')
  peer.started(1)
  peer.say({ type: 'ping', id: 1 })
  await occurs(heard, 'message ping')
  assert.deepEqual(
    heard.events.filter((event) => !['frame', 'message ping'].includes(event)),
    ['stray 8', 'finished 1 completed'],
  )
  assert.ok(!peer.records.some(({ type }) => type === RECORD.CREDIT), 'no credit for strays')
})

test('adopted tasks are known, and those of BUSY and RECALLED are over', async (t) => {
  const { link, peer, heard } = await connect(t)
  link.adopt([41])
  link.task(makeAssignment({ attemptId: 1 }))
  link.task(makeAssignment({ attemptId: 2 }))
  await peer.task(1)
  peer.end(41, 'adopted')
  peer.busy(1)
  peer.recalled(2)
  peer.end(2, 'too late')
  await occurs(heard, 'stray 2')
  assert.deepEqual(
    heard.events.filter((event) => event !== 'frame'),
    ['finished 41 completed', 'returned 1 busy', 'returned 2 recalled', 'stray 2'],
  )
})

test('occupancy rides on frames; unknown records and messages are signs of life and no more', async (t) => {
  const { peer, heard } = await connect(t)
  peer.occupancy = { seq: 4, used: 3, linked: 2, queued: 1 }
  peer.raw(rawRecord(0x7f, 1, makeBytes(40)))
  peer.record(0x60, 1)
  peer.flush()
  peer.say({ type: 'of-a-later-version', anything: [1] })
  await until(() => heard.events.filter((event) => event === 'frame').length >= 2, 'two signs of life')
  assert.deepEqual(heard.occupancies, [{ seq: 4, used: 3, linked: 2, queued: 1 }])
  assert.equal(heard.closed, undefined)
})
