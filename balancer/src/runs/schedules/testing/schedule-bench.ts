/**
 * Schedules on a store without a disk, under a clock that is moved by hand, for tests. What they fire goes to disk
 * with its claim and ends when the test says so; no worker, no core.
 */
import assert from 'node:assert/strict'
import type { TaskError } from '@berth/protocol'
import { createLog, ManualClock } from '@berth/runtime'
import type { RunReads } from '../../../ports/run-reads.ts'
import type { Accepted, NewRun } from '../../../ports/runs.ts'
import type { ScheduleClaim } from '../../../ports/schedule-store.ts'
import type { FoundSchedule, WantedSchedule } from '../../../ports/schedules.ts'
import type { LiveRun } from '../../../ports/stored-run.ts'
import { MemoryDisk, MemoryStore } from '../../../store/memory-store.ts'
import { StoreKeeper } from '../../../store/store-keeper.ts'
import { Schedules } from '../schedules.ts'

export interface Fire {
  readonly run: string
  readonly schedule: string
  /** Unix milliseconds. */
  readonly forMs: number | null
  readonly atMs: number
  readonly order: NewRun
}

interface Timer {
  readonly at: number
  readonly act: () => void
}

const RETENTION_MS = 7 * 24 * 3_600_000

export class ScheduleBench {
  readonly clock = new ManualClock()
  readonly disk = new MemoryDisk()
  readonly fires: Fire[] = []
  readonly lines: string[] = []
  /** Why nothing is accepted. */
  refusal: TaskError | undefined
  /** Turns of the loop between what is read of due schedules and its answer. */
  readTurns = 0
  /** How long a run takes; Infinity until the test ends it. */
  runMs = 0
  #schedules: Schedules | undefined
  #timers = new Set<Timer>()
  #ids = 0
  #maxSchedules: number | undefined

  /** A balancer begins on what is on the disk. */
  static async start(options: { maxSchedules?: number; wallMs?: number } = {}): Promise<ScheduleBench> {
    const bench = new ScheduleBench()
    bench.#maxSchedules = options.maxSchedules
    if (options.wallMs !== undefined) bench.clock.setWall(options.wallMs)
    await bench.boot()
    return bench
  }

