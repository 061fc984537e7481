/**
 * Every word the page shows, in English: the table that other languages must fill (`Messages`). One
 * file an area; sentences with figures are functions, so that each language orders and inflects them.
 */
import type { RunStatus, WorkerState } from '@berth/protocol'
import { activity } from './activity.ts'
import { capability } from './capability.ts'
import { charts } from './charts.ts'
import { config } from './config.ts'
import { functions } from './functions.ts'
import { invoke } from './invoke.ts'
import { json } from './json.ts'
import { kit } from './kit.ts'
import { logs } from './logs.ts'
import { overview } from './overview.ts'
import { query } from './query.ts'
import { queue } from './queue.ts'
import { schedules } from './schedules.ts'
import { session } from './session.ts'
import { shell } from './shell.ts'
import { task } from './task.ts'
import { tasks } from './tasks.ts'
import { worker } from './worker.ts'
import { workers } from './workers.ts'

const states: Readonly<Record<WorkerState, string>> = {
  connecting: 'Connecting',
  ready: 'Ready',
  saturated: 'Full',
  unready: 'Not ready',
  draining: 'Draining',
  leaving: 'Leaving',
  maintenance: 'Maintenance',
  ejected: 'Ejected',
  stalled: 'Stalled',
  mismatch: 'Mismatch',
  unreachable: 'Unreachable',
}

/** Within a sentence: "worker-3 is …", "2 are …". */
const stateClauses: Readonly<Record<WorkerState, string>> = {
  connecting: 'connecting',
  ready: 'ready',
  saturated: 'full',
  unready: 'not ready',
  draining: 'draining',
  leaving: 'leaving',
  maintenance: 'in maintenance',
  ejected: 'ejected',
  stalled: 'stalled',
  mismatch: 'of another group or contract',
  unreachable: 'unreachable',
}

const runStates: Readonly<Record<RunStatus, string>> = {
  scheduled: 'Scheduled',
  queued: 'Waiting',
  running: 'Running',
  completed: 'Completed',
  failed: 'Failed',
  cancelled: 'Cancelled',
  expired: 'Expired',
}

export const en = {
  locale: 'en',
  unknown: '–',
  states,
  stateClauses,
  runStates,
  activity,
  capability,
  charts,
  config,
  functions,
  invoke,
  json,
  kit,
  logs,
  overview,
  query,
  queue,
  schedules,
  session,
  shell,
  task,
  tasks,
  worker,
  workers,
}

export type Messages = typeof en
