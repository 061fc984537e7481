/**
 * Who can serve what: workers sorted into classes, lanes bound to the classes that serve them. Kept
 * by the scheduler; changes only when a worker's interface, tags or group change, when a lane with
 * a new tag key appears, or when either leaves, never for a task on a known lane.
 */
import type { CompiledSelector, Tags, TagValue } from '@berth/protocol'
import type { FunctionFacts } from '../ports/workforce.ts'
import { Lane, type LaneNeeds, laneKey } from './lane.ts'
import { PlainLanes } from './plain-lanes.ts'
import { FunctionTimes } from './service-times.ts'
import { Tallies } from './tally.ts'
import type { Worker } from './worker.ts'
import { WorkerClass } from './worker-class.ts'

/** Of a function that nobody in the list serves. */
const UNKNOWN_FACTS: FunctionFacts = { slots: 1, idempotent: null, maxRetries: 0 }
/** Keys that no lane mentions any more stay indexed up to this many: most come back soon. */
const MAX_IDLE_TAG_KEYS = 32

export class Directory {
  readonly lanes = new Map<string, Lane>()
  readonly tallies = new Tallies()
  readonly #classes = new Map<string, WorkerClass>()
  /** Tag keys that live lanes mention, with the number of lanes. */
  readonly #tagKeys = new Map<string, number>()
  /** Group and function to the default contract; emptied by every change of the fleet. */
  readonly #contracts = new Map<string, number>()
  readonly #plain = new PlainLanes()
  /** What an operator set, by group and function; the function is '' for all of the group. */
  readonly #setContracts = new Map<string, number>()
  readonly #workers = new Map<string, Worker>()
  /** By group, contract and function; one for all its lanes. */
  readonly #times = new Map<string, FunctionTimes>()
  /** By group: nobody who serves without a break began before. */
  readonly #servesSince = new Map<string, number>()
  readonly #random: () => number

  readonly #comparesSpeed: boolean

  constructor(random: () => number, comparesSpeed = true) {
    this.#random = random
    this.#comparesSpeed = comparesSpeed
  }

  worker(id: string): Worker | undefined {
    return this.#workers.get(id)
  }

  get classes(): Iterable<WorkerClass> {
    return this.#classes.values()
  }

  /** Puts a worker into the class that its present facts ask for. */
  sort(worker: Worker): void {
    this.#workers.set(worker.id, worker)
    const key = this.#classKey(worker)
    this.#forget()
    if (worker.class?.key === key) return
    // It may bring its time of service along from another group.
    if (worker.servingSinceAt !== undefined) this.#servesSince.clear()
    this.#unsort(worker)
    this.#classFor(key, worker).join(worker)
  }

  remove(worker: Worker): void {
    worker.forgetService()
    this.#workers.delete(worker.id)
    this.#forget()
    this.#unsort(worker)
  }

  /** Slots or service of some worker changed: the default contract may have too. */
  forgetContracts(): void {
    this.#forget()
  }

