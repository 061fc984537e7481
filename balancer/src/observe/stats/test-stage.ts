/** What the tests of this folder share: a balancer's counts that the test sets, a store on a disk that stays, time by hand. */
import { bucketOf, HISTOGRAM, type StatsAnswer } from '@berth/protocol'
import { createLog, type Log, ManualClock } from '@berth/runtime'
import type { StatsQuery, StatsReads, StoredBlock, WorkerSample } from '../../ports/stats.ts'
import type { KeepPort, Kept, StoreHealth, StoreWrite } from '../../ports/store.ts'
import type { FunctionTally } from '../../ports/tallies.ts'
import { Stats } from './stats.ts'

type Writable<T> = { -readonly [Name in keyof T]: T[Name] }
export type Tally = Writable<FunctionTally>

export function makeTally(name: string, group = 'default', contract = 1): Tally {
  const [queue, run] = [new Uint32Array(HISTOGRAM.buckets), new Uint32Array(HISTOGRAM.buckets)]
  const counts = { submitted: 0, completed: 0, failed: 0, cancelled: 0, expired: 0 }
  return { group, contract, function: name, ...counts, queue, run }
}

/** A task that was submitted and has completed. */
export function complete(tally: Tally, count = 1, runMs = 5, queueMs = 1): void {
  tally.submitted += count
  tally.completed += count
  const [waited, ran] = [bucketOf(queueMs), bucketOf(runMs)]
  tally.queue[waited] = (tally.queue[waited] ?? 0) + count
  tally.run[ran] = (tally.run[ran] ?? 0) + count
}

export function makeSample(id: string, changes: Partial<WorkerSample> = {}): WorkerSample {
  return {
    id,
    group: 'default',
    contract: 1,
    status: 'ready',
    slots: { limit: 4, used: 1, stuck: 0, available: 3, queue: 0 },
    maintenance: null,
    isLinked: true,
    system: { cpuLoad: 0.25, memoryUsed: 0.5, eventLoopDelayMs: 1.5 },
    ended: { ok: 0, error: 0, timeout: 0, cancelled: 0 },
    takeGapMs: () => 900,
    ...changes,
  }
}

export class FakeDisk implements KeepPort, StatsReads {
  readonly blocks = new Map<string, StoredBlock>()
  writes = 0
  freeBytes = 1_000_000
  fault: string | undefined

  async keep(writes: readonly StoreWrite[]): Promise<Kept> {
    if (this.fault !== undefined) return { ok: false, detail: this.fault }
    for (const write of writes) this.#write(write)
    return { ok: true }
  }

  #write(write: StoreWrite): void {
    if (write.kind === 'stats-block') {
      this.writes++
      const { series, stepS, startS, base64 } = write
      const bytes = new Uint8Array(Buffer.from(base64, 'base64'))
      this.blocks.set(`${series} ${stepS} ${startS}`, { series, stepS, startS, bytes })
    } else if (write.kind === 'stats-removed')
      for (const [key, { series, stepS, startS }] of this.blocks) {
        if (stepS !== write.stepS || !series.startsWith(write.prefix)) continue
        if (startS < (write.beforeS ?? 0) || startS >= (write.fromS ?? Number.POSITIVE_INFINITY))
          this.blocks.delete(key)
      }
  }

  health(): StoreHealth {
    return { state: 'ok' }
  }

  async statsBlocks(after: StoredBlock | null): Promise<readonly StoredBlock[]> {
    return after ? [] : [...this.blocks.values()]
  }
}

export class Stage {
  readonly clock = new ManualClock()
  readonly disk = new FakeDisk()
  readonly log: Log = createLog({ source: 'test', write: () => {} })
  tallies: Tally[] = []
  samples: Iterable<WorkerSample> = []
  waiting: { tally: Tally; count: number; oldestAt: number }[] = []
  stats = this.#make()

  #make(): Stats {
    return new Stats({
      tallies: {
        tallies: () => this.tallies,
        backlog: (visit) => {
          for (const { tally, count, oldestAt } of this.waiting) visit(tally, count, oldestAt)
        },
        attemptTally: () => undefined,
      },
      workers: {
        samples: () => this.samples,
        workerLines: { debug: 0, info: 0, warn: 0, error: 0, dropped: 0 },
      },
      reads: this.disk,
      keeper: this.disk,
      log: this.log,
      clock: this.clock,
      freeBytes: async () => this.disk.freeBytes,
      reserveBytes: 1_000,
    })
  }

  /** Reads what is on disk; time goes on by `seconds` afterwards, as no timer of its own does. */
  async open(): Promise<void> {
    await this.stats.start()
    await this.stats.query(question({}))
  }

  /** So many seconds pass; `each` tells what happens in each of them. */
  async seconds(count: number, each: (second: number) => void = () => {}): Promise<void> {
    for (let second = 0; second < count; second++) {
      each(second)
      this.clock.advance(1_000)
      this.stats.tick()
      if (second % 60 === 59) await this.stats.settled()
    }
  }

  /** The process ends as it should (`clean`) or at once, and another one begins on the same disk. */
  async restart(how: 'clean' | 'killed' = 'clean'): Promise<void> {
    if (how === 'clean') await this.stats.stop()
    else this.stats.abandon()
    this.tallies = this.tallies.map(({ function: name, group, contract }) => makeTally(name, group, contract))
    this.stats = this.#make()
    await this.open()
  }

  async ask(asked: Partial<StatsQuery>): Promise<StatsAnswer> {
    const answer = await this.stats.query({ ...question(asked), ...this.#range(asked) })
    if ('code' in answer) throw new Error(answer.detail)
    return answer
  }

  #range({ fromMs, toMs }: Partial<StatsQuery>): Pick<StatsQuery, 'fromMs' | 'toMs'> {
    const endMs = toMs ?? this.clock.wallMs()
    return { fromMs: fromMs ?? endMs - 60_000, toMs: endMs }
  }

  /** The values of the only series. */
  async values(asked: Partial<StatsQuery>) {
    const { series } = await this.ask(asked)
    return series[0]?.values ?? []
  }
}

function question(asked: Partial<StatsQuery>): StatsQuery {
  return {
    metrics: ['completed'],
    by: 'fleet',
    of: undefined,
    fromMs: 0,
    toMs: 1_000,
    stepMs: undefined,
    ...asked,
  }
}
