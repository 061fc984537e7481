/** Files on a link: their records read back as written, and go behind everything else. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LIMITS } from '../limits.ts'
import { ByteReader, ByteWriter, ProtocolError } from './bytes.ts'
import { readFileHeader, readFileResult, writeFileHeader, writeFileResult } from './file-records.ts'
import { readFrame } from './frame-reader.ts'
import { LinkWriter } from './link-writer.ts'
import { DATA_FIRST, DATA_KIND, DATA_MORE, RECORD } from './records.ts'

const HEADER = { file: 3, path: 'a/ü.bin', mediaType: 'image/png', size: 2 ** 40, sha256: 'ab'.repeat(32) }
const FILE = DATA_KIND.file | DATA_MORE

interface Heard {
  readonly type: number
  readonly flags: number
  readonly task: number
  readonly bytes: number
}

/** Everything that may be sent now. */
function drain(writer: LinkWriter): Heard[] {
  const heard: Heard[] = []
  for (let frame = writer.take(); frame; frame = writer.take())
    readFrame(frame, (type, flags, task, payload) => {
      if (type !== RECORD.STAMP) heard.push({ type, flags, task, bytes: payload.left })
    })
  return heard
}

describe('records of files', () => {
  it('read back as they were written', () => {
    const out = new ByteWriter()
    writeFileHeader(out, HEADER)
    out.u8(7)
    const reader = new ByteReader(out.take())
    assert.deepEqual(readFileHeader(reader), HEADER)
    assert.equal(reader.u8(), 7)
    for (const error of [undefined, { code: 'PAYLOAD_TOO_LARGE', message: 'too large' }]) {
      writeFileResult(out, { file: 9, error })
      assert.deepEqual(readFileResult(new ByteReader(out.take())), { file: 9, error })
    }
  })

  it('refuse a hash that is none', () => {
    const out = new ByteWriter()
    writeFileHeader(out, { ...HEADER, sha256: 'AB'.repeat(32) })
    assert.throws(() => readFileHeader(new ByteReader(out.take())), ProtocolError)
  })
})

describe('LinkWriter.bulk', () => {
  it('lets everything else go first, of the same task too', () => {
    const writer = new LinkWriter(() => ({ at: 1 }))
    let sent = 0
    writer.bulk(1, FILE, new Uint8Array(1000), () => sent++)
    writer.data(1, DATA_KIND.log, new Uint8Array(10))
    writer.data(2, DATA_KIND.chunk, new Uint8Array(20))
    writer.control(RECORD.STARTED, 3)
    const heard = drain(writer)
    assert.deepEqual(
      heard.map(({ type, task, bytes }) => [type, task, bytes]),
      [
        [RECORD.STARTED, 3, 0],
        [RECORD.DATA, 1, 10],
        [RECORD.DATA, 2, 20],
        [RECORD.DATA, 1, 1000],
      ],
    )
    assert.equal(heard.at(-1)?.flags, FILE)
    assert.equal(sent, 1)
    assert.equal(writer.isReady, false)
  })

  it('keeps to the window, and says when a piece has left', () => {
    const writer = new LinkWriter(() => ({ at: 1 }))
    let sent = 0
    writer.bulk(1, FILE, new Uint8Array(LIMITS.windowBytes + 5), () => sent++)
    const first = drain(writer)
    assert.equal(
      first.reduce((sum, { bytes }) => sum + bytes, 0),
      LIMITS.windowBytes,
    )
    assert.equal(sent, 0)
    writer.credit(1, 5)
    assert.deepEqual(
      drain(writer).map(({ bytes, flags }) => [bytes, flags]),
      [[5, FILE]],
    )
    assert.equal(sent, 1)
  })

  it('never cuts a header in two', () => {
    const writer = new LinkWriter(() => ({ at: 1 }))
    writer.data(1, DATA_KIND.chunk, new Uint8Array(LIMITS.windowBytes - 10))
    writer.bulk(1, DATA_KIND.file | DATA_FIRST, new Uint8Array(100), () => {})
    assert.ok(drain(writer).every(({ flags }) => (flags & DATA_FIRST) === 0))
    writer.credit(1, 50)
    assert.deepEqual(drain(writer), [])
    writer.credit(1, 50)
    assert.deepEqual(
      drain(writer).map(({ bytes, flags }) => [bytes, flags]),
      [[100, DATA_KIND.file | DATA_FIRST]],
    )
  })

  it('forgets what nobody wants any more', () => {
    const writer = new LinkWriter(() => ({ at: 1 }))
    writer.bulk(1, FILE, new Uint8Array(10), () => assert.fail('it was not sent'))
    writer.forget(1)
    assert.deepEqual(drain(writer), [])
  })

  it('leaves the input of a task open until its files have gone', () => {
    const writer = new LinkWriter(() => ({ at: 1 }))
    const header = {
      ...{
        run: 'r_1',
        fence: 1,
        function: 'f',
        contract: 1,
        priority: 1,
        attempt: 1,
        mode: 'async' as const,
      },
      ...{ remainingMs: null, timeoutMs: null, trace: '' },
      extras: { files: [{ path: 'a', mediaType: 'text/plain', size: 4 }] },
    }
    writer.task(5, 0, header, '', new Uint8Array(2))
    writer.bulk(5, DATA_KIND.file, new Uint8Array(4), () => writer.inputEnd(5))
    assert.deepEqual(
      drain(writer).map(({ type, bytes }) => (type === RECORD.DATA ? bytes : type)),
      [RECORD.TASK, 2, 4, RECORD.END],
    )
  })
})
