/**
 * The parts of one worker, as `compose.ts` puts them together and passes them to its two fronts, HTTP and link.
 * Types only.
 */
import type { Clock, Log } from '@berth/runtime'
import type { WorkerInterface } from './functions/interface.ts'
import type { Registry } from './functions/registry.ts'
import type { Condition } from './intake/condition.ts'
import type { Intake } from './intake/intake.ts'
import type { Runners } from './isolate/runners.ts'
import type { Metrics } from './observe/metrics.ts'
import type { SystemMeter } from './observe/system.ts'
import type { FunctionEnv } from './privacy/env-file.ts'
import type { Secrets } from './privacy/secrets.ts'
import type { Services } from './services/services.ts'
import type { TagBoard } from './services/tags.ts'
import type { Deliveries } from './webhook/deliveries.ts'

export interface Identity {
  readonly name: string
  /** New at every start of the process. */
  readonly bootId: string
  readonly group: string
  readonly contract: number
}

export interface WorkerLimits {
  readonly defaultPriority: number
  /** One attempt of a sync or stream task. */
  readonly defaultTimeoutMs: number
  /** One attempt of an async or webhook task. */
  readonly backgroundTimeoutMs: number
  readonly requestBodyBytes: number
  readonly resultBytes: number
}

export interface WorkerParts {
  readonly identity: Identity
  readonly limits: WorkerLimits
  readonly registry: Registry
  readonly interface: WorkerInterface
  /** Where attempts of each function run. */
  readonly runners: Runners
  readonly condition: Condition
  readonly intake: Intake
  readonly services: Pick<Services, 'states'>
  readonly tags: Pick<TagBoard, 'current' | 'onChange'>
  readonly system: Pick<SystemMeter, 'latest'>
  readonly metrics: Metrics
  readonly deliveries: Pick<Deliveries, 'hindranceOf' | 'promise' | 'send' | 'whenIdle' | 'pending'>
  readonly clock: Clock
  /** What functions and services get as `ctx.env`. */
  readonly env: FunctionEnv
  /** What may not leave the process in a log or an error. */
  readonly secrets: Secrets
  readonly log: Log
  /** Where the slot feed listens (`WEBSOCKET_PORT`); undefined without one. */
  feedPort?: number
}
