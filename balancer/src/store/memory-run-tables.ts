/**
 * Runs as the store without a disk keeps them: maps where SQLite has tables. Used by `memory-store.ts` and read by
 * `memory-run-reads.ts`. Invariant: a write changes all that belongs to it or, when it is refused, nothing.
 */
import type { FileWrite, StoredFile } from '../ports/files.ts'
import type { RunLaneNeeds, RunPosition, RunsAtStart } from '../ports/run-store.ts'
import type { IdempotencyRow, RunWrite, StoredBulk } from '../ports/run-writes.ts'
import type { SessionAsk, SessionTurn } from '../ports/session-store.ts'
import type { StoredDelivery, StoredTry } from '../ports/stored-delivery.ts'
import type { ClaimedRun, DoneRun, LiveRun, RunEnd, RunOrder, StoredPayload } from '../ports/stored-run.ts'
import type { StoredEvent, Told, ToldItem, UsageScope, UsageTotals } from '../ports/told.ts'
import type { ConfigVersion } from '../ports/workers-config.ts'
import { MemoryActivity } from './memory-activity.ts'
import { MemoryScheduleTables } from './memory-schedule-tables.ts'
import { MemoryStats } from './memory-stats.ts'
import { MemoryTurns } from './memory-turns.ts'
import { laneKey, orderOf, TRIES_KEPT } from './run-rows.ts'
import { addEnded } from './run-usage.ts'

type Write<Kind extends RunWrite['kind']> = Extract<RunWrite, { kind: Kind }>

export class MemoryRunTables {
  readonly live = new Map<number, LiveRun>()
  readonly done = new Map<number, DoneRun>()
  readonly seqs = new Map<string, number>()
  readonly payloads = new Map<number, StoredPayload>()
  readonly results = new Map<number, NonNullable<RunEnd['result']>>()
  readonly events = new Map<number, { dropped: number; events: Map<number, StoredEvent> }>()
  readonly lines = new Map<number, Map<number, StoredEvent>>()
  readonly told = new Map<number, Map<number, ToldItem>>()
  /** By kind and name. */
  readonly usageTotals = new Map<string, UsageTotals>()
  readonly deliveries = new Map<string, StoredDelivery>()
  readonly tries = new Map<string, Map<number, StoredTry>>()
  readonly disabledUrls = new Map<string, number>()
  readonly keys = new Map<string, IdempotencyRow>()
  /** The key that began a run, by the run's seq. */
  readonly keyOf = new Map<number, string>()
  readonly bulks = new Map<string, StoredBulk>()
  readonly schedules = new MemoryScheduleTables()
  /** The newest first. */
  configVersions: readonly { readonly version: ConfigVersion; readonly text: string }[] = []
  readonly activity = new MemoryActivity()
  readonly stats = new MemoryStats()
  readonly turns = new MemoryTurns(this)
  readonly files = new Map<number, StoredFile[]>()
  /** Names that no run has any more. */
  readonly goneFiles = new Set<string>()

