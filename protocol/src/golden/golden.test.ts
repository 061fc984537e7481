/**
 * The wire as it was decided. Every record type and message has a golden form here; a change of the
 * schemas fails until someone decides what it does to the version (version.ts) and writes the new
 * form down: `UPDATE_GOLDEN=1 node --test protocol/src/golden/golden.test.ts`.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { z } from 'zod'
import {
  type ByteReader,
  ByteWriter,
  CALL_FLAG,
  CANCEL_REASONS,
  type CallHeader,
  canonicalJson,
  DATA_FIRST,
  DATA_KIND,
  DATA_MORE,
  ERRORS,
  feedMessageSchema,
  feedRequestSchema,
  fromBalancerSchema,
  fromWorkerSchema,
  interfaceSchema,
  LIMITS,
  LinkWriter,
  MODES,
  OUTCOMES,
  type OutcomeHeader,
  PROTOCOL_VERSION,
  parseFromBalancer,
  parseFromWorker,
  RECORD,
  readCall,
  readCancelReason,
  readFileHeader,
  readFileResult,
  readFrame,
  readOutcome,
  readStamp,
  readTaskHeader,
  STARTED_FLAG,
  TASK_FLAG,
  type TaskHeader,
  taskBodySchema,
  writeFileHeader,
  writeFileResult,
  writeNames,
  writeOutcome,
} from '../index.ts'
import { BALANCER_MESSAGES, WORKER_MESSAGES } from './messages.ts'

const isUpdating = process.env.UPDATE_GOLDEN === '1'

const HEADER: Omit<TaskHeader, 'mediaType'> = {
  run: 'r_01m808nxq40001p8rrq66a5bgw',
  fence: 3 * 2 ** 32 + 7,
  function: 'images.resize',
  contract: 2,
  priority: 100,
  attempt: 1,
  mode: 'sync',
  remainingMs: 299_999,
  timeoutMs: null,
  trace: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
}
const EXTRAS = {
  session: 's-1',
  budget: { level: 'low', tokens: 1000, runMs: 60_000, left: { tokens: 400, runMs: 59_000 } },
} as const
const FILES = [{ path: 'a/b.txt', mediaType: 'text/plain', size: 3 }] as const
const TURNS = new TextEncoder().encode('[{"input":{"n":1},"output":"one"}]')
const INPUT = new TextEncoder().encode('{"function":"images.resize","input":{"width":64}}')
const RESULT = new TextEncoder().encode('{"message":"Grüße"}')

/** One frame a record type, written as the product writes it. */
const FRAMES: Readonly<Record<string, (writer: LinkWriter) => void>> = {
  TASK: (writer) => writer.task(7, TASK_FLAG.ENVELOPE, HEADER, '', INPUT),
  'TASK ahead, durable, bytes': (writer) =>
    writer.task(
      8,
      TASK_FLAG.AHEAD | TASK_FLAG.DURABLE,
      HEADER,
      'image/png',
      new Uint8Array([137, 80, 78, 71]),
    ),
  'TASK called': (writer) =>
    writer.task(9, TASK_FLAG.WHOLE, { ...HEADER, callers: ['album', 'images.all'] }, '', INPUT),
  'TASK of a session': (writer) =>
    writer.task(10, TASK_FLAG.DURABLE, { ...HEADER, extras: EXTRAS }, '', INPUT),
  'TASK with earlier turns': (writer) => {
    const header = { ...HEADER, callers: ['album'], extras: { session: 's-1', turns: true as const } }
    writer.task(11, TASK_FLAG.DURABLE, header, '', INPUT, undefined, TURNS)
  },
  'TASK with files': (writer) => {
    writer.task(12, TASK_FLAG.DURABLE, { ...HEADER, extras: { files: FILES } }, '', INPUT)
    writer.bulk(12, DATA_KIND.file, new Uint8Array([1, 2, 3]), () => writer.inputEnd(12))
  },
  'DATA file, its header': (writer) => {
    const out = new ByteWriter()
    writeFileHeader(out, FILE)
    writer.bulk(7, DATA_KIND.file | DATA_FIRST | DATA_MORE, out.take(), () => {})
  },
  'FILE-RESULT': (writer) =>
    writer.control(RECORD.FILE_RESULT, 7, (out) => writeFileResult(out, { file: 1, error: undefined })),
  'FILE-RESULT refused': (writer) =>
    writer.control(RECORD.FILE_RESULT, 7, (out) => writeFileResult(out, { file: 2, error: TOO_LARGE })),
  'DATA chunk': (writer) => writer.data(7, DATA_KIND.chunk, new Uint8Array([1, 2, 3])),
  'END completed': (writer) =>
    writer.outcome(7, { outcome: 'completed', runMs: 1.25, mediaType: '' }, RESULT),
  'END refused': (writer) =>
    writer.outcome(7, { outcome: 'refused', runMs: 0, mediaType: '', error: REFUSAL }, new Uint8Array(0)),
  CREDIT: (writer) => writer.control(RECORD.CREDIT, 7, (out) => out.u32(65_536)),
  CANCEL: (writer) => writer.control(RECORD.CANCEL, 7, (out) => out.u8(CANCEL_REASONS.indexOf('deadline'))),
  RECALL: (writer) => writer.control(RECORD.RECALL, 7),
  'RESULT-ACK': (writer) => writer.control(RECORD.RESULT_ACK, 7, (out) => out.u64(HEADER.fence)),
  'CALL-RESULT': (writer) =>
    writer.control(RECORD.CALL_RESULT, 7, (out) => {
      out.u32(1)
      writeOutcome(out, { outcome: 'completed', runMs: 2, mediaType: '' })
      out.bytes(RESULT)
    }),
  STARTED: (writer) => writer.control(RECORD.STARTED, 7),
  'STARTED cold': (writer) => writer.control(RECORD.STARTED, 7, undefined, STARTED_FLAG.COLD),
  'END cold': (writer) =>
    writer.outcome(
      7,
      { outcome: 'completed', runMs: 1.25, mediaType: '', facts: { coldStartMs: 1500 } },
      RESULT,
    ),
  'CALL remaining': (writer) =>
    writer.call(7, { call: 3, function: 'hello', remainingMs: 4_000 }, new TextEncoder().encode('{}')),
  'CALL again': (writer) =>
    writer.call(
      7,
      { call: 4, function: 'hello', remainingMs: 4_000, isAgain: true },
      new TextEncoder().encode('{}'),
    ),
  BUSY: (writer) => writer.control(RECORD.BUSY, 7),
  RECALLED: (writer) => writer.control(RECORD.RECALLED, 7),
  CALL: (writer) =>
    writer.control(RECORD.CALL, 7, (out) => {
      out.u32(1)
      out.text8('hello')
      out.bytes(new TextEncoder().encode('{}'))
    }),
  'CALL via': (writer) =>
    writer.control(
      RECORD.CALL,
      7,
      (out) => {
        out.u32(2)
        out.text8('hello')
        writeNames(out, ['greet', 'polite'])
        out.bytes(new TextEncoder().encode('{}'))
      },
      CALL_FLAG.VIA,
    ),
}
const FILE = { file: 1, path: 'a/b.txt', mediaType: 'text/plain', size: 3, sha256: '0f'.repeat(32) }
const TOO_LARGE = { code: 'PAYLOAD_TOO_LARGE', message: 'over 3 bytes' }
const REFUSAL = {
  code: 'INVALID_INPUT',
  message: 'must be a number',
  errors: [{ pointer: '/input/width', detail: 'must be a number' }],
}

