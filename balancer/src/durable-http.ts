/**
 * Compose's part for runs on disk by HTTP: which calls go there, the check of their inputs, batches, and the routes
 * of runs that have ended. Makes nothing that lives longer than the balancer; starts nothing but `bulk`.
 */
import type { Clock, Log } from '@berth/runtime'
import { Background } from './http/background.ts'
import { bulkRoutes } from './http/bulk-routes.ts'
import type { Door } from './http/door.ts'
import { DurableBatches } from './http/durable-batch.ts'
import { DurableCalls } from './http/durable-call.ts'
import { createIsAsync } from './http/durable-wish.ts'
import { endedRunRoutes } from './http/ended-run-routes.ts'
import type { Route } from './http/routes.ts'
import type { Settings } from './http/settings.ts'
import type { Tasks } from './http/tasks.ts'
import type { InterfacesPort } from './ports/fleet.ts'
import type { RunReads, StoredBulk } from './ports/run-store.ts'
import type { DurableRunsPort, EndedRunsPort, RunsPort } from './ports/runs.ts'
import type { ContractsPort } from './ports/scheduling.ts'
import type { KeepPort } from './ports/store.ts'
import type { WebhookTargetPort } from './ports/webhooks.ts'
import { Bulk } from './runs/bulk.ts'
import { EndedRuns } from './runs/ended-runs.ts'
import { InputCheck } from './runs/input-check.ts'

export interface DurableHttpParts {
  readonly durable: DurableRunsPort & Pick<EndedRunsPort, 'remove'>
  readonly webhooks: WebhookTargetPort
  readonly interfaces: InterfacesPort
  readonly contracts: ContractsPort
  readonly settings: Settings
  readonly door: Door
  readonly clock: Clock
  readonly log: Log
  readonly terms: {
    readonly taskTimeoutMs: number
    readonly queueTimeoutMs: number
    readonly defaultPriority: number
  }
}

/** Before there are tasks: what they ask. */
export function makeDurableCalls(parts: DurableHttpParts) {
  const { durable, webhooks, settings, door, clock, log, terms } = parts
  const inputs = new InputCheck(parts)
  const background = new Background({ ...parts, settings })
  const calls = new DurableCalls({ ...terms, runs: durable, inputs, webhooks, clock, log, door })
  return { durable, inputs, background, calls, clock, log }
}

export interface EndedRunParts {
  readonly tasks: Tasks
  /** All runs, in memory and on disk. */
  readonly runs: RunsPort
  readonly sample: { forget(id: string): boolean }
  readonly reads: RunReads
  readonly keeper: KeepPort
  readonly bulks: readonly StoredBulk[]
  readonly createRunId: () => string
  readonly bodyLimitBytes: number
}

/** Behind them: batches, and what is done with runs that have ended. */
export function makeDurableRoutes(made: ReturnType<typeof makeDurableCalls>, parts: EndedRunParts) {
  const { durable, inputs, background, calls, clock, log } = made
  const { tasks, runs, bulks, bodyLimitBytes } = parts
  const ended = new EndedRuns({ ...parts, durable })
  const bulk = new Bulk({ ...parts, ended, atStart: bulks, clock, log })
  const routes: readonly Route[] = [
    ...endedRunRoutes({ runs, ended, inputs, bodyLimitBytes }),
    ...bulkRoutes(bulk),
  ]
  const batches = new DurableBatches({ runs: durable, calls, tasks, isAsync: createIsAsync(background) })
  return { batches, routes, service: bulk.service }
}
