import assert from 'node:assert/strict'
import { test } from 'node:test'
import { originOf } from './durable-order.ts'

test('the way on which the caller came, as far as it can stand in a URL', () => {
  const cases: [string | undefined, string | undefined, string | undefined][] = [
    ['berth.example', undefined, 'http://berth.example'],
    ['berth.example:8443', 'https', 'https://berth.example:8443'],
    ['[::1]:4000', 'http', 'http://[::1]:4000'],
    ['berth.example', 'ftp', 'http://berth.example'],
    [undefined, 'https', undefined],
    ['', undefined, undefined],
    ['user@berth.example', undefined, undefined],
    ['berth.example/path', undefined, undefined],
    ['berth.example?x', undefined, undefined],
    ['not a host', undefined, undefined],
  ]
  for (const [host, forwardedProto, origin] of cases)
    assert.equal(originOf({ host, forwardedProto }), origin, String(host))
})
