/**
 * Reads the events of one run in order, from the disk as far as they are there and then as they come. Pulled by whoever
 * sends them on: a slow reader holds nothing but its own place, and reads from the disk again when it has fallen behind.
 * Made by `run-events.ts`.
 * Invariant: numbers rise from batch to batch, and nothing that is kept is left out.
 */
import { jsonOfBytes } from '@berth/runtime'
import type { RunReads } from '../../ports/run-reads.ts'
import type { DoneRun } from '../../ports/stored-run.ts'
import type { StoredEvent } from '../../ports/told.ts'
import type { Recorder } from './recorder.ts'
import {
  endEvents,
  isLast,
  NUMBER_GAP,
  RESULT_ELSEWHERE,
  type StatusFacts,
  statusEvents,
} from './status-events.ts'

export type FeedReads = Pick<RunReads, 'events' | 'eventTotals' | 'result'>

export interface FeedTerms {
  readonly reads: FeedReads
  /** An empty batch after so long without events. */
  readonly quietMs: number
}

/** A page has as many events as make about so many bytes. */
const PAGE_BYTES = 256 * 1024
const FIRST_PAGE = 16
const LARGEST_PAGE = 500

type Batches = AsyncGenerator<readonly StoredEvent[], void, void>

/** Of a run that has ended and is told of by nobody any more. */
export async function* endedEvents(run: DoneRun, after: number, { reads }: FeedTerms): Batches {
  const { lastEvent } = await reads.eventTotals(run.id)
  const statuses = statusEvents(toDoneFacts(run))
  if (lastEvent === 0) {
    const events = statuses.filter(({ n }) => n > after)
    if (events.length > 0) yield await withResult(run.id, events, reads)
    return
  }
  const early = await prefixOf(run.id, statuses.slice(0, -endEvents(run).length), reads)
  const missed = early.filter(({ n }) => n > after)
  if (missed.length > 0) yield missed
  for await (const page of pages(run.id, Math.max(after, missed.at(-1)?.n ?? 0), reads))
    yield await withResult(run.id, page, reads)
  const last = await storedAt(run.id, lastEvent, reads)
  if (last && isLast(last)) return
  const end = numberEnd(run, lastEvent).filter(({ n }) => n > after)
  if (end.length > 0) yield await withResult(run.id, end, reads)
}

/** Of a run that is live in this process. */
export async function* liveEvents(
  recorder: Recorder,
  after: number,
  signal: AbortSignal,
  { reads, quietMs }: FeedTerms,
): Batches {
  let last = after
  while (!recorder.isReady && !signal.aborted) await change(recorder, quietMs, signal)
  const { statuses } = recorder
  const early = statuses.length > 0 ? await prefixOf(recorder.id, statuses, reads) : []
  const events = early.filter(({ n }) => n > last)
  if (events.length > 0) yield events
  last = Math.max(last, events.at(-1)?.n ?? 0)
  while (!signal.aborted) {
    const savedN = recorder.savedN
    if (last < savedN) {
      for await (const page of pages(recorder.id, last, reads)) {
        last = page.at(-1)?.n ?? last
        yield await withResult(recorder.id, page, reads)
      }
      // Nothing else of it is kept: what is missing was dropped, or never was.
      last = Math.max(last, savedN)
      continue
    }
    const fresh = recorder.tail.filter(({ n }) => n > last)
    if (fresh.length > 0 && !fresh.some(isLast)) {
      last = fresh.at(-1)?.n ?? last
      yield fresh
    } else if (recorder.isDone && last >= recorder.lastN) return
    else if (!(await change(recorder, quietMs, signal))) yield []
  }
}

/** False when nothing changed for so long. */
function change(recorder: Recorder, ms: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (isChanged: boolean) => {
      clearTimeout(timer)
      leave()
      signal.removeEventListener('abort', onAbort)
      resolve(isChanged)
    }
    const onAbort = () => done(true)
    const timer = setTimeout(() => done(false), ms)
    const leave = recorder.onChange(() => done(true))
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
  })
}

/** The last event of a run that has ended: who has seen it has seen all. */
export async function lastOf(
  run: DoneRun,
  reads: FeedReads & Pick<RunReads, 'eventTotals'>,
): Promise<number> {
  const { lastEvent } = await reads.eventTotals(run.id)
  if (lastEvent === 0) return statusEvents(toDoneFacts(run)).length
  const stored = await storedAt(run.id, lastEvent, reads)
  return stored && isLast(stored) ? lastEvent : (numberEnd(run, lastEvent).at(-1)?.n ?? lastEvent)
}

/** The statuses of a run before it had more to tell, which were not written. */
async function prefixOf(
  id: string,
  statuses: readonly StoredEvent[],
  reads: FeedReads,
): Promise<readonly StoredEvent[]> {
  const { events, dropped } = await reads.events(id, 0, 1)
  const first = events[0]
  if (!first) return statuses
  if (first.n === 1 || dropped > 0) return []
  // What was told as the balancer began anew is not told twice.
  const told = wordOf(first)
  return statuses.filter(
    (event) =>
      event.n < first.n && event.atMs <= first.atMs && (told === undefined || wordOf(event) !== told),
  )
}

/** Which status of which attempt; undefined for another event. */
function wordOf({ type, data }: StoredEvent): string | undefined {
  if (type !== 'status') return undefined
  const { status, attempt = 0 } = JSON.parse(data) as { status: string; attempt?: number }
  return `${status} ${attempt}`
}

async function* pages(id: string, after: number, reads: FeedReads): Batches {
  let limit = FIRST_PAGE
  for (let last = after; ; ) {
    const { events } = await reads.events(id, last, limit)
    if (events.length === 0) return
    last = events.at(-1)?.n ?? last
    const isWhole = events.length < limit
    const bytes = events.reduce((sum, { data }) => sum + data.length, 1)
    limit = Math.max(1, Math.min(LARGEST_PAGE, Math.floor((limit * PAGE_BYTES) / bytes)))
    yield events
    if (isWhole) return
  }
}

async function storedAt(id: string, n: number, reads: FeedReads): Promise<StoredEvent | undefined> {
  const { events } = await reads.events(id, n - 1, 1)
  return events[0]
}

async function withResult(
  id: string,
  events: readonly StoredEvent[],
  reads: FeedReads,
): Promise<readonly StoredEvent[]> {
  const last = events.at(-1)
  if (last?.type !== 'result' || last.data !== RESULT_ELSEWHERE) return events
  const result = await reads.result(id)
  const json = jsonOfBytes(result?.mediaType ?? '', result?.bytes ?? new Uint8Array())
  return [...events.slice(0, -1), { ...last, data: Buffer.from(json).toString('utf8') }]
}

/** The end of a run whose events an earlier balancer could not finish: behind all that it may have told. */
function numberEnd(run: DoneRun, lastEvent: number): StoredEvent[] {
  return endEvents(run).map((event, index) => ({ n: lastEvent + NUMBER_GAP + 1 + index, ...event }))
}

function toDoneFacts(run: DoneRun): StatusFacts {
  const { status, acceptedMs, dueMs, history: attempts, finishedMs, error } = run
  return { status, acceptedMs, dueMs, attempts, finishedMs, error }
}
