/**
 * Figures over time, in memory and on disk: reads what was counted once a second (recorder.ts), writes once a
 * minute (disk.ts), answers questions (query.ts). Constructed by compose as a service; `http/` asks.
 * Invariant: routing waits for none of it.
 */
import type { StatsAnswer, TaskError } from '@berth/protocol'
import type { Clock, Log, Service } from '@berth/runtime'
import type { MarkersPort, StatsPort, StatsQuery, StatsReads, WorkerSamplesPort } from '../../ports/stats.ts'
import type { KeepPort } from '../../ports/store.ts'
import type { TalliesPort } from '../../ports/tallies.ts'
import { Slices } from '../slices.ts'
import { StatsDisk } from './disk.ts'
import { StatsAnswers } from './query.ts'
import { HOLD_S, Recorder } from './recorder.ts'
import { Registry } from './registry.ts'

export interface StatsDeps {
  readonly tallies: TalliesPort
  readonly workers: WorkerSamplesPort
  readonly markers?: MarkersPort
  readonly reads: StatsReads
  readonly keeper: KeepPort
  readonly log: Log
  readonly clock: Clock
  readonly freeBytes: () => Promise<number>
  /** Nothing is written while less is free. */
  readonly reserveBytes: number
  /** What the series of workers may take in memory; default 52 MB. */
  readonly workerBytes?: number
}

const LOOK_MS = 200
const WORKER_BYTES = 52 * 1024 * 1024
const LEAST_SHARE = 0.02
const MOST_QUESTIONS = 64

export class Stats implements StatsPort, Service {
  readonly name = 'stats'
  readonly registry = new Registry()
  readonly #deps: StatsDeps
  readonly #recorder: Recorder
  readonly #disk: StatsDisk
  readonly #answers: StatsAnswers
  readonly #slices: Slices
  readonly #loaded = Promise.withResolvers<void>()
  #timer: NodeJS.Timeout | undefined
  #workerShare = 1
  #lastS = 0
  /** Whose beginning began what is being fed. */
  #lookedS = 0
  #last: Promise<unknown> = Promise.resolve()
  #questions = 0
  #writing: Promise<void> = Promise.resolve()

  constructor(deps: StatsDeps) {
    this.#deps = deps
    this.#slices = new Slices(deps.clock)
    this.#recorder = new Recorder({ ...deps, registry: this.registry })
    this.#disk = new StatsDisk({ ...deps, registry: this.registry })
    this.#answers = new StatsAnswers({
      ...deps,
      registry: this.registry,
      workerShare: () => this.#workerShare,
    })
  }

  /** Nobody waits for what is on disk but who asks. */
  async start(): Promise<void> {
    this.#writing = this.#load()
  }

  async #load(): Promise<void> {
    try {
      await this.#disk.load(this.#nowS())
    } catch (error) {
      this.#deps.log.warn('series of earlier processes cannot be read; they begin anew', { error })
    }
    this.#lastS = this.#nowS()
    this.tick()
    this.#timer = setInterval(() => this.tick(), LOOK_MS)
    this.#timer.unref()
    this.#loaded.resolve()
  }

  async stop(): Promise<void> {
    await this.#writing
    this.#slices.finish()
    this.abandon()
    await this.#disk.end(this.#nowS(), this.#workerShare)
  }

  /** Resolves when what is being written is on disk, or was given up. */
  settled(): Promise<void> {
    return this.#writing
  }

  /** Ends at once and writes nothing. */
  abandon(): void {
    clearInterval(this.#timer)
    this.#slices.stop()
    this.#recorder.stop()
  }

  /** Feeds the second that has ended, if one has, in slices; begins to write when a minute has. */
  tick(): void {
    const nowS = this.#nowS()
    if (this.#slices.isBusy) {
      if (nowS === this.#lookedS) return
      this.#slices.finish()
    }
    if (nowS < this.#lastS - HOLD_S) void this.#disk.takeBack(nowS - 1)
    const work = this.#recorder.look()
    if (work === undefined) return
    this.#lookedS = nowS
    this.#slices.begin(this.#feed(work, nowS))
  }

  *#feed(work: Generator<void, void>, nowS: number): Generator<void, void> {
    yield* work
    const isMinute = Math.floor(nowS / 60) !== Math.floor(this.#lastS / 60)
    this.#lastS = nowS
    if (isMinute) this.#writing = this.write()
  }

  /** What `tick` begins every minute. */
  async write(): Promise<void> {
    this.#measure()
    await this.#disk.write(this.#nowS(), this.#workerShare)
  }

  /** Workers keep less when they are many: they share what they may take. */
  #measure(): void {
    const { workerBytes = WORKER_BYTES } = this.#deps
    let bytes = 0
    for (const series of this.registry.of('worker').values()) bytes += series.bytes
    const wanted = (this.#workerShare * workerBytes) / Math.max(bytes, 1)
    // A little less than fits at once; more again by and by.
    const next = bytes > workerBytes ? wanted * 0.9 : Math.min(wanted * 0.9, this.#workerShare * 1.1)
    this.#workerShare = Math.min(1, Math.max(LEAST_SHARE, next))
  }

  /** One after another: questions are large, and must not come together. */
  async query(query: StatsQuery): Promise<StatsAnswer | TaskError> {
    if (this.#questions >= MOST_QUESTIONS) return BUSY
    this.#questions++
    const answer = this.#last.then(() => this.#answer(query))
    this.#last = answer.catch(() => {})
    return answer.finally(() => {
      this.#questions--
    })
  }

  async #answer(query: StatsQuery): Promise<StatsAnswer> {
    await this.#loaded.promise
    const { plan, series } = await this.#answers.answer(query)
    const [fromMs, toMs] = [plan.fromS * 1_000, plan.toS * 1_000]
    const markers = (await this.#deps.markers?.markers(fromMs, toMs)) ?? []
    return {
      from: instant(fromMs),
      to: instant(toMs),
      stepMs: plan.stepS * 1_000,
      partial: instant(plan.partialS * 1_000),
      note: plan.note,
      series,
      markers: [...markers],
    }
  }

  #nowS(): number {
    return Math.floor(this.#deps.clock.wallMs() / 1_000)
  }
}

const BUSY: TaskError = {
  code: 'RATE_LIMITED',
  detail: `${MOST_QUESTIONS} questions for figures wait already. Ask again in a moment.`,
  retryAfterMs: 1_000,
}

function instant(ms: number): string {
  return new Date(ms).toISOString()
}
