/**
 * Who of a group and contract serves what the others serve. The interface that most workers have is right;
 * a worker at which a call that is valid under it could fail is odd and set apart (`mismatch`). Kept by the
 * fleet; each member brings its picture here at every change, and the verdict is left in the picture.
 *
 * Counted is who is linked, or was within the last WORKER_LEASE: when all who are right go down for a moment,
 * the odd one is no better than before. Maintenance takes nobody's say: putting away those who are right would
 * make the odd one right. What the store remembers counts until its worker has answered or failed. Once the fleet has settled, the right interface stays right while half of the
 * counted can serve its calls: so a release that only widens an interface sets nobody apart on its way. On a
 * tie the one that has served longer is right.
 *
 * Invariant: a population has a right interface whenever anybody in it counts, and whoever has it is not odd.
 */
import {
  findInterfaceDifference,
  type InterfaceDifference,
  wordInterfaceDifference,
} from './compatibility/interface-difference.ts'
import type { KnownInterface } from './interfaces.ts'
import type { Oddity, Picture } from './picture.ts'

export interface ContractsOptions {
  /** Monotonic milliseconds. */
  readonly now: () => number
  readonly isSettled: () => boolean
  /** How long the word of a worker that is gone still counts. */
  readonly graceMs: number
  /** The verdict on these has changed, without any news of their own. */
  readonly onJudged: (keys: readonly string[]) => void
}

/** One interface in a population. */
interface Variant {
  readonly known: KnownInterface
  count: number
  /** Since when some worker has served it, as far as that is known. */
  sinceAt: number
}

interface Population {
  readonly variants: Map<string, Variant>
  readonly places: Set<Place>
  right: Variant | undefined
}

/** Where a picture stands. */
interface Place {
  readonly picture: Picture
  readonly name: string
  readonly population: Population
  readonly known: KnownInterface
  readonly isCounted: boolean
  /** False while it is no more than a memory of the store. */
  readonly isReported: boolean
}

/** Verdicts on pairs that are kept; beyond it they are found again. */
const KEPT_VERDICTS = 10_000

export class Contracts {
  readonly #options: ContractsOptions
  readonly #populations = new Map<string, Population>()
  readonly #places = new Map<string, Place>()
  /** Who is gone, and since when. */
  readonly #goneAt = new Map<string, number>()
  /** Those of them whose word still counts. */
  readonly #inGrace = new Set<Picture>()
  readonly #verdicts = new Map<string, InterfaceDifference | null>()

  constructor(options: ContractsOptions) {
    this.#options = options
  }

  /** The picture is new or has changed. Sets `picture.oddity`, and that of others where they turn. */
  place(picture: Picture): void {
    const before = this.#places.get(picture.key)
    const name = populationOf(picture)
    const isCounted = this.#isPresent(picture)
    const isReported = picture.report !== undefined
    const isSame = before?.name === name && before?.known === picture.known
    const isStill = isSame && before?.isCounted === isCounted && before?.isReported === isReported
    if (before ? isStill : name === undefined) return
    // Joined before it leaves: an interface that it alone has does not go in between.
    const after = name === undefined ? undefined : this.#join(picture, name, isCounted)
    if (before) this.#leave(before)
    if (after) this.#places.set(picture.key, after)
    const turned = new Set<string>()
    for (const population of new Set([before?.population, after?.population]))
      if (population && this.#elect(population)) this.#judgeAll(population, turned)
    if (after) this.#judge(after)
    else picture.oddity = undefined
    turned.delete(picture.key)
    if (turned.size > 0) this.#options.onJudged([...turned])
  }

  /** What a group serves under a contract, the right one first; that of those who are gone when nobody else counts. */
  interfacesOf(group: string, contract: number): readonly KnownInterface[] {
    const population = this.#populations.get(nameOf(group, contract))
    if (!population) return []
    const { right, variants, places } = population
    if (right) {
      const others = [...variants.values()].filter((variant) => variant !== right)
      return [right.known, ...others.map(({ known }) => known)]
    }
    return [...new Map([...places].map(({ known }) => [known.content, known])).values()]
  }

  /** Called a few times a second: who has been gone for long enough counts no more. */
  sweep(): void {
    for (const picture of [...this.#inGrace]) if (!this.#isPresent(picture)) this.place(picture)
  }

  forget(key: string): void {
    this.#goneAt.delete(key)
    const place = this.#places.get(key)
    if (!place) return
    this.#inGrace.delete(place.picture)
    this.#leave(place)
    const turned = new Set<string>()
    if (this.#elect(place.population)) this.#judgeAll(place.population, turned)
    if (turned.size > 0) this.#options.onJudged([...turned])
  }

  #isPresent(picture: Picture): boolean {
    const { key, link, problem, report } = picture
    if (link === 'open' || problem === null) {
      this.#goneAt.delete(key)
      this.#inGrace.delete(picture)
      return true
    }
    // One that was never linked is no more than a memory.
    if (!report) return false
    const now = this.#options.now()
    const goneAt = this.#goneAt.get(key) ?? now
    this.#goneAt.set(key, goneAt)
    const isInGrace = now - goneAt < this.#options.graceMs
    if (isInGrace) this.#inGrace.add(picture)
    else this.#inGrace.delete(picture)
    return isInGrace
  }

  #join(picture: Picture, name: string, isCounted: boolean): Place | undefined {
    const { known } = picture
    if (!known) return undefined
    const population = this.#populations.get(name) ?? {
      variants: new Map(),
      places: new Set(),
      right: undefined,
    }
    this.#populations.set(name, population)
    const place = { picture, name, population, known, isCounted, isReported: picture.report !== undefined }
    population.places.add(place)
    if (isCounted) this.#count(place)
    return place
  }

  #count({ population, known, picture }: Place): void {
    const sinceAt = this.#sinceAt(picture)
    const variant = population.variants.get(known.content) ?? { known, count: 0, sinceAt }
    variant.count++
    variant.sinceAt = Math.min(variant.sinceAt, sinceAt)
    population.variants.set(known.content, variant)
  }

