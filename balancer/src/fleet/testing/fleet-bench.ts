/**
 * What the tests of this folder share: a core that only remembers what it is told, a fleet around it
 * with short terms, and waiting for what members do. Everything ends with its test.
 */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { WorkerEntry, WorkerState, WorkerView } from '@berth/protocol'
import { createLog, type Log, systemClock } from '@berth/runtime'
import type { CallPort } from '../../ports/calls.ts'
import type { Assignment } from '../../ports/dispatch.ts'
import type { FilePiece } from '../../ports/files.ts'
import type { FleetContents, StoreWrite } from '../../ports/store.ts'
import type { StreamItem } from '../../ports/stream.ts'
import type {
  Adopted,
  AttemptPicture,
  BreakerFacts,
  HealthPort,
  Outcome,
  WorkerFacts,
  WorkforcePort,
} from '../../ports/workforce.ts'
import { Fleet } from '../fleet.ts'
import type { MemberContext, MemberTerms } from '../member-context.ts'
import { type Script, ScriptedWorker } from './scripted-worker.ts'

export const TERMS: MemberTerms = {
  name: 'bench',
  bootId: 'balancer-boot',
  fleetKey: 'fleet-key',
  workerKey: 'worker-key',
  discoveryIntervalMs: 200,
  // No test waits for these: a machine that stands still for a while is not silent.
  discoveryTimeoutMs: 10_000,
  heartbeatIntervalMs: 200,
  heartbeatTimeoutMs: 10_000,
  leaseMs: 30_000,
  shutdownTimeoutMs: 1_000,
  resultLimitBytes: 4 * 1024 * 1024,
}

export const EMPTY: FleetContents = {
  epoch: 1,
  intents: [],
  workers: [],
  interfaces: [],
  sessions: [],
  settings: [],
  forms: [],
  configVersions: [],
}

export const REQUEST_BODY_LIMIT_BYTES = 1024 * 1024
const WAIT_MS = 60_000
const STEP_MS = 2

