/** Files on their way to a balancer: in pieces, one at a time, again on another link, and given up with the attempt. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { ByteReader, DATA_FIRST, DATA_MORE, type FileHeader, readFileHeader } from '@berth/protocol'
import { type FileData, readFileOrder } from './file-data.ts'
import { type FileCarrier, FileError, FileWriter } from './file-writer.ts'

const LIMIT = 1024 * 1024

/** The other end of a link: takes pieces when it is told to. */
class Balancer implements FileCarrier {
  readonly headers: FileHeader[] = []
  /** Of the file that is under way. */
  bytes = Buffer.alloc(0)
  isWhole = false
  largest = 0
  /** How many pieces it takes; the next one stays where it is. */
  room = Number.POSITIVE_INFINITY

  bulk(task: number, flags: number, bytes: Uint8Array, onSent: () => void): void {
    assert.equal(task, 7)
    assert.equal(flags & 0x0f, 2)
    if ((flags & DATA_FIRST) !== 0) {
      this.headers.push(readFileHeader(new ByteReader(bytes)))
      this.bytes = Buffer.alloc(0)
    } else this.bytes = Buffer.concat([this.bytes, bytes])
    this.largest = Math.max(this.largest, bytes.length)
    this.isWhole = (flags & DATA_MORE) === 0
    if (this.room-- > 0) setImmediate(onSent)
  }

  async whole(): Promise<FileHeader> {
    while (!this.isWhole) await new Promise(setImmediate)
    this.isWhole = false
    const header = this.headers.at(-1) ?? assert.fail('no header')
    const sha256 = createHash('sha256').update(this.bytes).digest('hex')
    assert.deepEqual([header.size, header.sha256], [this.bytes.length, sha256])
    return header
  }
}

function makeWriter(limit = LIMIT) {
  const balancer = new Balancer()
  const writer = new FileWriter({ number: 7 }, () => limit)
  writer.attach(balancer)
  const write = (path: string, data: FileData, type?: string) => writer.write(readFileOrder(path, data, type))
  return { balancer, writer, write }
}

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

