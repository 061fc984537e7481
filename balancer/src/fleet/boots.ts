/**
 * Which member speaks for which process: two entries of the list may lead to one, and only the first that
 * greeted it has it. Kept by the fleet; members ask at every hello. Says which entries are one too many.
 * Invariant: a boot id belongs to one member, which holds it until its process is surely gone.
 */
import type { Member } from './member.ts'

/** More entries of one process than this are counted instead. */
const TWINS_NAMED = 20

export class Boots {
  readonly #holders = new Map<string, Member>()
  /** Refused because another member speaks for their process, which stands behind each. */
  readonly #twins = new Map<Member, Member>()

  /** Takes the process for the member; the id of the one that has it already, if any. */
  claim(bootId: string, member: Member): string | undefined {
    const holder = this.#holders.get(bootId)
    if (holder && holder !== member && holder.holds(bootId)) {
      this.#twins.set(member, holder)
      return holder.id
    }
    this.#twins.delete(member)
    this.#free(member)
    this.#holders.set(bootId, member)
    return undefined
  }

  /** The member is off the list: what stood behind it is no twin of anybody. */
  dismiss(member: Member): void {
    this.#twins.delete(member)
  }

  /** The member has left: those that were refused for the sake of others may try again. */
  release(member: Member): void {
    this.#free(member)
    for (const twin of this.#twins.keys()) twin.hurry()
    this.#twins.clear()
  }

  /** What a reader of the list should know of it. */
  warnings(): readonly string[] {
    if (this.#twins.size === 0) return NONE
    const twins = [...this.#twins].filter(([{ picture }]) => picture.problem?.status === 'mismatch')
    const shown = twins.slice(0, TWINS_NAMED).map(([{ id }, holder]) => {
      const linked = `it is one worker, linked as "${holder.id}"`
      return `"${id}" and "${holder.id}" lead to one process: ${linked}; take "${id}" out`
    })
    const more = twins.length - shown.length
    return more > 0 ? [...shown, `and ${more} more like these`] : shown
  }

  #free(member: Member): void {
    const bootId = member.picture.report?.bootId
    if (bootId !== undefined && this.#holders.get(bootId) === member) this.#holders.delete(bootId)
  }
}

const NONE: readonly string[] = []
