/** German words of the area "charts". */
import type { Messages } from '../en/index.ts'

export const charts: Messages['charts'] = {
  label: 'Die letzten Minuten',
  range: 'Zeitraum',
  minutes: (n) => `${n} min`,
  slotsTitle: 'Slots',
  throughputTitle: 'Durchsatz',
  used: 'Belegt',
  free: 'Frei',
  maintenance: 'Wartung',
  stalled: 'Stockend',
  completed: 'Erledigt',
  failed: 'Gescheitert',
  submitted: 'Eingereicht',
  slotsSummary: (minutes, mean, most, limit) =>
    `Letzte ${minutes} min: im Mittel ${mean} Slots belegt, höchstens ${most}; jetzt ${limit} in der Flotte.`,
  throughputSummary: (minutes, completed, failed, submitted) =>
    `Letzte ${minutes} min: ${submitted} eingereicht, ${completed} erledigt, ${failed} gescheitert.`,
  noData: 'Noch keine Zahlen in diesem Zeitraum.',
  asTable: 'Als Tabelle',
  asChart: 'Als Diagramm',
  time: 'Zeit',
  tableCaption: (title, minutes) => `${title}, letzte ${minutes} min, neueste zuerst`,
  perSecond: 'Aufgaben pro Sekunde',
  slotsUnit: 'der Flotte',
  failedToLoad: 'Die Diagramme ließen sich nicht laden.',
}
