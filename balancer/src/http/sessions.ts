/**
 * Owns the browsers' sessions: opened by a sign-in, found by the cookie of a request, ended by a sign-out,
 * by 24 hours without use or by 7 days at most. Written through the store, so that they outlive a restart.
 * Invariants: of a cookie only its HMAC-SHA-256 under the key of its role is kept anywhere, so a session is worth
 * nothing once that key is another, and what another key has opened ends at the start, so that it is worth nothing
 * either when the key of before comes back; whoever ends a session, `onEnded` tells it once.
 */
import { createHmac } from 'node:crypto'
import type { Role } from '@berth/protocol'
import { type Clock, makeKey } from '@berth/runtime'
import type { StoredSession, StorePort } from '../ports/store.ts'

const DAY_MS = 86_400_000
export const SESSION_LIMIT_MS = 7 * DAY_MS
export const SESSION_IDLE_MS = DAY_MS
/** A use moves the stored end only when it moves by more than this: no write a request. */
const WRITE_STEP_MS = 3_600_000
const MAX_SESSIONS = 1000
const ROLES: readonly Role[] = ['operator', 'viewer']
/**
 * Sixteen bits tell one key from another (once in 65,536 times they do not), and tell whoever reads the disk too little
 * to find a key by trying.
 */
const MARK_DIGITS = 4

interface Session {
  readonly createdAtMs: number
  /** That of the key it was opened with. */
  readonly role: Role
  usedAtMs: number
  /** The end that the store knows. */
  storedEndMs: number
}

export interface SessionsDeps {
  readonly store: Pick<StorePort, 'apply'>
  readonly stored: readonly StoredSession[]
  readonly clock: Clock
  /** LB_AUTH_KEY and READ_KEY; a role without a key has no sessions. */
  readonly keys: Readonly<Record<Role, string | undefined>>
  /** How many may be alive; the one that was used least recently makes room. Default 1,000. */
  readonly capacity?: number
}

export class Sessions {
  readonly #store: Pick<StorePort, 'apply'>
  readonly #clock: Clock
  readonly #keys: SessionsDeps['keys']
  readonly #capacity: number
  /** Of each key, at the end of the hashes made with it. */
  readonly #marks: Readonly<Record<Role, string>>
  /** By hash, least recently used first. */
  readonly #sessions = new Map<string, Session>()
  readonly #listeners = new Set<(hash: string) => void>()

  constructor(deps: SessionsDeps) {
    this.#store = deps.store
    this.#clock = deps.clock
    this.#keys = deps.keys
    this.#capacity = deps.capacity ?? MAX_SESSIONS
    this.#marks = { operator: markOf(deps.keys.operator), viewer: markOf(deps.keys.viewer) }
    for (const session of deps.stored) this.#load(session)
    this.sweep()
  }

  get size(): number {
    return this.#sessions.size
  }

  /** A new session; `secret` is the cookie's value and is kept nowhere. */
  open(role: Role = 'operator'): {
    readonly secret: string
    readonly hash: string
    readonly expiresAt: string
  } {
    this.sweep()
    while (this.#sessions.size >= this.#capacity) this.#end([...this.#sessions.keys()][0] as string)
    const secret = makeKey(32)
    const hash = this.#hash(secret, role)
    const nowMs = this.#clock.wallMs()
    const session = { createdAtMs: nowMs, role, usedAtMs: nowMs, storedEndMs: 0 }
    this.#sessions.set(hash, session)
    this.#write(hash, session)
    return { secret, hash, expiresAt: toInstant(nowMs + SESSION_LIMIT_MS) }
  }

  /** The live session that a cookie stands for; counts as a use. */
  find(secret: string): { readonly hash: string; readonly role: Role } | undefined {
    for (const role of ROLES) {
      if (this.#keys[role] === undefined) continue
      const hash = this.#hash(secret, role)
      if (this.#touch(hash)?.role === role) return { hash, role }
    }
    return undefined
  }

  /** Counts as a use of a session; false, and nothing else, when it has ended. */
  touch(hash: string): boolean {
    return this.#touch(hash) !== undefined
  }

  #touch(hash: string): Session | undefined {
    const session = this.#live(hash)
    if (session === undefined) return undefined
    session.usedAtMs = this.#clock.wallMs()
    this.#sessions.delete(hash)
    this.#sessions.set(hash, session)
    if (endOf(session) - session.storedEndMs > WRITE_STEP_MS) this.#write(hash, session)
    return session
  }

  isLive(hash: string): boolean {
    return this.#live(hash) !== undefined
  }

  /** When a live session began and ends at the latest, as instants. */
  lifeOf(hash: string): { readonly createdAt: string; readonly expiresAt: string } | undefined {
    const session = this.#live(hash)
    if (session === undefined) return undefined
    const { createdAtMs } = session
    return { createdAt: toInstant(createdAtMs), expiresAt: toInstant(createdAtMs + SESSION_LIMIT_MS) }
  }

  /** Ends a session; one that has ended already stays so. */
  close(hash: string): void {
    if (this.#sessions.has(hash)) this.#end(hash)
  }

  /** Calls back with the hash of every session that ends; returns what ends the calls. */
  onEnded(listener: (hash: string) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Ends what has expired. */
  sweep(): void {
    for (const hash of [...this.#sessions.keys()]) this.#live(hash)
  }

  #live(hash: string): Session | undefined {
    const session = this.#sessions.get(hash)
    if (session === undefined || this.#clock.wallMs() < endOf(session)) return session
    this.#end(hash)
    return undefined
  }

  #end(hash: string): void {
    this.#sessions.delete(hash)
    this.#store.apply([{ kind: 'session-closed', hash }])
    for (const listener of this.#listeners) listener(hash)
  }

  #hash(secret: string, role: Role): string {
    return `${hmac(this.#keys[role], secret)}${this.#marks[role]}`
  }

  #write(hash: string, session: Session): void {
    session.storedEndMs = endOf(session)
    const createdAt = toInstant(session.createdAtMs)
    const stored = { hash, createdAt, expiresAt: toInstant(session.storedEndMs), role: session.role }
    this.#store.apply([{ kind: 'session-opened', session: stored }])
  }

  #load({ hash, createdAt, expiresAt, role }: StoredSession): void {
    const createdAtMs = Date.parse(createdAt)
    const storedEndMs = Date.parse(expiresAt)
    if (Number.isNaN(createdAtMs) || Number.isNaN(storedEndMs)) return
    this.#sessions.set(hash, { createdAtMs, role, usedAtMs: storedEndMs - SESSION_IDLE_MS, storedEndMs })
    if (this.#keys[role] === undefined || !hash.endsWith(this.#marks[role])) this.#end(hash)
  }
}

function hmac(key: string | undefined, text: string): string {
  return createHmac('sha256', key ?? '')
    .update(text)
    .digest('hex')
}

/** Behind a dot, which nothing has that was written before there were marks. */
function markOf(key: string | undefined): string {
  return `.${hmac(key, 'whose sessions these are').slice(0, MARK_DIGITS)}`
}

function endOf(session: Session): number {
  return Math.min(session.createdAtMs + SESSION_LIMIT_MS, session.usedAtMs + SESSION_IDLE_MS)
}

function toInstant(ms: number): string {
  return new Date(ms).toISOString()
}
