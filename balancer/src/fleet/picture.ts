/**
 * What a balancer knows of one worker, and the verdict on it. Pure: a member (member.ts) keeps the
 * picture up to date, and everybody who asks "may it take work?" or "what do I show?" asks here, so
 * that routing, API and dashboard never disagree.
 */
import type {
  Hello,
  ServiceState,
  Slots,
  System,
  Tags,
  WorkerEntry,
  WorkerState,
  WorkerStatus,
  WorkerView,
} from '@berth/protocol'
import type { WorkerFacts } from '../ports/scheduling.ts'
import type { MaintenanceIntent } from '../ports/store.ts'
import type { KnownInterface } from './interfaces.ts'

/** What the worker itself said last. */
export interface SelfReport {
  readonly bootId: string
  readonly version: string
  readonly group: string
  readonly contract: number
  readonly interfaceHash: string
  tags: Tags
  services: readonly ServiceState[]
  system: System
  status: WorkerStatus
  reason: string | undefined
  slots: Slots
  seq: number
}

export interface Picture {
  readonly key: string
  entry: WorkerEntry
  isLeaving: boolean
  link: 'none' | 'dialling' | 'open'
  /** Why the last dial failed or the link was refused; null after a success. */
  problem: string | null
  /** Why this worker is not what the file says; null when it fits. */
  mismatch: string | null
  isSilent: boolean
  report: SelfReport | undefined
  known: KnownInterface | undefined
  /** Group and contract as remembered from the store, until the worker speaks. */
  remembered: { readonly group: string; readonly contract: number } | undefined
  intent: MaintenanceIntent | undefined
  lastSeenAt: string | null
  latencyMs: number | null
}

export interface Verdict {
  readonly status: WorkerState
  readonly reason: string | null
  readonly isInService: boolean
}

export function reportFrom(hello: Hello): SelfReport {
  return {
    bootId: hello.bootId,
    version: hello.version,
    group: hello.group,
    contract: hello.contract,
    interfaceHash: hello.interface,
    tags: hello.tags,
    services: hello.services,
    system: hello.system,
    status: hello.status,
    reason: hello.reason,
    slots: hello.slots,
    seq: hello.seq,
  }
}

/** The one verdict; the first reason that applies counts. */
export function judge(picture: Picture): Verdict {
  const { report } = picture
  if (picture.isLeaving) return out('leaving', 'removed from workers.json')
  if (picture.link !== 'open') return unlinked(picture)
  if (picture.mismatch !== null) return out('mismatch', picture.mismatch)
  if (!report || !picture.known) return out('connecting', 'it has not said yet what it can do')
  if (picture.isSilent) return out('stalled', 'linked, but silent for longer than the heartbeat allows')
  if (picture.entry.maintenance) return out('maintenance', 'workers.json says maintenance')
  if (picture.intent) return out('maintenance', picture.intent.reason ?? 'an operator said so')
  if (report.status === 'maintenance') return out('maintenance', report.reason ?? 'the worker itself said so')
  if (report.status === 'draining') return out('draining', report.reason ?? 'it is shutting down')
  if (report.status !== 'ready') return out('unready', report.reason ?? `it is ${report.status}`)
  const isFull = report.slots.used >= report.slots.limit
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
    interfaceHash: known.hash,
    functions: known.facts,
    tags: tagsOf(picture),
    weight: entry.weight,
    isInService: verdict.isInService,
    outReason: verdict.isInService ? '' : describeOut(verdict.status),
  }
}

/** The worker as the API and the dashboard show it. */
export function viewOf(picture: Picture): WorkerView {
  const verdict = judge(picture)
  const { report, known, remembered } = picture
  const identity = report ?? remembered
  return {
    id: picture.entry.id,
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
    system: report?.system ?? null,
    version: report?.version ?? null,
    lastSeenAt: picture.lastSeenAt,
    latencyMs: picture.latencyMs,
    breaker: { state: 'closed', since: null, until: null, reason: null, failures: 0 },
    maintenance: maintenanceOf(picture),
  }
}

function slotsView(slots: Slots, isInService: boolean): WorkerView['slots'] {
  const { limit, used, stuck, queued } = slots
  return { limit, used, stuck, available: isInService ? Math.max(0, limit - used) : 0, queue: queued }
}

function maintenanceOf({ entry, intent, report }: Picture): WorkerView['maintenance'] {
  if (entry.maintenance) return { reason: 'workers.json says so', by: 'file', since: null, until: null }
  if (intent) return { reason: intent.reason, by: 'operator', since: intent.since, until: intent.until }
  if (report?.status !== 'maintenance') return null
  return { reason: report.reason ?? null, by: 'worker', since: null, until: null }
}

function tagsOf({ report, entry }: Picture): Tags {
  return { ...report?.tags, ...entry.tags }
}

function unlinked(picture: Picture): Verdict {
  // Refused for what it is: it stays a mismatch until a later hello says otherwise.
  if (picture.problem !== null && picture.problem === picture.mismatch)
    return out('mismatch', picture.problem)
  if (picture.problem !== null) return out('unreachable', picture.problem)
  return out('connecting', 'the link is being opened')
}

function out(status: WorkerState, reason: string): Verdict {
  return { status, reason, isInService: false }
}

function describeOut(status: WorkerState): string {
  if (status === 'maintenance' || status === 'mismatch') return `in ${status}`
  return status
}
