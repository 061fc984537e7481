/** Reading a body: whole, too large, gone; and how much of it is held (FAULTS E1). */
import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { describe, it } from 'node:test'
import { type ReadBody, readBody } from './http-body.ts'

const LIMIT_BYTES = 1024 * 1024
const CHUNK_BYTES = 64 * 1024

/** A request whose body comes in pieces; `made` counts the bytes that somebody has asked for. */
function makeRequest(total: number, headers: Record<string, string> = {}) {
  const made = { bytes: 0 }
  const body = new Readable({
    highWaterMark: CHUNK_BYTES,
    read() {
      const size = Math.min(CHUNK_BYTES, total - made.bytes)
      made.bytes += size
      this.push(size === 0 ? null : Buffer.alloc(size, 'x'))
    },
  })
  return { request: Object.assign(body, { headers }) as unknown as IncomingMessage, made }
}

const sizeOf = (read: ReadBody) => (read.kind === 'whole' ? read.bytes.length : read.kind)

describe('readBody', () => {
  it('takes what is within the limit, in one piece or many', async () => {
    for (const size of [0, 1, CHUNK_BYTES, LIMIT_BYTES])
      assert.equal(sizeOf(await readBody(makeRequest(size).request, LIMIT_BYTES)), size)
  })

  it('E1 reads no further than the limit, whatever the length says', async () => {
    const declared = makeRequest(LIMIT_BYTES + 1, { 'content-length': String(LIMIT_BYTES + 1) })
    assert.equal(sizeOf(await readBody(declared.request, LIMIT_BYTES)), 'too-large')
    assert.equal(declared.made.bytes, 0)
    for (const headers of [{}, { 'content-length': '1' }] as Record<string, string>[]) {
      const endless = makeRequest(1024 * LIMIT_BYTES, headers)
      assert.equal(sizeOf(await readBody(endless.request, LIMIT_BYTES)), 'too-large')
      // What lies in the stream's own buffer has been asked for, too.
      assert.ok(endless.made.bytes <= LIMIT_BYTES + 2 * CHUNK_BYTES, `${endless.made.bytes} bytes were read`)
      assert.equal(endless.request.isPaused(), true)
      endless.request.destroy()
    }
  })

  it('tells who left in the middle', async () => {
    const { request } = makeRequest(LIMIT_BYTES)
    request.once('data', () => request.destroy())
    assert.equal(sizeOf(await readBody(request, LIMIT_BYTES)), 'gone')
  })
})
