/** English words of the overview. */
import { countSlots, countTasks, countWorkers, plural } from './count.ts'

export const overview = {
  title: 'Overview',

  verdict: {
    empty: 'No workers yet.',
    oneServed: (group: string) => `${group} is served.`,
    oneUnserved: (group: string) => `${group} is not served.`,
    noGroup: 'No worker has named its group yet.',
    allServed: (groups: number) => `All ${groups} groups served.`,
    someServed: (served: number, groups: number) => `${served} of ${groups} groups served.`,
    calm: 'Nothing needs a hand.',
    troubles: (n: number, first: string) =>
      n === 1 ? `1 warning: ${first}` : `${n} warnings, first: ${first}`,
  },

  tiles: {
    label: 'Figures of the fleet',
    workers: 'Workers ready',
    slots: 'Slots used',
    waiting: 'Waiting',
    oldest: 'Oldest wait',
    completed: 'Completed per min',
    errors: 'Errors',
    of: (total: string) => `of ${total}`,
    allReady: 'all take work',
    notReady: (n: number) => `${n} not ready`,
    free: (n: string) => `${n} free`,
    running: (n: string) => `${n} running`,
    nothingWaits: 'nothing waits',
    oldestIn: (lane: string) => `in ${lane}`,
    mean: (perSecond: string) => `${perSecond} per second`,
    failed: (n: string) => `${n} failed in 5 min`,
    noData: 'nothing measured yet',
  },

  attention: {
    title: 'Needs a hand',
    none: 'Nothing needs a hand now.',
    noneDetail: 'Groups without a worker, workers that are away, and work that waits too long appear here.',
    more: (n: number) => `and ${n} more`,
    lane: (name: string, group: string) => `${name} of ${group}`,
    laneUnserved: (lane: string, age: string | null) =>
      age === null ? `${lane} has no worker.` : `${lane} has no worker for ${age}.`,
    groupUnserved: (group: string) => `No worker of ${group} is ready.`,
    groupResting: (group: string) => `Every worker of ${group} is in maintenance.`,
    members: (n: number) => `${countWorkers(n)} in it`,
    waiting: (n: number) => `${countTasks(n)} ${plural(n, 'waits', 'wait')}`,
    noFreeSlot: (n: number) => `${countTasks(n)} ${plural(n, 'waits', 'wait')}, no slot is free`,
    longWait: (lane: string, age: string) => `A task for ${lane} waits for ${age}.`,
    away: (worker: string, state: string) => `${worker} is ${state}.`,
    manyAway: (n: number, state: string) => `${countWorkers(n)} are ${state}.`,
    slotsAway: (n: number) => `${countSlots(n)} with them`,
    stuck: (n: number, worker: string) => `${countTasks(n)} ${plural(n, 'hangs', 'hang')} on ${worker}.`,
    failures: (share: string) => `${share} of the tasks failed in the last 5 min.`,
    failedOf: (failed: string, all: string) => `${failed} of ${all}`,
    since: 'since',
    openQueue: 'Open the queue',
    openWorkers: 'Open the workers',
    openWorker: 'Open the worker',
    openFailed: 'Open failed tasks',
    openConfig: 'Open the editor',
    wake: (n: number) => `End maintenance of ${countWorkers(n)}`,
    woken: (n: number) => `Maintenance of ${countWorkers(n)} ended.`,
    wakeFailed: 'Maintenance was not ended.',
  },

  charts: {
    failedToLoad: 'The charts could not be loaded.',
  },

  activity: {
    title: 'Recent actions',
    none: 'No operator has changed anything yet.',
    all: 'All activity',
    by: (actor: string) => `by ${actor}`,
    reason: (reason: string) => `Reason: ${reason}`,
  },
}
