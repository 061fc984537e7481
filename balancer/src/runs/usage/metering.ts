/**
 * What all live runs use: finds the meter of each, brings it what handlers tell, has the core end what has used too
 * much, and writes what runs on disk have come to. Constructed by compose; heard by the core (what tasks in memory
 * use, and their ends), by the events of durable runs, and asked by whoever shows a run.
 * Invariants: a run that tells nothing and has no budget costs nothing here; at most ten writes a second and run; a
 * meter goes with the end of its run, or when that is on disk only.
 */
import {
  type BudgetAmounts,
  type BudgetLevel,
  LIMITS,
  readUsage,
  type TaskError,
  TurnoverMap,
  type Usage,
} from '@berth/protocol'
import { type Clock, type Log, PieceJoiner } from '@berth/runtime'
import type { ExhaustPort, RunMeter, UsagePort } from '../../ports/metering.ts'
import type { EndedTask, RecordPort } from '../../ports/record.ts'
import type { RunWrite } from '../../ports/run-writes.ts'
import type { Kept } from '../../ports/store.ts'
import type { LiveRun, RunEnd } from '../../ports/stored-run.ts'
import type { StreamItem, StreamOrigin } from '../../ports/stream.ts'
import type { Submission } from '../../ports/submission.ts'
import type { TaskLookPort } from '../../ports/task-look.ts'
import type { Told } from '../../ports/told.ts'
import type { UsedAtEnd } from '../durable-options.ts'
import { Meter, type MeterTerms } from './meter.ts'
import { readMessage, readSource } from './told-items.ts'

export interface MeteringOptions {
  /** What each level may use. */
  readonly budgets: Readonly<Record<BudgetLevel, BudgetAmounts>>
  readonly clock: Clock
  readonly log: Log
  readonly core: () => ExhaustPort & Pick<TaskLookPort, 'find'>
  /** The row of a durable run that is in memory. */
  readonly rowOf: (run: string) => LiveRun | undefined
  readonly keep: (writes: readonly RunWrite[]) => Promise<Kept>
  /** Hears of every end as well, before its usage is forgotten. */
  readonly next: RecordPort
}

const FLUSH_MS = 100
const RETRY_MS = 1_000

export class Metering implements RecordPort, UsagePort {
  readonly name = 'usage'
  readonly #options: MeteringOptions
  readonly #meters = new TurnoverMap<string, Meter>()
  readonly #joiners = new WeakMap<Meter, PieceJoiner>()
  readonly #dirty = new Set<Meter>()
  /** Runs whose budget is used up, and why; told when the core is through with what it does now. */
  readonly #passed = new Map<string, TaskError>()
  #timer: NodeJS.Timeout | undefined
  #isStopped = false
  #isFailing = false

  constructor(options: MeteringOptions) {
    this.#options = options
  }

