/**
 * Which addresses are of the public internet, by the registries of special-purpose addresses (RFC 6890 and what
 * followed it). Asked by `outbound-rules.ts` for every literal in a URL and every address a name resolves to.
 * Invariant: what is not known to be public is not; an IPv4 address inside an IPv6 one is judged as itself.
 */
import { BlockList, isIP, isIPv4 } from 'node:net'

/** Not public, among them 169.254.169.254 and the other addresses where clouds keep a machine's credentials. */
const SPECIAL_V4 = blockListOf('ipv4', [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
])

/** The only part of IPv6 that is given out for the public internet. */
const UNICAST_V6 = blockListOf('ipv6', ['2000::/3'])
/** Within it: protocol assignments (Teredo, benchmarks, ORCHID), documentation, 6to4. */
const SPECIAL_V6 = blockListOf('ipv6', [
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  '2620:4f:8000::/48',
  '3fff::/20',
])

/** Whether packets to it leave for the public internet. False for anything that is no address. */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !SPECIAL_V4.check(address, 'ipv4')
  // A zone names a network of this machine.
  if (isIP(address) !== 6 || address.includes('%')) return false
  const inner = embeddedIpv4(address)
  if (inner !== undefined) return isPublicAddress(inner)
  return UNICAST_V6.check(address, 'ipv6') && !SPECIAL_V6.check(address, 'ipv6')
}

/** The IPv4 address that a mapped (`::ffff:0:0/96`) or NAT64 (`64:ff9b::/96`) address leads to. */
export function embeddedIpv4(address: string): string | undefined {
  const groups = groupsOf(address)
  const prefix = groups.slice(0, 6).join(',')
  if (prefix !== MAPPED && prefix !== NAT64) return undefined
  const [high = 0, low = 0] = groups.slice(6)
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
}

const MAPPED = [0, 0, 0, 0, 0, 0xffff].join(',')
const NAT64 = [0x64, 0xff9b, 0, 0, 0, 0].join(',')

/** The eight groups of an IPv6 address, whichever way it is written. */
function groupsOf(address: string): number[] {
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1)
  const [head = '', tail] = canonical.split('::')
  const parse = (text: string) =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16))
  if (tail === undefined) return parse(head)
  const first = parse(head)
  const last = parse(tail)
  return [...first, ...Array<number>(8 - first.length - last.length).fill(0), ...last]
}

function blockListOf(family: 'ipv4' | 'ipv6', subnets: readonly string[]): BlockList {
  const list = new BlockList()
  for (const subnet of subnets) {
    const [net = '', prefix] = subnet.split('/')
    list.addSubnet(net, Number(prefix), family)
  }
  return list
}