  begin(): RunsAtStart {
    const runs = [...this.live.values()].sort(bySeq)
    const queued = runs.filter(({ status, seq }) => status === 'queued' && !this.turns.isHeld(seq))
    const lanes = new Map(queued.map((run) => [laneKey(run), run]))
    return structuredClone({
      lastSeq: Math.max(0, ...this.seqs.values()),
      lastId: [...this.seqs.keys()].sort().at(-1) ?? null,
      live: runs.length,
      lanes: [...lanes.values()].map(({ group, function: name, contract, tags }, at) => ({
        lane: at + 1,
        group,
        function: name,
        contract,
        tags,
      })),
      running: runs.filter(({ status }) => status === 'running').map((run) => this.#claimed(run)),
      nextDueMs: this.nextDueMs(),
      nextDeliveryMs: this.nextDeliveryMs(),
      disabledUrls: [...this.disabledUrls.keys()].sort(),
      keys: this.keys.size,
      bulks: [...this.bulks.values()].filter(({ state }) => state === 'running'),
    })
  }

  claim(
    needs: RunLaneNeeds,
    count: number,
    after: RunPosition | null,
  ): { runs: ClaimedRun[]; hasMore: boolean } {
    const key = laneKey(needs)
    const found = [...this.live.values()]
      .filter((run) => run.status === 'queued' && laneKey(run) === key && isBehind(run, after))
      .filter(({ seq }) => !this.turns.isHeld(seq))
      .sort((a, b) => a.priority - b.priority || a.seq - b.seq)
    return {
      runs: found.slice(0, count).map((run) => structuredClone(this.#claimed(run))),
      hasMore: found.length > count,
    }
  }

  takeDue(untilMs: number, limit: number): ClaimedRun[] {
    const due = [...this.live.values()]
      .filter(({ status, dueMs }) => status === 'scheduled' && (dueMs ?? 0) <= untilMs)
      .sort((a, b) => (a.dueMs ?? 0) - (b.dueMs ?? 0) || a.seq - b.seq)
      .slice(0, limit)
    const queued = due.map((run) => ({ ...run, status: 'queued' }) as const)
    for (const run of queued) this.live.set(run.seq, run)
    this.turns.joinDue(queued)
    return queued.map((run) => structuredClone(this.#claimed(run)))
  }

  nextDueMs(): number | null {
    return lowest([...this.live.values()].map((run) => (run.status === 'scheduled' ? run.dueMs : null)))
  }

  nextDeliveryMs(afterMs = Number.NEGATIVE_INFINITY): number | null {
    return lowest(this.pending([]).map(({ nextMs }) => (nextMs !== null && nextMs > afterMs ? nextMs : null)))
  }

  /** Deliveries that wait, but none to these receivers. */
  pending(except: readonly string[]): StoredDelivery[] {
    return [...this.deliveries.values()].filter(
      ({ state, receiver }) => state === 'pending' && !except.includes(receiver),
    )
  }

  askTurns(asked: readonly SessionAsk[]): SessionTurn[] {
    return asked.map(({ session, known }) => {
      const { head, worker, urgent } = this.turns.look(session)
      const run = head?.status === 'queued' && head.id !== known ? this.#claimed(head) : null
      const shown = head ? { id: head.id, priority: urgent } : null
      return structuredClone({ session, head: shown, run, worker })
    })
  }

  /** Why a write is refused, or nothing when it was performed. */
  write(write: RunWrite): string | undefined {
    switch (write.kind) {
      case 'runs-accepted':
        return this.#accept(write)
      case 'run-moved':
        return this.#move(write)
      case 'run-finished':
        return this.#finish(write)
      case 'run-recorded':
        return this.#record(write)
      case 'run-removed':
        this.#removeKey(write.seq)
        return this.#removeTree(write.seq)
      case 'turn-set':
        this.turns.set(write.seq, write.priority)
        return
      case 'run-events':
        return this.#addEvents(write)
      case 'run-lines':
        return this.#addLines(write)
      case 'run-told':
        return this.#tell(write)
      case 'usage-forgotten':
        this.usageTotals.delete(scopeKey(write.scope))
        return
      case 'delivery-set':
        return this.#setDelivery(write)
      case 'url-disabled':
        return this.#disable(write)
      case 'url-enabled':
        this.disabledUrls.delete(write.url)
        return
      case 'key-set':
        return this.#setKey(write.row)
      case 'key-removed':
        this.keys.delete(write.hash)
        return
      case 'bulk-set':
        this.bulks.set(write.bulk.id, write.bulk)
        return
      case 'retention':
        return this.#retain(write)
    }
  }

  writeFile(write: FileWrite): void {
    if (write.kind === 'files-gone') for (const name of write.names) this.goneFiles.delete(name)
    else {
      const { seq, file } = write
      const run = this.live.get(seq)
      const isNewest = file.fence === 0 || (run?.fence ?? 0) <= file.fence
      if (run === undefined || !isNewest) this.goneFiles.add(file.name)
      else this.#replaceFiles(seq, (one) => one.fence !== file.fence || one.path !== file.path, [file])
    }
  }

  #replaceFiles(seq: number, stays: (file: StoredFile) => boolean, more: readonly StoredFile[] = []): void {
    const files = this.files.get(seq) ?? []
    for (const file of files) if (!stays(file)) this.goneFiles.add(file.name)
    const left = [...files.filter(stays), ...more]
    if (left.length > 0) this.files.set(seq, left)
    else this.files.delete(seq)
  }

  #claimed(run: LiveRun): ClaimedRun {
    const payload = this.payloads.get(run.seq)
    if (payload === undefined) throw new Error(`the run ${run.id} has no payload`)
    const prefer = run.session === null ? null : this.turns.lastCompletedBy(run.session)
    return prefer === null ? { ...run, payload } : { ...run, payload, prefer }
  }

  #accept({ runs, key, claim }: Write<'runs-accepted'>): string | undefined {
    if (key !== null && this.keys.has(key.hash)) return 'UNIQUE constraint failed: the key exists'
    const seqs = new Set(runs.map(({ run }) => run.seq))
    const ids = new Set(runs.map(({ run }) => run.id))
    const isNew = ({ run }: (typeof runs)[number]) =>
      !this.live.has(run.seq) && !this.done.has(run.seq) && !this.seqs.has(run.id)
    if (seqs.size < runs.length || ids.size < runs.length || !runs.every(isNew))
      return 'UNIQUE constraint failed: the run exists'
    const refusal = claim && this.schedules.claim(claim)
    if (refusal !== undefined) return refusal
    for (const { run, payload } of runs) {
      this.live.set(run.seq, run)
      this.seqs.set(run.id, run.seq)
      this.payloads.set(run.seq, payload)
    }
    this.turns.joinAccepted(runs.flatMap(({ run }) => (run.status === 'queued' ? [run] : [])))
    if (key === null) return
    this.keys.set(key.hash, key)
    for (const { run } of runs) this.keyOf.set(run.seq, key.hash)
  }

  #move({ seq, progress }: Write<'run-moved'>): undefined {
    const run = this.live.get(seq)
    if (run !== undefined) this.live.set(seq, { ...run, ...progress })
  }

  #finish(write: Write<'run-finished'>): undefined {
    const { seq, fence, end, events, delivery, keyExpiresMs, mayHaveFiles, told, scopes = [] } = write
    const run = this.live.get(seq)
    if (run === undefined || (fence !== null && run.fence !== null && run.fence > fence)) return
    this.live.delete(seq)
    if (mayHaveFiles) this.#replaceFiles(seq, (file) => file.fence === 0 || file.fence === fence)
    this.#setDone(orderOf(run), end, true)
    if (write.session) this.turns.set(seq, null)
    if (events.length > 0) this.#addEvents({ kind: 'run-events', seq, events, dropBefore: 0, dropped: 0 })
    if (delivery !== null) this.#setDelivery({ kind: 'delivery-set', delivery, attempt: null })
    if (told) this.#addTold(seq, told)
    for (const scope of scopes) {
      const before = this.usageTotals.get(scopeKey(scope)) ?? null
      this.usageTotals.set(scopeKey(scope), addEnded(before, end.usage ?? null, end.finishedMs))
    }
    const hash = this.keyOf.get(seq)
    const key = hash === undefined ? undefined : this.keys.get(hash)
    if (keyExpiresMs === null || key === undefined) return
    const isLast = ![...this.live.keys()].some((other) => this.keyOf.get(other) === hash)
    if (isLast) this.keys.set(key.hash, { ...key, expiresMs: keyExpiresMs })
  }

