/** Fault cases H10 and H13: which URLs and addresses a request that somebody else named may reach. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { embeddedIpv4, isPublicAddress } from './outbound-addresses.ts'
import { OutboundRules, parseAllow } from './outbound-rules.ts'

const NONE = new OutboundRules()

function allow(...entries: string[]): OutboundRules {
  const parsed = parseAllow(entries)
  if (!parsed.ok) assert.fail(parsed.problem)
  return parsed.rules
}

const isRefused = (url: string, rules = NONE) => !rules.judgeUrl(url).ok

describe('isPublicAddress', () => {
  it('knows the special ranges, their ends and their neighbours', () => {
    const special = [
      '0.0.0.0',
      '0.255.255.255',
      '10.0.0.1',
      '100.64.0.1',
      '100.127.255.255',
      '100.100.100.200',
      '127.0.0.1',
      '127.255.255.254',
      '168.63.129.16',
      '169.254.169.254',
      '172.16.0.1',
      '172.31.255.255',
      '192.0.0.192',
      '192.0.2.1',
      '192.168.255.255',
      '198.18.0.1',
      '198.19.255.255',
      '198.51.100.7',
      '203.0.113.9',
      '224.0.0.1',
      '239.255.255.255',
      '240.0.0.1',
      '255.255.255.255',
    ]
    for (const address of special) assert.equal(isPublicAddress(address), false, address)
    const open = [
      '1.1.1.1',
      '9.255.255.255',
      '11.0.0.0',
      '100.63.255.255',
      '100.128.0.0',
      '126.255.255.255',
      '128.0.0.0',
      '169.253.255.255',
      '172.15.255.255',
      '172.32.0.0',
      '192.167.255.255',
      '198.20.0.0',
      '223.255.255.255',
    ]
    for (const address of open) assert.equal(isPublicAddress(address), true, address)
  })

  it('judges IPv6 by what is given out, and an IPv4 inside by itself', () => {
    const special = [
      '::',
      '::1',
      'fe80::1',
      'fe80::1%lo',
      'fc00::1',
      'fd00::',
      'fd00:ec2::254',
      'ff02::1',
      '2001:db8::1',
      '2001::1',
      '2002:7f00:1::',
      '2002:808:808::',
      '3fff::1',
      '5f00::1',
      '100::1',
      '64:ff9b:1::1',
      '::ffff:127.0.0.1',
      '::ffff:a00:1',
      '::FFFF:169.254.169.254',
      '64:ff9b::7f00:1',
      '64:ff9b::10.0.0.1',
      '::127.0.0.1',
      'fec0::1',
      '4000::1',
    ]
    for (const address of special) assert.equal(isPublicAddress(address), false, address)
    for (const address of ['2606:4700::1111', '2a00:1450::1', '::ffff:8.8.8.8', '64:ff9b::808:808'])
      assert.equal(isPublicAddress(address), true, address)
    for (const address of ['', 'localhost', '1.2.3', '0x7f.1', '1.2.3.4/8'])
      assert.equal(isPublicAddress(address), false, address)
  })

  it('reads the inner address however the outer one is written', () => {
    assert.equal(embeddedIpv4('0:0:0:0:0:FFFF:7F00:0001'), '127.0.0.1')
    assert.equal(embeddedIpv4('64:ff9b::1.2.3.4'), '1.2.3.4')
    assert.equal(embeddedIpv4('2001:db8::1'), undefined)
  })
})

describe('judgeUrl', () => {
  it('H10: reads the host as the client will, in all its spellings', () => {
    const hosts = [
      '127.1',
      '2130706433',
      '0x7f.1',
      '0177.0.0.1',
      '①②⑦.⓪.⓪.①',
      '0',
      '[::]',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '[64:ff9b::7f00:1]',
      '[2002:7f00:1::]',
      '169.254.169.254',
      '[fd00::1]',
      '100.64.0.1',
      'localhost',
      'localhost.',
      'LOCALHOST',
      'a.localhost',
      '127.0.0.1.',
      '127%2e0%2e0%2e1',
      '[fe80::1]',
      '192.168.0.1',
      '[::ffff:a9fe:a9fe]',
    ]
    for (const host of hosts)
      for (const scheme of ['https', 'http'])
        assert.ok(isRefused(`${scheme}://${host}/hook`), `${scheme}://${host}`)
  })

  it('lets https to public hosts through, and nothing but https', () => {
    assert.equal(isRefused('https://example.com/hook?a=1'), false)
    assert.equal(isRefused('https://1.1.1.1/'), false)
    assert.equal(isRefused('https://[2606:4700::1111]/'), false)
    for (const url of [
      'http://example.com',
      'ftp://example.com',
      'file:///etc/passwd',
      'gopher://example.com',
      'data:,x',
      'https://user:pass@example.com',
      'https://u@example.com',
      'https://',
      'example.com',
      '',
      '//x',
    ])
      assert.ok(isRefused(url), url)
  })

  it('H13: knows the ports of receivers', () => {
    for (const port of [80, 443, 8080, 8443]) assert.equal(isRefused(`https://example.com:${port}/`), false)
    for (const port of [0, 1, 22, 25, 5432, 6379, 9200, 65535, 65536])
      assert.ok(isRefused(`https://example.com:${port}/`), String(port))
  })

  it('says why', () => {
    const reasonOf = (url: string) => {
      const verdict = NONE.judgeUrl(url)
      return verdict.ok ? '' : verdict.reason
    }
    assert.equal(reasonOf('https://127.1/'), '127.0.0.1 is not a public address')
    assert.equal(reasonOf('http://example.com/'), 'it is not https')
    assert.equal(reasonOf('https://example.com:22/'), 'port 22 is not allowed')
  })
})

describe('WEBHOOK_ALLOW', () => {
  it('lifts scheme, port and address for a host, and for no other', () => {
    const rules = allow('hooks.internal', 'other:8081')
    assert.equal(isRefused('http://hooks.internal:9999/x', rules), false)
    assert.equal(isRefused('http://HOOKS.internal./x', rules), false)
    assert.equal(isRefused('http://a.hooks.internal/', rules), true)
    assert.equal(isRefused('http://other:8081/', rules), false)
    assert.equal(isRefused('http://other:8082/', rules), true)
    assert.equal(rules.refusalOf(new URL('http://hooks.internal/'), '10.0.0.1'), undefined)
    assert.ok(rules.refusalOf(new URL('http://other:8082/'), '10.0.0.1'))
  })

  it('lifts them for addresses and networks, literal or resolved', () => {
    const rules = allow('127.0.0.0/8', '[::1]:8080', '10.1.2.3', 'fd00::/8')
    assert.equal(isRefused('http://127.1:1234/', rules), false)
    assert.equal(isRefused('http://[::ffff:127.0.0.1]:1/', rules), false)
    assert.equal(isRefused('http://[::1]:8080/', rules), false)
    assert.equal(isRefused('http://[::1]:8081/', rules), true)
    assert.equal(isRefused('http://10.1.2.3/', rules), false)
    assert.equal(isRefused('http://10.1.2.4/', rules), true)
    assert.equal(isRefused('http://[fd00::9]/', rules), false)
    // A name is decided by its addresses.
    const named = new URL('http://name.example/')
    assert.equal(isRefused(named.href, rules), false)
    assert.equal(rules.refusalOf(named, '127.0.0.1'), undefined)
    assert.ok(rules.refusalOf(named, '8.8.8.8'))
    assert.ok(rules.refusalOf(named, '192.168.0.1'))
    assert.ok(rules.refusalOf(named, 'fd00::1%lo'))
    assert.equal(rules.refusalOf(new URL('https://name.example/'), '8.8.8.8'), undefined)
  })

  it('refuses what it cannot read', () => {
    for (const entry of [
      '*',
      '*.example.com',
      '10.0.0.0/33',
      '::/129',
      '10.0.0.0/',
      'a b',
      'a:99999',
      'http://a',
      '[::1',
      'a/b',
      'u@h',
      '',
    ])
      assert.equal(parseAllow([entry]).ok, false, entry)
    const parsed = parseAllow(['fine', 'a b'])
    assert.match(parsed.ok ? '' : parsed.problem, /"a b" is no host/)
  })
})
