/** German words of the area "logs". */
import type { Messages } from '../en/index.ts'
import { lineWord } from './count.ts'

export const logs: Messages['logs'] = {
  title: 'Logs',

  tail: {
    balancer: 'Log des Balancers',
    show: 'Zeigen',
    hide: 'Verbergen',
    level: 'Stufe',
    levels: { debug: 'Alle Stufen', info: 'Ab Info', warn: 'Warnungen und Fehler', error: 'Nur Fehler' },
    levelWords: { debug: 'debug', info: 'info', warn: 'warn', error: 'error' },
    filter: 'Text filtern',
    pause: 'Anhalten',
    resume: 'Weiter',
    download: 'Herunterladen',
    following: 'Folgt',
    newLines: (n, count) => `${n} neue ${lineWord(count)}`,
    paused: (n, count) => `Angehalten. ${n} neue ${lineWord(count)}`,
    trimmed: (n, count) => `${n} ältere ${lineWord(count)} entfernt`,
    skipped: (n, count) => `${n} ${lineWord(count)} ausgelassen`,
    empty: 'Noch keine Zeilen. Neue erscheinen hier, sobald sie geschrieben werden.',
    waiting: 'Wartet auf die ersten Zeilen…',
    noMatch: 'Keine Zeile passt zum Filter.',
    refused: 'Zu viele Logs sind offen. Eines schließen, um diesem zu folgen.',
    count: (n, count) => `${n} ${lineWord(count)}`,
  },
}
