/**
 * The store without a disk, for tests and for whoever wants nothing kept: the same numbers, events and
 * refusals as on SQLite. `MemoryDisk` plays the disk, so that a second store on it finds what the
 * first one left. Written apart from the SQL on purpose: each checks the other in the conformance suite.
 */
import { type Clock, systemClock } from '@berth/runtime'
import type { RunReads } from '../ports/run-reads.ts'
import type { RunLaneNeeds, RunPosition } from '../ports/run-store.ts'
import type { SessionAsk } from '../ports/session-store.ts'
import type {
  FleetContents,
  FleetWrite,
  KnownWorker,
  MaintenanceIntent,
  StoreContents,
  StoredForm,
  StoredSession,
  StoredSettings,
  StoreEvents,
  StorePort,
  StoreWrite,
} from '../ports/store.ts'
import { withinHistory } from '../ports/workers-config.ts'
import { isActivityWrite } from './activity-tables.ts'
import { Batches } from './batches.ts'
import { isFileWrite } from './file-tables.ts'
import { isFleetWrite } from './fleet-tables.ts'
import { MemoryRunReads } from './memory-run-reads.ts'
import { MemoryRunTables } from './memory-run-tables.ts'
import { isScheduleWrite } from './schedule-tables.ts'
import { isStatsWrite } from './stats-tables.ts'
import { StoreError } from './store-error.ts'

type Functions = FleetContents['interfaces'][number]['functions']

export class MemoryDisk {
  epoch = 0
  readonly intents = new Map<string, MaintenanceIntent>()
  readonly workers = new Map<string, KnownWorker>()
  readonly interfaces = new Map<string, Functions>()
  readonly sessions = new Map<string, StoredSession>()
  readonly settings = new Map<string, StoredSettings>()
  readonly forms = new Map<string, StoredForm>()
  readonly runs = new MemoryRunTables()
  /** Set by tests: why nothing can be written or read, such as "the disk is full". */
  fault: string | undefined
}

export interface MemoryStoreOptions {
  readonly disk?: MemoryDisk
  /** Default 100,000. */
  readonly maxPendingWrites?: number
  readonly clock?: Clock
}

interface Opened {
  readonly batches: Batches
  readonly events: StoreEvents
}

export class MemoryStore implements StorePort {
  readonly reads: RunReads = new MemoryRunReads(() => this.#readable())
  readonly #disk: MemoryDisk
  readonly #maxWrites: number
  readonly #clock: Clock
  #opened: Opened | undefined
  #isClosed = false

  constructor({
    disk = new MemoryDisk(),
    maxPendingWrites = 100_000,
    clock = systemClock,
  }: MemoryStoreOptions = {}) {
    this.#disk = disk
    this.#maxWrites = maxPendingWrites
    this.#clock = clock
  }

  async open(events: StoreEvents): Promise<StoreContents> {
    if (this.#opened !== undefined) throw new Error('a store is opened once; make another')
    const batches = new Batches({
      events,
      maxWrites: this.#maxWrites,
      send: (batch, writes) => this.#commit(batches, batch, writes),
    })
    this.#opened = { batches, events }
    return {
      ...begin(this.#disk, new Date(this.#clock.wallMs()).toISOString()),
      runs: this.#disk.runs.begin(),
      schedules: this.#disk.runs.schedules.begin(),
    }
  }

  apply(writes: readonly StoreWrite[]): number {
    return this.#open().batches.add(writes)
  }

  claim(claim: number, lane: RunLaneNeeds, count: number, after: RunPosition | null): void {
    this.#behind((events) => {
      const isFaulty = this.#disk.fault !== undefined
      const found = isFaulty ? { runs: [], hasMore: true } : this.#disk.runs.claim(lane, count, after)
      events.onClaimed(claim, found.runs, found.hasMore)
    })
  }

  takeDue(untilMs: number, limit: number): void {
    this.#behind((events) => {
      if (this.#disk.fault !== undefined) return events.onDue([], untilMs + 1_000)
      const due = this.#disk.runs.takeDue(untilMs, limit)
      events.onDue(due, this.#disk.runs.nextDueMs())
    })
  }

  askTurns(asked: readonly SessionAsk[]): void {
    this.#behind((events) => {
      const isFaulty = this.#disk.fault !== undefined
      events.onTurns(asked, isFaulty ? null : this.#disk.runs.askTurns(asked))
    })
  }

  flush(): Promise<void> {
    return this.#opened?.batches.flush() ?? Promise.resolve()
  }

  async close(): Promise<void> {
    await this.flush()
    this.#isClosed = true
    this.#opened?.batches.abandon('the store is closed')
  }

  #open(): Opened {
    if (this.#opened === undefined) throw new Error('the store is not open')
    return this.#opened
  }

