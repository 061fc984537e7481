/** The same words in German. The accessible name of a switch keeps the word "Maintenance". */
import type { Messages } from '../en/index.ts'
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

export const de: Messages = {
  locale: 'de',
  unknown: '–',
  states: {
    connecting: 'Verbindet',
    ready: 'Bereit',
    saturated: 'Voll',
    unready: 'Nicht bereit',
    draining: 'Läuft leer',
    leaving: 'Scheidet aus',
    maintenance: 'Wartung',
    ejected: 'Ausgesetzt',
    stalled: 'Stockt',
    mismatch: 'Passt nicht',
    unreachable: 'Nicht erreichbar',
  },
  runStates: {
    scheduled: 'Geplant',
    queued: 'Wartet',
    running: 'Läuft',
    completed: 'Erledigt',
    failed: 'Gescheitert',
    cancelled: 'Abgebrochen',
    expired: 'Abgelaufen',
  },
  stateClauses: {
    connecting: 'beim Verbinden',
    ready: 'bereit',
    saturated: 'voll',
    unready: 'nicht bereit',
    draining: 'beim Leerlaufen',
    leaving: 'beim Ausscheiden',
    maintenance: 'in Wartung',
    ejected: 'ausgesetzt',
    stalled: 'ins Stocken geraten',
    mismatch: 'von anderer Gruppe oder anderem Vertrag',
    unreachable: 'nicht erreichbar',
  },
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
