import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LIMITS } from '@berth/protocol'
import { z } from 'zod'
import { readJsonBody } from './body.ts'

const schema = z.strictObject({ name: z.string().optional(), list: z.array(z.number()).optional() })

function read(body: string | Uint8Array<ArrayBuffer> | ReadableStream | undefined, headers = {}) {
  const init = { method: 'POST', headers, body, duplex: 'half' }
  return readJsonBody(new Request('http://berth.test/', init as RequestInit), schema)
}

async function codeAndPointer(...args: Parameters<typeof read>) {
  const result = await read(...args)
  return result.ok ? undefined : [result.error.code, result.error.errors?.[0]?.pointer]
}

describe('readJsonBody', () => {
  it('reads what fits, and nothing as an empty object', async () => {
    assert.deepEqual(await read('{"name":"é"}'), { ok: true, value: { name: 'é' } })
    assert.deepEqual(await read(undefined), { ok: true, value: {} })
    assert.deepEqual(await read('{}', { 'content-type': 'text/plain' }), { ok: true, value: {} })
  })

  it('points at what is wrong', async () => {
    assert.deepEqual(await codeAndPointer('{"name":1}'), ['INVALID_REQUEST', '/name'])
    assert.deepEqual(await codeAndPointer('{"list":[1,"x"]}'), ['INVALID_REQUEST', '/list/1'])
    assert.deepEqual(await codeAndPointer('{"a/b":1}'), ['INVALID_REQUEST', '/a~1b'])
    assert.deepEqual(await codeAndPointer('[]'), ['INVALID_REQUEST', ''])
    assert.deepEqual(await codeAndPointer('null'), ['INVALID_REQUEST', ''])
  })

  it('refuses names that reach for prototypes', async () => {
    for (const name of ['__proto__', 'constructor', 'prototype'])
      assert.equal((await codeAndPointer(`{"${name}":{"polluted":1}}`))?.[0], 'INVALID_REQUEST', name)
    assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false)
  })

  it('refuses what is no JSON or no UTF-8', async () => {
    for (const text of ['{', 'name', '{"name":"x"} {}', "{'name':1}", '{"name":NaN}', '\u0000'])
      assert.deepEqual(await codeAndPointer(text), ['INVALID_REQUEST', undefined], text)
    const broken = new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d])
    assert.deepEqual(await codeAndPointer(broken), ['INVALID_REQUEST', undefined])
  })

  it('refuses types and encodings that it does not read', async () => {
    const multipart = { 'content-type': 'multipart/form-data; boundary=x' }
    assert.equal((await codeAndPointer('{}', multipart))?.[0], 'UNSUPPORTED_MEDIA_TYPE')
    assert.equal((await codeAndPointer('{}', { 'content-encoding': 'gzip' }))?.[0], 'UNSUPPORTED_MEDIA_TYPE')
  })

  it('stops reading at 64 kB, announced or not', async () => {
    const fits = `{"name":"${'x'.repeat(65_536 - 11)}"}`
    assert.equal((await read(fits)).ok, true)
    assert.equal((await codeAndPointer(`${fits} `))?.[0], 'PAYLOAD_TOO_LARGE')
    assert.equal((await codeAndPointer('{}', { 'content-length': '65537' }))?.[0], 'PAYLOAD_TOO_LARGE')
    let pulled = 0
    let isCancelled = false
    const endless = new ReadableStream({
      pull(controller) {
        pulled += 1
        controller.enqueue(new Uint8Array(32 * 1024))
      },
      cancel() {
        isCancelled = true
      },
    })
    assert.equal((await codeAndPointer(endless))?.[0], 'PAYLOAD_TOO_LARGE')
    assert.ok(pulled < 10 && isCancelled)
  })

  it('refuses what is nested too deep before it parses', async () => {
    assert.equal((await codeAndPointer('['.repeat(101)))?.[0], 'INVALID_REQUEST')
    const result = await read('['.repeat(60_000))
    assert.match(result.ok ? '' : result.error.detail, /nested/)
  })

  it('refuses what has too many names before it parses', async () => {
    const names = Array.from({ length: LIMITS.jsonNames * 1.2 }, (_, index) => `"${index}":0`)
    const init = { method: 'POST', body: `{${names}` }
    const result = await readJsonBody(new Request('http://berth.test/', init), z.unknown(), 10 * 1024 ** 2)
    assert.match(result.ok ? '' : result.error.detail, /over 50000 different member names/)
  })
})
