/**
 * What the runs of a session or schedule have used in all, by HTTP: a route of its own for sessions, members of the
 * answer for schedules. Asked of the store's totals (ports/run-reads.ts), which its writes of ends keep.
 */
import { costsOf, isName, type TaskError } from '@berth/protocol'
import type { RunReads } from '../ports/run-reads.ts'
import type { UsageTotals } from '../ports/told.ts'
import { readQuery } from './lists.ts'
import { problem } from './problem.ts'
import type { Route, RouteContext } from './routes.ts'

export interface UsageRouteDeps {
  readonly reads: Pick<RunReads, 'usageTotals'>
}

/** `runs` that have ended, and what they used. */
export function showTotals(totals: UsageTotals | null) {
  const usage = totals?.usage ?? null
  return { runs: totals?.runs ?? 0, usage, costs: costsOf(usage) }
}

export function usageRoutes({ reads }: UsageRouteDeps): readonly Route[] {
  return [{ method: 'GET', path: '/sessions/:session', policy: 'read', handle: (c) => showSession(c, reads) }]
}

async function showSession(c: RouteContext, reads: UsageRouteDeps['reads']): Promise<Response> {
  const query = readQuery(c.req.url, [])
  if (!query.ok) return problem(query.error)
  const session = c.req.param('session') ?? ''
  const totals = isName(session) ? await reads.usageTotals({ kind: 'session', name: session }) : null
  if (!totals) return problem(unknownSession(session))
  const [since, until] = [totals.sinceMs, totals.untilMs].map((ms) => new Date(ms).toISOString())
  return c.json({ session, ...showTotals(totals), since, until })
}

function unknownSession(session: string): TaskError {
  const detail = `No run of a session "${session.slice(0, 128)}" has ended, or none for as long as runs are kept (RUN_RETENTION). GET /runs?session= lists those there are.`
  return { code: 'NOT_FOUND', detail }
}