  #forget(): void {
    this.#contracts.clear()
    this.#plain.clear()
  }

  /** The lane of a task that may name no contract, for which the default one counts. */
  laneOf(wanted: Omit<LaneNeeds, 'contract'> & { readonly contract?: number | undefined }): Lane | undefined {
    const { group, function: name, selector } = wanted
    const isPlain = wanted.contract === undefined && selector.key === ''
    const known = isPlain ? this.#plain.get(group, name) : undefined
    if (known && known.classes.size > 0) return known
    const contract = wanted.contract ?? this.defaultContract(group, name)
    const lane = contract === undefined ? undefined : this.find({ group, contract, function: name, selector })
    if (isPlain && lane) this.#plain.set(group, name, lane)
    return lane
  }

  /** The lane of these needs; undefined when nobody serves the function, whatever its tags. */
  find(needs: LaneNeeds): Lane | undefined {
    const known = this.lanes.get(laneKey(needs))
    if (known && known.classes.size > 0) return known
    for (const { functions } of this.having(needs.group, needs.function, needs.contract)) {
      const facts = functions.get(needs.function)
      if (facts) return known ?? this.#open(needs, facts)
    }
    return undefined
  }

  /** The same for runs on disk, which wait as long as nobody serves the function. */
  hold(needs: LaneNeeds): Lane {
    return this.find(needs) ?? this.lanes.get(laneKey(needs)) ?? this.#open(needs, UNKNOWN_FACTS)
  }

  #open(needs: LaneNeeds, facts: FunctionFacts): Lane {
    this.#indexTags(needs.selector)
    const lane = new Lane(needs, facts, this.#timesOf(needs), this.tallies.of(needs))
    this.lanes.set(lane.key, lane)
    for (const candidate of this.#classes.values()) if (lane.isServedBy(candidate)) lane.bind(candidate)
    return lane
  }

  #timesOf({ group, contract, function: name }: LaneNeeds): FunctionTimes {
    const key = `${group}\n${contract}\n${name}`
    const times = this.#times.get(key) ?? new FunctionTimes(this.#comparesSpeed)
    this.#times.set(key, times)
    return times
  }

  /** Drops a lane that nothing needs; without a selector it stays while anybody serves the function. */
  retire(lane: Lane): void {
    if (lane.needs.selector.key === '' && lane.classes.size > 0) return
    if (lane.live > 0 || lane.isClaiming || lane.hasMoreOnDisk) return
    for (const serving of [...lane.classes]) lane.unbind(serving)
    this.lanes.delete(lane.key)
    this.#plain.clear()
    this.#unindexTags(lane.needs.selector)
  }

  /** Classes with the function, whatever their tags; an undefined contract means any. */
  *having(group: string, name: string, contract: number | undefined): Iterable<WorkerClass> {
    for (const candidate of this.#classes.values()) {
      if (candidate.group !== group || !candidate.functions.has(name)) continue
      if (contract === undefined || candidate.contract === contract) yield candidate
    }
  }

  /**
   * The newest contract whose workers in service hold at least half of the group's slots for the
   * function; when none is in service, the newest that anybody serves.
   */
  defaultContract(group: string, name: string): number | undefined {
    const key = `${group}\n${name}`
    const set = this.#setContracts.get(key) ?? this.#setContracts.get(`${group}\n`)
    if (set !== undefined) return set
    const known = this.#contracts.get(key)
    if (known !== undefined) return known
    const contract = this.#findContract(group, name)
    if (contract !== undefined) this.#contracts.set(key, contract)
    return contract
  }

  /** An operator's word on the contract of tasks that name none; undefined takes it back. */
  setDefaultContract(group: string, name: string | undefined, contract: number | undefined): void {
    const key = `${group}\n${name ?? ''}`
    this.#plain.clear()
    if (contract === undefined) this.#setContracts.delete(key)
    else this.#setContracts.set(key, contract)
  }

  #findContract(group: string, name: string): number | undefined {
    const slots = new Map<number, number>()
    let total = 0
    for (const candidate of this.having(group, name, undefined)) {
      let sum = 0
      for (const worker of candidate.members) sum += worker.servingSlots
      slots.set(candidate.contract, (slots.get(candidate.contract) ?? 0) + sum)
      total += sum
    }
    const newestFirst = [...slots.keys()].sort((a, b) => b - a)
    return newestFirst.find((contract) => 2 * (slots.get(contract) ?? 0) >= total) ?? newestFirst[0]
  }

  #classKey(worker: Worker): string {
    const { group, contract, interfaceHash } = worker.facts
    return JSON.stringify([group, contract, interfaceHash, this.#indexedTags(worker)])
  }

  /** The worker's values of the keys in use, in the order of those keys. */
  #indexedTags(worker: Worker): [string, TagValue | undefined][] {
    const { tags } = worker.facts
    const indexed: [string, TagValue | undefined][] = []
    for (const key of this.#tagKeys.keys()) if (Object.hasOwn(tags, key)) indexed.push([key, tags[key]])
    return indexed
  }

  #classFor(key: string, worker: Worker): WorkerClass {
    const known = this.#classes.get(key)
    if (known) return known
    const tags = Object.fromEntries(this.#indexedTags(worker)) as Tags
    const fresh = new WorkerClass(key, worker.facts, tags, this.#random)
    this.#classes.set(key, fresh)
    for (const lane of this.lanes.values()) if (lane.isServedBy(fresh)) lane.bind(fresh)
    return fresh
  }

  /**
   * Another worker of the group has served without a break for so long. Asked whenever one comes into service, as
   * ten thousand do at once: nobody is looked at while even the first of them has not served for long enough.
   */
  hasServing(group: string, sinceAt: number): boolean {
    if (sinceAt < (this.#servesSince.get(group) ?? Number.NEGATIVE_INFINITY)) return false
    let first = Number.POSITIVE_INFINITY
    for (const candidate of this.#classes.values()) {
      if (candidate.group !== group) continue
      for (const { isServing, servingSinceAt = Number.POSITIVE_INFINITY } of candidate.members) {
        if (isServing && servingSinceAt <= sinceAt) return true
        first = Math.min(first, servingSinceAt)
      }
    }
    // Whoever begins after this look begins later than all that it saw.
    if (Number.isFinite(first)) this.#servesSince.set(group, first)
    return false
  }

  #unsort(worker: Worker): void {
    const old = worker.class
    if (!old) return
    old.leave(worker)
    if (old.members.size > 0) return
    this.#classes.delete(old.key)
    for (const lane of [...old.lanes]) {
      lane.unbind(old)
      this.retire(lane)
    }
  }

  #indexTags(selector: CompiledSelector): void {
    const isNew = selector.tagKeys.some((key) => !this.#tagKeys.has(key))
    if (isNew && this.#tagKeys.size > MAX_IDLE_TAG_KEYS) this.#dropIdleTagKeys()
    for (const key of selector.tagKeys) this.#tagKeys.set(key, (this.#tagKeys.get(key) ?? 0) + 1)
    if (isNew) this.#resortAll()
  }

  #dropIdleTagKeys(): void {
    for (const [key, lanes] of this.#tagKeys) if (lanes === 0) this.#tagKeys.delete(key)
  }

  #unindexTags(selector: CompiledSelector): void {
    for (const key of selector.tagKeys) {
      this.#tagKeys.set(key, (this.#tagKeys.get(key) ?? 1) - 1)
    }
  }

  #resortAll(): void {
    for (const worker of this.#workers.values()) {
      const isAvailable = worker.heapIndex >= 0
      this.sort(worker)
      worker.class?.place(worker, isAvailable)
    }
  }
}
