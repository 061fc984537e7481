/**
 * The fleet in figures and in one sentence. Pure; unknown stays null. A worker's slots count only
 * while the balancer hears it, so a fleet that is away does not look free.
 */
import type { QueueView, WorkerState, WorkerView } from '@berth/protocol'
import type { Tone } from '../../kit/marks.tsx'
import type { Messages } from '../../text/en/index.ts'

/** Up to this many workers in trouble are named in the verdict, more are counted. */
const NAMED_WORKERS = 2

export interface FleetFacts {
  readonly total: number
  /** Ready or full: healthy and in service. */
  readonly ready: number
  readonly slots: { readonly used: number; readonly limit: number; readonly free: number } | null
  readonly waiting: number | null
  readonly running: number | null
  /** Ids of those that are not ready, by state, worst first. */
  readonly troubles: readonly { readonly state: WorkerState; readonly ids: readonly string[] }[]
}

/** Worst first; also the order of the table's state column. */
export const STATE_ORDER: readonly WorkerState[] = [
  'unreachable',
  'ejected',
  'stalled',
  'unready',
  'mismatch',
  'connecting',
  'leaving',
  'draining',
  'maintenance',
  'saturated',
  'ready',
]

const unheard: ReadonlySet<WorkerState> = new Set(['connecting', 'unreachable', 'mismatch'])

export function isServing(worker: WorkerView): boolean {
  return worker.status === 'ready' || worker.status === 'saturated'
}

/** `group@contract`; null while the worker has not said. */
export function groupOf(worker: WorkerView): string | null {
  return worker.group === null ? null : `${worker.group}@${worker.contract ?? '?'}`
}

/** One pass: it is asked at every word of the feed. */
export function factsOf(workers: Iterable<WorkerView>, queue: QueueView | null): FleetFacts {
  let [total, ready, heard] = [0, 0, 0]
  const slots = { used: 0, limit: 0, free: 0 }
  const byState = new Map<WorkerState, string[]>()
  for (const worker of workers) {
    total++
    const { status, id } = worker
    if (isServing(worker)) ready++
    else noteTrouble(byState, status, id)
    if (!worker.slots || unheard.has(status)) continue
    heard++
    slots.used += worker.slots.used
    slots.limit += worker.slots.limit
    if (status === 'ready') slots.free += worker.slots.available
  }
  return {
    total,
    ready,
    slots: heard === 0 ? null : slots,
    waiting: queue?.waiting ?? null,
    running: queue?.running ?? null,
    troubles: STATE_ORDER.flatMap((state) => {
      const ids = byState.get(state)
      return ids ? [{ state, ids }] : []
    }),
  }
}

function noteTrouble(byState: Map<WorkerState, string[]>, state: WorkerState, id: string): void {
  const ids = byState.get(state)
  if (ids) ids.push(id)
  else byState.set(state, [id])
}

/** "2 of 3 workers ready; worker-3 is unreachable. 12 of 24 slots used, nothing waits." */
export function verdictOf(facts: FleetFacts, text: Messages): string {
  if (facts.total === 0) return text.workers.verdict.empty
  const isFew = facts.troubles.reduce((n, trouble) => n + trouble.ids.length, 0) <= NAMED_WORKERS
  const clauses = facts.troubles.map(({ state, ids }) =>
    isFew
      ? text.workers.verdict.named(ids, text.stateClauses[state])
      : text.workers.verdict.counted(ids.length, text.stateClauses[state]),
  )
  const fleet = [text.workers.verdict.workers(facts.ready, facts.total), clauses.join(', ')]
    .filter(Boolean)
    .join('; ')
  const slots = facts.slots
    ? text.workers.verdict.slots(facts.slots.used, facts.slots.limit)
    : text.workers.verdict.noSlots
  return `${fleet}. ${capital(slots)}, ${waitingWords(facts.waiting, text)}.`
}

export function toneOfFleet(facts: FleetFacts): Tone {
  if (facts.total === 0) return 'calm'
  if (facts.ready === 0) return 'bad'
  const isCalm = facts.troubles.every(({ state }) => ['maintenance', 'draining', 'leaving'].includes(state))
  return isCalm ? 'ok' : 'warn'
}

function waitingWords(waiting: number | null, text: Messages): string {
  if (waiting === null) return text.workers.verdict.waitsUnknown
  return waiting === 0 ? text.workers.verdict.nothingWaits : text.workers.verdict.waits(waiting)
}

function capital(words: string): string {
  return words.charAt(0).toUpperCase() + words.slice(1)
}
