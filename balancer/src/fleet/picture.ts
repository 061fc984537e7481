/**
 * What a balancer knows of one worker, and the verdict on it. Pure: a member (member.ts) keeps the
 * picture up to date, and everybody who asks "may it take work?" or "what do I show?" asks here, so
 * that routing, API and dashboard never disagree.
 */
import type { Slots, Tags, WorkerEntry, WorkerState, WorkerView } from '@berth/protocol'
import type { WorkerGauge } from '../ports/fleet.ts'
import type { MaintenanceIntent } from '../ports/store.ts'
import type { WorkerFacts } from '../ports/workforce.ts'
import { CLOSED } from './breaker-view.ts'
import type { KnownInterface } from './interfaces.ts'
import { maintenanceOf } from './maintenance.ts'
import type { SelfReport, SystemReport } from './self-report.ts'

/** Why there is no link: it cannot be had, or what answers is not the worker of this entry. */
export interface Problem {
  readonly status: 'unreachable' | 'mismatch'
  readonly reason: string
}

/** Why a worker is set apart although it is what its entry says. */
export interface Oddity {
  /** `hello: input.name is a string here and a number at 3 other workers` */
  readonly reason: string
}

export interface Remembered {
  readonly group: string
  readonly contract: number
  /** Since when it has served the interface that is remembered, in monotonic milliseconds; may be negative. */
  readonly sinceAt?: number
}

export interface Picture {
  /** The core's name for it. */
  readonly key: string
  entry: WorkerEntry
  isLeaving: boolean
  /** `greeting`: the socket is open and the worker has not said hello. */
  link: 'none' | 'greeting' | 'open'
  /** Of the last dial or hello; null once a hello was good. */
  problem: Problem | null
  isSilent: boolean
  /** In maintenance: it runs something of ours, though that may hold no slot while it waits for what it called. */
  hasAttempts: boolean
  report: SelfReport | undefined
  known: KnownInterface | undefined
  /** Group and contract as remembered from the store, until the worker speaks. */
  remembered: Remembered | undefined
  intent: MaintenanceIntent | undefined
  isSwitchedOn: boolean
  /** A valid call could fail here; kept by contracts.ts. */
  oddity: Oddity | undefined
  /** By the wall clock. */
  lastSeenMs: number | null
  latencyMs: number | null
  /** It speaks no link of ours: what is sent there is on its way to start. */
  isForeign: boolean
  /** The balancer stops: what it gets could be told to nobody later, unless it keeps its results, as ours do. */
  isFinishing: boolean
}

export interface Verdict {
  readonly status: WorkerState
  readonly reason: string | null
  readonly isInService: boolean
}

export function newPicture(key: string, entry: WorkerEntry): Picture {
  return {
    key,
    entry,
    isLeaving: false,
    link: 'none',
    problem: null,
    isSilent: false,
    hasAttempts: false,
    report: undefined,
    known: undefined,
    remembered: undefined,
    intent: undefined,
    isSwitchedOn: false,
    oddity: undefined,
    lastSeenMs: null,
    latencyMs: null,
    isForeign: false,
    isFinishing: false,
  }
}

/** The one verdict; the first reason that applies counts. */
export function judge(picture: Picture): Verdict {
  const { report, problem, entry } = picture
  if (picture.isLeaving) return out('leaving', 'removed from workers.json')
  if (picture.link !== 'open' && problem) return out(problem.status, problem.reason)
  if (picture.link === 'none') return out('connecting', 'the link is being opened')
  if (picture.link === 'greeting' || !report || !picture.known)
    return out('connecting', 'it has not said yet what it can do')
  if (entry.group !== undefined && entry.group !== report.group)
    return out('mismatch', `it serves group "${report.group}", workers.json expects "${entry.group}"`)
  if (picture.isSilent) return out('stalled', 'linked, but silent for longer than the heartbeat allows')
  const maintenance = maintenanceOf(picture)
  if (maintenance) {
    const isEmpty = report.slots.used === 0 && !picture.hasAttempts
    return out(isEmpty ? 'maintenance' : 'draining', maintenance.reason ?? wordOf(maintenance.by))
  }
  if (picture.oddity) return out('mismatch', picture.oddity.reason)
  if (picture.isForeign && picture.isFinishing) return out('draining', 'the balancer stops')
  return judgeReport(report)
}

