/** English words of the area "functions". */
import { plural } from './count.ts'

export const functions = {
  title: 'Functions',
  tabTitle: (name: string) => `${name} · Functions`,
  lead: (all: number, unserved: number) =>
    unserved === 0
      ? `${all} ${plural(all, 'function', 'functions')}, all served.`
      : `${all} ${plural(all, 'function', 'functions')}, ${unserved} without a worker in service.`,
  openInvoke: 'Invoke',
  filter: 'Filter by name, group or description',
  only: 'Which functions',
  kinds: {
    all: 'All',
    scheduled: 'With schedules',
    background: 'In the background',
    paused: 'Paused',
    unserved: 'Without a worker',
  },
  columns: {
    name: 'Function',
    group: 'Group',
    workers: 'Workers',
    waiting: 'Waiting',
    p50: 'Run p50',
    p95: 'Run p95',
    errors: 'Errors',
  },
  workersOf: (ready: string, all: string) => (ready === all ? all : `${ready} of ${all}`),
  noMatch: 'No function matches the filter.',
  cut: 'The first 5,000 functions are shown; narrow them to a group.',
  none: 'No worker serves a function yet',
  teach: 'A function is a file of a worker’s project folder:',
  teachAfter: 'It stands here as soon as a worker with it is connected.',
  unknown: (name: string, group: string) => `No worker has ever served ${name} in group ${group}`,
  unknownTeach: 'It may have another group, or the balancer has forgotten the worker that had it.',

  marks: {
    paused: 'Paused',
    scheduled: (n: number) => `${n} ${plural(n, 'schedule', 'schedules')}`,
    background: 'background',
    keepWarm: 'warm',
    stream: 'streams',
  },

  tabs: { about: 'About', invoke: 'Invoke', settings: 'Settings' },
  contract: 'Contract',
  menu: 'More',
  invoke: 'Invoke',
  invokePage: 'Open in Invoke',
  pause: 'Pause…',
  pauseIt: 'Pause',
  resume: 'Resume',
  settings: 'Settings',
  pausedToast: (name: string) => `${name} is paused.`,
  resumed: (name: string) => `${name} starts again.`,
  pausedHere: 'Nothing of it starts.',
  pausedByGroup: (group: string) => `The whole group ${group} is paused.`,
  untilResumed: 'Until somebody resumes it.',
  until: 'Until',

  input: 'Input',
  output: 'Output',
  noInput: 'It takes no input, or does not say which.',
  noOutput: 'It does not say what it gives.',
  field: 'Field',
  kind: 'Kind',
  about: 'About it',
  required: 'required',
  rawSchema: 'JSON Schema',
  examples: 'Examples',
  tryIt: 'Try it',
  factsTitle: 'At a glance',
  yes: 'yes',
  no: 'no',
  facts: {
    waiting: 'Waiting now',
    perSecond: 'Ended per second',
    p50: 'Run time p50',
    p95: 'Run time p95',
    errors: 'Errors',
    timeout: 'Timeout',
    workersTimeout: 'the worker’s',
    slots: 'Slots of a task',
    retries: 'Repeats of a failure',
    idempotent: 'May run twice',
    notSaid: 'not said',
    streams: 'Streams',
    background: 'In the background',
    keepWarm: 'Kept warm',
    workers: 'Workers',
  },
  moreWorkers: (n: number) => `and ${n} more`,
  recent: 'Recent runs',
  allRuns: 'All',
  noRuns: 'None is remembered.',
  schedules: 'Schedules',
  noSchedules: 'It has none.',
  every: (span: string) => `every ${span}`,
  off: 'off',
  savedForms: 'Saved pages with it',
  charts: {
    time: 'Wait and run',
    spread: 'Run times',
  },

  kindsOf: {
    text: 'text',
    number: 'number',
    integer: 'whole number',
    flag: 'yes or no',
    group: 'object',
    json: 'any JSON',
    list: (kind: string) => `list of ${kind}`,
    tuple: (n: string) => `${n} values`,
    record: (kind: string) => `object of ${kind}`,
    orNull: (kind: string) => `${kind} or null`,
  },

  pauseDialog: {
    title: (name: string) => `Pause ${name}?`,
    detail: 'What runs finishes. Calls that wait for an answer are refused, runs on disk wait.',
    arrivals: 'Tasks per minute that will wait or be refused',
    waiting: 'Waiting now',
    running: 'Running now',
    goesOn: 'finishes',
    until: 'Until',
    spans: {
      none: 'somebody resumes it',
      '15m': 'in 15 minutes',
      '1h': 'in an hour',
      '8h': 'in 8 hours',
      at: 'an instant…',
    },
    instant: 'Instant',
    instantHint: 'In this browser’s time zone.',
    wrongInstant: 'Choose an instant that lies ahead.',
  },

  saved: 'The settings hold now.',
  set: {
    title: 'Settings',
    asFunction: 'As it says',
    background: 'Run in the background',
    backgroundHint: 'Calls that name no mode become runs on disk and are answered at once.',
    keepWarm: 'Keep warm',
    keepWarmHint: 'Workers make it ready before anybody asks.',
    concurrency: 'At once',
    concurrencyHint: 'Tasks of it that may run at the same time, over all workers.',
    concurrencyUsed: (n: string) => `${n} run now.`,
    rate: 'Rate',
    rateHint: 'What is beyond it waits.',
    per: 'per',
    periods: { '1000': 'second', '60000': 'minute', '3600000': 'hour' } as Readonly<Record<string, string>>,
    noLimit: 'no limit',
    contract: 'Contract of calls that name none',
    contractOfFleet: 'the newest that half of the fleet has',
    save: 'Save',
    discard: 'Discard',
    nothing: 'Nothing has changed.',
    wrongCount: 'must be a whole number from 1 to 1,000,000, or empty',
    confirm: (name: string) => `Change the settings of ${name}?`,
    runningNow: 'Running now',
    overLimit: 'Over the new limit (they finish)',
    means: {
      background: (on: boolean | null): string =>
        on === null
          ? 'Whether calls run in the background is the function’s own again.'
          : on
            ? 'Calls that name no mode are answered with 202 and run in the background.'
            : 'Calls that name no mode wait for their result.',
      keepWarm: (on: boolean | null): string =>
        on === null
          ? 'Whether it is kept warm is the function’s own again.'
          : on
            ? 'Workers keep it ready.'
            : 'Workers make it ready when it is called.',
      concurrency: (n: number | null) =>
        n === null ? 'As many run at once as there are slots.' : `At most ${n} run at once; others wait.`,
      rate: (rate: { readonly limit: number; readonly perMs: number } | null) =>
        rate === null
          ? 'It starts as often as it is called.'
          : `At most ${rate.limit} start in ${rate.perMs / 1000} s; others wait.`,
      defaultContract: (contract: number | null) =>
        contract === null
          ? 'Calls that name no contract go to the newest that half of the fleet has.'
          : `Calls that name no contract go to contract ${contract}.`,
    },
  },
}
