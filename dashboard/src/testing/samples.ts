/** Sample data for tests: a whole worker, a snapshot, messages, each with what the test changes. */
import type { FeedLine, FeedMessage, FeedSnapshot, FleetPoint, WorkerView } from '@berth/protocol'

export const START_AT = '2026-11-21T12:00:00.000Z'
export const START_MS = Date.parse(START_AT)

export function sampleWorker(id: string, changes: Partial<WorkerView> = {}): WorkerView {
  return {
    id,
    url: `http://127.0.0.1/${id}`,
    source: 'file',
    group: 'default',
    contract: 1,
    status: 'ready',
    reason: null,
    slots: { limit: 8, used: 3, stuck: 0, available: 5, queue: 0 },
    tags: { zone: 'eu' },
    services: [],
    functions: ['hello'],
    system: { cpuLoad: 0.25, memoryUsed: 0.5, eventLoopDelayMs: 1, uptime: 60 },
    version: '1.0.0',
    lastSeenAt: START_AT,
    latencyMs: 2,
    breaker: { state: 'closed', since: null, until: null, reason: null, failures: 0 },
    maintenance: null,
    ...changes,
  }
}

export const byOperator = {
  by: 'operator',
  reason: null,
  since: START_AT,
  until: null,
  owner: null,
  deadline: null,
} as const

export function samplePoint(t: number, changes: Partial<FleetPoint> = {}): FleetPoint {
  return {
    t,
    slots: { used: 3, free: 5, maintenance: 0, stalled: 0 },
    waiting: 0,
    submitted: 2,
    completed: 2,
    failed: 0,
    ...changes,
  }
}

export function sampleLine(text: string, changes: Partial<FeedLine> = {}): FeedLine {
  return { at: START_AT, level: 'info', text, source: 'worker', ...changes }
}

export function sampleLines(count: number, from = 0): FeedLine[] {
  return Array.from({ length: count }, (_, i) => sampleLine(`line ${from + i}`))
}

export function snapshotMessage(seq: number, changes: Partial<FeedSnapshot> = {}): FeedMessage {
  return {
    seq,
    at: START_AT,
    snapshot: {
      balancer: {
        name: 'harbour',
        environment: null,
        version: '1.0.0',
        startedAt: START_AT,
        status: 'ready',
      },
      config: { state: 'ok', since: START_AT, warnings: [] },
      queue: { waiting: 0, running: 0 },
      workers: [sampleWorker('worker-1'), sampleWorker('worker-2')],
      points: [],
      logs: {},
      ...changes,
    },
  }
}

export function changesMessage(
  seq: number,
  changes: Extract<FeedMessage, { changes: unknown }>['changes'],
): FeedMessage {
  return { seq, at: START_AT, changes }
}