describe('FileWriter', () => {
  it('sends whatever gives bytes or text, and resolves when it is kept', async () => {
    const { balancer, writer, write } = makeWriter()
    const bytes = randomBytes(300_000)
    const data: [FileData, Uint8Array][] = [
      ['Grüße', Buffer.from('Grüße')],
      ['', Buffer.alloc(0)],
      [bytes, bytes],
      [new Uint8Array(bytes).buffer, bytes],
      [new Blob([new Uint8Array(bytes)]), bytes],
      [pieces(bytes, 1000), bytes],
      [['a', Buffer.from('b'), 'ü'], Buffer.from('abü')],
      [ReadableStream.from(pieces(bytes, 200_000)), bytes],
    ]
    for (const [index, [given, expected]] of data.entries()) {
      let isKept = false
      const kept = write(`f${index}`, given).then(() => {
        isKept = true
      })
      const header = await balancer.whole()
      assert.deepEqual(balancer.bytes, Buffer.from(expected))
      assert.deepEqual([header.file, header.path, isKept], [index + 1, `f${index}`, false])
      writer.onResult({ file: 99, error: undefined })
      writer.onResult({ file: header.file, error: undefined })
      await kept
    }
    assert.ok(balancer.largest <= 128 * 1024)
    assert.equal(writer.pending, undefined)
  })

  it('sends one after the other, in the order in which they were written', async () => {
    const { balancer, writer, write } = makeWriter()
    const both = Promise.all([write('a', 'one'), write('b', 'two')])
    for (const path of ['a', 'b']) {
      const { path: sent, file } = await balancer.whole()
      await new Promise(setImmediate)
      assert.deepEqual([sent, balancer.headers.length], [path, path === 'a' ? 1 : 2])
      assert.ok(writer.pending)
      writer.onResult({ file, error: undefined })
    }
    await both
  })

  it('is refused with the code of the balancer, and goes on with the next', async () => {
    const { balancer, writer, write } = makeWriter()
    const refused = write('a', 'one')
    const { file } = await balancer.whole()
    writer.onResult({ file, error: { code: 'STORE_UNAVAILABLE', message: 'no room' } })
    await assert.rejects(refused, (error) => error instanceof FileError && error.code === 'STORE_UNAVAILABLE')
    const kept = write('a', 'two')
    writer.onResult({ file: (await balancer.whole()).file, error: undefined })
    await kept
  })

  it('stops at the limit, however long its data goes on', async () => {
    const { balancer, write } = makeWriter(100_000)
    async function* endless() {
      for (;;) yield Buffer.alloc(30_000)
    }
    await assert.rejects(write('a', endless()), { code: 'PAYLOAD_TOO_LARGE' })
    assert.deepEqual(balancer.headers, [])
  })

  it('is refused at once by a balancer that keeps none', async () => {
    const writer = new FileWriter({ number: 7 }, () => undefined)
    await assert.rejects(writer.write(readFileOrder('a', 'x', undefined)), { code: 'CONFLICT' })
  })

  it('hands on what its data throws', async () => {
    const { write } = makeWriter()
    async function* broken() {
      yield 'a'
      throw new Error('the source is gone')
    }
    await assert.rejects(write('a', broken()), /the source is gone/)
    await assert.rejects(write('a', [7 as never]), TypeError)
  })

  it('begins again on another link, from the start', async () => {
    const { balancer, writer, write } = makeWriter()
    const bytes = randomBytes(500_000)
    balancer.room = 2
    const kept = write('a', bytes)
    while (balancer.bytes.length < 200_000) await new Promise(setImmediate)
    writer.attach(undefined)
    const other = new Balancer()
    writer.attach(other)
    const { file } = await other.whole()
    assert.deepEqual(other.bytes, bytes)
    // Kept, but the word was lost: it is sent once more.
    writer.attach(undefined)
    const third = new Balancer()
    writer.attach(third)
    assert.equal((await third.whole()).file, file)
    writer.onResult({ file, error: undefined })
    await kept
  })

  it('waits for a link while there is none', async () => {
    const { balancer, writer, write } = makeWriter()
    writer.attach(undefined)
    const kept = write('a', 'one')
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.deepEqual(balancer.headers, [])
    writer.attach(balancer)
    writer.onResult({ file: (await balancer.whole()).file, error: undefined })
    await kept
  })

  it('is over with its attempt', async () => {
    const { balancer, writer, write } = makeWriter()
    const sent = write('a', 'one')
    const waiting = write('b', 'two')
    await balancer.whole()
    writer.end()
    writer.end()
    for (const each of [sent, waiting, write('c', 'three')]) await assert.rejects(each, { code: 'CANCELLED' })
  })

  it('is over with its attempt while its temporary file is made, whatever its data', async () => {
    const { writer, write } = makeWriter()
    const silent = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => {}) })
    const written = write('a', silent)
    await Promise.resolve()
    writer.end()
    await assert.rejects(written, { code: 'CANCELLED' })
    assert.equal(writer.pending, undefined)
  })
})

describe('readFileOrder', () => {
  it('knows a type where none is named, and refuses what is none', () => {
    const typeOf = (data: FileData, type?: string) => readFileOrder('a', data, type).mediaType
    assert.equal(typeOf('x'), 'text/plain; charset=utf-8')
    assert.equal(typeOf(new Uint8Array(1)), 'application/octet-stream')
    assert.equal(typeOf(new Blob(['x'], { type: 'text/html' })), 'text/html')
    assert.equal(typeOf('x', 'text/csv'), 'text/csv')
    assert.throws(() => typeOf('x', 'none'), TypeError)
    assert.throws(() => typeOf('x', 'a/b\r\nx: y'), TypeError)
    for (const data of [undefined, null, 7, {}])
      assert.throws(() => readFileOrder('a', data, undefined), TypeError)
    assert.throws(() => readFileOrder('../a', 'x', undefined), /must not have a part/)
  })
})
