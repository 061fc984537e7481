/**
 * Work that callers of a test of faults hand over: what they were answered, and at the end what became of it. What
 * is on disk is read from the store's file itself, by a connection of this process that only reads, so that the
 * witness is none of the balancer's. Used by disk.test.ts, restarts.test.ts and their heavy forms.
 * Invariant: a 202 is a promise, and every promise is judged (promises.ts).
 */
import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { RUN_STATUSES } from '@berth/protocol'
import { ACCEPTED, type PackedWrite } from '../../balancer/src/store/write-packing.ts'
import { unpackAccepted, unpackFinished } from '../../balancer/src/store/write-unpacking.ts'
import { type Answer, KEYS, postTask } from '../harness/berth.ts'
import { until } from '../harness/until.ts'
import { JUDGES, judge } from './checkers.ts'
import { judgePromises, type Shown, type Wanted } from './promises.ts'
import { type Site, SLACK_MS } from './site.ts'

export type Order = {
  readonly ms?: number
  readonly how?: 'wait' | 'held'
  readonly priority?: number
  readonly key?: string
  readonly idempotent?: boolean
  /** The input is so long. */
  readonly bytes?: number
}

/** As it lies on disk; `seq` is the order of acceptance. */
export type Stored = Shown & { readonly seq: number; readonly priority: number }

export type HandedOver = Answer & { readonly runId?: string; readonly code?: string; readonly id: string }

const FINAL = new Set(['completed', 'failed', 'cancelled', 'expired'])
const ATTEMPTS = 3
const SETTLE_MS = 60_000

export class Handover {
  readonly wanted: Wanted[] = []
  readonly #site: Site
  readonly #elsewhere: string | undefined

  /** `elsewhere`: where the store lies for this process, when it is in another's mount namespace. */
  constructor(site: Site, elsewhere?: string) {
    this.#site = site
    this.#elsewhere = elsewhere
  }

  /** Hands a run of the probe function over; a broken connection is thrown, and counts as refused. */
  async hand(order: Order = {}): Promise<HandedOver> {
    const wanted = this.#want(order.key, order.idempotent === false)
    try {
      const answer = await this.#post(wanted.id, order)
      const { runId, code } = (answer.body ?? {}) as { runId?: string; code?: string }
      if (answer.status === 202 && runId !== undefined) wanted.promised.push(runId)
      else wanted.refused.push(`${answer.status} ${code}`)
      return { ...answer, id: wanted.id, runId, code }
    } catch (error) {
      wanted.refused.push(String(error))
      throw error
    }
  }

  /** What a 202 is: anything else fails the test. */
  async handOver(order: Order = {}): Promise<string> {
    const { status, runId, text } = await this.hand(order)
    assert.equal(status, 202, text)
    return runId ?? assert.fail(text)
  }

