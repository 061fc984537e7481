/**
 * Who is on the list, and who is on its way out and still finishes what it runs: by the core's key, by the id of
 * the entry, and by the name that outsiders see. Kept by the fleet, which says who comes and goes.
 * Invariant: an id names at most one member, and a leaving one never that of a listed one; keys are never used twice
 * at a time.
 */
import type { WorkerEntry } from '@berth/protocol'
import { renewedKey } from '../ports/worker-key.ts'
import type { Member } from './member.ts'

export class Members {
  /** By id, in the order of the file. */
  #listed = new Map<string, Member>()
  /** By key: listed and leaving ones. */
  readonly #byKey = new Map<string, Member>()
  readonly #leaving = new Set<Member>()
  #renamed = 0

  /** Listed and leaving ones. */
  get size(): number {
    return this.#byKey.size
  }

  get listedCount(): number {
    return this.#listed.size
  }

  all(): Iterable<Member> {
    return this.#byKey.values()
  }

  listed(): Iterable<Member> {
    return this.#listed.values()
  }

  leaving(): Iterable<Member> {
    return this.#leaving
  }

  /**
   * All of them at the first step, each once and with the id that it is shown under: whoever reads on while the list
   * changes sees nobody twice under two names, and misses nobody who was there.
   */
  *shown(): Generator<readonly [member: Member, id: string], void> {
    const listed = [...this.#listed.values()]
    const leaving = [...this.#leaving].map((member) => [member, this.shownId(member)] as const)
    for (const member of listed) yield [member, member.id]
    yield* leaving
  }

  withKey(key: string): Member | undefined {
    return this.#byKey.get(key)
  }

  /** None that leaves. */
  withId(id: string): Member | undefined {
    return this.#listed.get(id)
  }

  /** As it is shown. */
  find(id: string): Member | undefined {
    return this.#listed.get(id) ?? [...this.#leaving].find((member) => this.shownId(member) === id)
  }

  /** A leaving worker whose id another one has now is shown under a name of its own. */
  shownId(member: Member): string {
    const { id, key } = member
    const listed = this.#listed.get(id)
    if (!listed || listed === member) return id
    return key === id ? `${id}#0` : key
  }

  isLeaving(member: Member): boolean {
    return this.#leaving.has(member)
  }

  /** Whoever has the id and the URL of an entry is its member, also on the way out. */
  byPlace(): ReadonlyMap<string, Member> {
    return new Map([...this.#byKey.values()].map((member) => [placeOf(member.picture.entry), member]))
  }

  /** For a member that is made now: its id, unless somebody who leaves has that still. */
  newKey(id: string): string {
    return this.#byKey.has(id) ? renewedKey(id, ++this.#renamed) : id
  }

  /** Found by its key from now on, by its id with the next list. */
  add(member: Member): void {
    this.#byKey.set(member.key, member)
  }

  /** All of these, in this order, are the list. */
  list(members: readonly Member[]): void {
    this.#listed = new Map(members.map((member) => [member.id, member]))
  }

  /** It finishes what it runs; the next list is without it. */
  dismiss(member: Member): void {
    this.#leaving.add(member)
  }

  /** False when it was not on its way out. */
  keep(member: Member): boolean {
    return this.#leaving.delete(member)
  }

  /** It has nothing to finish any more; false when it was not on its way out. */
  release(member: Member): boolean {
    return this.#leaving.delete(member) && this.#byKey.delete(member.key)
  }
}

export function placeOf({ id, url }: WorkerEntry): string {
  return `${id}\n${url}`
}