  #readable(): MemoryRunTables {
    if (this.#opened === undefined || this.#isClosed) throw new StoreError('CLOSED', 'the store is not open')
    if (this.#disk.fault !== undefined) throw new StoreError('UNUSABLE', this.#disk.fault)
    return this.#disk.runs
  }

  /** Behind all batches so far and never before the call returns. */
  #behind(work: (events: StoreEvents) => void): void {
    const { batches, events } = this.#open()
    batches.behind(() =>
      setImmediate(() => {
        if (!this.#isClosed) work(events)
      }),
    )
  }

  #commit(batches: Batches, batch: number, writes: readonly StoreWrite[]): void {
    if (this.#disk.fault !== undefined)
      return batches.failed(batch, `nothing of the batch was written: ${this.#disk.fault}`)
    const refusals = writes.flatMap((write) => this.#write(write) ?? [])
    const [first] = refusals
    if (first === undefined) batches.persisted(batch)
    else batches.failed(batch, `${refusals.length} of ${writes.length} writes refused: ${first}`)
  }

  /** Why one write is refused, or nothing. */
  #write(write: StoreWrite): string | undefined {
    if (isFileWrite(write)) {
      this.#disk.runs.writeFile(structuredClone(write))
      return undefined
    }
    if (isActivityWrite(write)) {
      this.#disk.runs.activity.write(structuredClone(write))
      return undefined
    }
    if (isStatsWrite(write)) {
      this.#disk.runs.stats.write(write)
      return undefined
    }
    if (isScheduleWrite(write)) {
      const { runs } = this.#disk
      const refusal = runs.schedules.write(structuredClone(write))
      if (write.kind === 'schedule-unfired') runs.write({ kind: 'run-removed', seq: write.seq })
      return refusal && `${write.kind}: ${refusal}`
    }
    if (!isFleetWrite(write)) {
      const refusal = this.#disk.runs.write(structuredClone(write))
      return refusal && `${write.kind}: ${refusal}`
    }
    if (!isStorable(write)) return write.kind
    perform(this.#disk, structuredClone(write))
    return undefined
  }
}

function begin(disk: MemoryDisk, now: string): FleetContents {
  disk.epoch++
  for (const [hash, { expiresAt }] of disk.sessions) if (expiresAt <= now) disk.sessions.delete(hash)
  const used = new Set([...disk.workers.values()].map(({ interfaceHash }) => interfaceHash))
  for (const hash of disk.interfaces.keys()) if (!used.has(hash)) disk.interfaces.delete(hash)
  return structuredClone({
    epoch: disk.epoch,
    intents: inOrder(disk.intents),
    workers: inOrder(disk.workers),
    interfaces: [...disk.interfaces].sort(byKey).map(([hash, functions]) => ({ hash, functions })),
    sessions: inOrder(disk.sessions),
    settings: inOrder(disk.settings),
    forms: inOrder(disk.forms),
    configVersions: disk.runs.configVersions.map(({ version }) => version),
  })
}

function inOrder<Value>(map: ReadonlyMap<string, Value>): Value[] {
  return [...map].sort(byKey).map(([, value]) => value)
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1
}

/** What the columns of the tables ask for. */
function isStorable(write: FleetWrite): boolean {
  const isText = (value: unknown) => typeof value === 'string'
  const isTextOrNull = (value: unknown) => value === null || isText(value)
  switch (write.kind) {
    case 'intent-set': {
      const { worker, since, ...maybe } = write.intent
      return isText(worker) && isText(since) && Object.values(maybe).every(isTextOrNull)
    }
    case 'worker-known': {
      const { worker, group, contract, interfaceHash, seenAt } = write.known
      return [worker, group, interfaceHash, seenAt].every(isText) && Number.isSafeInteger(contract)
    }
    case 'interface-seen':
      return isText(write.hash) && Array.isArray(write.functions)
    case 'session-opened':
      return Object.values(write.session).every(isText)
    case 'session-closed':
      return isText(write.hash)
    case 'settings-set':
      return isText(write.settings.group) && isTextOrNull(write.settings.function)
    case 'settings-cleared':
      return isText(write.group) && isTextOrNull(write.function)
    case 'form-set':
      return Object.values(write.form).every(isText)
    case 'form-removed':
      return isText(write.name)
    case 'config-version':
      return Number.isSafeInteger(write.version.version) && isText(write.text)
    case 'touch':
      return true
    default:
      return isText(write.worker)
  }
}

function perform(disk: MemoryDisk, write: FleetWrite): void {
  switch (write.kind) {
    case 'intent-set':
      disk.intents.set(write.intent.worker, write.intent)
      break
    case 'intent-cleared':
      disk.intents.delete(write.worker)
      break
    case 'worker-known':
      disk.workers.set(write.known.worker, write.known)
      break
    case 'worker-forgotten':
      disk.workers.delete(write.worker)
      break
    case 'interface-seen':
      if (!disk.interfaces.has(write.hash)) disk.interfaces.set(write.hash, write.functions)
      break
    case 'session-opened':
      disk.sessions.set(write.session.hash, write.session)
      break
    case 'session-closed':
      disk.sessions.delete(write.hash)
      break
    case 'settings-set':
      disk.settings.set(placeOf(write.settings), write.settings)
      break
    case 'form-set':
      disk.forms.set(write.form.name, write.form)
      break
    case 'form-removed':
      disk.forms.delete(write.name)
      break
    case 'settings-cleared':
      disk.settings.delete(placeOf(write))
      break
    case 'config-version':
      keepVersion(disk, write)
  }
}

function keepVersion(
  { runs }: MemoryDisk,
  { version, text }: Extract<FleetWrite, { kind: 'config-version' }>,
) {
  const others = runs.configVersions.filter((kept) => kept.version.version !== version.version)
  const all = [...others, { version, text }].sort((a, b) => b.version.version - a.version.version)
  runs.configVersions = all.slice(0, withinHistory(all.map((kept) => kept.version)).length)
}

/** Sorts by group, then by function, the group itself before them. */
function placeOf({ group, function: name }: Pick<StoredSettings, 'group' | 'function'>): string {
  return `${group}\n${name ?? ''}`
}