  /** A batch of runs of no duration; all of them are promised or the test fails. */
  async handOverMany(count: number, priority: number): Promise<void> {
    const wanted = Array.from({ length: count }, () => this.#want(undefined))
    const bodies = wanted.map(({ id }) => bodyOf(id, { priority }))
    const { status, body, text } = await this.#site.balancer.request('/tasks', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(bodies),
    })
    assert.equal(status, 202, text.slice(0, 500))
    const { runIds } = body as { runIds: string[] }
    for (const [index, run] of runIds.entries()) wanted[index]?.promised.push(run)
  }

  /** One wish a key. */
  #want(key: string | undefined, isOnce = false): Wanted {
    const id = key ?? `h${this.wanted.length + 1}`
    const before = key && this.wanted.find((wanted) => wanted.id === id)
    if (before) return before
    const wanted: Wanted = {
      ...{ id, hasKey: key !== undefined, mode: 'async', isOnce },
      ...{ promised: [], refused: [] },
    }
    this.wanted.push(wanted)
    return wanted
  }

  #post(id: string, order: Order): Promise<Answer> {
    const headers: Record<string, string> = order.key === undefined ? {} : { 'idempotency-key': order.key }
    return postTask(this.#site.balancer, bodyOf(id, order), headers)
  }

  get promised(): readonly string[] {
    return this.wanted.flatMap(({ promised }) => promised)
  }

  /** Every run on disk, in the order of acceptance. */
  readDisk(): Stored[] {
    // SQLite resolves links, and the way into another namespace is one.
    return this.#elsewhere === undefined ? readRuns(this.#site.balancer.dataDir) : this.readCopy()
  }

  /** As `readDisk`, of a copy: also what a balancer whose disk is held has written and no reader sees yet. */
  readCopy(): Stored[] {
    const source = this.#elsewhere ?? this.#site.balancer.dataDir
    const folder = mkdtempSync(join(tmpdir(), 'berth-copy-'))
    try {
      for (const name of ['berth.db', 'berth.db-wal']) copyFileSync(join(source, name), join(folder, name))
      return readRuns(folder)
    } finally {
      rmSync(folder, { recursive: true })
    }
  }

  /** Runs on disk as the balancer lists them. */
  async #list(): Promise<Map<string, string>> {
    const found = new Map<string, string>()
    for (let cursor: string | null = ''; cursor !== null; ) {
      const behind: string = cursor === '' ? '' : `&cursor=${cursor}`
      const { body, text } = await this.#site.balancer.request(`/runs?limit=500${behind}`)
      const page = body as {
        items?: { id: string; status: string; durable: boolean }[]
        cursor: string | null
      }
      assert.ok(page.items, text)
      for (const { id, status, durable } of page.items) if (durable) found.set(id, status)
      cursor = page.cursor
    }
    return found
  }

  /** Whether the balancer says that it has ended. */
  async isTold(runId: string): Promise<boolean> {
    const { body } = await this.#site.balancer.request(`/runs/${runId}`)
    return FINAL.has((body as { status: string }).status)
  }

  /** Waits until the run is on disk as completed. */
  async completed(runId: string): Promise<void> {
    const isDone = ({ id, status }: Shown): boolean => id === runId && status === 'completed'
    await until(() => this.readDisk().some(isDone), SETTLE_MS, `${runId} is completed on disk`)
  }

  /** Waits until no run on disk is live. */
  async allEnded(limitMs = SETTLE_MS): Promise<void> {
    const areAll = (): boolean => this.readDisk().every(({ status }) => FINAL.has(status))
    await until(areAll, limitMs, 'every run on disk has ended')
  }

  /** Every promise was kept: C1–C4 and C15 of promises.ts, and what is judged of every story. */
  async judge(recoveryMs = 5_000 + SLACK_MS): Promise<{ repeats: number; shown: readonly Stored[] }> {
    await this.allEnded()
    const story = await this.#site.story(recoveryMs)
    const shown = this.readDisk()
    const handed = new Set(this.wanted.map(({ id }) => id))
    const [own = [], others = []] = [true, false].map((isOwn) =>
      story.executions.filter(({ id }) => handed.has(id) === isOwn),
    )
    const { faults } = story
    const violations = judgePromises({
      ...{ wanted: this.wanted, shown, seen: [], executions: own, faults, messages: [] },
      attemptsAllowed: ATTEMPTS,
    })
    for (const { checker, detail } of judge({ ...story, executions: others }, Object.values(KEYS)))
      violations.push(`${checker}: ${detail}`)
    violations.push(...compare(shown, await until(() => this.#list(), SETTLE_MS, 'runs are listed')))
    JUDGES.C5(story, (detail) => violations.push(`C5: ${detail}`), [])
    assert.equal(violations.length, 0, violations.slice(0, 50).join('\n'))
    const starts = own.filter(({ event }) => event === 'started')
    return { repeats: starts.length - new Set(starts.map(({ runId }) => runId)).size, shown }
  }
}

/** C4: the balancer tells what is on disk. */
function compare(stored: readonly Stored[], listed: ReadonlyMap<string, string>): string[] {
  const wrong = stored.filter(({ id, status }) => listed.get(id) !== status)
  const details = wrong.map(
    ({ id, status }) => `C4: ${id} is ${status} on disk and listed as ${listed.get(id)}`,
  )
  if (listed.size > stored.length)
    details.push(`C4: ${listed.size - stored.length} runs are listed, not on disk`)
  return details
}

/** Every run in the store of a data folder, in the order of acceptance; what is in its journal alone counts, too. */
export function readRuns(folder: string): Stored[] {
  const database = new DatabaseSync(join(folder, 'berth.db'), { readOnly: true, timeout: 5_000 })
  try {
    database.exec('BEGIN')
    const rows = database
      .prepare(
        `SELECT id, seq, status, attempt, priority, facts FROM runs_live UNION ALL
         SELECT id, seq, status, end_facts ->> 'attempt', end_facts ->> 'priority', facts FROM runs_done`,
      )
      .all()
    const runs = new Map(rows.map((row) => [Number(row.seq), toStored(row)]))
    const behind = database.prepare('SELECT writes FROM journal WHERE refused IS NULL ORDER BY n').all()
    for (const { writes } of behind)
      for (const write of JSON.parse(String(writes)) as PackedWrite[]) follow(runs, write)
    return [...runs.values()].sort((a, b) => a.seq - b.seq)
  } finally {
    database.close()
  }
}

function toStored({ id, seq, status, attempt, priority, facts }: Record<string, unknown>): Stored {
  return {
    id: String(id),
    seq: Number(seq),
    priority: Number(priority),
    status: RUN_STATUSES[Number(status)] ?? '',
    attempt: Number(attempt),
    metadata: (JSON.parse(String(facts)) as { metadata?: Record<string, string> }).metadata ?? {},
  }
}

/** What a write in the journal means, as far as the tests ask. */
function follow(runs: Map<number, Stored>, write: PackedWrite): void {
  if (write.kind === 'runs-accepted') {
    for (let at = 0; at < write.values.length; at += ACCEPTED.length) {
      const { seq, id, status, priority, facts } = unpackAccepted(write.values, at, new Uint8Array(0))
      if (!runs.has(seq)) runs.set(seq, toStored({ id, seq, status, attempt: 0, priority, facts }))
    }
  } else if (write.kind === 'run-moved') {
    const run = runs.get(write.seq)
    const { status, attempt, priority } = write.progress
    if (run && !FINAL.has(run.status)) runs.set(write.seq, { ...run, status, attempt, priority })
  } else if (write.kind === 'run-finished') {
    const { seq, status, facts } = unpackFinished(write.values, new Uint8Array(0))
    const run = runs.get(seq)
    const { attempt, priority } = JSON.parse(String(facts)) as Pick<Stored, 'attempt' | 'priority'>
    const ended = RUN_STATUSES[Number(status)] ?? ''
    if (run && !FINAL.has(run.status)) runs.set(seq, { ...run, status: ended, attempt, priority })
  } else if (write.kind === 'run-removed') runs.delete(write.seq)
}

function bodyOf(id: string, { ms = 0, how, priority, idempotent = true, bytes = 0 }: Order): object {
  const input = { id, ms, how, data: 'x'.repeat(bytes) }
  const order = { mode: 'async', priority, idempotent, attempts: ATTEMPTS, metadata: { id } }
  return { function: 'probe', input, ...order }
}
