/** Bytes in and out of the worker's own HTTP, on a real server. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { encodeResult } from '../attempt/result.ts'
import { script, startTestWorker, type TestWorker } from '../fixtures/test-worker.ts'
import { bytes, isBytesResult } from './bytes.ts'
import { isJsonType, isMediaType } from './media-type.ts'

let worker: TestWorker

before(async () => {
  worker = await startTestWorker({ REQUEST_BODY_LIMIT: '100kb', RESULT_LIMIT: '1mb' })
})
after(() => worker[Symbol.asyncDispose]())

const PATH = '/task/default/scripted'
const send = (body: string | Uint8Array<ArrayBuffer>, type: string, query = '') =>
  worker.send(PATH + query, { body, headers: { 'content-type': type } })

describe('bytes in', () => {
  it('reach the handler as they came, whole or as a stream', async () => {
    const sent = randomBytes(50_000)
    let heard: unknown[] = []
    script.handler = async (input, ctx) => {
      const { body, contentType } = ctx
      const streamed = Buffer.concat(await Array.fromAsync(body?.stream() ?? []))
      heard = [input, contentType, body?.type, body?.size, Buffer.from((await body?.bytes()) ?? []), streamed]
    }
    const type = 'image/PNG; name="A b"'
    assert.equal((await send(sent, type, `?priority=3&input=${encodeURIComponent('{"w":2}')}`)).status, 200)
    assert.deepEqual(heard, [{ w: 2 }, type, type.toLowerCase(), 50_000, sent, sent])
  })

  it('may be empty, and any type that is no JSON', async () => {
    script.handler = (_input, { body }) => [body?.type, body?.size]
    for (const type of [
      'application/octet-stream',
      'text/plain',
      'multipart/form-data; boundary=x',
      'application/xml',
    ]) {
      const response = await send('', type)
      assert.deepEqual(((await response.json()) as { result: unknown }).result, [type, 0])
    }
  })

  it('are not there when JSON came, whose type has parameters or another case', async () => {
    script.handler = (input, { body, contentType }) => [input, body === undefined, contentType]
    for (const type of [
      'application/json',
      'Application/JSON; charset=utf-8',
      'application/x-www-form-urlencoded',
    ]) {
      const response = await send('{"a":1}', type)
      const { result } = (await response.json()) as { result: unknown }
      assert.deepEqual(result, [{ a: 1 }, true, 'application/json'])
    }
  })

  it('are held against the schema, the limit and the media type', async () => {
    const codeOf = async (response: Response) => ((await response.json()) as { code: string }).code
    assert.equal(await codeOf(await send(new Uint8Array(102_401), 'image/png')), 'PAYLOAD_TOO_LARGE')
    assert.equal((await send(new Uint8Array(102_400), 'image/png')).status, 200)
    assert.equal(await codeOf(await send('x', 'image')), 'UNSUPPORTED_MEDIA_TYPE')
    assert.equal(await codeOf(await send('x', `image/${'x'.repeat(255)}`)), 'UNSUPPORTED_MEDIA_TYPE')
    assert.equal(await codeOf(await send('x', 'image/png', '?input=[]')), 'INVALID_REQUEST')
    assert.equal(await codeOf(await send('x', 'image/png', '?wrong=1')), 'INVALID_REQUEST')
  })
})

describe('bytes out', () => {
  const made = randomBytes(30_000)

  it('are the answer’s body below /task/{group}/{function}', async () => {
    script.handler = () => bytes(made, 'image/webp')
    const response = await send('{}', 'application/json')
    assert.equal(response.status, 200)
    assert.equal(response.headers.get('content-type'), 'image/webp')
    assert.equal(response.headers.get('x-content-type-options'), 'nosniff')
    assert.ok(response.headers.get('x-run-id'))
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), made)
  })

  it('are base64 in JSON answers', async () => {
    script.handler = () => bytes(made)
    const body = (await (await worker.task({ function: 'scripted' })).json()) as { result: unknown }
    assert.deepEqual(body.result, { mediaType: 'application/octet-stream', base64: made.toString('base64') })
    const events = await worker.task(
      { function: 'scripted', mode: 'stream' },
      { headers: { accept: 'text/event-stream' } },
    )
    assert.ok((await events.text()).includes(`"base64":"${made.toString('base64')}"}\n\n`))
  })

  it('count by their own size against RESULT_LIMIT', async () => {
    script.handler = ({ size }) => bytes(new Uint8Array(Number(size)))
    const sizeOf = async (size: number) => (await send(JSON.stringify({ size }), 'application/json')).status
    assert.equal(await sizeOf(1024 * 1024), 200)
    assert.equal(await sizeOf(1024 * 1024 + 1), 500)
  })
})

describe('bytes()', () => {
  it('takes buffers, views and texts, and nothing else', () => {
    const view = new Uint8Array([0, 1, 2, 3]).subarray(1, 3)
    assert.deepEqual([...bytes(view).data], [1, 2])
    assert.deepEqual([...bytes(new Uint8Array([9]).buffer).data], [9])
    assert.equal(Buffer.from(bytes('ü', 'text/plain').data).toString(), 'ü')
    assert.throws(() => bytes({} as never), TypeError)
    for (const type of ['', 'image', 'image/', 'a/b\r\nx: y', 'image/ü', `a/${'b'.repeat(255)}`])
      assert.throws(() => bytes('x', type), TypeError, type)
  })

  it('is known by what it is, wherever it was made', () => {
    const copy = structuredClone({ ...bytes('x', 'text/plain') })
    assert.equal(isBytesResult(copy), true)
    const encoded = encodeResult(copy, 10)
    assert.deepEqual(encoded.ok && [encoded.mediaType, Buffer.from(encoded.bytes).toString()], [
      'text/plain',
      'x',
    ])
    assert.equal(isBytesResult({ ...copy, mediaType: 'x\r\n' }), false)
    assert.equal(isBytesResult({ kind: 'berth.bytes' }), false)
  })

  it('keeps what the handler does with its buffer afterwards to itself', () => {
    const data = new Uint8Array([1])
    const encoded = encodeResult(bytes(data), 10)
    data[0] = 2
    assert.deepEqual(encoded.ok && [...encoded.bytes], [1])
  })
})

describe('media types', () => {
  it('are told apart', () => {
    assert.equal(isJsonType(' APPLICATION/json ;x=y'), true)
    assert.equal(isJsonType('application/ld+json'), false)
    assert.equal(isMediaType('application/vnd.a+b; q="1 2"'), true)
    assert.equal(isMediaType('a b/c'), false)
  })
})
