/** English words of the area "worker". */
import { countSlots, countTasks, plural } from './count.ts'

export const worker = {
  title: 'Worker',

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

  log: 'Log',
  system: 'Process and machine',

  unknown: {
    title: (id: string) => `There is no worker ${id}`,
    teach:
      'It is not in workers.json any more, or never was. What happened to it stands in the activity log for 90 days.',
    toWorkers: 'To the workers',
    toActivity: 'To the activity log',
  },

  since: {
    maintenance: (by: string) => `In maintenance ${by}`,
    since: 'since',
    until: 'until',
    linked: 'linked for',
    lastHeard: 'last heard',
  },

  actions: {
    off: 'Start maintenance',
    on: 'End maintenance',
    drain: 'Drain…',
    leaving: 'It is leaving the fleet already.',
    keys: { maintenance: 'Start or end maintenance', drain: 'Drain the worker' },
  },

  drain: {
    title: 'Draining',
    done: 'Nothing runs there any more',
    running: 'Still running',
    remaining: 'Last one ends in about',
    nothing: 'nothing runs',
    unknownTime: 'not known',
    deadline: 'Deadline',
    noDeadline: 'none',
    in: (span: string) => `in ${span}`,
    passed: 'passed',
    exceeding: 'Past the deadline',
    stop: 'Stop drain',
    stopped: (id: string) => `The drain of ${id} has no deadline any more; it stays in maintenance.`,
    force: 'Force drain…',
    nothingRuns: 'Nothing runs there.',
  },

  force: {
    title: (id: string) => `End everything that runs on ${id}?`,
    lead: 'Each gets its signal now. What may run again is started elsewhere; the rest is lost. This cannot be undone.',
    ended: 'Tasks ended',
    repeated: 'Run again elsewhere',
    lost: 'Lost',
    confirm: 'End them now',
    done: (id: string) => `What runs on ${id} is told to end.`,
  },

  slots: { title: 'Slots', available: 'Free', queue: 'Waiting there', stuck: 'Stuck' },

  tags: { title: 'Tags', all: 'All', own: 'The worker’s own', operators: 'From workers.json' },

  link: {
    title: 'Connection',
    rtt: 'Round trip',
    connected: 'Linked for',
    lastSeen: 'Last message',
    reconnects: 'Reconnects',
    gaps: 'Numbers missed',
    age: 'Age of the newest message',
    messages: 'The last messages',
    time: 'Time',
    direction: 'Way',
    kind: 'Kind',
    bytes: 'Bytes',
    directions: { in: 'in', out: 'out' },
  },

  functions: {
    title: 'Functions',
    contract: (contract: number | null) => (contract === null ? 'Contract' : `Contract ${contract}`),
    copyHash: 'Copy the hash of the interface',
    streams: 'streams',
    background: 'background',
    warm: 'kept warm',
    slots: (n: number) => countSlots(n),
    showAll: (n: number) => `Show all ${n}`,
    capped: (n: number, all: number) => `The first ${n} of ${all} are shown.`,
  },

  tasks: {
    title: 'Running now',
    all: 'All its tasks',
    none: 'Nothing runs here now.',
    refused: 'Too many lists are followed already; reload the page or close others.',
    run: 'Task',
    function: 'Function',
    mode: 'Mode',
    elapsed: 'Running for',
    progress: 'Progress',
    attempt: 'Attempt',
    cancel: 'Cancel',
    cancelOf: (id: string) => `Cancel ${id}`,
    cancelTitle: (name: string) => `Cancel this run of ${name}?`,
    cancelLead: 'Its handler gets its signal; whoever waits for it is told that it was cancelled.',
    cancelConfirm: 'Cancel the task',
    cancelled: (name: string) => `The run of ${name} is cancelled.`,
    notCancelled: (name: string) => `The run of ${name} was not cancelled.`,
    count: (n: number) => countTasks(n),
  },

  events: {
    title: 'Events',
    all: 'In the activity log',
    none: 'Nothing has happened to it yet.',
    by: (who: string) => `by ${who}`,
  },
}
