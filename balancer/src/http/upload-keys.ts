/**
 * Keys for uploads from the dashboard: a page has a cookie, and with a cookie anything but JSON is refused, so that no
 * other site can make a browser send it. A page that wants to send files or bytes asks for a key, by JSON like any
 * change, and sends it in `Authorization`, where no other site can put one it does not know.
 * Invariants: good for a minute, for tasks alone, and no longer than the session it was made with; at most 200 are
 * alive, and the oldest makes room. Only their hashes are kept, in memory.
 */
import { createHash } from 'node:crypto'
import { type Clock, makeKey, presentedKey } from '@berth/runtime'
import { z } from 'zod'
import { readJsonBody } from './body.ts'
import { plain } from './plain-address.ts'
import { problem } from './problem.ts'
import type { Route, RouteContext } from './routes.ts'
import type { Sessions } from './sessions.ts'

/** A request must begin within it; it may take longer. */
const LIFE_MS = 60_000
const MAX_KEYS = 200
const PREFIX = 'up_'

interface Entry {
  readonly endsAtMs: number
  /** Null: made with a key, which has no end. */
  readonly session: string | null
}

export interface UploadKeysDeps {
  readonly sessions: Pick<Sessions, 'isLive'>
  readonly clock: Clock
}

export class UploadKeys {
  readonly #deps: UploadKeysDeps
  /** By hash, the oldest first. */
  readonly #entries = new Map<string, Entry>()

  constructor(deps: UploadKeysDeps) {
    this.#deps = deps
  }

  make(session: string | null): { readonly key: string; readonly expiresAt: string } {
    const { clock } = this.#deps
    const [oldest] = this.#entries.keys()
    if (oldest !== undefined && this.#entries.size >= MAX_KEYS) this.#entries.delete(oldest)
    const key = `${PREFIX}${makeKey(32)}`
    this.#entries.set(hashOf(key), { endsAtMs: clock.monoMs() + LIFE_MS, session })
    return { key, expiresAt: new Date(clock.wallMs() + LIFE_MS).toISOString() }
  }

  /** Whether a header bears one that is good now. */
  admits(authorization: string | undefined): boolean {
    const key = presentedKey(authorization)
    if (!key?.startsWith(PREFIX)) return false
    const hash = hashOf(key)
    const entry = this.#entries.get(hash)
    if (entry === undefined) return false
    const isOver = this.#deps.clock.monoMs() >= entry.endsAtMs
    const isGood = !isOver && (entry.session === null || this.#deps.sessions.isLive(entry.session))
    if (!isGood) this.#entries.delete(hash)
    return isGood
  }
}

const nothingSchema = z.strictObject({})

export function uploadKeyRoutes(keys: UploadKeys): readonly Route[] {
  return [{ method: 'POST', path: '/upload-keys', policy: 'key', handle: plain((c) => make(c, keys)) }]
}

async function make(c: RouteContext, keys: UploadKeys): Promise<Response> {
  const read = await readJsonBody(c.req.raw, nothingSchema)
  if (!read.ok) return problem(read.error)
  const access = c.get('access')
  return c.json(keys.make(access.kind === 'session' ? access.hash : null), 201)
}

function hashOf(key: string): string {
  return createHash('sha256').update(key).digest('hex')
}
