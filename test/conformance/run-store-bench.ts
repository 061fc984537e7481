/**
 * A store with runs to try things on: waits for each batch and each claim, and makes runs with short words. Called by
 * the suites of this folder that are run against every kind of store.
 */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { RunPosition, RunsAtStart } from '../../balancer/src/ports/run-store.ts'
import type { IdempotencyRow, RunWrite } from '../../balancer/src/ports/run-writes.ts'
import type { SchedulesAtStart } from '../../balancer/src/ports/schedule-store.ts'
import type { SessionAsk, SessionTurn } from '../../balancer/src/ports/session-store.ts'
import type { StoreContents, StorePort, StoreWrite } from '../../balancer/src/ports/store.ts'
import type { StoredDelivery } from '../../balancer/src/ports/stored-delivery.ts'
import type {
  ClaimedRun,
  DoneRun,
  LiveRun,
  RunEnd,
  StoredPayload,
} from '../../balancer/src/ports/stored-run.ts'
import type { StoredEvent } from '../../balancer/src/ports/told.ts'
import { makeEnd as makeCompleted, makeLiveRun } from '../../balancer/src/runs/testing/run-rows.ts'
import type { Place } from './store-places.ts'

export const T0 = Date.parse('2026-01-01T00:00:00Z')
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'

/** An id as the balancer makes it: it bears the instant, and sorts by it and then by seq. */
export function idOf(seq: number, acceptedMs: number): string {
  return `r_${base32(acceptedMs, 10)}0001${base32(seq, 12)}`
}

function base32(value: number, length: number): string {
  let text = ''
  for (let rest = value; text.length < length; rest = Math.floor(rest / 32))
    text = `${ALPHABET[rest % 32]}${text}`
  return text
}

export function makeRun(seq: number, changes: Partial<LiveRun> = {}): LiveRun {
  const acceptedMs = changes.acceptedMs ?? T0 + seq
  return makeLiveRun({ seq, id: idOf(seq, acceptedMs), acceptedMs, ...changes })
}

export function makeEnd(changes: Partial<RunEnd> = {}): RunEnd {
  const result = { mediaType: '', bytes: new TextEncoder().encode('"done"') }
  const times = { finishedMs: T0 + 1_000, startedMs: T0 + 900, queueMs: 1.5, runMs: 2.25 }
  return makeCompleted({ ...times, result, ...changes })
}

export function payloadOf(text: string): StoredPayload {
  return { mediaType: '', bytes: new TextEncoder().encode(text), head: null }
}

export function accepted(...runs: readonly LiveRun[]): RunWrite {
  return {
    kind: 'runs-accepted',
    runs: runs.map((run) => ({ run, payload: payloadOf(`{"n":${run.seq}}`) })),
    key: null,
  }
}

export function finished(seq: number, changes: Partial<RunEnd> = {}, fence: number | null = null): RunWrite {
  return {
    kind: 'run-finished',
    seq,
    fence,
    end: makeEnd(changes),
    events: [],
    delivery: null,
    keyExpiresMs: null,
  }
}

/** How the list shows what was finished. */
export function doneRun(run: LiveRun, end: RunEnd): DoneRun {
  const { failures: _f, losses: _l, boot: _b, fence: _n, ...order } = run
  const { result, ...rest } = end
  return {
    ...order,
    ...rest,
    isDurable: true,
    webhookState: null,
    deliveries: 0,
    resultBytes: result === null ? null : result.bytes.length,
  }
}

export function makeDelivery(n: number, seq: number, changes: Partial<StoredDelivery> = {}): StoredDelivery {
  return {
    id: `d_${base32(n, 26)}`,
    seq,
    run: idOf(seq, T0 + seq),
    type: 'task.completed',
    url: 'https://a.example/hook',
    receiver: 'https://a.example',
    createdMs: T0 + n,
    state: 'pending',
    tries: 0,
    failures: 0,
    nextMs: T0 + n,
    lastStatus: null,
    lastError: null,
    ...changes,
  }
}

/** A run with something in every field. */
export const FULL_RUN: LiveRun = makeRun(7, {
  group: 'gpu',
  function: 'paint "it"',
  contract: 3,
  tags: { region: ['eu', 'us'], vram: '>=80' },
  fairnessKey: 'customer 1',
  mode: 'webhook',
  trigger: 'ui',
  attempts: 4,
  idempotent: false,
  timeoutMs: 1_500,
  deadlineMs: T0 + 60_000,
  queueUntilMs: T0 + 30_000,
  dueMs: T0 + 10,
  session: 's-1',
  schedule: 'c-1',
  scheduledForMs: T0 + 11,
  parent: 'r_parent',
  retryOf: 'r_before',
  budget: 'low',
  metadata: JSON.parse('{"__proto__":"yes","ключ":"Zoë"}'),
  trace: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
  isRouted: true,
  webhook: { url: 'https://a.example', headers: { 'x-a': 'b' }, format: 'result' },
  priority: 2_097_152,
})
/** Where a run stands that was lost once. */
export const PROGRESS = {
  status: 'running',
  priority: 5,
  attempt: 2,
  failures: 1,
  losses: 1,
  worker: 'host:3001/a#2',
  boot: 'boot-1',
  fence: 2 ** 40,
  startedMs: T0 + 400,
  history: [{ n: 1, worker: 'w9', startedMs: T0 + 100, finishedMs: T0 + 200, outcome: 'lost' }],
} as const

