/** A whole run for tests, with what the test changes. */
import type { RunItem, RunView } from '@berth/protocol'
import { START_AT } from './samples.ts'

export function sampleRun(id: string, changes: Partial<RunItem> = {}): RunItem {
  return {
    id,
    status: 'completed',
    durable: true,
    trigger: 'api',
    function: 'hello',
    group: 'default',
    contract: 1,
    priority: 100,
    mode: 'async',
    error: null,
    attempt: 1,
    worker: 'w1',
    session: null,
    parent: null,
    retryOf: null,
    schedule: null,
    budget: null,
    usage: null,
    costs: null,
    coldStart: false,
    coldStartMs: 0,
    sources: [],
    output: null,
    explain: null,
    files: [],
    progress: null,
    metadata: {},
    createdAt: START_AT,
    scheduledFor: null,
    startedAt: START_AT,
    finishedAt: START_AT,
    queueMs: 4,
    runMs: 12,
    latencyMs: 16,
    webhook: null,
    ...changes,
  }
}

export function sampleRunView(id: string, changes: Partial<RunView> = {}): RunView {
  const attempt = {
    n: 1,
    worker: 'w1',
    startedAt: START_AT,
    finishedAt: START_AT,
    outcome: 'completed',
  } as const
  return {
    ...sampleRun(id),
    input: { name: 'Ada' },
    result: null,
    attempts: [attempt],
    messages: [],
    ...changes,
  }
}
