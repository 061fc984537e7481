/** English words of the area "tasks". */
import { countTasks, plural } from './count.ts'

export const tasks = {
  title: 'Tasks',
  search: 'Search tasks',
  states: 'By state',
  all: 'All',
  lead: (n: string, range: string) => `${n} accepted · ${range}`,
  capped: 'Counted are the newest; all of them from',
  unsearchable:
    'Inputs, results, tags, contracts, priorities and times of waiting or running are not searched: no index has them. Words find ids, functions, metadata and errors.',
  none: 'No task has come in the last 24 h.',
  noneMatches: (query: string, range: string) =>
    query === '' ? `No task was accepted (${range}).` : `No task matches “${query}” (${range}).`,
  shown: (n: string) => `${n} shown`,
  more: 'Load older',
  end: 'That is all.',
  news: (n: string) => `${n} new – show`,
  durable: 'on disk',
  durableHint: 'It survives a restart of the balancer.',
  modes: { sync: 'sync', stream: 'stream', webhook: 'webhook', async: 'async' },

  columns: {
    state: 'State',
    function: 'Function',
    mode: 'Mode',
    worker: 'Worker',
    accepted: 'Accepted',
    wait: 'Waited',
    run: 'Ran',
    attempts: 'Attempts',
    priority: 'Priority',
    detail: 'Error or metadata',
  },

  qualifiers: {
    function: 'name of the function',
    group: 'group of workers',
    status: 'one or several states',
    worker: 'who had it last',
    error: 'code of the error',
    session: 'name of the session',
    schedule: 'id of the schedule',
    parent: 'id of the task that called it',
  },

  views: [
    { name: 'Failed', search: 'status=failed' },
    { name: 'Waiting and running', search: 'status=queued,running' },
    { name: 'Lost with their worker', search: 'error=WORKER_LOST' },
  ],

  keys: { cancel: 'Cancel the task', retry: 'Retry the task', explain: 'Why it is where it is' },

  volume: {
    title: 'Task volume',
    unit: (n: string) => `${n} by the time of acceptance`,
    slider: 'Stretches of time. Shift and arrows choose several, Enter shows them alone',
    bucket: (at: string, n: string, parts: readonly string[]) =>
      [`${at}: ${n}`, ...parts].join(parts.length > 0 ? ' · ' : ''),
    most: (n: string) => `at most ${n} a bar`,
    zoomOut: 'Zoom out',
    asTable: 'View as table',
    from: 'From',
  },

  export: {
    title: 'Export',
    stop: (n: string) => `Stop (${n})`,
    done: (n: string) => `${n} tasks exported as NDJSON.`,
    cut: 'That is the most a browser takes at once. “Copy as curl” gets all of them.',
    failed: 'The export has failed.',
  },

  bulk: {
    chosenLabel: 'Chosen tasks',
    chosen: (n: string) => `${n} chosen`,
    allChosen: 'All that match are chosen',
    chooseAll: 'Choose all that match',
    chooseNone: 'Choose none',
    name: { cancel: 'Cancel', retry: 'Retry', delete: 'Delete' },
    title: { cancel: 'Cancel tasks', retry: 'Retry tasks', delete: 'Delete tasks' },
    effect: {
      cancel: 'What waits does not begin. What runs gets its signal to stop. This cannot be taken back.',
      retry: 'A new task begins for each of them, with the same input. The old ones stay.',
      delete: 'They are forgotten with their input, result, files and log. This cannot be taken back.',
    },
    confirm: {
      cancel: (n: number) => `Cancel ${countTasks(n)}`,
      retry: (n: number) => `Retry ${countTasks(n)}`,
      delete: (n: number) => `Delete ${countTasks(n)}`,
    },
    nothing: {
      cancel: 'None of them waits or runs.',
      retry: 'None of them has ended with its input kept on disk.',
      delete: 'None of them has ended.',
    },
    keep: 'Leave them',
    exactly: {
      cancel: (n: number) => `Exactly ${countTasks(n)} will be cancelled.`,
      retry: (n: number) => `Exactly ${countTasks(n)} will be retried.`,
      delete: (n: number) => `Exactly ${countTasks(n)} will be deleted.`,
    },
    planned: 'Tasks meant, by state and by function',
    byState: 'By state',
    byFunction: 'By function',
    leftOut: (n: string, all: string) => `Left out, ${n} of ${all} chosen:`,
    leftOutWhy: {
      ended: (n: number) => `${n} already ended: only what waits or runs can be cancelled.`,
      goesOn: (n: number) => `${n} not yet ended: this is for tasks that are over.`,
      notKept: (n: number) => `${n} not kept on disk: without its input a task cannot begin again.`,
    },
    otherFunctions: (n: number) => `${n} other ${plural(n, 'function', 'functions')}`,
    oldest: 'Oldest accepted',
    newest: 'Newest accepted',
    progress: 'Progress of the bulk action',
    state: {
      running: (action: 'cancel' | 'retry' | 'delete', done: number, all: number) =>
        `${done} of ${all} ${pastOf(action)} …`,
      done: (action: 'cancel' | 'retry' | 'delete', done: number, all: number) =>
        `${done} of ${all} ${pastOf(action)}.`,
      stopped: (action: 'cancel' | 'retry' | 'delete', done: number, all: number) =>
        `Stopped: ${done} of ${all} ${pastOf(action)}.`,
    },
    notChanged: (n: number) => `${n} could not be changed: they had changed meanwhile, or were refused.`,
    stop: 'Stop the rest',
    failed: 'The bulk action did not begin.',
    notStopped: 'The bulk action could not be stopped.',
  },
}

function pastOf(action: 'cancel' | 'retry' | 'delete'): string {
  return { cancel: 'cancelled', retry: 'retried', delete: 'deleted' }[action]
}