export const HASH = 'a'.repeat(64)

/** Of nobody's runs, without an answer. */
export function makeKey(changes: Partial<IdempotencyRow> = {}): IdempotencyRow {
  return { hash: HASH, bodyHash: 'b'.repeat(64), runs: [], answer: null, expiresMs: null, ...changes }
}

export function makeEvent(n: number, data = `{"n":${n}}`): StoredEvent {
  return { n, type: 'progress', atMs: T0 + n, data }
}

/** Closed when the test ends. */
export async function openBench(context: TestContext, place: Place): Promise<RunBench> {
  const bench = await RunBench.open(place)
  context.after(() => bench.close())
  return bench
}

export function seqsOf(runs: readonly { readonly seq: number }[]): number[] {
  return runs.map(({ seq }) => seq)
}

/** The seqs of a page. */
export async function listSeqs(
  { reads }: RunBench,
  ...values: Parameters<RunBench['reads']['list']>
): Promise<number[]> {
  return (await reads.list(...values)).map(({ run }) => run.seq)
}

export class RunBench {
  readonly store: StorePort
  readonly atStart: RunsAtStart
  readonly schedules: SchedulesAtStart
  readonly #waits: Waits

  static async open(place: Place): Promise<RunBench> {
    const waits = new Waits()
    const store = place.make()
    const contents = await store.open({
      onPersisted: (batch) => waits.tell(`batch ${batch}`, undefined),
      onFailed: (batch, detail) => waits.tell(`batch ${batch}`, detail),
      onClaimed: (claim, runs, hasMore) => waits.tell(`claim ${claim}`, { runs, hasMore }),
      onDue: (runs, nextMs) => waits.tell('due', { runs, nextMs }),
      onTurns: (_asked, turns) => waits.tell('turns', turns),
    })
    return new RunBench(store, contents, waits)
  }

  private constructor(store: StorePort, { runs, schedules }: StoreContents, waits: Waits) {
    this.store = store
    this.atStart = runs
    this.schedules = schedules
    this.#waits = waits
  }

  get reads() {
    return this.store.reads
  }

  /** Why the batch was given up; undefined when it is on disk. */
  async try(...writes: readonly StoreWrite[]): Promise<string | undefined> {
    return this.#waits.on<string | undefined>(`batch ${this.store.apply(writes)}`)
  }

  async write(...writes: readonly StoreWrite[]): Promise<void> {
    assert.equal(await this.try(...writes), undefined)
  }

  #claims = 0
  async claim(run: LiveRun, count: number, after: RunPosition | null = null) {
    this.store.claim(++this.#claims, run, count, after)
    return this.#waits.on<{ runs: readonly ClaimedRun[]; hasMore: boolean }>(`claim ${this.#claims}`)
  }

  async takeDue(untilMs: number, limit: number) {
    this.store.takeDue(untilMs, limit)
    return this.#waits.on<{ runs: readonly ClaimedRun[]; nextMs: number | null }>('due')
  }

  /** Whose turn it is in each of the sessions. */
  async askTurns(...sessions: readonly (string | SessionAsk)[]): Promise<readonly SessionTurn[]> {
    this.store.askTurns(
      sessions.map((one) => (typeof one === 'string' ? { session: one, known: null } : one)),
    )
    const turns = await this.#waits.on<readonly SessionTurn[] | null>('turns')
    assert.ok(turns)
    return turns
  }

  async close(): Promise<void> {
    await this.store.close()
  }
}

/** What is told, for whoever waits for it now or later. */
class Waits {
  readonly #told = new Map<string, PromiseWithResolvers<unknown>>()

  tell(name: string, value: unknown): void {
    this.#of(name).resolve(value)
  }

  async on<Value>(name: string): Promise<Value> {
    const value = await this.#of(name).promise
    this.#told.delete(name)
    return value as Value
  }

  #of(name: string): PromiseWithResolvers<unknown> {
    const told = this.#told.get(name) ?? Promise.withResolvers<unknown>()
    this.#told.set(name, told)
    return told
  }
}