/** Asks every few milliseconds, within a bound. */
export async function until<T>(ask: () => T, what: string, boundMs = WAIT_MS): Promise<NonNullable<T>> {
  const endAt = performance.now() + boundMs
  for (;;) {
    const answer = ask()
    if (answer) return answer
    if (performance.now() > endAt) throw new Error(`not within ${boundMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, STEP_MS))
  }
}

export function makeEntry(url: string, changes: Partial<WorkerEntry> = {}): WorkerEntry {
  return { id: 'w1', url, weight: 1, maintenance: false, tags: {}, isLocal: false, ...changes }
}

export function makeAssignment(changes: Partial<Assignment> = {}): Assignment {
  return {
    worker: 'w1',
    attemptId: 7,
    run: 'r_test',
    fence: 1,
    function: 'hello',
    contract: 1,
    priority: 100,
    attempt: 1,
    mode: 'sync',
    isDurable: false,
    isAhead: false,
    used: 1,
    limit: 4,
    remainingMs: null,
    timeoutMs: null,
    trace: '',
    payload: { bytes: Buffer.from('{}'), mediaType: '', isEnvelope: false },
    ...changes,
  }
}

/** Remembers every event; a test says what runs where and what is adopted. */
export class RecordingWorkforce implements WorkforcePort {
  readonly events: string[] = []
  readonly facts = new Map<string, WorkerFacts>()
  readonly attempts = new Map<string, number>()
  readonly outcomes: Outcome[] = []
  readonly items: StreamItem[] = []
  adopts: (started: readonly { run: string; fence: number }[]) => Adopted[] = () => []

  setWorker(facts: WorkerFacts): void {
    this.facts.set(facts.id, facts)
    this.events.push(`set ${facts.id} ${facts.isInService ? 'in' : `out (${facts.outReason})`}`)
  }
  removeWorker(id: string): void {
    this.facts.delete(id)
    this.events.push(`remove ${id}`)
  }
  pushed(id: string, limit: number, foreign: number): void {
    this.events.push(`pushed ${id} ${limit} ${foreign}`)
  }
  attemptsAt(id: string): number {
    return this.attempts.get(id) ?? 0
  }
  underWay(id: string): AttemptPicture[] {
    return Array.from({ length: this.attemptsAt(id) }, (_, i) => ({
      run: `r_${i}`,
      remainingMs: undefined,
      isRepeated: false,
    }))
  }
  emptyWorker(id: string, graceMs: number): void {
    this.events.push(`empty ${id} ${graceMs}`)
  }
  settleFleet(): void {
    this.events.push('settled')
  }
  started(id: string, attemptId: number): void {
    this.events.push(`started ${id} ${attemptId}`)
  }
  streamed(id: string, attemptId: number, item: StreamItem): void {
    this.items.push(item)
    this.events.push(`streamed ${id} ${attemptId} ${item.kind}`)
  }
  filed(id: string, attemptId: number, piece: FilePiece): void {
    this.events.push(`filed ${id} ${attemptId} ${piece.header?.path ?? piece.bytes.length}`)
  }
  finished(id: string, attemptId: number, outcome: Outcome): void {
    this.outcomes.push(outcome)
    this.attempts.set(id, Math.max(0, this.attemptsAt(id) - 1))
    this.events.push(`finished ${id} ${attemptId} ${outcome.outcome}`)
  }
  returned(id: string, attemptId: number, why: string): void {
    this.attempts.set(id, Math.max(0, this.attemptsAt(id) - 1))
    this.events.push(`returned ${id} ${attemptId} ${why}`)
  }
  troubled(id: string, kind: string): void {
    this.events.push(`troubled ${id} ${kind}`)
  }
  recovered(id: string): void {
    this.events.push(`recovered ${id}`)
  }
  relinked(id: string, started: readonly { run: string; fence: number }[]): Adopted[] {
    this.events.push(`relinked ${id} [${started.map(({ run }) => run)}]`)
    return this.adopts(started)
  }
  workerGone(id: string): void {
    this.events.push(`gone ${id}`)
  }
  traffic() {
    return { submitted: 0, completed: 0, failed: 0, cancelled: 0, waiting: 0, running: 0 }
  }

  count(event: string): number {
    return this.events.filter((each) => each === event).length
  }
}

export interface BenchOptions {
  readonly terms?: Partial<MemberTerms>
  readonly contents?: Partial<FleetContents>
  readonly workforce?: WorkforcePort
  readonly calls?: CallPort
  readonly warmthOf?: MemberContext['warmthOf']
}

export class FleetBench {
  readonly workforce = new RecordingWorkforce()
  /** By key; nothing ever failed unless a test says so. */
  readonly breakers = new Map<string, BreakerFacts>()
  readonly health: HealthPort = { breaker: (id) => this.breakers.get(id) }
  readonly writes: StoreWrite[] = []
  readonly log: Log = createLog({ source: 'test', write: () => {}, capacity: 10_000, level: 'debug' })
  readonly fleet: Fleet
  #runs = 0

  constructor(t: TestContext, { terms, contents, workforce, calls, warmthOf }: BenchOptions = {}) {
    this.fleet = new Fleet({
      terms: { ...TERMS, queueTimeoutMs: 60_000, requestBodyLimitBytes: REQUEST_BODY_LIMIT_BYTES, ...terms },
      clock: systemClock,
      log: this.log,
      workforce: workforce ?? this.workforce,
      health: this.health,
      calls: calls ?? {
        caller: () => undefined,
        callTarget: () => ({ contract: undefined, idempotent: null }),
        submit: () => assert.fail('nobody calls'),
      },
      createRunId: () => `r_call${++this.#runs}`,
      contents: { ...EMPTY, ...contents },
      remember: (write) => void this.writes.push(write),
      ...(warmthOf ? { warmthOf } : {}),
    })
    this.fleet.start()
    t.after(() => this.fleet.stop())
  }

  view(id = 'w1'): WorkerView | undefined {
    return this.fleet.worker(id)
  }

  async status(status: WorkerState, id = 'w1', boundMs?: number): Promise<WorkerView> {
    return until(
      () => (this.view(id)?.status === status ? this.view(id) : undefined),
      `${id} ${status}, it is ${this.view(id)?.status} (${this.view(id)?.reason})`,
      boundMs,
    )
  }

  event(event: string): Promise<true> {
    return until(() => this.workforce.events.includes(event) || undefined, `event "${event}"`)
  }

  /** How often the log has a line with this text. */
  logged(text: string): number {
    return this.log.entries().filter((entry) => entry.text === text).length
  }
}

/** Ends the worker with the test, whether it was stopped before or not. */
export function endWith(t: TestContext, worker: ScriptedWorker): ScriptedWorker {
  t.after(() => worker.stop())
  return worker
}

/** A scripted worker as the one entry of a fleet. */
export async function setUp(t: TestContext, script: Partial<Script> = {}, options: BenchOptions = {}) {
  const worker = endWith(t, await ScriptedWorker.start(script))
  const bench = new FleetBench(t, options)
  bench.fleet.setRoster([makeEntry(worker.url)])
  return { worker, bench }
}

/** The same, once it is in service. */
export async function setUpReady(t: TestContext, script: Partial<Script> = {}, options: BenchOptions = {}) {
  const parts = await setUp(t, script, options)
  const link = await parts.worker.welcomed()
  await until(() => parts.bench.logged('worker linked') || undefined, 'the worker in service')
  return { ...parts, link }
}
