/**
 * A whole balancer without sockets, for tests of durable runs: core, runs and the store without a disk, with model
 * workers around them. It may be killed between any two steps and begun again on what was on disk. Time moves by hand.
 */
import assert from 'node:assert/strict'
import { createLog, ManualClock } from '@berth/runtime'
import { Scheduler } from '../../core/scheduler.ts'
import type { Assignment, DispatchPort } from '../../ports/dispatch.ts'
import type { Accepted, KeyUse, NewRun } from '../../ports/runs.ts'
import type { StoreContents, StoreEvents } from '../../ports/store.ts'
import type { DoneRun } from '../../ports/stored-run.ts'
import type { FunctionFacts, WorkerFacts } from '../../ports/workforce.ts'
import { MemoryDisk, MemoryStore } from '../../store/memory-store.ts'
import type { DurableTerms, RunHooks } from '../durable-options.ts'
import { DurableRuns } from '../durable-runs.ts'
import { type Execution, ModelWorker, type Said } from './model-worker.ts'

const HEARTBEAT_MS = 6_000
const LEASE_MS = 30_000
const TERMS = {
  runLimit: 5_000_000,
  diskReserveBytes: 0,
  runRetentionMs: 7 * 24 * 60 * 60 * 1_000,
  idempotencyLimit: 1_000_000,
}

interface Timer {
  readonly at: number
  readonly act: () => void
}

/** One life of the balancer. */
interface Life {
  readonly store: MemoryStore
  readonly runs: DurableRuns
  readonly core: Scheduler
  readonly contents: StoreContents
  readonly timers: Set<Timer>
  readonly linked: Map<string, string>
  /** Workers whose boot this life has seen. */
  readonly boots: Map<string, string>
  readonly answered: Set<string>
  isDead: boolean
}

export interface WorldOptions {
  readonly functions?: Readonly<Record<string, Partial<FunctionFacts>>>
  readonly terms?: Partial<DurableTerms>
  readonly hooks?: RunHooks
  readonly random?: () => number
  /** A handler is called. */
  readonly onBegin?: (execution: Execution) => void
  /** Of each lane in memory; small ones come to the disk's part of the queue at once. */
  readonly windowSize?: number
  readonly onCreated?: (id: string) => void
}

export class ModelWorld {
  readonly clock = new ManualClock()
  readonly disk = new MemoryDisk()
  readonly executions: Execution[] = []
  readonly workers = new Map<string, ModelWorker>()
  freeBytes = Number.MAX_SAFE_INTEGER
  readonly #options: WorldOptions
  #life: Life | undefined
  #ids = 0

  constructor(options: WorldOptions = {}) {
    this.#options = options
  }

  get runs(): DurableRuns {
    return this.#now.runs
  }

  get core(): Scheduler {
    return this.#now.core
  }

  get isUp(): boolean {
    return this.#life !== undefined
  }

  get #now(): Life {
    assert.ok(this.#life, 'the balancer is down')
    return this.#life
  }

  addWorker(id: string, slots: number): ModelWorker {
    const worker = new ModelWorker(id, slots, (execution) => {
      this.executions.push(execution)
      this.#options.onBegin?.(execution)
    })
    this.workers.set(id, worker)
    return worker
  }

  // --- The balancer's life -----------------------------------------------------------------------