  // --- Service ---------------------------------------------------------------------------------

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#flush()
  }

  // --- Meters ----------------------------------------------------------------------------------

  /** For the core, of a task in memory; undefined without limits. */
  open(run: string, level: BudgetLevel | undefined): RunMeter | undefined {
    if (level === undefined || isEmpty(this.#limitsOf(level))) return undefined
    return this.#make({ run, level })
  }

  /** For the core, of a durable run; undefined without limits. */
  meterOf(row: LiveRun): RunMeter | undefined {
    if (isEmpty(this.#limitsOf(row.budget))) return undefined
    return this.#meters.get(row.id) ?? this.#make(factsOf(row))
  }

  #limitsOf(level: string | null): BudgetAmounts {
    return level === null ? NO_LIMITS : (this.#options.budgets[level as BudgetLevel] ?? NO_LIMITS)
  }

  #ofRow(row: LiveRun): Meter {
    return this.#meters.get(row.id) ?? this.#add(factsOf(row))
  }

  /** Of a run of which nothing more is known than its name. */
  #ofRun(run: string): Meter {
    const known = this.#meters.get(run)
    if (known) return known
    const row = this.#options.rowOf(run)
    if (row) return this.#ofRow(row)
    const parent = this.#options.core().find(run)?.parent
    return this.#add({ run, level: null, parent: parent === undefined ? undefined : this.#ofRun(parent) })
  }

  #add(facts: MeterFacts): Meter {
    const meter = this.#make(facts)
    this.#meters.set(meter.run, meter)
    return meter
  }

  /** Found by its run from when that begins: what is refused or waits leaves nothing here. */
  #make(facts: MeterFacts): Meter {
    const { clock } = this.#options
    return new Meter({
      ...facts,
      limits: this.#limitsOf(facts.level),
      skewMs: clock.monoMs() - clock.wallMs(),
      onStarted: (meter) => void this.#meters.set(meter.run, meter),
      onGrown: this.#onGrown,
      createChild: (run, parent) => this.#make({ run, level: null, parent }),
    })
  }

  // --- What handlers tell ----------------------------------------------------------------------

  /** See ports/metering.ts. */
  item(submission: Submission, item: StreamItem, origin: StreamOrigin): void {
    const { run, call } = submission
    const known = this.#meters.get(run)
    const parent = known || !call ? undefined : this.#ofRun(call.parent)
    const meter = known ?? this.#add({ run, level: submission.budget ?? null, parent })
    const joiner = this.#joiners.get(meter) ?? new PieceJoiner(LIMITS.windowBytes)
    this.#joiners.set(meter, joiner)
    const whole = joiner.add(item, false)
    item.source.taken(item.bytes.length)
    const usage = whole && readUsage(parse(textOf(whole)))
    if (usage) meter.use(origin.attempt, usage, this.#options.clock.wallMs())
  }

  /** A durable run told something; the data of its event, or nothing when that is none. */
  told(run: string, kind: 'usage' | 'message' | 'source', text: string, attempt: number): string | undefined {
    const meter = this.#ofRun(run)
    const nowMs = this.#options.clock.wallMs()
    if (kind === 'usage') {
      const usage = readUsage(parse(text))
      if (usage) meter.use(attempt, usage, nowMs)
      return usage && JSON.stringify(meter.usage)
    }
    if (!meter.begin(attempt, nowMs)) return undefined
    const data = kind === 'message' ? readMessage(parse(text)) : undefined
    if (data !== undefined) meter.output.addMessage(data, nowMs)
    const source = kind === 'source' ? readSource(parse(text)) : undefined
    const isNew = source !== undefined && meter.output.addSource(source.url, source.data, nowMs)
    this.#mark(meter)
    return data ?? (isNew ? source.data : undefined)
  }

  readonly #onGrown = (meter: Meter): void => {
    this.#mark(meter)
    if (meter.parent || meter.isReported || isEmpty(meter.limits)) return
    const error = meter.exhausted(this.#options.clock.monoMs())
    if (!error) return
    meter.isReported = true
    // The core may be in the middle of something.
    if (this.#passed.size === 0) queueMicrotask(() => this.#endPassed())
    this.#passed.set(meter.run, error)
  }

  #endPassed(): void {
    const passed = [...this.#passed]
    this.#passed.clear()
    const { core, clock } = this.#options
    for (const [run, error] of passed) core().exhaust(run, error, clock.monoMs())
  }

  // --- For whoever shows runs ------------------------------------------------------------------

  /** Null when nothing was told. */
  usageOf(run: string): Usage | null {
    return this.#meters.get(run)?.usage ?? null
  }

  /** What a live run put out and the disk does not know yet, and how many messages there were in all. */
  outputOf(run: string): Pick<Meter['output'], 'unwritten' | 'messages'> | undefined {
    return this.#meters.get(run)?.output
  }

  // --- From the core and the durable runs ------------------------------------------------------

  wantsChoice(now: number): boolean {
    return this.#options.next.wantsChoice(now)
  }

  ended(task: EndedTask, ...end: EndArguments): void {
    this.#options.next.ended(task, ...end)
    if (this.#meters.size > 0 && !task.submission.isDurable) this.#forget(task.submission.run)
  }

  /** The newest attempt is another: what the one before put out goes. */
  moved(row: LiveRun): void {
    if (row.status === 'running') this.#meters.get(row.id)?.begin(row.attempt, this.#options.clock.wallMs())
  }

  /** A durable run ends: what goes into the write of its end. */
  endOf(row: LiveRun, { attempt }: Pick<RunEnd, 'attempt'>): UsedAtEnd {
    const meter = this.#meters.get(row.id)
    if (!meter && !row.used) return NOTHING_AT_END
    const ended = meter ?? this.#ofRow(row)
    ended.begin(attempt, this.#options.clock.wallMs())
    this.#forget(row.id)
    return { usage: ended.usage, messages: ended.output.messages, told: ended.output.told }
  }

  /** A durable run waits on disk only, from where it comes back with what is written here. */
  away(row: LiveRun): void {
    const meter = this.#meters.get(row.id)
    if (!meter) return
    if (meter.isDirty) void this.#takeAlong(meter)
    this.#forget(row.id)
  }

  /** What the disk refuses stays here until it takes it, or the run is back. */
  async #takeAlong(meter: Meter): Promise<void> {
    const kept = await this.#options.keep([this.#writeOf(meter)])
    if (kept.ok || this.#meters.has(meter.run)) return
    this.#meters.set(meter.run, meter)
    this.#mark(meter)
  }

  #forget(run: string): void {
    const meter = this.#meters.get(run)
    if (!meter) return
    this.#meters.delete(run)
    this.#dirty.delete(meter)
  }

  // --- The disk --------------------------------------------------------------------------------

  #mark(meter: Meter): void {
    if (meter.seq === undefined || this.#meters.get(meter.run) !== meter) return
    meter.isDirty = true
    this.#dirty.add(meter)
    this.#plan(FLUSH_MS)
  }

  #plan(ms: number): void {
    if (!this.#isStopped) this.#timer ??= setTimeout(() => void this.#flush(), ms)
  }

  #writeOf(meter: Meter): Extract<RunWrite, { kind: 'run-told' }> {
    const told = meter.output.told ?? NOTHING_TOLD
    const used = meter.usedSoFar(this.#options.clock.monoMs())
    return { kind: 'run-told', seq: meter.seq ?? 0, used, told }
  }

  async #flush(): Promise<void> {
    clearTimeout(this.#timer)
    const meters = [...this.#dirty]
    this.#dirty.clear()
    const writes = meters.map((meter) => this.#writeOf(meter))
    for (const meter of meters) meter.isDirty = false
    const kept = await this.#options.keep(writes)
    this.#timer = undefined
    if (kept.ok)
      for (const [index, meter] of meters.entries()) meter.output.written(writes[index]?.told ?? NOTHING_TOLD)
    else for (const meter of meters) this.#markAgain(meter)
    if (!kept.ok && !this.#isFailing)
      this.#options.log.warn('what runs use could not be written', { reason: kept.detail })
    this.#isFailing = !kept.ok
    if (this.#dirty.size > 0) this.#plan(kept.ok ? FLUSH_MS : RETRY_MS)
  }

  #markAgain(meter: Meter): void {
    if (this.#meters.get(meter.run) !== meter) return
    meter.isDirty = true
    this.#dirty.add(meter)
  }
}

type EndArguments = Parameters<RecordPort['ended']> extends [EndedTask, ...infer Rest] ? Rest : never

type MeterFacts = Pick<MeterTerms, 'run' | 'seq' | 'level' | 'parent' | 'used'>

function factsOf({ id, seq, budget, used }: LiveRun): MeterFacts {
  return { run: id, seq, level: budget as BudgetLevel | null, used }
}

const NO_LIMITS: BudgetAmounts = {}
const NOTHING_AT_END: UsedAtEnd = { told: undefined }
const NOTHING_TOLD: Told = { items: [], dropBefore: { message: 0, source: 0 } }

function isEmpty(limits: BudgetAmounts): boolean {
  for (const _ in limits) return false
  return true
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
