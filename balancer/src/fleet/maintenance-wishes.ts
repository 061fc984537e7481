/**
 * What operators wish of the maintenance of listed workers: planned for whoever writes first, carried out, ended by
 * itself. Kept by the fleet, asked by the routes through it.
 * Invariant: a wish is remembered before its member hears of it, and what workers.json says is not overruled.
 */
import type { TaskError, WorkerEntry } from '@berth/protocol'
import type { Clock, Log } from '@berth/runtime'
import type { MaintenanceWish, Planned, Wished } from '../ports/fleet.ts'
import type { MaintenanceIntent } from '../ports/store.ts'
import { type FleetMemory, intentWrite } from './fleet-memory.ts'
import type { Member } from './member.ts'
import type { Members } from './members.ts'

export interface MaintenanceWishesOptions {
  readonly members: Members
  readonly memory: FleetMemory
  readonly clock: Clock
  readonly log: Log
}

export class MaintenanceWishes {
  readonly #options: MaintenanceWishesOptions

  constructor(options: MaintenanceWishesOptions) {
    this.#options = options
  }

  intent(id: string): MaintenanceIntent | undefined {
    return this.#options.memory.intent(id)
  }

  plan(id: string, wish: MaintenanceWish): Planned {
    const error = this.#refusal(id, wish)
    if (error) return { ok: false, error }
    return {
      ok: true,
      writes: [intentWrite(id, this.#wishedIntent(id, wish))],
      undo: [intentWrite(id, this.intent(id))],
    }
  }

  set(id: string, wish: MaintenanceWish): Wished {
    const { members, memory } = this.#options
    const error = this.#refusal(id, wish)
    const member = members.withId(id)
    if (error || !member) return { ok: false, error: error ?? unknownWorker(id) }
    const wished = this.#wishedIntent(id, wish)
    if (wished) memory.setIntent(wished)
    else memory.clearIntent(id)
    member.intend(wished, !wished)
    return { ok: true, worker: member.portrait.view }
  }

  /** Its `until` has come. */
  end(member: Member): void {
    const { memory, log } = this.#options
    memory.clearIntent(member.id)
    log.info('maintenance ended by itself', { worker: member.id })
    member.intend(undefined, false)
  }

  #refusal(id: string, { on }: MaintenanceWish): TaskError | undefined {
    const { members } = this.#options
    const member = members.withId(id)
    if (!member) return members.find(id) ? isLeaving(id) : unknownWorker(id)
    const { entry } = member.picture
    return !on && entry.maintenance ? saidByFile(entry) : undefined
  }

  /** A maintenance that is changed goes on: it is as old as it was. */
  #wishedIntent(id: string, wish: MaintenanceWish): MaintenanceIntent | undefined {
    if (!wish.on) return undefined
    const { reason, until, deadline = null, by = null } = wish
    const since = this.intent(id)?.since ?? new Date(this.#options.clock.wallMs()).toISOString()
    return { worker: id, reason, since, until, deadline, by }
  }
}

export function unknownWorker(id: string): TaskError {
  return { code: 'NOT_FOUND', detail: `There is no worker "${id}". GET /workers lists them.` }
}

function isLeaving(id: string): TaskError {
  const detail = `"${id}" is no longer in workers.json: it finishes what it runs and takes nothing new.`
  return { code: 'CONFLICT', detail }
}

function saidByFile({ id, maintenanceLine }: WorkerEntry): TaskError {
  const place = maintenanceLine === undefined ? '' : ` in line ${maintenanceLine}`
  const detail = `workers.json says "maintenance": true for "${id}"${place}. Take it out there; the file is watched.`
  return { code: 'CONFLICT', detail }
}
