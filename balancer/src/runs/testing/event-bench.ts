/** Events of runs on a store without a disk, with runs that begin, tell and end as a test says. */
import assert from 'node:assert/strict'
import { createLog, systemClock } from '@berth/runtime'
import type { RunFollowing } from '../../ports/run-events.ts'
import type { RunWrite } from '../../ports/run-writes.ts'
import type { RunsPort } from '../../ports/runs.ts'
import type { LiveRun, RunEnd } from '../../ports/stored-run.ts'
import type { StreamKind } from '../../ports/stream.ts'
import type { StoredEvent } from '../../ports/told.ts'
import { MemoryDisk, MemoryStore } from '../../store/memory-store.ts'
import { StoreKeeper } from '../../store/store-keeper.ts'
import type { RecorderTerms } from '../events/recorder.ts'
import { RunEvents } from '../events/run-events.ts'
import { makeEnd, makeLiveRun, NO_PAYLOAD } from './run-rows.ts'

export interface EventBenchOptions {
  readonly disk?: MemoryDisk
  readonly terms?: Partial<RecorderTerms>
  readonly memory?: Partial<Pick<RunsPort, 'find' | 'waitFor'>>
  readonly quietMs?: number
}

/** An event as its reader has it. */
export type Seen = readonly [n: number, type: string, data: unknown]

export class Follower {
  readonly seen: Seen[] = []
  readonly quiet: number[] = []
  readonly #batches: AsyncGenerator<readonly StoredEvent[], void, void>
  readonly ended: Promise<void>

  constructor(batches: AsyncGenerator<readonly StoredEvent[], void, void>) {
    this.#batches = batches
    this.ended = this.#read()
  }

  /** Resolves when so many were seen. */
  async until(count: number): Promise<readonly Seen[]> {
    while (this.seen.length < count) await tick()
    return this.seen
  }

  async #read(): Promise<void> {
    for await (const batch of this.#batches) {
      if (batch.length === 0) this.quiet.push(this.seen.length)
      for (const { n, type, data } of batch) this.seen.push([n, type, plainOf(type, data)])
    }
  }
}

export interface EventBench {
  readonly disk: MemoryDisk
  readonly events: RunEvents
  readonly writes: readonly RunWrite[]
  /** From now on nobody hears that events were written, until `release`. */
  holdWrites(): { release(): void }
  /** Bytes that were given back to the handler. */
  taken(): number
  accept(changes?: Partial<LiveRun>): Promise<LiveRun>
  tell(run: LiveRun, kind: StreamKind, text: string, attempt?: number): void
  /** `between`: after its last events were asked for, before they are written. */
  end(run: LiveRun, end?: Partial<RunEnd>, between?: () => Promise<unknown>): Promise<void>
  follow(id: string, after?: number, signal?: AbortSignal): Promise<Follower>
  ask(id: string, after?: number): Promise<RunFollowing['kind']>
  stop(): Promise<void>
}

export async function makeEventBench(options: EventBenchOptions = {}): Promise<EventBench> {
  const disk = options.disk ?? new MemoryDisk()
  const store = new MemoryStore({ disk })
  const log = createLog({ source: 'test', write: () => {} })
  const keeper = new StoreKeeper({ store, clock: systemClock, log })
  const contents = await store.open(keeper)
  const writes: RunWrite[] = []
  let taken = 0
  let held: Promise<void> | undefined
  const source = {
    taken(bytes: number) {
      taken += bytes
    },
  }
  const events = new RunEvents({
    reads: store.reads,
    keep: async (wanted) => {
      writes.push(...wanted)
      const kept = await keeper.keep(wanted)
      await held
      return kept
    },
    clock: systemClock,
    log,
    terms: { eventsBytes: 10 * 1024 ** 2, lines: 1_000, ...options.terms },
    lastSeq: contents.runs.lastSeq,
    memory: { find: async () => undefined, waitFor: async () => undefined, ...options.memory },
    quietMs: options.quietMs ?? 15_000,
  })
  const keep = async (wanted: readonly RunWrite[]) => {
    const kept = await keeper.keep(wanted)
    if (!kept.ok) assert.fail(kept.detail)
  }
  return {
    disk,
    events,
    writes,
    holdWrites() {
      const { promise, resolve } = Promise.withResolvers<void>()
      held = promise
      return { release: resolve }
    },
    taken: () => taken,
    async accept(changes) {
      const run = makeLiveRun(changes)
      await keep([{ kind: 'runs-accepted', runs: [{ run, payload: NO_PAYLOAD }], key: null }])
      return run
    },
    tell(run, kind, text, attempt = 1) {
      const origin = { worker: 'w1', attempt, queueMs: 1 }
      events.onItem(run, { kind, bytes: Buffer.from(text), isLast: true, source }, origin)
    },
    async end(run, changes, between) {
      const end = makeEnd(changes)
      const last = events.endOf(run, end)
      await between?.()
      await keep([
        {
          kind: 'run-finished',
          seq: run.seq,
          fence: null,
          end,
          events: last,
          delivery: null,
          keyExpiresMs: null,
        },
      ])
      events.onEnded(run)
    },
    async follow(id, after = 0, signal = new AbortController().signal) {
      const found = await events.follow(id, after, signal)
      return found.kind === 'events' ? new Follower(found.batches) : assert.fail(found.kind)
    },
    async ask(id, after = 0) {
      const leaving = new AbortController()
      const found = await events.follow(id, after, leaving.signal)
      leaving.abort()
      if (found.kind === 'events') await found.batches.return()
      return found.kind
    },
    async stop() {
      await events.stop()
      keeper.stop()
      await store.close()
    },
  }
}

export function tick(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1))
}

/** Statuses and errors in a word, everything else parsed. */
function plainOf(type: string, data: string): unknown {
  const parsed = JSON.parse(data) as Record<string, unknown>
  if (type === 'status')
    return parsed.attempt === undefined ? parsed.status : `${parsed.status} ${parsed.attempt}`
  return type === 'chunk' ? parsed.text : parsed
}
