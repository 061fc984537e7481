/**
 * Owns the bounds on open connections. Kept by server.ts, which tells it of every connection and of every head
 * of a request that is complete.
 * Invariants: of connections from one address that have never sent a whole head at most so many are open
 * beyond a moment's burst; the oldest go first, so that those who dribble make room for those who speak; beyond `open` connections
 * further ones are `surplus`, which the server answers only as far as an operator needs it, and those that
 * idle are closed; a little further on nobody is let in at all.
 */
import { readFileSync } from 'node:fs'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

export interface ConnectionLimits {
  /** Open at once, in all. */
  readonly open: number
  /** Open at once from one address without ever having sent a whole head. */
  readonly silent: number
  /** Who is younger is no dribbler yet: a burst of good callers is let in before any of them is read. */
  readonly graceMs: number
}

/** More of the silent than wait in the system's own line at once, so that a burst of good callers passes. */
export const CONNECTION_LIMITS: ConnectionLimits = {
  open: 16_384,
  silent: 1_024,
  graceMs: 2_000,
}

/** The limits where a process may have so many files open: links, the store and the log need some, too. */
export function limitConnections(descriptors: number | undefined): ConnectionLimits {
  const { open, silent, graceMs } = CONNECTION_LIMITS
  const most = Math.min(open, Math.floor((descriptors ?? Number.POSITIVE_INFINITY) * FOR_CALLERS))
  return { open: most, silent: Math.min(silent, most), graceMs }
}

/** Files that this process may have open; undefined where the system does not say. */
export function readDescriptorLimit(path = '/proc/self/limits'): number | undefined {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync(path, 'utf8')) ?? []
    return soft === undefined ? undefined : Number(soft)
  } catch {
    return undefined
  }
}

const FOR_CALLERS = 0.75
/** Over the limit, for operators and for short refusals: so many, or a sixteenth where that is less, 16 at least. */
const SURPLUS = 512
const CLEARING_MS = 1_000
/** How long a client may go on sending after its last answer. */
const LINGER_MS = 5_000

export class Connections {
  readonly #limits: ConnectionLimits
  readonly #open = new Set<Socket>()
  readonly #surplus = new WeakSet<Duplex>()
  readonly #upgraded = new WeakSet<Duplex>()
  readonly #isBusy: (socket: Duplex) => boolean
  /** Those of each address that have not sent a whole head, the oldest first, and since when they are here. */
  readonly #silentByAddress = new Map<string, Map<Duplex, number>>()
  readonly #silent = new Map<Duplex, string>()
  #clearedAt = Number.NEGATIVE_INFINITY
  #accepted = 0
  #acceptedAt = Number.NEGATIVE_INFINITY
  #trimming: NodeJS.Timeout | undefined

  /** `isBusy` tells whether an answer is under way on a connection. */
  constructor(server: Server, limits: ConnectionLimits, isBusy: (socket: Duplex) => boolean) {
    this.#limits = limits
    this.#isBusy = isBusy
    server.maxConnections = limits.open + Math.min(SURPLUS, Math.max(16, Math.ceil(limits.open / 16)))
  }

  get count(): number {
    return this.#open.size
  }

  get open(): Iterable<Socket> {
    return this.#open
  }

  /** Let in since the start. */
  get accepted(): number {
    return this.#accepted
  }

  /** Somebody who was let in less than so long ago may not have sent a whole head yet. */
  hasNewcomer(withinMs: number): boolean {
    return this.#silent.size > 0 && performance.now() - this.#acceptedAt < withinMs
  }

  add(socket: Socket): void {
    this.#accepted++
    this.#acceptedAt = performance.now()
    this.#open.add(socket)
    socket.once('close', () => {
      this.#open.delete(socket)
      this.noteHead(socket)
    })
    endGently(socket)
    this.#await(socket)
    if (this.#open.size <= this.#limits.open) return
    this.#surplus.add(socket)
    this.#clear()
  }

  /** It has sent a whole head, or has gone. */
  noteHead(socket: Duplex): void {
    const address = this.#silent.get(socket)
    if (address === undefined) return
    this.#silent.delete(socket)
    const others = this.#silentByAddress.get(address)
    others?.delete(socket)
    if (others?.size === 0) this.#silentByAddress.delete(address)
  }

  /** It is no HTTP any more. */
  noteUpgrade(socket: Duplex): void {
    this.noteHead(socket)
    this.#upgraded.add(socket)
  }

  isSurplus(socket: Duplex): boolean {
    return this.#surplus.has(socket)
  }

  destroyAll(): void {
    clearTimeout(this.#trimming)
    for (const socket of this.#open) socket.destroy()
  }

  #await(socket: Socket): void {
    const address = socket.remoteAddress ?? ''
    const silent = this.#silentByAddress.get(address) ?? new Map<Duplex, number>()
    const now = performance.now()
    this.#silentByAddress.set(address, silent.set(socket, now))
    this.#silent.set(socket, address)
    this.#trim(silent, now)
  }

  /** The oldest go until the bound is kept; those within their grace may stay until that is over. */
  #trim(silent: Map<Duplex, number>, now: number): void {
    const { silent: most, graceMs } = this.#limits
    for (const [oldest, sinceMs] of silent) {
      if (silent.size <= most) return
      if (now - sinceMs < graceMs) return this.#trimIn(sinceMs + graceMs - now)
      this.noteHead(oldest)
      oldest.destroy()
    }
  }

  #trimIn(ms: number): void {
    this.#trimming ??= setTimeout(() => {
      this.#trimming = undefined
      const now = performance.now()
      for (const silent of this.#silentByAddress.values()) this.#trim(silent, now)
    }, Math.ceil(ms)).unref()
  }

  #clear(): void {
    const now = performance.now()
    if (now < this.#clearedAt + CLEARING_MS) return
    this.#clearedAt = now
    for (const socket of this.#open)
      if (!this.#silent.has(socket) && !this.#upgraded.has(socket) && !this.#isBusy(socket)) socket.destroy()
  }
}

/**
 * Node closes a connection right behind its last answer. A client that is still sending its body then gets a
 * reset, and may lose the answer; so the end is only said, and what still comes is read and dropped for a while.
 */
function endGently(socket: Socket): void {
  socket.destroySoon = () => {
    if (socket.destroyed) return
    if (socket.writable) socket.end()
    const timer = setTimeout(() => socket.destroy(), LINGER_MS)
    timer.unref()
    socket.once('close', () => clearTimeout(timer))
    if (socket.readableEnded) socket.once('finish', () => socket.destroy())
    else socket.once('end', () => socket.destroy())
    socket.resume()
  }
}