/** What the worker says of itself, maintenance aside. */
function judgeReport({ status, reason, slots }: SelfReport): Verdict {
  if (status === 'draining') return out('draining', reason ?? 'it is shutting down')
  if (status === 'unready' || status === 'starting') return out('unready', reason ?? `it is ${status}`)
  const isFull = slots.used >= slots.limit
  return { status: isFull ? 'saturated' : 'ready', reason: null, isInService: true }
}

/** The facts for the core; undefined while nobody knows what the worker serves. */
export function factsOf(picture: Picture): WorkerFacts | undefined {
  const { known, report, remembered, entry } = picture
  const identity = report ?? remembered
  if (!known || !identity) return undefined
  const verdict = judge(picture)
  return {
    id: picture.key,
    group: identity.group,
    contract: identity.contract,
    interfaceHash: known.content,
    functions: known.facts,
    tags: tagsOf(picture),
    weight: entry.weight,
    isInService: verdict.isInService,
    outReason: verdict.isInService ? '' : describeOut(verdict.status),
    takesCalls: takesCalls(picture, verdict),
    takesAhead: !picture.isForeign,
  }
}

/** It finishes what it runs, and so it takes what that calls. */
export function takesCalls({ link, isSilent }: Picture, { status }: Verdict): boolean {
  return link === 'open' && !isSilent && FINISHES.has(status)
}

const FINISHES: ReadonlySet<WorkerState> = new Set(['maintenance', 'draining', 'leaving'])

/**
 * The worker as the API and the dashboard show it; `id` when it is shown under another than its entry's.
 * Ejection is the core's own: what it leaves out for its past is in service as far as the fleet knows.
 */
export function viewOf(picture: Picture, id = picture.entry.id, breaker = CLOSED): WorkerView {
  const verdict = judgePast(judge(picture), breaker)
  const { report, known, remembered } = picture
  const identity = report ?? remembered
  return {
    id,
    url: picture.entry.url,
    source: 'file',
    group: identity?.group ?? null,
    contract: identity?.contract ?? null,
    status: verdict.status,
    reason: verdict.reason,
    slots: report ? slotsView(report.slots, verdict.isInService) : null,
    tags: tagsOf(picture),
    services: report ? [...report.services] : [],
    functions: known ? [...known.names] : [],
    system: report?.system ? systemView(report.system) : null,
    version: report?.version ?? null,
    lastSeenAt: picture.lastSeenMs === null ? null : new Date(picture.lastSeenMs).toISOString(),
    latencyMs: picture.latencyMs,
    breaker,
    maintenance: maintenanceOf(picture),
  }
}

/** What of the view the chart counts. */
export function gaugeOf(picture: Picture, breaker: WorkerView['breaker']): WorkerGauge {
  const { status, isInService } = judgePast(judge(picture), breaker)
  const { report } = picture
  const slots = report ? slotsView(report.slots, isInService) : null
  return { status, slots, maintenance: maintenanceOf(picture) }
}

/** Half-open it takes work again, one task to begin with. */
function judgePast(verdict: Verdict, { state, reason }: WorkerView['breaker']): Verdict {
  return verdict.isInService && state === 'open' ? out('ejected', reason ?? 'it failed') : verdict
}

function systemView({ uptimeS, ...system }: SystemReport): WorkerView['system'] {
  return { ...system, uptime: uptimeS }
}

function slotsView(slots: Slots, isInService: boolean): WorkerView['slots'] {
  const { limit, used, stuck, queued } = slots
  return { limit, used, stuck, available: isInService ? Math.max(0, limit - used) : 0, queue: queued }
}

function tagsOf({ report, entry }: Picture): Tags {
  return { ...report?.tags, ...entry.tags }
}

function out(status: WorkerState, reason: string): Verdict {
  return { status, reason, isInService: false }
}

function wordOf(by: 'worker' | 'file' | 'operator'): string {
  return by === 'worker' ? 'the worker itself said so' : 'an operator said so'
}

function describeOut(status: WorkerState): string {
  if (status === 'maintenance' || status === 'mismatch') return `in ${status}`
  return status
}
