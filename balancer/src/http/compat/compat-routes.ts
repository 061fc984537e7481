/**
 * The APIs of other systems, as far as `COMPAT` names them. Made by compose. Each stands on the ports that our own
 * routes stand on; nothing else knows of them.
 */
import type { RunReads } from '../../ports/run-store.ts'
import type { SessionReads } from '../../ports/session-store.ts'
import type { Route } from '../routes.ts'
import { type WorkerApiDeps, workerApiRoutes } from './workers/worker-routes.ts'
import { WorkerSchedules, type WorkerSchedulesDeps } from './workers/worker-schedules.ts'
import { WorkerSessions, type WorkerSessionsDeps } from './workers/worker-sessions.ts'
import { type WorkletDeps, workletRoutes } from './worklets.ts'

export interface CompatDeps
  extends WorkletDeps,
    Omit<WorkerApiDeps, keyof WorkletDeps | 'workers' | 'schedules' | 'agentFunction'>,
    Pick<WorkerSchedulesDeps, 'schedules' | 'calls'> {
  readonly tasks: WorkletDeps['tasks']
  readonly runs: WorkerSessionsDeps['runs']
  readonly clock: WorkletDeps['clock'] & WorkerApiDeps['clock']
  readonly reads: Pick<RunReads, 'usageTotals'> & Pick<SessionReads, 'turns'>
  /** `COMPAT` and `AGENT_FUNCTION`. */
  readonly compat: { readonly apis: ReadonlySet<string>; readonly agentFunction: string }
}

export function compatRoutes(deps: CompatDeps): readonly Route[] {
  const { apis, agentFunction } = deps.compat
  const workers = new WorkerSessions({ ...deps, agentFunction })
  const schedules = new WorkerSchedules({ ...deps, agentFunction })
  return [
    ...(apis.has('worklets') ? workletRoutes(deps) : []),
    ...(apis.has('workers') ? workerApiRoutes({ ...deps, workers, schedules, agentFunction }) : []),
  ]
}