  get schedules(): Schedules {
    assert.ok(this.#schedules, 'the balancer is down')
    return this.#schedules
  }

  #store: MemoryStore | undefined
  #keeper: StoreKeeper | undefined

  async boot(): Promise<void> {
    const { clock } = this
    const store = new MemoryStore({ disk: this.disk, clock })
    const log = createLog({ source: 'test', level: 'debug', write: (line) => void this.lines.push(line) })
    const keeper = new StoreKeeper({ store, clock, log })
    const contents = await store.open(keeper)
    this.#store = store
    this.#keeper = keeper
    this.#schedules = new Schedules({
      reads: this.#slow(store.reads),
      keeper,
      runs: {
        fire: (run, claim) => this.#accept(run, claim),
        accept: ([run]) => this.#accept(run ?? assert.fail(), undefined),
        judge: async (run) => (run.function === 'unknown' ? UNKNOWN : undefined),
      },
      atStart: contents.schedules,
      createRunId: () => this.#newId(),
      clock,
      log,
      retentionMs: RETENTION_MS,
      maxSchedules: this.#maxSchedules,
      after: (ms, act) => this.#after(ms, act),
    })
    await this.#schedules.start()
    await this.breathe()
  }

  /** Ends it as kill -9 would: timers are gone, what was sent to the disk may arrive. */
  async crash(): Promise<void> {
    this.#timers.clear()
    const schedules = this.#schedules
    this.#schedules = undefined
    await schedules?.stop()
    await this.breathe()
  }

  async stop(): Promise<void> {
    await this.#schedules?.stop()
    await this.#store?.close()
  }

  /** Of a thread of its own, an answer may be older than what has been told since. */
  #slow(reads: RunReads): RunReads {
    const dueSchedules: RunReads['dueSchedules'] = async (...values) => {
      const found = await reads.dueSchedules(...values)
      await this.breathe(this.readTurns)
      return found
    }
    return new Proxy(reads, {
      get: (target, name) =>
        name === 'dueSchedules' ? dueSchedules : Reflect.get(target, name).bind(target),
    })
  }

  #newId(): string {
    return `r_${String(++this.#ids).padStart(26, '0')}`
  }

  #after(ms: number, act: () => void): () => void {
    const timer = { at: this.clock.monoMs() + ms, act }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  async #accept(wanted: NewRun, claim: ScheduleClaim | undefined): Promise<Accepted> {
    const fail = (error: TaskError): Accepted => ({ ok: false, error })
    if (this.refusal) return fail(this.refusal)
    if (wanted.function === 'forgotten') return fail(UNKNOWN)
    const run = rowOf(wanted, ++this.#ids, this.#newId(), this.clock.wallMs())
    const runs = [{ run, payload: wanted.payload }]
    const claimed = claim && { ...claim, run: run.id }
    const kept = await this.#keeper?.keep([{ kind: 'runs-accepted', runs, key: null, claim: claimed }])
    if (!kept?.ok) return fail({ code: 'STORE_UNAVAILABLE', detail: kept?.detail ?? 'down' })
    const { schedule, scheduledForMs } = run
    const atMs = this.clock.wallMs()
    this.fires.push({ run: run.id, schedule: schedule ?? '', forMs: scheduledForMs, atMs, order: wanted })
    if (this.runMs < Number.POSITIVE_INFINITY) this.#after(this.runMs, () => void this.end(run.id))
    return { ok: true, runs: [run.id], isReplay: false, answer: null }
  }

  /** The run is final, on disk. */
  async end(id: string): Promise<void> {
    const seq = this.disk.runs.seqs.get(id) ?? assert.fail(id)
    const row = this.disk.runs.live.get(seq)
    if (!row) return
    const end = { ...END, finishedMs: this.clock.wallMs() }
    const extras = { events: [], delivery: null, keyExpiresMs: null }
    await this.#keeper?.keep([{ kind: 'run-finished', seq, fence: null, end, ...extras }])
    this.#schedules?.noteEnded(row)
  }

  async create(wanted: Partial<WantedSchedule> & Pick<WantedSchedule, 'terms'>): Promise<FoundSchedule> {
    const made = await this.schedules.create(want(wanted))
    assert.ok(made.ok, JSON.stringify(made))
    return made.schedule
  }

  async find(id: string): Promise<FoundSchedule> {
    return (await this.schedules.find(id)) ?? assert.fail(`no schedule ${id}`)
  }

  async breathe(turns = 6): Promise<void> {
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
  }

  /** Moves time on, stopping at every instant that somebody asked for. */
  async advance(ms: number): Promise<void> {
    const until = this.clock.monoMs() + ms
    for (;;) {
      const at = Math.min(...[...this.#timers].map((timer) => timer.at))
      if (at > until) break
      this.clock.advance(Math.max(0, at - this.clock.monoMs()))
      for (const timer of [...this.#timers])
        if (timer.at <= this.clock.monoMs() && this.#timers.delete(timer)) timer.act()
      await this.breathe()
    }
    this.clock.advance(until - this.clock.monoMs())
    await this.breathe()
  }

  /** Of one schedule, or of all: the instants that were fired, in seconds of the clock's start. */
  seconds(schedule?: string): number[] {
    return this.fires
      .filter((fire) => schedule === undefined || fire.schedule === schedule)
      .map(({ forMs }) => ((forMs ?? Number.NaN) - Date.UTC(2026, 0, 1)) / 1_000)
  }
}

export function want(wanted: Partial<WantedSchedule> & Pick<WantedSchedule, 'terms'>): WantedSchedule {
  const { type } = wanted.terms
  const missed = type === 'cron' || type === 'interval' ? 'skip' : 'once'
  return { overlap: 'skip', missed, enabled: true, run: newRun(), body: '{"function":"hello"}', ...wanted }
}

export function newRun(changes: Partial<NewRun> = {}): NewRun {
  return {
    group: 'default',
    function: 'hello',
    contract: undefined,
    tags: null,
    fairnessKey: null,
    mode: 'async',
    trigger: 'api',
    attempts: null,
    idempotent: null,
    timeoutMs: null,
    deadlineMs: null,
    queueUntilMs: null,
    dueMs: null,
    session: null,
    retryOf: null,
    budget: null,
    metadata: {},
    trace: '',
    webhook: null,
    priority: 100,
    payload: { mediaType: '', bytes: new TextEncoder().encode('{"a":1}'), head: null },
    ...changes,
  }
}

export function rowOf(wanted: NewRun, seq: number, id: string, acceptedMs: number): LiveRun {
  const { payload: _payload, ...order } = wanted
  return {
    ...order,
    seq,
    id,
    contract: order.contract ?? 1,
    acceptedMs,
    schedule: order.schedule ?? null,
    scheduledForMs: order.scheduledForMs ?? null,
    parent: null,
    status: 'queued',
    attempt: 0,
    failures: 0,
    losses: 0,
    worker: null,
    boot: null,
    fence: null,
    startedMs: null,
    history: [],
  }
}

const END = {
  status: 'completed',
  startedMs: null,
  queueMs: 0,
  runMs: 0,
  attempt: 1,
  worker: null,
  priority: 100,
  history: [],
  error: null,
  result: null,
  explain: null,
} as const

const UNKNOWN: TaskError = { code: 'UNKNOWN_FUNCTION', detail: 'Nobody serves that.' }