for (const [name, write] of Object.entries(FRAMES)) {
  test(`the frame of ${name} is the golden one`, () => {
    const writer = new LinkWriter(() => ({
      at: 1234.5,
      occupancy: { seq: 9, used: 2, linked: 1, queued: 0 },
    }))
    write(writer)
    const frame = writer.take()
    assert.ok(frame)
    assert.equal(writer.take(), undefined)
    compare('frames.json', name, Buffer.from(frame).toString('hex'))
  })
}

test('every record type has a golden frame', () => {
  const covered = new Set(Object.keys(FRAMES).map((name) => name.split(' ')[0]))
  // Every frame begins with a STAMP.
  const missing = Object.keys(RECORD).filter(
    (type) => type !== 'STAMP' && !covered.has(type.replace('_', '-')),
  )
  assert.deepEqual(missing, [])
})

test('golden frames read back as they were written', () => {
  const frames = JSON.parse(readFileSync(fileOf('frames.json'), 'utf8')) as Record<string, string>
  const seen = new Map<string, unknown>()
  for (const [name, hex] of Object.entries(frames))
    readFrame(Buffer.from(hex, 'hex'), (type, flags, task, payload) => {
      if (type === RECORD.STAMP) seen.set('STAMP', readStamp(payload))
      else seen.set(name, { task, flags, ...read(type, flags, payload) })
    })
  assert.deepEqual(seen.get('STAMP'), { at: 1234.5, occupancy: { seq: 9, used: 2, linked: 1, queued: 0 } })
  assert.deepEqual(seen.get('TASK'), {
    task: 7,
    flags: TASK_FLAG.ENVELOPE | TASK_FLAG.WHOLE,
    ...HEADER,
    mediaType: '',
    rest: Buffer.from(INPUT).toString(),
  })
  assert.deepEqual(seen.get('END refused'), {
    task: 7,
    flags: 0,
    outcome: 'refused',
    runMs: 0,
    mediaType: '',
    error: REFUSAL,
    rest: '',
  })
  assert.deepEqual(seen.get('CANCEL'), { task: 7, flags: 0, reason: 'deadline' })
  assert.deepEqual(seen.get('RESULT-ACK'), { task: 7, flags: 0, fence: HEADER.fence })
  assert.deepEqual(seen.get('CREDIT'), { task: 7, flags: 0, bytes: 65_536 })
  assert.deepEqual((seen.get('TASK called') as TaskHeader).callers, ['album', 'images.all'])
  const session = seen.get('TASK of a session') as TaskHeader
  assert.deepEqual([session.callers, session.extras], [undefined, EXTRAS])
  assert.deepEqual(seen.get('DATA file, its header'), { task: 7, flags: 0x32, ...FILE })
  assert.deepEqual(seen.get('FILE-RESULT'), { task: 7, flags: 0, file: 1, error: undefined })
  assert.deepEqual(seen.get('FILE-RESULT refused'), { task: 7, flags: 0, file: 2, error: TOO_LARGE })
  const via = ['greet', 'polite']
  const terms = { remainingMs: null, isAgain: false }
  const call = { task: 7, call: 2, function: 'hello', via, rest: '{}', flags: CALL_FLAG.VIA, ...terms }
  assert.deepEqual(seen.get('CALL via'), call)
  assert.deepEqual(seen.get('STARTED'), { task: 7, flags: 0, rest: '' })
  assert.deepEqual((seen.get('END cold') as OutcomeHeader).facts, { coldStartMs: 1500 })
  assert.equal((seen.get('END completed') as OutcomeHeader).facts, undefined)
  const again = seen.get('CALL again') as CallHeader & { rest: string }
  assert.deepEqual([again.call, again.remainingMs, again.isAgain, again.rest], [4, 4_000, true, '{}'])
})

