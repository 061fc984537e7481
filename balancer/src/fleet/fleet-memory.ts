/**
 * What is remembered of workers by their ids, over restarts of this process: an operator's decisions and what
 * each served last. Kept by the fleet; every change goes to the store as it is made here.
 * Invariant: an id that is neither listed nor leaving is not remembered.
 */
import type { Clock } from '@berth/runtime'
import type { KnownWorker, MaintenanceIntent, StoreContents, StoreWrite } from '../ports/store.ts'
import type { Interfaces } from './interfaces.ts'
import type { Member } from './member.ts'

export interface FleetMemoryOptions {
  readonly contents: Pick<StoreContents, 'intents' | 'workers'>
  readonly interfaces: Pick<Interfaces, 'get'>
  readonly clock: Clock
  readonly remember: (write: StoreWrite) => void
}

export class FleetMemory {
  readonly #options: FleetMemoryOptions
  readonly #intents: Map<string, MaintenanceIntent>
  /** What each worker served last, also before this process. */
  readonly #known: Map<string, KnownWorker>

  constructor(options: FleetMemoryOptions) {
    const { intents, workers } = options.contents
    this.#options = options
    this.#intents = new Map(intents.map((intent) => [intent.worker, intent]))
    this.#known = new Map(workers.map((known) => [known.worker, known]))
  }

  intent(id: string): MaintenanceIntent | undefined {
    return this.#intents.get(id)
  }

  setIntent(intent: MaintenanceIntent): void {
    this.#intents.set(intent.worker, intent)
    this.#options.remember(intentWrite(intent.worker, intent))
  }

  clearIntent(id: string): void {
    this.#intents.delete(id)
    this.#options.remember(intentWrite(id, undefined))
  }

  /** What the worker serves now; as old as the first time that it served just this. */
  note(now: KnownWorker): void {
    const past = this.#known.get(now.worker)
    const isSame =
      past?.interfaceHash === now.interfaceHash && past.group === now.group && past.contract === now.contract
    const known = isSame ? { ...now, seenAt: past.seenAt } : now
    this.#known.set(known.worker, known)
    this.#options.remember({ kind: 'worker-known', known })
  }

  /** Forgets every id that is not listed any more. */
  keepOnly(listed: ReadonlyMap<string, unknown>): void {
    const { remember } = this.#options
    for (const id of [...this.#known.keys(), ...this.#intents.keys()]) {
      if (listed.has(id)) continue
      if (this.#known.delete(id)) remember({ kind: 'worker-forgotten', worker: id })
      if (this.#intents.delete(id)) remember({ kind: 'intent-cleared', worker: id })
    }
  }

  /** A new member hears what is remembered of its id. */
  tell(member: Member): void {
    member.picture.intent = this.#intents.get(member.id)
    const past = this.#known.get(member.id)
    const { interfaces, clock } = this.#options
    const known = past && interfaces.get(past.interfaceHash)
    if (!known) return
    const { group, contract, seenAt } = past
    const servedMs = Math.max(0, clock.wallMs() - Date.parse(seenAt))
    member.recall({ group, contract, sinceAt: clock.monoMs() - servedMs }, known)
  }

  /** The member was on its way out, and forgotten. */
  rememberAgain(member: Member): void {
    const { intent, report } = member.picture
    if (intent) this.setIntent(intent)
    if (!report) return
    const { group, contract, interfaceHash } = report
    const seenAt = new Date(this.#options.clock.wallMs()).toISOString()
    this.note({ worker: member.id, group, contract, interfaceHash, seenAt })
  }
}

/** What the store is told of an intent, or of none. */
export function intentWrite(worker: string, intent: MaintenanceIntent | undefined): StoreWrite {
  return intent ? { kind: 'intent-set', intent } : { kind: 'intent-cleared', worker }
}
