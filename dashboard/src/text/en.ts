/**
 * Every word the page shows, in English: the table that other languages must fill (`Messages`).
 * Sentences with figures are functions, so that each language orders and inflects them itself.
 */
import type { WorkerState } from '@berth/protocol'

const plural = (n: number, one: string, many: string): string => (n === 1 ? one : many)
const workers = (n: number): string => `${n} ${plural(n, 'worker', 'workers')}`
const slots = (n: number): string => `${n} ${plural(n, 'slot', 'slots')}`
const tasks = (n: number): string => `${n} ${plural(n, 'task', 'tasks')}`

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

export const en = {
  locale: 'en',
  unknown: '–',
  states,
  stateClauses,

  shell: {
    brand: 'Berth',
    skip: 'Skip to the workers',
    pageTitle: (page: string, balancer: string | null) =>
      balancer ? `${page} · ${balancer} · Berth` : `${page} · Berth`,
    environment: 'Environment',
    live: 'Live',
    connecting: 'Connecting',
    disconnected: 'Disconnected',
    draining: 'Shutting down',
    starting: 'Starting',
    help: 'Keyboard help',
    signOut: 'Sign out',
    theme: 'Theme',
    themes: { system: 'System', light: 'Light', dark: 'Dark' },
    close: 'Close',
    notices: 'Notices',
    version: (version: string) => `Berth ${version}`,
  },

  connection: {
    lost: (seconds: number) =>
      seconds > 0 ? `Disconnected. Trying again in ${seconds} s` : 'Disconnected. Trying again now',
    unreadable: (seconds: number) =>
      `The balancer sent something this page does not understand. Reload the page if this stays. Trying again in ${seconds} s`,
    trying: 'Disconnected. Connecting…',
    old: 'What you see is from before the break.',
    retry: 'Retry now',
    actionsOff: 'Not possible while disconnected.',
  },

  signIn: {
    title: 'Sign in',
    lead: 'The dashboard of this balancer needs its key.',
    key: 'Key',
    keyHint: 'The value of LB_AUTH_KEY.',
    submit: 'Sign in',
    working: 'Signing in…',
    checking: 'Checking the session…',
    wrongKey: 'This key is not the right one.',
    badToken: 'This sign-in address no longer works: it is good once and for 15 minutes.',
    tooMany: 'Too many tries. Wait a minute before the next one.',
    unreachable: 'The balancer did not answer. Is it running?',
    failed: (status: number) => `The balancer refused (${status}).`,
    ended: 'The session has ended.',
    empty: 'Enter the key first.',
    cureBefore: 'Without the key at hand, run',
    cureAfter: 'on the balancer’s machine: it prints an address that signs you in.',
    command: 'pnpm berth token',
  },

  verdict: {
    page: 'Workers',
    loading: 'Waiting for the first word from the balancer…',
    empty: 'No workers yet.',
    workers: (ready: number, total: number) => `${ready} of ${workers(total)} ready`,
    named: (names: readonly string[], state: string) =>
      names.length === 1 ? `${names[0]} is ${state}` : `${names.join(' and ')} are ${state}`,
    counted: (count: number, state: string) => `${count} ${state}`,
    slots: (used: number, limit: number) => `${used} of ${slots(limit)} used`,
    noSlots: 'no slots known',
    nothingWaits: 'nothing waits',
    waits: (n: number) => `${tasks(n)} ${plural(n, 'waits', 'wait')}`,
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

  charts: {
    label: 'The last minutes',
    range: 'Time range',
    minutes: (n: number) => `${n} min`,
    slotsTitle: 'Slots',
    throughputTitle: 'Throughput',
    used: 'Used',
    free: 'Free',
    maintenance: 'Maintenance',
    stalled: 'Stalled',
    completed: 'Completed',
    failed: 'Failed',
    submitted: 'Submitted',
    slotsSummary: (minutes: number, mean: string, most: string, limit: string) =>
      `Last ${minutes} min: ${mean} slots used on average, ${most} at most; ${limit} in the fleet now.`,
    throughputSummary: (minutes: number, completed: string, failed: string, submitted: string) =>
      `Last ${minutes} min: ${submitted} submitted, ${completed} completed, ${failed} failed.`,
    noData: 'No figures in this time yet.',
    asTable: 'View as table',
    asChart: 'View as chart',
    time: 'Time',
    tableCaption: (title: string, minutes: number) => `${title}, last ${minutes} min, newest first`,
    perSecond: 'tasks per second',
    slotsUnit: 'of the fleet',
    failedToLoad: 'The charts could not be loaded.',
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
      shown === total ? workers(total) : `${shown} of ${workers(total)}`,
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
        ? `${tasks(running)} running ${plural(running, 'finishes', 'finish')} first.`
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
        : `${tasks(n)} ${plural(n, 'runs', 'run')} on it now and will finish.`,
    slots: (lost: number, left: number) => `${slots(lost)} leave the group; ${left} remain free in it.`,
    waiting: (n: number) =>
      n === 0
        ? 'No task waits in the fleet now.'
        : `${tasks(n)} ${plural(n, 'waits', 'wait')} in the fleet; those for this group find no worker.`,
    functions: (n: number, names: string) =>
      `${n} ${plural(n, 'function', 'functions')} will have no ready worker: ${names}.`,
    more: (n: number) => `and ${n} more`,
    action: 'Switch maintenance on',
    cancel: 'Cancel',
  },

  details: {
    label: (id: string) => `Details of ${id}`,
    url: 'Address',
    source: 'Listed by',
    sources: { file: 'workers.json', joined: 'itself (joined)' },
    group: 'Group and contract',
    reason: 'Why not ready',
    breaker: 'Breaker',
    breakerStates: { closed: 'closed', open: 'open', 'half-open': 'half open' },
    failures: (n: number) => `${n} ${plural(n, 'failure', 'failures')}`,
    since: (at: string) => `since ${at}`,
    until: (at: string) => `until ${at}`,
    maintenance: 'Maintenance',
    noMaintenance: 'off',
    eventLoop: 'Event loop delay',
    uptime: 'Up for',
    version: 'Version',
    lastSeen: 'Last message',
    services: 'Services',
    noServices: 'This worker has no services.',
    serviceStates: { starting: 'starting', running: 'running', down: 'down', stopped: 'stopped' },
    functions: 'Functions',
    noFunctions: 'This worker has named no functions.',
    tags: 'Tags',
    noTags: 'This worker has no tags.',
    log: (id: string) => `Log of ${id}`,
  },

  log: {
    balancer: 'Balancer log',
    show: 'Show',
    hide: 'Hide',
    level: 'Level',
    levels: {
      debug: 'All levels',
      info: 'Info and above',
      warn: 'Warnings and errors',
      error: 'Errors only',
    },
    levelWords: { debug: 'debug', info: 'info', warn: 'warn', error: 'error' },
    filter: 'Filter text',
    pause: 'Pause',
    resume: 'Resume',
    download: 'Download',
    following: 'Following',
    newLines: (n: string, count: number) => `${n} new ${plural(count, 'line', 'lines')}`,
    paused: (n: string, count: number) => `Paused. ${n} new ${plural(count, 'line', 'lines')}`,
    trimmed: (n: string, count: number) => `${n} older ${plural(count, 'line', 'lines')} trimmed`,
    skipped: (n: string, count: number) => `${n} ${plural(count, 'line', 'lines')} skipped`,
    empty: 'No lines yet. New ones appear here as they are written.',
    waiting: 'Waiting for the first lines…',
    noMatch: 'No line matches the filter.',
    refused: 'Too many logs are open. Close one to follow this one.',
    count: (n: string, count: number) => `${n} ${plural(count, 'line', 'lines')}`,
  },

  config: {
    stale: 'workers.json is not valid. The last good fleet stays in place.',
    place: (line: number, column: number | null) =>
      column === null ? `Line ${line}` : `Line ${line}, column ${column}`,
    since: (at: string) => `Since ${at}.`,
    cure: 'Correct the file; it is read again as soon as it is saved.',
    warnings: (n: number) => `workers.json: ${n} ${plural(n, 'warning', 'warnings')}`,
  },

  help: {
    title: 'Keyboard',
    keys: {
      filter: 'Go to the filter',
      theme: 'Next theme',
      help: 'This help',
      next: 'Next worker',
      previous: 'Previous worker',
      expand: 'Details of the worker in focus',
      maintenance: 'Maintenance of the worker in focus',
      escape: 'Close, or clear the filter',
    },
    singleKeys: 'Single-key shortcuts',
    announcements: 'Announce changes to screen readers',
  },

  announce: {
    lost: 'Connection to the balancer lost.',
    back: 'Connected again.',
    changed: (id: string, state: string) => `${id} is ${state}.`,
    gone: (id: string) => `${id} has left the fleet.`,
    many: (n: number) => `${workers(n)} changed.`,
    configBad: 'workers.json is not valid.',
    configGood: 'workers.json is valid again.',
  },

  error: {
    title: 'This part of the page has failed.',
    detail: 'The rest stays alive. Nothing on the fleet was changed by this.',
    retry: 'Try again',
    copy: 'Copy details',
    reload: 'Reload the page',
  },

  notFound: {
    title: 'There is no such page',
    back: 'To the workers',
  },

  units: {
    seconds: (n: string) => `${n} s`,
    minutes: (n: string) => `${n} min`,
    hours: (n: string) => `${n} h`,
    days: (n: string) => `${n} d`,
    milliseconds: (n: string) => `${n} ms`,
  },
}

export type Messages = typeof en
