/** Deutsch: die Worte des Überblicks. */
import type { Messages } from '../en/index.ts'
import { countSlots, countTasks, plural } from './count.ts'

const workers = (n: number): string => (n === 1 ? '1 Worker' : `${n} Worker`)
const ofWorkers = (n: number): string => (n === 1 ? '1 Worker' : `${n} Workern`)

export const overview: Messages['overview'] = {
  title: 'Überblick',

  verdict: {
    empty: 'Noch keine Worker.',
    oneServed: (group) => `${group} ist bedient.`,
    oneUnserved: (group) => `${group} ist nicht bedient.`,
    noGroup: 'Noch hat kein Worker seine Gruppe genannt.',
    allServed: (groups) => `Alle ${groups} Gruppen sind bedient.`,
    someServed: (served, groups) => `${served} von ${groups} Gruppen sind bedient.`,
    calm: 'Nichts braucht eine Hand.',
    troubles: (n, first) => (n === 1 ? `1 Warnung: ${first}` : `${n} Warnungen, zuerst: ${first}`),
  },

  tiles: {
    label: 'Zahlen der Flotte',
    workers: 'Worker bereit',
    slots: 'Slots belegt',
    waiting: 'Wartend',
    oldest: 'Längstes Warten',
    completed: 'Erledigt pro min',
    errors: 'Fehler',
    of: (total) => `von ${total}`,
    allReady: 'alle nehmen Arbeit an',
    notReady: (n) => `${n} nicht bereit`,
    free: (n) => `${n} frei`,
    running: (n) => `${n} laufen`,
    nothingWaits: 'nichts wartet',
    oldestIn: (lane) => `in ${lane}`,
    mean: (perSecond) => `${perSecond} pro Sekunde`,
    failed: (n) => `${n} gescheitert in 5 min`,
    noData: 'noch nichts gemessen',
  },

  attention: {
    title: 'Braucht eine Hand',
    none: 'Gerade braucht nichts eine Hand.',
    noneDetail: 'Gruppen ohne Worker, abwesende Worker und zu lange wartende Arbeit erscheinen hier.',
    more: (n) => `und ${n} weitere`,
    lane: (name, group) => `${name} von ${group}`,
    laneUnserved: (lane, age) =>
      age === null ? `${lane} hat keinen Worker.` : `${lane} hat seit ${age} keinen Worker.`,
    groupUnserved: (group) => `Kein Worker von ${group} ist bereit.`,
    groupResting: (group) => `Alle Worker von ${group} sind in Wartung.`,
    members: (n) => `${workers(n)} in ihr`,
    waiting: (n) => `${countTasks(n)} ${plural(n, 'wartet', 'warten')}`,
    noFreeSlot: (n) => `${countTasks(n)} ${plural(n, 'wartet', 'warten')}, kein Slot ist frei`,
    longWait: (lane, age) => `Eine Aufgabe für ${lane} wartet seit ${age}.`,
    away: (worker, state) => `${worker} ist ${state}.`,
    manyAway: (n, state) => `${workers(n)} sind ${state}.`,
    slotsAway: (n) => `mit ihnen ${countSlots(n)}`,
    stuck: (n, worker) => `${countTasks(n)} ${plural(n, 'hängt', 'hängen')} auf ${worker}.`,
    failures: (share) => `${share} der Aufgaben sind in den letzten 5 min gescheitert.`,
    failedOf: (failed, all) => `${failed} von ${all}`,
    since: 'seit',
    openQueue: 'Schlange öffnen',
    openWorkers: 'Worker öffnen',
    openWorker: 'Worker öffnen',
    openFailed: 'Gescheiterte öffnen',
    openConfig: 'Editor öffnen',
    wake: (n) => `Wartung von ${ofWorkers(n)} beenden`,
    woken: (n) => `Die Wartung von ${ofWorkers(n)} ist beendet.`,
    wakeFailed: 'Die Wartung wurde nicht beendet.',
  },

  charts: {
    failedToLoad: 'Die Diagramme ließen sich nicht laden.',
  },

  activity: {
    title: 'Letzte Eingriffe',
    none: 'Noch hat kein Operator etwas geändert.',
    all: 'Der ganze Verlauf',
    by: (actor) => `durch ${actor}`,
    reason: (reason) => `Grund: ${reason}`,
  },
}
