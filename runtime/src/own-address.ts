/**
 * Tells whether an address is one at which this very process listens, so that nobody sends it to itself. Asked by
 * `outbound-rules.ts` as a connection is made; no rule of an operator lifts it.
 * Invariant: when it cannot be known which addresses the host stands for, all of this machine's are taken for own.
 */
import { BlockList, isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { embeddedIpv4 } from './outbound-addresses.ts'

export type IsOwnAddress = (address: string, port: number) => boolean

/** `port` is asked each time: it may not be known before the process listens. */
export function createOwnAddress(host: string, port: () => number): IsOwnAddress {
  return (address, asked) => asked === port() && isAnyOf(addressesOf(host), plainOf(address))
}

const LOOPBACK = ['127.0.0.1', '::1']
/** A connection to one of these goes to this machine. */
const UNSPECIFIED = ['0.0.0.0', '::']

function addressesOf(host: string): string[] {
  const plain = plainOf(host.replace(/^\[|\]$/g, ''))
  if (plain === 'localhost') return [...LOOPBACK, ...UNSPECIFIED]
  if (isIP(plain) === 0 || isAnyOf(UNSPECIFIED, plain)) return addressesOfMachine()
  return isAnyOf(LOOPBACK, plain) ? [plain, ...UNSPECIFIED] : [plain]
}

function addressesOfMachine(): string[] {
  const found = Object.values(networkInterfaces()).flatMap((addresses = []) => addresses)
  return ['127.0.0.0/8', ...LOOPBACK, ...UNSPECIFIED, ...found.map(({ address }) => plainOf(address))]
}

function isAnyOf(addresses: readonly string[], address: string): boolean {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  if (isIP(address) === 0) return false
  const list = new BlockList()
  for (const own of addresses) {
    const [net = '', prefix] = own.split('/')
    if (isIP(net) === 0) continue
    if (prefix === undefined) list.addAddress(net, isIP(net) === 6 ? 'ipv6' : 'ipv4')
    else list.addSubnet(net, Number(prefix), isIP(net) === 6 ? 'ipv6' : 'ipv4')
  }
  return list.check(address, family)
}

/** Without a zone, and an IPv4 address within an IPv6 one as itself. */
function plainOf(address: string): string {
  const bare = address.replace(/%.*$/, '')
  return isIP(bare) === 6 ? (embeddedIpv4(bare) ?? bare) : bare
}
