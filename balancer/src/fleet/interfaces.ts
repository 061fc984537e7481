/**
 * The interfaces of the fleet by their hash: kept once however many workers share one, filled from
 * the store at start and from workers that answer. A hash is believed only when it fits the content.
 * Bounded: beyond a thousand, those that no worker has are forgotten and would be asked for again.
 */
import { createHash } from 'node:crypto'
import { canonicalJson, type FunctionInterface } from '@berth/protocol'
import type { FunctionFacts } from '../ports/workforce.ts'
import { contentTextOf } from './compatibility/interface-difference.ts'

export interface KnownInterface {
  readonly hash: string
  /** Equal where only texts and orders differ. */
  readonly content: string
  readonly functions: readonly FunctionInterface[]
  /** What the core needs, by name. */
  readonly facts: ReadonlyMap<string, FunctionFacts>
  readonly names: readonly string[]
  readonly declared: ReadonlyMap<string, FunctionInterface>
}

const KEPT = 1_000

export class Interfaces {
  readonly #byHash = new Map<string, KnownInterface>()
  readonly #listUsed: () => Iterable<KnownInterface>
  #pruneAt = KEPT
  /** Some function of any interface that was ever seen runs in the background by itself. */
  hasBackground = false

  /** `listUsed` names those that must stay. */
  constructor(listUsed: () => Iterable<KnownInterface>) {
    this.#listUsed = listUsed
  }

  get size(): number {
    return this.#byHash.size
  }

  get(hash: string): KnownInterface | undefined {
    return this.#byHash.get(hash)
  }

  /** Takes what the store remembers; it was checked when it came. */
  restore(hash: string, functions: readonly FunctionInterface[]): KnownInterface {
    const known = this.#byHash.get(hash) ?? describe(hash, functions)
    this.#byHash.set(hash, known)
    this.hasBackground ||= functions.some(({ background }) => background)
    return known
  }

  /** Takes what a worker answered; undefined when it does not have the hash it is announced under. */
  learn(hash: string, functions: readonly FunctionInterface[]): KnownInterface | undefined {
    const actual = digest(canonicalJson(functions))
    if (actual !== hash) return undefined
    if (this.#byHash.size >= this.#pruneAt) this.#prune()
    return this.restore(hash, functions)
  }

  #prune(): void {
    const used = new Set([...this.#listUsed()].map(({ hash }) => hash))
    for (const hash of this.#byHash.keys()) if (!used.has(hash)) this.#byHash.delete(hash)
    this.#pruneAt = Math.max(KEPT, 2 * this.#byHash.size)
  }
}

function describe(hash: string, functions: readonly FunctionInterface[]): KnownInterface {
  const facts = new Map<string, FunctionFacts>()
  for (const { name, slots, idempotent, maxRetries, backoff, supportsStreaming } of functions)
    facts.set(name, { slots, idempotent, maxRetries, backoff, supportsStreaming })
  const content = digest(contentTextOf(functions))
  const declared = new Map(functions.map((declared) => [declared.name, declared]))
  return { hash, content, functions, facts, names: [...facts.keys()], declared }
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