  async boot(): Promise<void> {
    const store = new MemoryStore({ disk: this.disk, clock: this.clock })
    const relay: { life: Life | undefined } = { life: undefined }
    const tell = (act: (runs: DurableRuns) => void) => {
      if (relay.life && !relay.life.isDead) act(relay.life.runs)
    }
    const events: StoreEvents = {
      onPersisted: (batch) => tell((runs) => runs.onPersisted(batch)),
      onFailed: (batch, detail) => tell((runs) => runs.onFailed(batch, detail)),
      onClaimed: (...claimed) => tell((runs) => runs.onClaimed(...claimed)),
      onDue: (...due) => tell((runs) => runs.onDue(...due)),
      onTurns: (...told) => tell((runs) => runs.onTurns(...told)),
    }
    const contents = await store.open(events)
    const life = this.#make(store, contents)
    relay.life = life
    this.#life = life
    life.runs.attach(life.core, this.#options.hooks)
    await life.runs.start()
    // What the fleet remembers of its workers.
    for (const { id } of this.workers.values())
      life.core.setWorker(this.#facts(id, false), this.clock.monoMs())
  }

  #make(store: MemoryStore, contents: StoreContents): Life {
    const timers = new Set<Timer>()
    const boots = new Map<string, string>()
    const { random = () => 0.5, windowSize } = this.#options
    const runs = new DurableRuns({
      store,
      atStart: contents.runs,
      clock: this.clock,
      log: createLog({ level: 'error', format: 'json', capacity: 10, source: 'model', write: () => {} }),
      createRunId: () => this.#createId(),
      bootOf: (worker) => boots.get(worker),
      health: () => ({ state: 'ok' }),
      freeBytes: async () => this.freeBytes,
      terms: { ...TERMS, ...this.#options.terms },
      after: (ms, act) => {
        const timer = { at: this.clock.monoMs() + ms, act }
        timers.add(timer)
        return () => void timers.delete(timer)
      },
    })
    const core = new Scheduler({
      dispatch: this.#dispatch(),
      ledger: runs.ledger,
      epoch: contents.epoch,
      random,
      limits: { tasksPerLane: 10_000, bytes: 512 * 1024 * 1024 },
      maxAttempts: 3,
      heartbeatMs: HEARTBEAT_MS,
      leaseMs: LEASE_MS,
      firstSeq: contents.runs.lastSeq + 1,
      ejects: false,
      ...(windowSize === undefined ? {} : { windowSize }),
    })
    return {
      store,
      runs,
      core,
      contents,
      timers,
      boots,
      linked: new Map(),
      answered: new Set(),
      isDead: false,
    }
  }

  #createId(): string {
    const id = `r_${String(++this.#ids).padStart(26, '0')}`
    this.#options.onCreated?.(id)
    return id
  }

  #dispatch(): DispatchPort {
    const at = (id: string) => (this.#life?.linked.has(id) ? this.workers.get(id) : undefined)
    return {
      send: (assignment: Assignment) => at(assignment.worker)?.take(assignment),
      recall: (id, number) => at(id)?.recall(number),
      cancel: (id, number) => at(id)?.cancel(number),
      acknowledge: (id, number, fence) => at(id)?.acknowledge(number, fence),
    }
  }

  /** kill -9; `loses`: what was on its way to disk is not there. */
  async crash(loses: boolean): Promise<void> {
    const life = this.#now
    life.isDead = true
    this.#life = undefined
    for (const worker of this.workers.values()) worker.cut()
    if (loses) this.disk.fault = 'the process is gone'
    await this.breathe()
    this.disk.fault = undefined
  }

  /** Lets the store do what it was asked. */
  async breathe(turns = 4): Promise<void> {
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
  }

  /** Moves time on, stopping at every instant that somebody asked for. */
  async advance(ms: number): Promise<void> {
    const until = this.clock.monoMs() + ms
    for (;;) {
      const { core, timers } = this.#now
      const at = Math.min(core.nextAt(), ...[...timers].map((timer) => timer.at))
      const now = this.clock.monoMs()
      if (at > until) break
      this.clock.advance(Math.max(0, at - now))
      this.#fire()
      await this.breathe()
    }
    this.clock.advance(Math.max(0, until - this.clock.monoMs()))
    await this.breathe()
  }

  #fire(): void {
    const { core, timers } = this.#now
    const now = this.clock.monoMs()
    for (const timer of [...timers]) {
      if (timer.at > now || !timers.delete(timer)) continue
      timer.act()
    }
    if (core.nextAt() <= now) core.tick(now)
  }

  // --- Links -------------------------------------------------------------------------------------

