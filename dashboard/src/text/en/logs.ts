/** English words of the area "logs". */
import { plural } from './count.ts'

export const logs = {
  title: 'Logs',

  tail: {
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
}
