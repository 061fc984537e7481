/** English words of the area "workers". */
import { countSlots, countTasks, countWorkers, plural } from './count.ts'

export const workers = {
  title: 'Workers',

  verdict: {
    page: 'Workers',
    loading: 'Waiting for the first word from the balancer…',
    empty: 'No workers yet.',
    workers: (ready: number, total: number) => `${ready} of ${countWorkers(total)} ready`,
    named: (names: readonly string[], state: string) =>
      names.length === 1 ? `${names[0]} is ${state}` : `${names.join(' and ')} are ${state}`,
    counted: (count: number, state: string) => `${count} ${state}`,
    slots: (used: number, limit: number) => `${used} of ${countSlots(limit)} used`,
    noSlots: 'no slots known',
    nothingWaits: 'nothing waits',
    waits: (n: number) => `${countTasks(n)} ${plural(n, 'waits', 'wait')}`,
    waitsUnknown: 'how much waits is unknown',
  },

  tiles: {
    label: 'Figures of the fleet',
    workers: 'Workers ready',
    slots: 'Slots used',
    waiting: 'Waiting',
    completed: 'Completed per second',
    failed: 'Failed per second',
    of: (total: string) => `of ${total}`,
    allReady: 'all take work',
    notReady: (n: number) => `${n} not ready`,
    free: (n: string) => `${n} free`,
    running: (n: string) => `${n} running`,
    overSeconds: (n: number) => `mean of ${n} s`,
    noData: 'nothing measured yet',
    old: 'old',
  },

  table: {
    caption: 'Workers of the fleet',
    filter: 'Filter workers',
    filterHint: 'Id, state, group, tag, function…',
    clearFilter: 'Clear filter',
    sortBy: 'Sort by',
    ascending: 'Ascending',
    descending: 'Descending',
    shown: (shown: number, total: number) =>
      shown === total ? countWorkers(total) : `${shown} of ${countWorkers(total)}`,
    noMatch: (filter: string) => `No worker matches “${filter}”.`,
    capped: (shown: number, total: number) =>
      `The first ${shown} of ${total} are shown. Narrow the filter, or`,
    showAll: 'show all',
    columns: {
      worker: 'Worker',
      state: 'State',
      group: 'Group',
      slots: 'Slots',
      tags: 'Tags',
      cpu: 'CPU',
      memory: 'Memory',
      functions: 'Functions',
      version: 'Version',
      latency: 'Latency',
      age: 'Seen',
      maintenance: 'Maintenance',
    },
    stuck: (n: number) => `${n} stuck`,
    queued: (n: number) => `${n} queued`,
    ago: (age: string) => `${age} ago`,
    stale: (age: string) => `Not heard from for ${age}; the figures are from then.`,
    never: 'never',
    expand: (id: string) => `Details of ${id}`,
    moreTags: (n: number) => `+${n}`,
  },

  empty: {
    title: 'No workers yet',
    lead: 'A worker is a process that runs your functions. Two steps add one:',
    stepFile: 'Add it to workers.json; the balancer sees the change within a second:',
    stepStart: 'Start it with a folder of functions:',
    after: 'It appears here by itself as soon as it answers.',
  },

  maintenance: {
    label: (id: string) => `Maintenance ${id}`,
    on: 'On',
    off: 'Off',
    switchingOn: 'Switching on…',
    switchingOff: 'Switching off…',
    byFile: 'Set in workers.json. Change the entry there.',
    by: { worker: 'by the worker itself', file: 'by workers.json', operator: 'by an operator' },
    since: (by: string, since: string | null) => (since ? `${by}, since ${since}` : by),
    until: (until: string) => `until ${until}`,
    reason: (reason: string) => `Reason: ${reason}`,
    switchedOn: (id: string) => `${id} goes into maintenance.`,
    switchedOnDetail: (running: number) =>
      running > 0
        ? `${countTasks(running)} running ${plural(running, 'finishes', 'finish')} first.`
        : 'It takes no new work.',
    undo: 'Undo',
    failed: (id: string) => `Maintenance of ${id} was not changed.`,
    noAnswer: 'The balancer did not answer. Try again when the page is connected.',
    unconfirmed: 'The balancer took it, but the worker’s state has not followed for 10 s.',
    refused: (status: number) => `The balancer refused it (${status}).`,
  },

  confirm: {
    title: (id: string) => `Put ${id} into maintenance?`,
    last: (id: string, group: string) => `${id} is the last ready worker of ${group}.`,
    running: (n: number) =>
      n === 0
        ? 'Nothing runs on it now.'
        : `${countTasks(n)} ${plural(n, 'runs', 'run')} on it now and will finish.`,
    slots: (lost: number, left: number) => `${countSlots(lost)} leave the group; ${left} remain free in it.`,
    waiting: (n: number) =>
      n === 0
        ? 'No task waits in the fleet now.'
        : `${countTasks(n)} ${plural(n, 'waits', 'wait')} in the fleet; those for this group find no worker.`,
    functions: (n: number, names: string) =>
      `${n} ${plural(n, 'function', 'functions')} will have no ready worker: ${names}.`,
    more: (n: number) => `and ${n} more`,
    action: 'Switch maintenance on',
    cancel: 'Cancel',
  },
}
