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

  view: { label: 'View', table: 'Table', grid: 'Grid' },

  facets: { state: 'State', group: 'Group', contract: 'Contract', version: 'Version', tags: 'Tags' },

  selector: {
    title: 'For a request',
    copy: 'Copy the selector',
    matches: (matching: number, inService: number, free: number) =>
      `matches ${countWorkers(matching)}, ${inService} in service with ${countSlots(free)} free`,
    tooMany: 'A request can name at most 16 tags with 64 values each.',
  },

  table: {
    caption: 'Workers of the fleet',
    filter: 'Filter workers',
    filterHint: 'Id, state, group, tag, function…',
    shown: (shown: number, total: number) =>
      shown === total ? countWorkers(total) : `${shown} of ${countWorkers(total)}`,
    noMatch: (filter: string) => `No worker matches “${filter}”.`,
    pickedWords: (n: number) => `${n} ${plural(n, 'filter', 'filters')}`,
    columns: {
      worker: 'Worker',
      state: 'State',
      group: 'Group',
      slots: 'Slots',
      rate: 'Runs/min',
      errors: 'Errors',
      tags: 'Tags',
      cpu: 'CPU',
      memory: 'Memory',
      breaker: 'Breaker',
      version: 'Version',
      age: 'Seen',
      maintenance: 'Maintenance',
    },
    stuck: (n: number) => `${n} stuck`,
    queued: (n: number) => `${n} queued`,
    ago: (age: string) => `${age} ago`,
    stale: (age: string) => `Not heard from for ${age}; the figures are from then.`,
    never: 'never',
    moreTags: (n: number) => `+${n}`,
  },

  grid: {
    role: 'grid of workers',
    label: (n: number) => `${countWorkers(n)} as squares`,
    help: 'Arrow keys go from worker to worker, Enter opens it, x selects it, m switches maintenance, d drains.',
    groups: 'Workers by group',
    noGroup: 'unknown',
    groupBy: 'By',
    byGroup: 'Group',
    byNothing: 'Nothing',
    slots: (used: number, limit: number) => `${used} of ${countSlots(limit)} used`,
    slotsUnknown: 'slots unknown',
    selected: 'selected',
    legend: 'States',
    fill: 'A square’s fill is the share of its slots in use.',
  },

  bar: {
    label: 'Selected workers',
    chosen: (n: number) => `${countWorkers(n)} selected`,
    off: 'Maintenance…',
    drain: 'Drain…',
    on: 'End maintenance',
    onCount: (n: string) => `End maintenance (${n})`,
    noneAway: 'None of them is in maintenance.',
    clear: 'Clear selection',
  },

  off: {
    title: (n: number, name: string | null) => `Put ${name ?? countWorkers(n)} into maintenance?`,
    drainTitle: (n: number, name: string | null) => `Drain ${name ?? countWorkers(n)}?`,
    confirm: 'Switch maintenance on',
    drain: 'Start draining',
    until: 'Ends by itself after',
    untilHint: 'They come back into service by themselves then.',
    untilNone: 'Until somebody ends it.',
    unknownEffect: 'What it would do is not known yet.',
    done: (n: number, first: string) =>
      n === 1 ? `${first} goes into maintenance.` : `${countWorkers(n)} go into maintenance.`,
    drained: (n: number, first: string) =>
      n === 1 ? `${first} is drained.` : `${countWorkers(n)} are drained.`,
    failed: (n: number, first: string) =>
      n === 1
        ? `Maintenance of ${first} was not changed.`
        : `Maintenance of ${countWorkers(n)} was not changed.`,
    refused: (n: number, why: string) => (n === 1 ? why : `${n} were not changed: ${why}`),
  },

  on: {
    done: (n: number, first: string) =>
      n === 1 ? `${first} is back in service.` : `${countWorkers(n)} are back in service.`,
    failed: (n: number, first: string) =>
      n === 1 ? `${first} is not back in service.` : `The maintenance of ${countWorkers(n)} was not ended.`,
  },

  effect: {
    workers: 'Leave service',
    outAlready: (n: number) => `${n} out of service already`,
    slots: 'Slots',
    noSlots: 'none lost',
    slotsOf: (group: string) => `Slots of ${group}`,
    slotsLost: (lost: number, all: number, share: string, free: number) =>
      `−${lost} of ${all} (${share}); ${free} free ${plural(free, 'stays', 'stay')}`,
    moreGroups: (n: number) => `${n} more ${plural(n, 'group', 'groups')}`,
    slotsInAll: (n: number) => `${countSlots(n)} lost in all`,
    running: 'Running there',
    nothingRuns: 'nothing',
    runs: (n: number) => `${countTasks(n)}; until when is not known`,
    runsUntil: (n: number, span: string) => `${countTasks(n)}; the last ends in about ${span}`,
    exceeding: 'Past the deadline',
    exceedingCount: (n: number) => (n === 0 ? 'none is expected to' : `${countTasks(n)} would be ended`),
    functions: 'Without a worker',
    allServed: 'no function',
    unserved: (n: number, names: string, more: number) =>
      `${n} ${plural(n, 'function', 'functions')}: ${names}${more > 0 ? ` and ${more} more` : ''}`,
    refused: 'Not changed',
    refusedCount: (n: number) => `${countWorkers(n)}, by workers.json or on their way out`,
  },

  drain: {
    deadline: 'Time for what runs',
    other: 'Other',
    none: 'No limit',
    span: 'Span',
    spanHint: 'For example 90s, 45m, 1h30m.',
    hint: 'Takes no new work from now on; what still runs then is told to end.',
    noneHint: 'Takes no new work from now on; what runs ends when it ends.',
    errors: {
      empty: () => 'Say how long, for example 1h30m.',
      'no-unit': (part: string) => `“${part}” needs a unit: s, m, h or d.`,
      'unknown-unit': (part: string) => `“${part}” is no span. Units are s, m, h and d.`,
      order: (part: string) => `“${part}” comes too late: the largest unit first, each once.`,
      zero: () => 'At least one second.',
      'too-long': () => 'At most 30 days.',
    } as Record<
      'empty' | 'no-unit' | 'unknown-unit' | 'order' | 'zero' | 'too-long',
      (part: string) => string
    >,
  },

  empty: {
    title: 'No workers yet',
    lead: 'A worker is a process that runs your functions. Three lines start one here, with the function in it:',
    listed: 'Then name it in workers.json; the balancer sees the change within a second:',
    after:
      'It appears here by itself as soon as it answers. A worker beside this balancer finds its keys by itself; on another machine give it LB_AUTH_KEY and AUTH_KEY.',
    copyCommand: 'Copy the command',
    copyEntry: 'Copy the entry',
    editFile: 'Edit workers.json',
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
        : 'No new work is taken there.',
    failed: (id: string) => `Maintenance of ${id} was not changed.`,
    unconfirmed: 'The balancer took it, but the worker’s state has not followed for 10 s.',
  },

  confirm: {
    last: (id: string, group: string) => `${id} is the last ready worker of ${group}.`,
    lastFor: (id: string, n: number) =>
      `${id} is the last ready worker that has ${n === 1 ? 'one of its functions' : `${n} of its functions`}.`,
  },

  keys: {
    filter: 'Go to the filter',
    maintenance: 'Maintenance of the selection, or of the worker in focus',
    drain: 'Drain the selection, or the worker in focus',
  },
}