  /** A new link: hello, what is looked up, welcome. */
  async link(worker: ModelWorker): Promise<void> {
    const life = this.#now
    const { core, runs, linked, boots } = life
    this.unlink(worker)
    const started = worker.hello()
    const clear = await (runs.recover(worker.id, worker.bootId, started) ?? started)
    if (this.#life !== life) return
    const now = this.clock.monoMs()
    const before = boots.get(worker.id)
    if (before !== undefined && before !== worker.bootId) core.workerGone(worker.id, now)
    boots.set(worker.id, worker.bootId)
    core.setWorker(this.#facts(worker.id, true), now)
    linked.set(worker.id, worker.bootId)
    for (const { run, fence, task, isLate } of core.relinked(worker.id, clear, now, worker.bootId)) {
      worker.adopt(run, fence, task)
      if (isLate) worker.cancel(task)
    }
    this.push(worker)
    this.#answer(worker.id)
  }

  push(worker: ModelWorker): void {
    const { all, linked } = worker.used
    if (this.#now.linked.has(worker.id))
      this.core.pushed(worker.id, worker.slots, all - linked, this.clock.monoMs())
  }

  unlink(worker: ModelWorker): void {
    if (!this.#life?.linked.has(worker.id)) return
    // STARTED was with the operating system before the handler was called, and arrives.
    for (const said of worker.said) if (said.kind === 'started') this.#hear(worker.id, said)
    this.#life.linked.delete(worker.id)
    worker.cut()
    const now = this.clock.monoMs()
    this.core.troubled(worker.id, 'unlinked', now, now)
  }

  /** Its process is gone; `isNoticed`: its port is refused. */
  kill(worker: ModelWorker, isNoticed: boolean): void {
    this.unlink(worker)
    worker.kill()
    if (!this.#life || !isNoticed) return
    this.core.workerGone(worker.id, this.clock.monoMs())
    this.#answer(worker.id)
  }

  #answer(id: string): void {
    const { answered, core } = this.#now
    if (answered.has(id)) return
    answered.add(id)
    if (answered.size === this.workers.size) core.settleFleet(this.clock.monoMs())
  }

  /** The balancer reads the next that a worker said. */
  read(worker: ModelWorker): void {
    const said = this.#life?.linked.has(worker.id) ? worker.said.shift() : undefined
    if (said) this.#hear(worker.id, said)
  }

  #hear(id: string, said: Said): void {
    const now = this.clock.monoMs()
    if (said.kind === 'started') this.core.started(id, said.number, now)
    else if (said.kind === 'returned') this.core.returned(id, said.number, said.why, now)
    else this.core.finished(id, said.number, said.outcome, now)
  }

  /** Everything that can go on without a fault does, until nothing is left to do. */
  async settle(rounds = 200): Promise<void> {
    for (const worker of this.workers.values()) if (!this.#now.linked.has(worker.id)) await this.link(worker)
    for (let round = 0; round < rounds; round++) {
      for (const worker of this.workers.values()) {
        for (let slot = 0; slot < worker.slots; slot++) worker.startNext()
        for (const task of worker.running) worker.finish(task, 'completed')
        while (worker.said.length > 0) this.read(worker)
        this.push(worker)
      }
      await this.breathe()
      if (this.disk.runs.live.size === 0 && this.isQuiet) return
      // Whose hello could not be looked up is asked again.
      for (const worker of this.workers.values())
        if (worker.started.some(({ number }) => number === undefined)) await this.link(worker)
      if (round % 4 === 3) await this.advance(5_000)
    }
  }

  /** Nobody has anything left to say. */
  get isQuiet(): boolean {
    return [...this.workers.values()].every(({ tasks, said }) => tasks.size === 0 && said.length === 0)
  }

  // --- Runs --------------------------------------------------------------------------------------

  order(changes: Partial<NewRun> = {}): NewRun {
    return {
      group: 'default',
      function: 'work',
      contract: 1,
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
      payload: { mediaType: '', bytes: Buffer.from('{}'), head: null },
      ...changes,
    }
  }

  /** Accepts one run and returns its id. */
  async accept(changes: Partial<NewRun> = {}, key?: KeyUse): Promise<string> {
    const accepted: Accepted = await this.runs.accept([this.order(changes)], key)
    assert.ok(accepted.ok, accepted.ok ? '' : accepted.error.detail)
    return accepted.runs[0] as string
  }

  done(id: string): DoneRun | undefined {
    const seq = this.disk.runs.seqs.get(id)
    return seq === undefined ? undefined : this.disk.runs.done.get(seq)
  }

  result(id: string): unknown {
    const result = this.disk.runs.results.get(this.disk.runs.seqs.get(id) ?? -1)
    return result && JSON.parse(Buffer.from(result.bytes).toString())
  }

  executionsOf(id: string): Execution[] {
    return this.executions.filter(({ run }) => run === id)
  }

  #facts(id: string, isInService: boolean): WorkerFacts {
    const { functions = { work: {} } } = this.#options
    const entries = Object.entries(functions).map(
      ([name, facts]) => [name, { slots: 1, idempotent: null, maxRetries: 0, ...facts }] as const,
    )
    return {
      id,
      group: 'default',
      contract: 1,
      interfaceHash: 'one',
      functions: new Map(entries),
      tags: {},
      weight: 1,
      isInService,
      outReason: isInService ? '' : 'unreachable',
    }
  }
}
