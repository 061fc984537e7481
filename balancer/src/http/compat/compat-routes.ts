/**
 * The APIs of other systems, as far as `COMPAT` names them, and the mail of workers. Made by compose. Each stands on the
 * ports that our own routes stand on; nothing else knows of them.
 */
import type { Log, Service } from '@berth/runtime'
import type { UploadsPort } from '../../ports/files.ts'
import type { RunReads } from '../../ports/run-reads.ts'
import type { SessionReads } from '../../ports/session-store.ts'
import { problem } from '../problem.ts'
import type { Route } from '../routes.ts'
import { createMailServer } from './workers/mail-server.ts'
import { Mailboxes } from './workers/mailbox.ts'
import { type WorkerApiDeps, workerApiRoutes } from './workers/worker-routes.ts'
import { WorkerSchedules, type WorkerSchedulesDeps } from './workers/worker-schedules.ts'
import { WorkerSessions, type WorkerSessionsDeps } from './workers/worker-sessions.ts'
import { type WorkletDeps, workletRoutes } from './worklets.ts'

export interface CompatTerms {
  readonly apis: ReadonlySet<string>
  readonly agentFunction: string
  readonly emailDomain: string | undefined
  readonly emailPort: number | undefined
}

export interface CompatDeps
  extends WorkletDeps,
    Omit<WorkerApiDeps, keyof WorkletDeps | 'workers' | 'schedules' | 'mailboxes' | 'agentFunction'>,
    Pick<WorkerSchedulesDeps, 'schedules' | 'calls'> {
  readonly tasks: WorkletDeps['tasks']
  readonly runs: WorkerSessionsDeps['runs'] & WorkletDeps['runs']
  readonly clock: WorkletDeps['clock'] & WorkerApiDeps['clock']
  readonly reads: Pick<RunReads, 'usageTotals'> & Pick<SessionReads, 'turns'>
  /** `COMPAT`, `AGENT_FUNCTION` and the mail's. */
  readonly compat: CompatTerms
  /** What addresses are made with; asked for only where there are any. */
  readonly emailSecret: () => string
  readonly uploads: UploadsPort
  readonly log: Log
  /** `HOST` and `NAME`. */
  readonly host: string
  readonly name: string
}

export interface Compat {
  readonly routes: readonly Route[]
  /** The mail's listener, when there is one. */
  readonly services: readonly Service[]
}

/** One that is switched off says so to whoever has a key, in its own words, and does nothing. */
function offer(api: string, routes: readonly Route[], apis: ReadonlySet<string>): readonly Route[] {
  if (apis.has(api)) return routes
  const detail = `The API "${api}" is switched off at this balancer: name it in COMPAT and start again (docs/other-apis.md).`
  return routes.map((route) => {
    const { refuse = problem } = route
    return { ...route, handle: () => refuse({ code: 'NOT_FOUND', detail }) }
  })
}

export function createCompat(deps: CompatDeps): Compat {
  const { apis, agentFunction, emailDomain, emailPort } = deps.compat
  const workers = new WorkerSessions({ ...deps, agentFunction })
  const schedules = new WorkerSchedules({ ...deps, agentFunction })
  const mailboxes = emailDomain === undefined ? undefined : new Mailboxes(emailDomain, deps.emailSecret())
  const api = { ...deps, workers, schedules, mailboxes, agentFunction }
  const hasMail = mailboxes !== undefined && emailPort !== undefined
  return {
    routes: [
      ...offer('worklets', workletRoutes(deps), apis),
      ...offer('workers', workerApiRoutes(api), apis),
    ],
    services: hasMail
      ? [createMailServer({ ...deps, mailboxes, workers, port: emailPort, agentFunction })]
      : [],
  }
}
