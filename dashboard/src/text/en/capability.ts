/** English words of the area "capability". */
import { countTasks, countWorkers, plural } from './count.ts'

export const capability = {
  title: 'Groups and contracts',
  caption: 'Functions by group and contract',
  function: 'Function',
  filter: 'Find a function',
  noMatch: (words: string) => `No function matches “${words}”.`,
  empty: 'No functions yet',
  emptyTeach: 'As soon as a worker is linked, its functions stand here by its group and contract.',
  served: (functions: number, contracts: number) =>
    `${functions} ${plural(functions, 'function', 'functions')} under ${contracts} ${plural(contracts, 'contract', 'contracts')}; whatever waits can be taken.`,
  starved: (n: number, name: string, at: string, waiting: number) =>
    n === 1
      ? `${countTasks(waiting)} ${plural(waiting, 'waits', 'wait')} for ${name} of ${at}, which nobody in service has.`
      : `For ${n} functions something waits that nobody in service can take; first ${name} of ${at} (${waiting}).`,
  workers: (n: number) => countWorkers(n),
  notServed: 'not served there',
  cellLabel: (name: string, at: string) => `${name} of ${at}`,
  figures: (capable: number, free: number, waiting: string) =>
    `${countWorkers(capable)} in service, ${free} free ${plural(free, 'slot', 'slots')}, ${waiting} waiting`,
  inService: (n: number) => `${plural(n, 'worker', 'workers')} in service`,
  freeSlots: (n: number) => `free ${plural(n, 'slot', 'slots')}`,
  waiting: 'waiting',
  legend: {
    cell: 'Workers in service / free slots / waiting',
    starved: 'something waits, nobody can take it',
    nobody: 'nobody in service',
  },

  cell: {
    capable: 'Workers in service',
    ofListed: (capable: number, listed: number) => `${capable} of ${listed}`,
    free: 'Free slots',
    waiting: 'Waiting',
    function: 'Function',
    openFunction: 'Docs, figures, invoke',
    schemas: 'Schemas',
    input: 'Input',
    output: 'Output',
    difference: 'Difference',
    noOutput: 'It declares no output.',
    unknown: 'No worker has told its schema yet.',
    onlyOne: 'No other contract has this function.',
    comparedWith: 'Compared with',
    same: 'Input and output are the same there.',
  },

  group: {
    title: (group: string) => `Group ${group}`,
    workers: 'Workers',
    defaultContract: 'Default contract',
    automatic: 'Automatic',
    automaticDetail: 'the newest with at least half of the slots in service',
    pause: 'Pause',
    pauseIt: 'Pause the group…',
    paused: 'Paused',
    since: 'since',
    until: 'until',
    resume: 'Resume',
    resumed: (group: string) => `${group} goes on.`,
    now: 'Now',
    workersOfIt: 'Workers of the new one',
    arrivals: 'Tasks a minute',
    defaultTitle: (group: string, contract: string) => `Default contract of ${group}: ${contract}?`,
    defaultLead: 'Tasks that name no contract go there from now on; what waits already stays where it is.',
    defaultSet: (group: string, contract: string) => `The default contract of ${group} is ${contract}.`,
    setIt: 'Set the default',
  },

  pause: {
    title: (group: string) => `Pause the group ${group}?`,
    lead: 'Nothing of it starts until then. Runs on disk wait; tasks in memory are refused. What runs goes on.',
    arrivals: 'Tasks a minute that wait or are refused',
    waiting: 'Waiting now',
    until: 'For how long',
    untilHint: 'It goes on by itself afterwards.',
    noneHint: 'Until somebody resumes it.',
    confirm: 'Pause the group',
    done: (group: string) => `${group} is paused.`,
  },
}
