/**
 * Decides where a request to an address that somebody else named may go: https to public addresses on the usual
 * ports, and whatever the operator has allowed. Asked by `outbound.ts` twice: for the URL as it is given, and for
 * every address its name resolves to as the connection is made.
 * Invariant: a decision is about the URL as the client will read it (the WHATWG parser), never about its text.
 */
import { BlockList, isIP } from 'node:net'
import { embeddedIpv4, isPublicAddress } from './outbound-addresses.ts'
import type { IsOwnAddress } from './own-address.ts'

/** An operator's exception: a host, an address, or a network; on one port, or on all. */
type AllowRule =
  | { readonly host: string; readonly port: number | undefined }
  | { readonly subnet: BlockList; readonly port: number | undefined }

export type ParsedAllow =
  | { readonly ok: true; readonly rules: OutboundRules }
  | { readonly ok: false; readonly problem: string }

export type UrlVerdict =
  | { readonly ok: true; readonly url: URL }
  /** `mayBeAllowed`: an operator could allow it (`WEBHOOK_ALLOW`); else no setting changes it. */
  | { readonly ok: false; readonly reason: string; readonly mayBeAllowed: boolean }

/** Ports on which a public receiver may be expected; any other needs a rule. */
const PUBLIC_PORTS: ReadonlySet<number> = new Set([80, 443, 8080, 8443])

/**
 * Reads `host`, `host:port`, an address with or without port (`[::1]:8080`), and networks (`10.0.0.0/8`). What is
 * allowed may be reached by http too. A host's rule covers whatever addresses the host has, but never one at which
 * this process itself listens (`isOwn`).
 */
export function parseAllow(entries: readonly string[], isOwn?: IsOwnAddress): ParsedAllow {
  const rules: AllowRule[] = []
  for (const entry of entries) {
    const rule = entry.includes('/') ? parseSubnet(entry) : parseHost(entry)
    if (rule === undefined)
      return {
        ok: false,
        problem: `${JSON.stringify(entry)} is no host, host:port or network such as 10.0.0.0/8`,
      }
    rules.push(rule)
  }
  return { ok: true, rules: new OutboundRules(rules, isOwn) }
}

export class OutboundRules {
  readonly #rules: readonly AllowRule[]
  readonly #isOwn: IsOwnAddress

  constructor(rules: readonly AllowRule[] = [], isOwn: IsOwnAddress = () => false) {
    this.#rules = rules
    this.#isOwn = isOwn
  }

  /** What can be known before a name is resolved. The reason is a sentence for whoever gave the URL. */
  judgeUrl(text: string): UrlVerdict {
    const url = URL.parse(text)
    if (!url) return refused('it is no URL')
    if (url.protocol !== 'https:' && url.protocol !== 'http:') return refused(`${url.protocol} is not https`)
    if (url.username !== '' || url.password !== '') return refused('it holds a user name or password')
    const host = hostOf(url)
    if (host === '') return refused('it has no host')
    if (isLocalName(host) && this.#isOwn('127.0.0.1', portOf(url)))
      return refused(`${url.host} is this server itself`)
    if (isIP(host) !== 0) {
      const reason = this.refusalOf(url, host)
      return reason === undefined ? { ok: true, url } : refused(reason, !this.#isOwn(host, portOf(url)))
    }
    if (this.#hasHost(url) || this.#mayLeadToAllowed(url)) return { ok: true, url }
    const reason = schemeProblem(url) ?? (isLocalName(host) ? `${host} is this machine` : undefined)
    return reason === undefined ? { ok: true, url } : refused(reason, true)
  }

  /** Why this URL may not be fetched from this address, undefined when it may. */
  refusalOf(url: URL, address: string): string | undefined {
    if (this.#isOwn(address, portOf(url))) return `${address}:${portOf(url)} is this server itself`
    if (this.#hasHost(url) || this.#hasAddress(address, portOf(url))) return undefined
    return schemeProblem(url) ?? (isPublicAddress(address) ? undefined : `${address} is not a public address`)
  }

  #hasHost(url: URL): boolean {
    const host = hostOf(url)
    const port = portOf(url)
    return this.#rules.some((rule) => 'host' in rule && rule.host === host && (rule.port ?? port) === port)
  }

  #hasAddress(address: string, port: number): boolean {
    // A zone names a network of this machine; no rule can.
    if (address.includes('%')) return false
    const plain = isIP(address) === 6 ? (embeddedIpv4(address) ?? address) : address
    const family = isIP(plain) === 6 ? 'ipv6' : 'ipv4'
    return this.#rules.some(
      (rule) => 'subnet' in rule && (rule.port ?? port) === port && rule.subnet.check(plain, family),
    )
  }

  /** A name may turn out to have an allowed address. */
  #mayLeadToAllowed(url: URL): boolean {
    const port = portOf(url)
    return this.#rules.some((rule) => 'subnet' in rule && (rule.port ?? port) === port)
  }
}

/** Without brackets and without the dot that ends a complete name. */
function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '').replace(/\.+$/, '')
}

function portOf({ port, protocol }: URL): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
}

function isLocalName(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost')
}

function schemeProblem(url: URL): string | undefined {
  if (url.protocol !== 'https:') return 'it is not https'
  return PUBLIC_PORTS.has(portOf(url)) ? undefined : `port ${portOf(url)} is not allowed`
}

function refused(reason: string, mayBeAllowed = false): UrlVerdict {
  return { ok: false, reason, mayBeAllowed }
}

function parseSubnet(entry: string): AllowRule | undefined {
  const match = /^([0-9A-Fa-f:.]+)\/(\d{1,3})$/.exec(entry)
  const net = match?.[1] ?? ''
  const prefix = Number(match?.[2])
  const family = isIP(net)
  if (family === 0 || prefix > (family === 6 ? 128 : 32)) return undefined
  const subnet = new BlockList()
  subnet.addSubnet(net, prefix, family === 6 ? 'ipv6' : 'ipv4')
  return { subnet, port: undefined }
}

function parseHost(entry: string): AllowRule | undefined {
  // A bare IPv6 address has colons of its own.
  const text = isIP(entry) === 6 ? `[${entry}]` : entry
  if (!/^(?:\[[0-9A-Fa-f:.]+\]|[^\s:/?#@*\\[\]]+)(?::\d{1,5})?$/.test(text)) return undefined
  const named = /:(\d{1,5})$/.exec(text)?.[1]
  const url = URL.parse(`http://${text}`)
  if (!url || url.hostname === '' || (named !== undefined && Number(named) > 65_535)) return undefined
  const port = named === undefined ? undefined : Number(named)
  const host = hostOf(url)
  const family = isIP(host)
  if (family === 0) return { host, port }
  const subnet = new BlockList()
  subnet.addAddress(host, family === 6 ? 'ipv6' : 'ipv4')
  return { subnet, port }
}
