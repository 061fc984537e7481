/** Which heads no server of ours gives to a route. */
import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { createRequestCheck, describeBroken, MAX_HEADERS } from './request-fault.ts'

const check = createRequestCheck(['host', 'authorization'])

function head(changes: { url?: string; method?: string; httpVersion?: string; raw?: readonly string[] }) {
  const { raw = ['Host', 'a'], ...rest } = changes
  const headers: Record<string, string> = {}
  for (let i = 0; i < raw.length; i += 2) headers[String(raw[i]).toLowerCase()] ??= String(raw[i + 1])
  const request = { method: 'GET', url: '/', httpVersion: '1.1', headers, rawHeaders: [...raw], ...rest }
  return request as unknown as IncomingMessage
}

test('a plain head passes, and so does one of HTTP/1.0 without a host', () => {
  assert.equal(check(head({})), undefined)
  assert.equal(check(head({ httpVersion: '1.0', raw: [] })), undefined)
  assert.equal(check(head({ raw: ['Host', 'a', 'X-A', '1', 'x-a', '2'] })), undefined)
})

test('a fault has a status and names what it is', () => {
  const many = Array.from({ length: MAX_HEADERS }, () => ['a', 'b']).flat()
  for (const [changes, status, detail] of [
    [{ method: 'TRACE' }, 405, /TRACE/],
    [{ method: 'CONNECT', url: 'a:80' }, 405, /CONNECT/],
    [{ url: 'http://a/' }, 400, /whole address/],
    [{ url: '*' }, 400, /whole address/],
    [{ url: `/${'x'.repeat(8192)}` }, 414, /8192/],
    [{ raw: many }, 431, /200 headers/],
    [{ raw: [] }, 400, /`host` is missing/],
    [{ raw: ['Host', 'a', 'HOST', 'a'] }, 400, /`host` is given twice/],
    [{ raw: ['Host', 'a', 'Authorization', 'a', 'authorization', 'b'] }, 400, /`authorization`/],
  ] as const) {
    const fault = check(head(changes))
    assert.equal(fault?.status, status, JSON.stringify(changes).slice(0, 80))
    assert.match(fault.detail, detail)
  }
})

test('what the parser refuses is told by its kind', () => {
  assert.equal(describeBroken('HPE_HEADER_OVERFLOW').status, 431)
  assert.equal(describeBroken('ERR_HTTP_REQUEST_TIMEOUT').status, 408)
  assert.equal(describeBroken('HPE_INVALID_METHOD').status, 400)
})