  #sinceAt({ report, remembered }: Picture): number {
    const now = this.#options.now()
    return report ? now - (report.system?.uptimeS ?? 0) * 1000 : (remembered?.sinceAt ?? now)
  }

  #leave(place: Place): void {
    const { population, known, picture, name } = place
    this.#places.delete(picture.key)
    population.places.delete(place)
    if (population.places.size === 0) this.#populations.delete(name)
    const variant = place.isCounted ? population.variants.get(known.content) : undefined
    if (variant && --variant.count === 0) population.variants.delete(known.content)
  }

  /** True when another interface is right than before. */
  #elect(population: Population): boolean {
    const { right, variants } = population
    if (right && variants.get(right.known.content) === right && this.#holds(population, right)) return false
    let best: Variant | undefined
    for (const variant of variants.values()) if (!best || isRighter(variant, best)) best = variant
    population.right = best
    return best !== right
  }

  #holds({ variants }: Population, right: Variant): boolean {
    if (!this.#options.isSettled()) return false
    let total = 0
    let able = 0
    for (const variant of variants.values()) {
      total += variant.count
      if (!this.#compare(right.known, variant.known)) able += variant.count
    }
    return 2 * able >= total
  }

  #judgeAll({ places }: Population, turned: Set<string>): void {
    for (const place of places) {
      const wasOdd = place.picture.oddity !== undefined
      this.#judge(place)
      if (wasOdd !== (place.picture.oddity !== undefined)) turned.add(place.picture.key)
    }
  }

  #judge({ picture, population, known }: Place): void {
    const { right } = population
    const difference = right && this.#compare(right.known, known)
    picture.oddity = right && difference ? new Odd(difference, right) : undefined
  }

  #compare(right: KnownInterface, known: KnownInterface): InterfaceDifference | undefined {
    if (right.content === known.content) return undefined
    const key = `${right.content} ${known.content}`
    const kept = this.#verdicts.get(key)
    if (kept !== undefined) return kept ?? undefined
    if (this.#verdicts.size >= KEPT_VERDICTS) this.#verdicts.clear()
    const found = findInterfaceDifference(right.functions, known.functions)
    this.#verdicts.set(key, found ?? null)
    return found
  }
}

/** Words it when it is asked for: how many others there are changes. */
class Odd implements Oddity {
  readonly #difference: InterfaceDifference
  readonly #right: Variant

  constructor(difference: InterfaceDifference, right: Variant) {
    this.#difference = difference
    this.#right = right
  }

  get reason(): string {
    return wordInterfaceDifference(this.#difference, this.#right.count)
  }
}

function isRighter(a: Variant, b: Variant): boolean {
  return a.count !== b.count ? a.count > b.count : a.sinceAt < b.sinceAt
}

/** Undefined for who is not of the group that the file expects, leaves, or is not known yet. */
function populationOf({ report, remembered, known, entry, isLeaving }: Picture): string | undefined {
  const identity = report ?? remembered
  if (!known || !identity || isLeaving) return undefined
  if (entry.group !== undefined && entry.group !== identity.group) return undefined
  return nameOf(identity.group, identity.contract)
}

function nameOf(group: string, contract: number): string {
  return `${group}\n${contract}`
}
