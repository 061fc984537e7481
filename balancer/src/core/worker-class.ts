/**
 * Workers that no live lane can tell apart: same group, contract and interface, same values of the
 * tags that live selectors mention. Lanes bind to classes, so a fleet of 10,000 equal workers is one
 * candidate; inside, those in service stand in a heap by rank, and in one ranking by cost for each
 * function whose costs can be compared, so choosing costs at most log n.
 *
 * Rank: free before full; within each a full share before slow start's rest, weight 0 last; then the
 * least relative occupancy after placing one task, (used + 1) ÷ limit ÷ weight; equals at random.
 */
import type { Tags } from '@berth/protocol'
import type { FunctionFacts, WorkerFacts } from '../ports/workforce.ts'
import { isBarred } from './health.ts'
import { IndexedHeap } from './indexed-heap.ts'
import type { Lane } from './lane.ts'
import { Ranking } from './ranking.ts'
import type { FunctionTimes } from './service-times.ts'
import type { Worker } from './worker.ts'

/** A ranking that was not asked for so many choices, or as many as there are workers, is dropped. */
const IDLE_CHOICES = 1_000

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
  /** Functions that some member was barred from; they are chosen for by ranking. */
  readonly barred = new Set<string>()
  /** Starts since the line of those who have waited too long had its last one. */
  passedOver = 0
  readonly #random: () => number
  /** Members in slow start, in the order in which they are looked at again. */
  readonly #warming = new Set<Worker>()
  readonly #rankings = new Map<string, Ranking>()
  #choices = 0
  readonly #inService = new IndexedHeap<Worker>({
    isBefore: ranksBefore,
    getIndex: (worker) => worker.heapIndex,
    setIndex: (worker, index) => {
      worker.heapIndex = index
    },
  })
  /** The same workers, most free slots first: for tasks of several slots. */
  readonly #byFree = new IndexedHeap<Worker>({
    isBefore: (a, b) => (a.free !== b.free ? a.free > b.free : ranksBefore(a, b)),
    getIndex: (worker) => worker.freeIndex,
    setIndex: (worker, index) => {
      worker.freeIndex = index
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

  /** The worker to take the next task by occupancy alone, if any is in service. */
  get best(): Worker | undefined {
    return this.#inService.first
  }

  /** The one with the most free slots. */
  get freest(): Worker | undefined {
    return this.#byFree.first
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
    this.place(worker, false)
    worker.class = undefined
  }

  /** Puts the worker where its occupancy belongs, in or out of service. */
  place(worker: Worker, isAvailable: boolean): void {
    for (const name of worker.bars.keys()) this.barred.add(name)
    if (isAvailable) {
      rank(worker, this.#random())
      putInto(this.#inService, worker)
      putInto(this.#byFree, worker)
      if (worker.share < 1) this.#warming.add(worker)
    } else {
      this.#inService.remove(worker)
      this.#byFree.remove(worker)
      this.#warming.delete(worker)
    }
    for (const [name, ranking] of this.#rankings) {
      if (this.#choices - ranking.askedAt > Math.max(IDLE_CHOICES, this.members.size))
        this.#rankings.delete(name)
      else seat(ranking, worker, isAvailable, name)
    }
  }

  /** The workers with a free slot of their share by the cost of a function. */
  ranking(name: string, times: FunctionTimes): Ranking {
    const known = this.#rankings.get(name) ?? this.#rank(name, times)
    known.askedAt = ++this.#choices
    return known
  }

  /** Looks at one member again: measurements age and slow starts go on without any event. */
  roll(now: number): void {
    const [warming] = this.#warming
    if (warming) this.#look(warming, now)
    if (this.#rankings.size === 0) return
    const next = this.inService[this.#choices % this.inService.length]
    if (next) this.#look(next, now)
  }

  #look(worker: Worker, now: number): void {
    this.#warming.delete(worker)
    worker.age(now)
    this.place(worker, true)
  }

  #rank(name: string, times: FunctionTimes): Ranking {
    const ranking = new Ranking(name, times)
    for (const worker of this.inService) seat(ranking, worker, true, name)
    this.#rankings.set(name, ranking)
    return ranking
  }
}

/** The rank of whoever would be the best but for a free slot. */
const FULL = 4

function putInto(heap: IndexedHeap<Worker>, worker: Worker): void {
  if (heap.has(worker)) heap.update(worker)
  else heap.add(worker)
}

function rank(worker: Worker, salt: number): void {
  const { weight } = worker.facts
  const isOverShare = worker.share < 1 && worker.used >= worker.limit * worker.share
  worker.tier = (worker.free <= 0 ? FULL : 0) + (weight === 0 ? 2 : 0) + (isOverShare ? 1 : 0)
  worker.ratio = (worker.used + 1) / (worker.limit * worker.share) / (weight === 0 ? 1 : weight)
  worker.salt = salt
}

/** Not among those to choose: whoever is in slow start over its share, has weight 0, or fails with it. */
function seat(ranking: Ranking, worker: Worker, isAvailable: boolean, name: string): void {
  const isFit = isAvailable && !isBarred(worker, name)
  ranking.place(worker, isFit && worker.tier === 0)
  ranking.stand(worker, isFit && worker.tier === FULL)
}

export function ranksBefore(a: Worker, b: Worker): boolean {
  if (a.tier !== b.tier) return a.tier < b.tier
  if (a.ratio !== b.ratio) return a.ratio < b.ratio
  return a.salt < b.salt
}
