/**
 * One series in all its resolutions. Seconds are fed in order; what is over rolls up into the next coarser slot,
 * so that every resolution says the same. Pages that are over are packed by whoever asks for `pack`, away from the
 * second's tick. Owned by the registry.
 * Invariants: no slot is recorded twice; a slot that nobody fed is not there (whether that is zero or unknown, the
 * query knows); nothing is kept beyond its window.
 */
import { HISTOGRAM } from '@berth/protocol'
import { packBlock, unpackBlock } from './block.ts'
import { COLUMNS, type Family, HISTOGRAMS } from './columns.ts'
import { PageLog, type PageRecord, type PageShape, readPage } from './page-log.ts'
import { FIRST_WORKER_TIER, TIERS, type Tier } from './tiers.ts'

export interface SeriesBlock {
  readonly series: string
  readonly stepS: number
  /** Unix seconds. */
  readonly startS: number
  readonly bytes: Uint8Array
}

/** A slot of some resolution. `values` and `pairs` are good until the next one. */
export interface Slot {
  readonly startS: number
  readonly n: number
  readonly values: Float64Array
  readonly pairs: readonly number[]
}

/** The slot under way. */
interface Open {
  startS: number
  n: number
  readonly counts: Uint32Array | undefined
}

interface Page {
  /** Records while it is open or has not been packed, a block afterwards. */
  log: PageLog | undefined
  block: Uint8Array | undefined
  /** On disk as it is here. */
  isWritten: boolean
}

interface Level {
  readonly tier: Tier
  readonly open: Open
  /** Where the columns of `open` lie; behind them those of the newest record. */
  readonly at: number
  /** By start. */
  readonly pages: Map<number, Page>
  /** Where the newest record belongs; what comes later is behind it. */
  lastS: number
}

const NO_PAIRS: readonly number[] = []
/** What objects take beside their bytes, as measured: a series, each of its resolutions, a page, an open log, a block. */
const OVERHEAD = { series: 700, level: 350, page: 120, log: 320, block: 260 } as const
/** Of the slot that is being closed, by resolution: closing one closes coarser ones. */
const closing = TIERS.map(() => ({
  served: new Float64Array(COLUMNS.served.length),
  worker: new Float64Array(COLUMNS.worker.length),
}))

export class StatSeries {
  readonly key: string
  readonly family: Family
  readonly shape: PageShape
  /** The newest second that was fed. */
  lastS = Number.NEGATIVE_INFINITY
  /** How much it has had of late, to say which ones had most. */
  volume = 0
  readonly #levels: readonly Level[]
  /** Open slots and newest records of all resolutions, one behind the other. */
  readonly #columns: Float64Array
  readonly #isMax: readonly boolean[]

