/** English words of the area "worker". */
import { plural } from './count.ts'

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
}
