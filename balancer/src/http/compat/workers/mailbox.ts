/**
 * The mail address of a worker, `w-<id>.<mac>@EMAIL_DOMAIN`, and back. Pure. Who has the address may write: the mac is
 * the right to do so, so that an address cannot be made up from an id, which is no secret.
 * Invariants: lower case, a local part of at most 64 characters (RFC 5321); macs are compared in constant time.
 */
import { createHmac } from 'node:crypto'
import { sameKey } from '@berth/runtime'

/** 130 bits of SHA-256 in base32. */
const MAC_CHARACTERS = 26
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
const PREFIX = 'w-'
const MOST_LOCAL = 64
/** What is the same in lower case, and needs no quotes in an address. */
const SIMPLE_ID = /^[a-z0-9][a-z0-9_-]*$/

export class Mailboxes {
  readonly #domain: string
  readonly #secret: string

  /** `secret`: of DATA_DIR, at least 32 bytes as text. */
  constructor(domain: string, secret: string) {
    this.#domain = domain.toLowerCase()
    this.#secret = secret
  }

  /** Undefined for an id that no address can hold. */
  addressOf(id: string): string | undefined {
    const local = `${PREFIX}${id}.${this.#macOf(id)}`
    return SIMPLE_ID.test(id) && local.length <= MOST_LOCAL ? `${local}@${this.#domain}` : undefined
  }

  /** Whose address it is; undefined for one that none of ours is. Case does not matter. */
  workerOf(address: string): string | undefined {
    const [local = '', domain, ...more] = address.toLowerCase().split('@')
    const at = local.lastIndexOf('.')
    if (domain !== this.#domain || more.length > 0 || at < 0 || !local.startsWith(PREFIX)) return undefined
    const id = local.slice(PREFIX.length, at)
    return SIMPLE_ID.test(id) && sameKey(local.slice(at + 1), this.#macOf(id)) ? id : undefined
  }

  #macOf(id: string): string {
    const digest = createHmac('sha256', this.#secret).update(`worker ${id}`).digest()
    let bits = 0n
    for (const byte of digest) bits = (bits << 8n) | BigInt(byte)
    let mac = ''
    for (let n = 0; n < MAC_CHARACTERS; n++) {
      mac += ALPHABET[Number(bits & 31n)]
      bits >>= 5n
    }
    return mac
  }
}
