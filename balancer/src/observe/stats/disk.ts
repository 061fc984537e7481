/**
 * The series on disk: a block a series and minute, what is coarser when its page is over, and every ten minutes for
 * all that. Reads them back at the start. Owned by stats.ts.
 * Invariants: best effort and never in anybody's way: a few blocks at a time, the next when those are on disk, none
 * while the disk is at its reserve or refuses; a block that cannot be read is left out and named in the log.
 */
import type { Log } from '@berth/runtime'
import type { StatsReads, StatsWrite, StoredBlock } from '../../ports/stats.ts'
import type { KeepPort } from '../../ports/store.ts'
import { findBlockFault } from './block.ts'
import { PREFIXES, type Registry } from './registry.ts'
import type { SeriesBlock, StatSeries } from './series.ts'
import { TIERS } from './tiers.ts'

export interface DiskDeps {
  readonly registry: Registry
  readonly reads: StatsReads
  readonly keeper: KeepPort
  readonly log: Log
  readonly freeBytes: () => Promise<number>
  readonly reserveBytes: number
}

const READ_AT_ONCE = 500
const WRITE_AT_ONCE = 100
/** Series that are packed before others have their turn. */
const PACK_AT_ONCE = 25
/** Pages that are not over are written every so many minutes. */
const ALL_EVERY = 10
/** What is beyond its window goes every so many minutes. */
const REMOVE_EVERY = 15
const MOST_NAMED = 10

export class StatsDisk {
  readonly #deps: DiskDeps
  #minutes = 0
  #isBusy = false
  #isStopped = false

  constructor(deps: DiskDeps) {
    this.#deps = deps
  }

  /** What earlier processes have left. What a clock that was ahead has left in the future is taken back. */
  async load(nowS: number): Promise<void> {
    const { registry, log } = this.#deps
    let [blocks, faults] = [0, 0]
    for await (const block of this.#stored()) {
      const fault = this.#adopt(block, nowS)
      if (fault === undefined) blocks++
      else if (faults++ < MOST_NAMED) log.warn('a block of series is left out', { ...nameOf(block), fault })
    }
    for (const series of registry.all()) {
      series.cutFrom(nowS)
      series.catchUp(nowS)
    }
    if (blocks + faults > 0) log.info('series read', { blocks, leftOut: faults })
  }

  async *#stored(): AsyncIterable<StoredBlock> {
    let after: StoredBlock | null = null
    for (;;) {
      const page: readonly StoredBlock[] = await this.#deps.reads.statsBlocks(after, READ_AT_ONCE)
      yield* page
      const last = page.at(-1)
      if (!last || page.length < READ_AT_ONCE) return
      after = last
    }
  }

  #adopt(block: StoredBlock, nowS: number): string | undefined {
    const fault = findBlockFault(block.bytes)
    if (fault !== undefined) return fault
    const series = this.#deps.registry.openKey(block.series, nowS)
    if (!series) return 'there is no room for its series, or no such kind'
    try {
      return series.adopt(block) ? undefined : 'its resolution is no longer kept'
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }

  /** To be called once a minute. Resolves when it is done; does nothing while the last one is not. */
  async write(nowS: number, workerShare: number): Promise<void> {
    if (this.#isBusy || this.#isStopped) return
    this.#isBusy = true
    this.#minutes++
    try {
      await this.#writeAll(nowS, workerShare, this.#minutes % ALL_EVERY === 0)
      if (this.#minutes % REMOVE_EVERY === 0) await this.#keep(removals(nowS, workerShare))
    } finally {
      this.#isBusy = false
    }
  }

  /** Everything, once; nothing is written afterwards. */
  async end(nowS: number, workerShare: number): Promise<void> {
    this.#isStopped = true
    await this.#writeAll(nowS, workerShare, true)
  }

  /** The clock was set back: what is behind that second will be said again. */
  async takeBack(fromS: number): Promise<void> {
    await this.#keep(
      TIERS.map(({ stepS }) => ({ kind: 'stats-removed', prefix: '', stepS, beforeS: null, fromS })),
    )
  }

  async #writeAll(nowS: number, workerShare: number, isAll: boolean): Promise<void> {
    let isOpen = await this.#hasRoom()
    let [packed, waiting]: [number, [StatSeries, SeriesBlock][]] = [0, []]
    for (const series of [...this.#deps.registry.all()]) {
      series.settle(nowS)
      const share = series.family === 'worker' ? workerShare : 1
      for (const block of series.pack(nowS, share, isAll)) waiting.push([series, block])
      if (++packed % PACK_AT_ONCE === 0) await new Promise<void>((resolve) => setImmediate(resolve))
      if (waiting.length < WRITE_AT_ONCE) continue
      if (isOpen) isOpen = await this.#writeSome(waiting)
      waiting = []
    }
    if (isOpen) await this.#writeSome(waiting)
  }

  async #writeSome(blocks: readonly [StatSeries, SeriesBlock][]): Promise<boolean> {
    const isKept = await this.#keep(blocks.map(([, block]) => writeOf(block)))
    if (isKept) for (const [series, block] of blocks) series.noteWritten(block)
    return isKept
  }

  async #keep(writes: readonly StatsWrite[]): Promise<boolean> {
    const { ok } = await this.#deps.keeper.keep(writes)
    return ok
  }

  async #hasRoom(): Promise<boolean> {
    const { keeper, freeBytes, reserveBytes } = this.#deps
    if (keeper.health().state === 'failed') return false
    return (await freeBytes().catch(() => Number.POSITIVE_INFINITY)) > reserveBytes
  }
}

function writeOf({ bytes, ...block }: SeriesBlock): StatsWrite {
  return { kind: 'stats-block', ...block, base64: Buffer.from(bytes).toString('base64') }
}

/** Workers keep less in a large fleet. */
function removals(nowS: number, workerShare: number): StatsWrite[] {
  return TIERS.flatMap(({ stepS, windowS, pageS }): StatsWrite[] => {
    const before = (share: number) => Math.floor(nowS - windowS * share - pageS)
    const all = { kind: 'stats-removed', prefix: '', stepS, beforeS: before(1), fromS: null } as const
    const ofWorkers = { ...all, prefix: PREFIXES.worker, beforeS: before(workerShare) }
    return workerShare < 1 ? [all, ofWorkers] : [all]
  })
}

function nameOf({ series, stepS, startS }: StoredBlock) {
  return { series, stepS, begin: new Date(startS * 1_000).toISOString() }
}