for (const [name, message] of Object.entries(WORKER_MESSAGES))
  test(`the worker's ${name} is read as it is`, () => {
    assert.deepEqual(parseFromWorker(JSON.stringify(message)), { kind: 'message', message })
  })
for (const [name, message] of Object.entries(BALANCER_MESSAGES))
  test(`the balancer's ${name} is read as it is`, () => {
    assert.deepEqual(parseFromBalancer(JSON.stringify(message)), { kind: 'message', message })
  })

test('every message has a golden form', () => {
  assert.deepEqual(typesOf(WORKER_MESSAGES), new Set(fromWorkerSchema.options.map((o) => o.shape.type.value)))
  assert.deepEqual(
    typesOf(BALANCER_MESSAGES),
    new Set(fromBalancerSchema.options.map((o) => o.shape.type.value)),
  )
})

test('the schemas are those of the decided version', () => {
  const schemas = {
    fromWorkerSchema,
    fromBalancerSchema,
    interfaceSchema,
    taskBodySchema,
    feedMessageSchema,
    feedRequestSchema,
  }
  const shapes = Object.entries(schemas).map(([name, schema]) => [
    name,
    z.toJSONSchema(schema, { unrepresentable: 'any', io: 'output' }),
  ])
  const tables = {
    RECORD,
    TASK_FLAG,
    CALL_FLAG,
    STARTED_FLAG,
    DATA_KIND,
    DATA_MORE,
    DATA_FIRST,
    MODES,
    OUTCOMES,
    CANCEL_REASONS,
    ERRORS,
    LIMITS,
  }
  const whole = canonicalJson({ shapes: Object.fromEntries(shapes), tables })
  const hash = createHash('sha256').update(whole).digest('hex')
  compare('schema.json', `version ${PROTOCOL_VERSION}`, hash, DECIDE)
})

const DECIDE =
  'The wire has changed. Decide: can an older peer skip it (keep PROTOCOL_VERSION) or not (raise it)? Then write the new form down with UPDATE_GOLDEN=1, and say in the commit what was decided.'

function read(type: number, flags: number, payload: ByteReader): object {
  if (type === RECORD.TASK) return { ...readTaskHeader(payload), rest: restOf(payload) }
  if (type === RECORD.END && payload.left > 0) return { ...readOutcome(payload), rest: restOf(payload) }
  if (type === RECORD.CANCEL) return { reason: readCancelReason(payload) }
  if (type === RECORD.FILE_RESULT) return readFileResult(payload)
  if (type === RECORD.DATA && (flags & DATA_FIRST) !== 0) return readFileHeader(payload)
  if (type === RECORD.RESULT_ACK) return { fence: payload.u64() }
  if (type === RECORD.CREDIT) return { bytes: payload.u32() }
  if (type === RECORD.CALL) return { ...readCall(flags, payload), rest: restOf(payload) }
  return { rest: restOf(payload) }
}

function restOf(payload: ByteReader): string {
  return Buffer.from(payload.rest()).toString()
}

function typesOf(messages: Record<string, { type: string }>): Set<string> {
  return new Set(Object.values(messages).map((message) => message.type))
}

function fileOf(name: string): URL {
  return new URL(name, import.meta.url)
}

function compare(file: string, key: string, actual: string, hint?: string): void {
  const golden = JSON.parse(readFileSync(fileOf(file), 'utf8')) as Record<string, string>
  if (isUpdating && golden[key] !== actual) {
    golden[key] = actual
    writeFileSync(fileOf(file), `${JSON.stringify(golden, null, 2)}\n`)
  }
  assert.equal(actual, golden[key], hint ?? `${file}: ${key}`)
}
