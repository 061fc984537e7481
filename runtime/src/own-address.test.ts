/** Fault case H16: which addresses are those of the process itself. */
import assert from 'node:assert/strict'
import { networkInterfaces } from 'node:os'
import { describe, it } from 'node:test'
import { parseAllow } from './outbound-rules.ts'
import { createOwnAddress } from './own-address.ts'

const isOwn = (host: string, address: string, port = 4000) =>
  createOwnAddress(host, () => 4000)(address, port)

describe('createOwnAddress', () => {
  it('knows a loopback host by its address, and by what leads there', () => {
    for (const address of ['127.0.0.1', '0.0.0.0', '::', '::ffff:127.0.0.1', '64:ff9b::7f00:1'])
      assert.ok(isOwn('127.0.0.1', address), address)
    for (const address of ['127.0.0.2', '::1', '10.0.0.1', '8.8.8.8', 'receiver.example', ''])
      assert.equal(isOwn('127.0.0.1', address), false, address)
    for (const address of ['127.0.0.1', '::1', '0:0:0:0:0:0:0:1'])
      assert.ok(isOwn('localhost', address), address)
    assert.ok(isOwn('[::1]', '::1'))
  })

  it('takes every address of the machine for own when it listens on all', () => {
    const found = Object.values(networkInterfaces()).flatMap((addresses = []) => addresses)
    for (const host of ['0.0.0.0', '::', 'some.name'])
      for (const address of ['127.0.0.1', '127.1.2.3', '::1', '0.0.0.0', ...found.map((own) => own.address)])
        assert.ok(isOwn(host, address), `${host} ${address}`)
    assert.equal(isOwn('0.0.0.0', '8.8.8.8'), false)
  })

  it('is about one port, asked anew each time', () => {
    assert.equal(isOwn('127.0.0.1', '127.0.0.1', 4001), false)
    let port = 0
    const check = createOwnAddress('127.0.0.1', () => port)
    assert.equal(check('127.0.0.1', 5000), false)
    port = 5000
    assert.ok(check('127.0.0.1', 5000))
  })
})

describe('the rules', () => {
  it('H16: no rule lets a request reach the process itself, under whichever name', () => {
    const parsed = parseAllow(
      ['127.0.0.0/8', 'localhost', 'me.example', '::1'],
      createOwnAddress('127.0.0.1', () => 4000),
    )
    if (!parsed.ok) assert.fail(parsed.problem)
    const { rules } = parsed
    for (const host of [
      '127.0.0.1',
      '127.1',
      '2130706433',
      '0',
      '[::ffff:127.0.0.1]',
      'localhost',
      'localhost.',
    ])
      assert.equal(rules.judgeUrl(`http://${host}:4000/workers/w1/off`).ok, false, host)
    assert.equal(rules.judgeUrl('http://127.0.0.1:4001/').ok, true)
    assert.equal(rules.judgeUrl('http://127.0.0.2:4000/').ok, true)
    const named = new URL('http://me.example:4000/')
    assert.equal(rules.refusalOf(named, '127.0.0.1'), '127.0.0.1:4000 is this server itself')
    assert.equal(rules.refusalOf(named, '10.0.0.1'), undefined)
  })
})
