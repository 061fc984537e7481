/**
 * Workers that no live lane can tell apart: same group, contract and interface, same values of the
 * tags that live selectors mention. Lanes bind to classes, so a fleet of 10,000 equal workers is one
 * candidate; inside, those in service stand in a heap by rank, so choosing costs at most log n.
 *
 * Rank: a free slot before none, weight 0 last in either case; then the least relative occupancy
 * after placing one task, (used + 1) ÷ limit ÷ weight; equals in random order.
 */
import type { Tags } from '@berth/protocol'
import type { FunctionFacts, WorkerFacts } from '../ports/scheduling.ts'
import { IndexedHeap } from './indexed-heap.ts'
import type { Lane } from './lane.ts'
import type { Worker } from './worker.ts'

export class WorkerClass {
  readonly key: string
  readonly group: string
  readonly contract: number
  readonly functions: ReadonlyMap<string, FunctionFacts>
  /** The tags that all members share: those, and only those, whose keys told them apart. */
  readonly tags: Tags
  readonly members = new Set<Worker>()
  readonly lanes = new Set<Lane>()
  readonly waitingLanes = new Set<Lane>()
  readonly #random: () => number
  readonly #inService = new IndexedHeap<Worker>({
    isBefore: ranksBefore,
    getIndex: (worker) => worker.heapIndex,
    setIndex: (worker, index) => {
      worker.heapIndex = index
    },
  })

  constructor(key: string, facts: WorkerFacts, tags: Tags, random: () => number) {
    this.key = key
    this.group = facts.group
    this.contract = facts.contract
    this.functions = facts.functions
    this.tags = tags
    this.#random = random
  }

  /** The worker to take the next task, if any is in service. */
  get best(): Worker | undefined {
    return this.#inService.first
  }

  get inService(): readonly Worker[] {
    return this.#inService.members
  }

  join(worker: Worker): void {
    this.members.add(worker)
    worker.class = this
  }

  leave(worker: Worker): void {
    this.members.delete(worker)
    this.#inService.remove(worker)
    worker.class = undefined
  }

  /** Puts the worker where its occupancy belongs, in or out of service. */
  place(worker: Worker, isAvailable: boolean): void {
    if (!isAvailable) {
      this.#inService.remove(worker)
      return
    }
    rank(worker, this.#random())
    if (this.#inService.has(worker)) this.#inService.update(worker)
    else this.#inService.add(worker)
  }
}

function rank(worker: Worker, salt: number): void {
  const { weight } = worker.facts
  worker.tier = (worker.free <= 0 ? 2 : 0) + (weight === 0 ? 1 : 0)
  worker.ratio = (worker.used + 1) / worker.limit / (weight === 0 ? 1 : weight)
  worker.salt = salt
}

export function ranksBefore(a: Worker, b: Worker): boolean {
  if (a.tier !== b.tier) return a.tier < b.tier
  if (a.ratio !== b.ratio) return a.ratio < b.ratio
  return a.salt < b.salt
}