  #record({ order, end, files = [] }: Write<'run-recorded'>): undefined {
    const { id, seq } = order
    if (this.seqs.has(id) || this.live.has(seq) || this.done.has(seq)) {
      for (const { name } of files) this.goneFiles.add(name)
      return
    }
    this.seqs.set(id, seq)
    this.#setDone(orderOf(order), end, files.length > 0)
    if (files.length > 0) this.files.set(seq, [...files])
  }

  #setDone(order: RunOrder, { result, ...end }: RunEnd, isDurable: boolean): void {
    const resultBytes = result?.bytes.length ?? null
    const state = { isDurable, webhookState: null, deliveries: 0, resultBytes }
    this.done.set(order.seq, { ...order, ...end, ...state })
    if (result !== null) this.results.set(order.seq, result)
  }

  /** What it called goes with it. */
  #removeTree(seq: number): undefined {
    const id = this.done.get(seq)?.id
    this.#remove(seq)
    if (id === undefined) return
    for (const { seq: child, parent } of [...this.done.values()]) if (parent === id) this.#removeTree(child)
  }

  #remove(seq: number): undefined {
    const run = this.live.get(seq) ?? this.done.get(seq)
    if (run === undefined) return
    this.turns.remove(seq)
    this.seqs.delete(run.id)
    this.#replaceFiles(seq, () => false)
    const { live, done, payloads, results, events, lines, told, keyOf } = this
    for (const table of [live, done, payloads, results, events, lines, told, keyOf]) table.delete(seq)
    for (const [id, delivery] of this.deliveries)
      if (delivery.seq === seq) {
        this.deliveries.delete(id)
        this.tries.delete(id)
      }
  }

  /** See `removeKey` (run-removal.ts). */
  #removeKey(seq: number): void {
    const hash = this.keyOf.get(seq)
    const row = hash === undefined ? undefined : this.keys.get(hash)
    if (!row) return
    const isItsOwn = row.runs.length === 1 && row.runs[0] === this.done.get(seq)?.id
    if (this.live.has(seq) || (isItsOwn && row.answer !== 'accepted')) this.keys.delete(row.hash)
  }

  /** An expiry that is known stays. */
  #setKey(row: IdempotencyRow): undefined {
    const expiresMs = row.expiresMs ?? this.keys.get(row.hash)?.expiresMs ?? null
    this.keys.set(row.hash, { ...row, expiresMs })
  }

  /** Whether its end may be asked for again, by its key. */
  #answersForKey({ seq, id }: DoneRun, nowMs: number): boolean {
    const key = this.keys.get(this.keyOf.get(seq) ?? '')
    if (!key?.runs.includes(id) || key.answer === 'accepted') return false
    return key.expiresMs === null || key.expiresMs > nowMs
  }

  #addEvents({ seq, events, dropBefore, dropped }: Write<'run-events'>): undefined {
    if (!this.#has(seq)) return
    const kept = this.events.get(seq) ?? { dropped: 0, events: new Map() }
    for (const event of events) kept.events.set(event.n, event)
    for (const n of kept.events.keys()) if (n < dropBefore) kept.events.delete(n)
    this.events.set(seq, { ...kept, dropped: Math.max(kept.dropped, dropped) })
  }

  #addLines({ seq, lines, dropBefore }: Write<'run-lines'>): undefined {
    if (!this.#has(seq)) return
    const kept = this.lines.get(seq) ?? new Map<number, StoredEvent>()
    for (const line of lines) kept.set(line.n, line)
    for (const n of kept.keys()) if (n < dropBefore) kept.delete(n)
    this.lines.set(seq, kept)
  }

  #tell({ seq, used, told }: Write<'run-told'>): undefined {
    const run = this.live.get(seq)
    if (run) this.live.set(seq, { ...run, used })
    if (this.#has(seq)) this.#addTold(seq, told)
  }

  #addTold(seq: number, { items, dropBefore }: Told): void {
    const kept = this.told.get(seq) ?? new Map<number, ToldItem>()
    for (const item of items) kept.set(item.n, item)
    for (const { n, kind } of kept.values()) if (n < dropBefore[kind]) kept.delete(n)
    this.told.set(seq, kept)
  }

  #has(seq: number): boolean {
    return this.live.has(seq) || this.done.has(seq)
  }

  #setDelivery({ delivery, attempt }: Write<'delivery-set'>): undefined {
    if (!this.done.has(delivery.seq)) return
    this.deliveries.set(delivery.id, delivery)
    const tries = this.tries.get(delivery.id) ?? new Map<number, StoredTry>()
    if (attempt !== null) tries.set(attempt.n, attempt)
    const oldest = [...tries.keys()].sort((a, b) => a - b)
    for (const n of oldest.slice(0, Math.max(0, oldest.length - TRIES_KEPT))) tries.delete(n)
    this.tries.set(delivery.id, tries)
    this.#noteDeliveries(delivery.seq)
  }

  /** A run shows the state of its newest message, and the tries of all. */
  #noteDeliveries(seq: number): void {
    const run = this.done.get(seq)
    const all = [...this.deliveries.values()].filter((one) => one.seq === seq)
    const newest = all.sort((a, b) => (a.id < b.id ? -1 : 1)).at(-1)
    if (run !== undefined)
      this.done.set(seq, {
        ...run,
        webhookState: newest?.state ?? null,
        deliveries: all.reduce((sum, { tries }) => sum + tries, 0),
      })
  }

  #disable({ url, sinceMs }: Write<'url-disabled'>): undefined {
    if (!this.disabledUrls.has(url)) this.disabledUrls.set(url, sinceMs)
    for (const [id, delivery] of this.deliveries)
      if (delivery.url === url && delivery.state === 'pending') {
        this.deliveries.set(id, { ...delivery, state: 'disabled', nextMs: null })
        this.#noteDeliveries(delivery.seq)
      }
  }

  #retain({
    endedBeforeMs,
    keyedEndedBeforeMs,
    keepAtMost,
    keysExpiredMs,
    limit,
  }: Write<'retention'>): undefined {
    const oldest = (hasKey: boolean, beforeMs: number) =>
      [...this.done.values()]
        .filter(({ seq, finishedMs }) => this.keyOf.has(seq) === hasKey && finishedMs < beforeMs)
        .sort((a, b) => a.finishedMs - b.finishedMs || a.seq - b.seq)
    const old = oldest(false, endedBeforeMs).slice(0, limit)
    const keyed = oldest(true, keyedEndedBeforeMs).slice(0, limit - old.length)
    old.push(...keyed.filter((run) => !this.#answersForKey(run, keysExpiredMs)))
    for (const { seq } of old) this.#remove(seq)
    const excess = Math.min(limit - old.length, this.done.size - keepAtMost)
    const first = [...this.done.keys()].sort((a, b) => a - b).slice(0, Math.max(0, excess))
    for (const seq of first) this.#remove(seq)
    const expired = [...this.keys.values()]
      .filter(({ expiresMs }) => expiresMs !== null && expiresMs <= keysExpiredMs)
      .sort((a, b) => (a.expiresMs ?? 0) - (b.expiresMs ?? 0))
    for (const { hash } of expired.slice(0, limit)) this.keys.delete(hash)
    for (const [id, bulk] of this.bulks)
      if (bulk.finishedMs !== null && bulk.finishedMs < endedBeforeMs) this.bulks.delete(id)
    for (const [key, { untilMs }] of this.usageTotals) {
      const [kind, name = ''] = key.split(' ')
      if (untilMs < endedBeforeMs && (kind === 'session' || this.schedules.find(name) === null))
        this.usageTotals.delete(key)
    }
  }
}

function scopeKey({ kind, name }: UsageScope): string {
  return `${kind} ${name}`
}

function bySeq(a: { readonly seq: number }, b: { readonly seq: number }): number {
  return a.seq - b.seq
}

function isBehind(run: RunPosition, after: RunPosition | null): boolean {
  if (after === null) return true
  return run.priority > after.priority || (run.priority === after.priority && run.seq > after.seq)
}

function lowest(instants: readonly (number | null)[]): number | null {
  return instants.reduce((low, at) => (low === null || (at !== null && at < low) ? at : low), null)
}
