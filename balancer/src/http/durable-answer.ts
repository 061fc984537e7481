/**
 * How a run on disk is answered while it goes on, and when it cannot be. Pure; used by durable-call.ts and
 * durable-batch.ts. Invariant: a repeat of a call gets the very words of the first one.
 */
import type { TaskError } from '@berth/protocol'
import { describeProblem } from './problem.ts'
import type { TaskAnswer } from './tasks.ts'

export const REPLAYED: Readonly<Record<string, string>> = { 'idempotency-replayed': 'true' }

export function acceptedAnswer(run: string, extra: Readonly<Record<string, string>> = {}): TaskAnswer {
  const location = `/runs/${run}`
  const message = `Accepted: the run is on disk; GET ${location} tells how it goes.`
  return {
    status: 202,
    headers: { 'content-type': 'application/json', location, 'x-run-id': run, ...extra },
    body: JSON.stringify({ success: true, runId: run, message }),
  }
}

/** The balancer ends before the run did. */
export function drainedAnswer(run: string): TaskAnswer {
  const detail = `The balancer is shutting down. The run ${run} is on disk and goes on; GET /runs/${run} tells how, after the restart.`
  const headers = { 'x-run-id': run, location: `/runs/${run}` }
  return describeProblem({ code: 'DRAINING', detail }, { headers })
}

/** The same key again while its first call has not been answered. */
export function stillRunning(runs: readonly string[]): TaskError {
  const [run = '', ...others] = runs
  const what = others.length === 0 ? `run ${run}` : `${runs.length} runs, ${run} the first of them,`
  return {
    code: 'CONFLICT',
    detail: `This Idempotency-Key began ${what} before, which has not ended yet. Ask again later, or GET /runs/${run}.`,
  }
}

/** Its run was deleted, or is older than what is kept. */
export function noLongerKept(run: string): TaskError {
  return {
    code: 'NOT_FOUND',
    detail: `This Idempotency-Key began run ${run} before, which has ended and is not kept any more. Use a new key to run it again.`,
  }
}