  constructor(key: string, family: Family) {
    this.key = key
    this.family = family
    this.shape = {
      columns: COLUMNS[family].length,
      histograms: HISTOGRAMS[family].length,
      buckets: HISTOGRAM.buckets,
    }
    this.#isMax = COLUMNS[family].map(({ roll }) => roll === 'max')
    const tiers = family === 'worker' ? TIERS.slice(FIRST_WORKER_TIER) : TIERS
    this.#columns = new Float64Array(2 * tiers.length * this.shape.columns)
    this.#levels = tiers.map((tier, index) => ({
      tier,
      open: this.#newOpen(),
      at: 2 * index * this.shape.columns,
      pages: new Map(),
      lastS: Number.NEGATIVE_INFINITY,
    }))
  }

  #newOpen(): Open {
    const { histograms, buckets } = this.shape
    const counts = histograms > 0 ? new Uint32Array(histograms * buckets) : undefined
    return { startS: -1, n: 0, counts }
  }

  /** The begin of what is known of it; Infinity while nothing is. */
  get firstS(): number {
    let firstS = Number.POSITIVE_INFINITY
    for (const { pages, open } of this.#levels) {
      for (const startS of pages.keys()) firstS = Math.min(firstS, startS)
      if (open.startS >= 0) firstS = Math.min(firstS, open.startS)
    }
    return firstS
  }

  /** What it takes in memory, about. */
  get bytes(): number {
    let bytes = OVERHEAD.series + this.#columns.byteLength
    for (const { pages, open } of this.#levels) {
      bytes += OVERHEAD.level + (open.counts?.byteLength ?? 0)
      for (const { log, block } of pages.values())
        bytes += OVERHEAD.page + (log ? OVERHEAD.log + log.size : OVERHEAD.block + (block?.length ?? 0))
    }
    return bytes
  }

  /** What was counted in the seconds that end with `second`; it is copied. Not before one that was fed. */
  feed(second: number, n: number, values: Float64Array, counts?: Uint32Array): void {
    this.lastS = second
    this.#feed(0, second, n, values, counts)
  }

  #feed(at: number, timeS: number, n: number, values: Float64Array, counts: Uint32Array | undefined): void {
    const level = this.#levels[at]
    if (!level) return
    const { open, tier, at: from } = level
    const startS = floorTo(timeS, tier.stepS)
    if (open.startS !== startS) {
      this.#close(at)
      open.startS = startS
    }
    open.n += n
    for (let column = 0; column < values.length; column++) {
      const value = values[column] ?? 0
      const known = this.#columns[from + column] ?? 0
      this.#columns[from + column] = this.#isMax[column] ? Math.max(known, value) : known + value
    }
    if (open.counts && counts) addCounts(open.counts, counts)
  }

  /** Records the open slot and hands it on to the coarser resolution. */
  #close(at: number): void {
    const level = this.#levels[at]
    if (!level || level.open.startS < 0) return
    const { open } = level
    const { startS, n, counts } = open
    if (startS > level.lastS) {
      const values: Float64Array = closing[at]?.[this.family] ?? this.#valuesOf(level)
      values.set(this.#valuesOf(level))
      this.#record(level, startS, n, values, counts)
      this.#feed(at + 1, startS, n, values, counts)
    }
    this.#empty(level)
  }

  /** A view. */
  #valuesOf({ at }: Level): Float64Array {
    return this.#columns.subarray(at, at + this.shape.columns)
  }

  #record(
    level: Level,
    timeS: number,
    n: number,
    values: Float64Array,
    counts: Uint32Array | undefined,
  ): void {
    const startS = floorTo(timeS, level.tier.pageS)
    const page = level.pages.get(startS) ?? { log: undefined, block: undefined, isWritten: false }
    page.log ??= this.#reopen(page.block, level)
    page.block = undefined
    page.isWritten = false
    page.log.append((timeS - startS) / level.tier.stepS, n, values, counts)
    level.pages.set(startS, page)
    level.lastS = timeS
  }

  /** A page that an earlier process began. */
  #reopen(block: Uint8Array | undefined, { at }: Level): PageLog {
    const log = new PageLog(this.shape, this.#columns, at + this.shape.columns)
    if (!block) return log
    const counts = new Uint32Array(this.shape.histograms * this.shape.buckets)
    readPage(unpackBlock(block), this.shape, ({ slot, n, values, pairs }) => {
      counts.fill(0)
      for (let at = 0; at < pairs.length; at += 2) counts[pairs[at] ?? 0] = pairs[at + 1] ?? 0
      log.append(slot, n, values, counts)
    })
    return log
  }

  /** Ends the slots that are over, for nothing more may come of them. */
  settle(nowS: number): void {
    this.#levels.forEach(({ open, tier }, at) => {
      if (open.startS >= 0 && open.startS + tier.stepS <= nowS) this.#close(at)
    })
  }

  /**
   * Packs pages that are over, drops what is older than its window (times `share`), and gives what the disk does
   * not have: pages that are over, of the finest resolution of a worker the open one too; all of them with `isAll`.
   */
  pack(nowS: number, share: number, isAll: boolean): SeriesBlock[] {
    const blocks: SeriesBlock[] = []
    this.#levels.forEach(({ tier, pages }, at) => {
      for (const [startS, page] of pages) {
        if (startS + tier.pageS <= nowS - tier.windowS * share) {
          pages.delete(startS)
          continue
        }
        const isOver = startS + tier.pageS <= nowS
        if (page.log && isOver) {
          page.block = packBlock(page.log.bytes)
          page.log = undefined
        }
        if (page.isWritten || !(isOver || isAll || (at === 0 && this.family === 'worker'))) continue
        const bytes = page.block ?? (page.log && packBlock(page.log.bytes))
        if (bytes) blocks.push({ series: this.key, stepS: tier.stepS, startS, bytes })
      }
    })
    return blocks
  }

  /** What `pack` gave is on disk, as far as it has not changed since. */
  noteWritten({ stepS, startS, bytes }: SeriesBlock): void {
    const level = this.#levels.find(({ tier }) => tier.stepS === stepS)
    const page = level?.pages.get(startS)
    if (page && (page.block === bytes || page.log)) page.isWritten = page.block === bytes
  }

  // --- What an earlier process has left --------------------------------------------------------------

  /** A block from the disk, before anything is fed. False when this resolution has no such page. */
  adopt({ stepS, startS, bytes }: SeriesBlock): boolean {
    const level = this.#levels.find(({ tier }) => tier.stepS === stepS)
    if (!level || startS % level.tier.pageS !== 0) return false
    let lastSlot = -1
    readPage(unpackBlock(bytes), this.shape, ({ slot }) => {
      lastSlot = Math.max(lastSlot, slot)
    })
    level.pages.set(startS, { log: undefined, block: bytes, isWritten: true })
    level.lastS = Math.max(level.lastS, startS + lastSlot * stepS)
    return true
  }

  /** Makes what is missing of coarser resolutions from finer ones: they are written less often. */
  catchUp(nowS: number): void {
    for (let at = this.#levels.length - 1; at > 0; at--) {
      const [finer, coarser] = [this.#levels[at - 1], this.#levels[at]]
      if (!finer || !coarser) continue
      const fromS = Number.isFinite(coarser.lastS) ? coarser.lastS + coarser.tier.stepS : 0
      const counts = new Uint32Array(this.shape.histograms * this.shape.buckets)
      this.#readLevel(finer, fromS, Number.POSITIVE_INFINITY, ({ startS, n, values, pairs }) => {
        counts.fill(0)
        for (let pair = 0; pair < pairs.length; pair += 2) counts[pairs[pair] ?? 0] = pairs[pair + 1] ?? 0
        this.#feed(at, startS, n, values, counts)
      })
    }
    this.settle(nowS)
    for (const { lastS } of this.#levels) this.lastS = Math.max(this.lastS, lastS)
  }

  /** The clock was set back: what it will say again is taken back. */
  cutFrom(fromS: number): void {
    for (const level of this.#levels) {
      const { stepS } = level.tier
      if (Math.max(level.lastS, level.open.startS) + stepS <= fromS) continue
      for (const startS of [...level.pages.keys()])
        if (startS + level.tier.pageS > fromS) this.#cutPage(level, startS, fromS)
      if (level.open.startS + level.tier.stepS > fromS) this.#empty(level)
      level.lastS = Math.min(level.lastS, floorTo(fromS, level.tier.stepS) - level.tier.stepS)
    }
    this.lastS = Math.min(this.lastS, fromS - 1)
  }

  #cutPage(level: Level, startS: number, fromS: number): void {
    const page = level.pages.get(startS)
    level.pages.delete(startS)
    if (!page || startS >= fromS) return
    const kept = new PageLog(this.shape)
    const counts = new Uint32Array(this.shape.histograms * this.shape.buckets)
    const { stepS } = level.tier
    readPage(page.log?.bytes ?? unpackBlock(page.block ?? NOTHING), this.shape, (record) => {
      if (startS + (record.slot + 1) * stepS > fromS) return
      counts.fill(0)
      for (let at = 0; at < record.pairs.length; at += 2)
        counts[record.pairs[at] ?? 0] = record.pairs[at + 1] ?? 0
      kept.append(record.slot, record.n, record.values, counts)
    })
    if (kept.lastSlot >= 0) level.pages.set(startS, { log: kept, block: undefined, isWritten: false })
  }

  #empty({ open, at }: Level): void {
    open.startS = -1
    open.n = 0
    this.#columns.fill(0, at, at + this.shape.columns)
    open.counts?.fill(0)
  }

  // --- Reading -----------------------------------------------------------------------------------------

  /** Slots of a resolution with their begin in the range, in order; what is under way comes last, in parts. */
  read(stepS: number, fromS: number, toS: number, visit: (slot: Slot) => void): void {
    const at = this.#levels.findIndex(({ tier }) => tier.stepS === stepS)
    const level = this.#levels[at]
    if (!level) return
    this.#readLevel(level, fromS, toS, visit)
    // What is finer has not been handed on yet.
    for (let finer = at; finer >= 0; finer--) {
      const under = this.#levels[finer]
      if (!under || under.open.startS < 0) continue
      const { open } = under
      const startS = floorTo(open.startS, stepS)
      if (startS < fromS || startS >= toS) continue
      visit({ startS, n: open.n, values: this.#valuesOf(under), pairs: pairsOf(open.counts) })
    }
  }

  #readLevel({ pages, tier }: Level, fromS: number, toS: number, visit: (slot: Slot) => void): void {
    const starts = [...pages.keys()].filter((startS) => startS + tier.pageS > fromS && startS < toS)
    for (const startS of starts.sort((a, b) => a - b)) {
      const page = pages.get(startS)
      const bytes = page?.log?.bytes ?? (page?.block && unpackBlock(page.block))
      if (!bytes) continue
      readPage(bytes, this.shape, ({ slot, n, values, pairs }: PageRecord) => {
        const timeS = startS + slot * tier.stepS
        if (timeS >= fromS && timeS < toS) visit({ startS: timeS, n, values, pairs })
      })
    }
  }
}

const NOTHING = packBlock(new Uint8Array(0))

function floorTo(value: number, step: number): number {
  return Math.floor(value / step) * step
}

function addCounts(sum: Uint32Array, counts: Uint32Array): void {
  for (let at = 0; at < counts.length; at++) {
    const count = counts[at]
    if (count) sum[at] = (sum[at] ?? 0) + count
  }
}

function pairsOf(counts: Uint32Array | undefined): readonly number[] {
  if (!counts) return NO_PAIRS
  const pairs: number[] = []
  for (let at = 0; at < counts.length; at++) if (counts[at]) pairs.push(at, counts[at] ?? 0)
  return pairs
}
