/** Rows of runs for every test that needs some: what was accepted, and how it ended. */
import type { LiveRun, RunEnd, StoredPayload, WebhookOrder } from '../../ports/stored-run.ts'

let made = 0

/** A run that waits; each has a seq and an id of its own. */
export function makeLiveRun(changes: Partial<LiveRun> = {}): LiveRun {
  const seq = changes.seq ?? ++made
  return {
    seq,
    id: `r_${String(seq).padStart(26, '0')}`,
    group: 'default',
    function: 'hello',
    contract: 1,
    tags: null,
    fairnessKey: null,
    mode: 'async',
    trigger: 'api',
    attempts: null,
    idempotent: null,
    timeoutMs: null,
    acceptedMs: Date.now(),
    deadlineMs: null,
    queueUntilMs: null,
    dueMs: null,
    session: null,
    schedule: null,
    scheduledForMs: null,
    parent: null,
    retryOf: null,
    budget: null,
    metadata: {},
    trace: '',
    webhook: null,
    status: 'queued',
    priority: 100,
    attempt: 0,
    failures: 0,
    losses: 0,
    worker: null,
    boot: null,
    fence: null,
    startedMs: null,
    history: [],
    ...changes,
  }
}

export function makeWebhook(url: string, changes: Partial<WebhookOrder> = {}): WebhookOrder {
  return { url, headers: {}, format: 'standard', ...changes }
}

/** A run that completed with a result of JSON; `result: null` for none. */
export function makeEnd(changes: Partial<RunEnd> = {}): RunEnd {
  return {
    status: 'completed',
    finishedMs: Date.now(),
    startedMs: null,
    queueMs: 1,
    runMs: 2,
    attempt: 1,
    worker: 'w1',
    priority: 100,
    history: [],
    error: null,
    result: { mediaType: '', bytes: Buffer.from('{"message":"hi"}') },
    explain: null,
    ...changes,
  }
}

export const NO_PAYLOAD: StoredPayload = { mediaType: '', bytes: Buffer.from('{}'), head: null }
