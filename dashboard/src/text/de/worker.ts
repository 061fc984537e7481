/** German words of the area "worker". */
import type { Messages } from '../en/index.ts'
import { countSlots, countTasks } from './count.ts'

export const worker: Messages['worker'] = {
  title: 'Worker',

  details: {
    label: (id) => `Einzelheiten zu ${id}`,
    url: 'Adresse',
    source: 'Eingetragen durch',
    sources: { file: 'workers.json', joined: 'sich selbst (beigetreten)' },
    group: 'Gruppe und Vertrag',
    reason: 'Warum nicht bereit',
    breaker: 'Sicherung',
    breakerStates: { closed: 'geschlossen', open: 'offen', 'half-open': 'halb offen' },
    failures: (n) => `${n} Fehler`,
    since: (at) => `seit ${at}`,
    until: (at) => `bis ${at}`,
    maintenance: 'Wartung',
    noMaintenance: 'aus',
    eventLoop: 'Verzug der Ereignisschleife',
    uptime: 'Läuft seit',
    version: 'Version',
    lastSeen: 'Letzte Nachricht',
    services: 'Dienste',
    noServices: 'Dieser Worker hat keine Dienste.',
    serviceStates: { starting: 'startet', running: 'läuft', down: 'ausgefallen', stopped: 'angehalten' },
    functions: 'Funktionen',
    noFunctions: 'Dieser Worker hat keine Funktionen genannt.',
    tags: 'Tags',
    noTags: 'Dieser Worker hat keine Tags.',
    log: (id) => `Log von ${id}`,
  },

  log: 'Log',
  system: 'Prozess und Maschine',

  unknown: {
    title: (id) => `Es gibt keinen Worker ${id}`,
    teach:
      'Er steht nicht mehr in workers.json oder stand nie dort. Was mit ihm geschah, steht 90 Tage im Protokoll.',
    toWorkers: 'Zu den Workern',
    toActivity: 'Zum Protokoll',
  },

  since: {
    maintenance: (by) => `In Wartung ${by}`,
    since: 'seit',
    until: 'bis',
    linked: 'verbunden seit',
    lastHeard: 'zuletzt gehört',
  },

  actions: {
    off: 'Wartung beginnen',
    on: 'Wartung beenden',
    drain: 'Leeren…',
    leaving: 'Er verlässt die Flotte schon.',
    keys: { maintenance: 'Wartung beginnen oder beenden', drain: 'Worker leeren' },
  },

  drain: {
    title: 'Wird geleert',
    done: 'Dort läuft nichts mehr',
    running: 'Läuft noch',
    remaining: 'Die letzte endet in etwa',
    nothing: 'nichts läuft',
    unknownTime: 'nicht bekannt',
    deadline: 'Frist',
    noDeadline: 'keine',
    in: (span) => `in ${span}`,
    passed: 'abgelaufen',
    exceeding: 'Über die Frist',
    stop: 'Leeren anhalten',
    stopped: (id) => `Das Leeren von ${id} hat keine Frist mehr; er bleibt in Wartung.`,
    force: 'Leeren erzwingen…',
    nothingRuns: 'Dort läuft nichts.',
  },

  force: {
    title: (id) => `Alles beenden, was auf ${id} läuft?`,
    lead: 'Jede Aufgabe bekommt jetzt ihr Signal. Was noch einmal laufen darf, beginnt anderswo; der Rest ist verloren. Das lässt sich nicht rückgängig machen.',
    ended: 'Aufgaben beendet',
    repeated: 'Laufen anderswo noch einmal',
    lost: 'Verloren',
    confirm: 'Jetzt beenden',
    done: (id) => `Was auf ${id} läuft, bekommt das Signal zu enden.`,
  },

  slots: { title: 'Slots', available: 'Frei', queue: 'Wartet dort', stuck: 'Hängt' },

  tags: { title: 'Tags', all: 'Alle', own: 'Die des Workers', operators: 'Aus workers.json' },

  link: {
    title: 'Verbindung',
    rtt: 'Laufzeit',
    connected: 'Verbunden seit',
    lastSeen: 'Letzte Nachricht',
    reconnects: 'Neu verbunden',
    gaps: 'Fehlende Nummern',
    age: 'Alter der neuesten Nachricht',
    messages: 'Die letzten Nachrichten',
    time: 'Zeit',
    direction: 'Weg',
    kind: 'Art',
    bytes: 'Bytes',
    directions: { in: 'ein', out: 'aus' },
  },

  functions: {
    title: 'Funktionen',
    contract: (contract) => (contract === null ? 'Vertrag' : `Vertrag ${contract}`),
    copyHash: 'Hash der Schnittstelle kopieren',
    streams: 'strömt',
    background: 'im Hintergrund',
    warm: 'warm gehalten',
    slots: (n) => countSlots(n),
    showAll: (n) => `Alle ${n} zeigen`,
    capped: (n, all) => `Die ersten ${n} von ${all} sind zu sehen.`,
  },

  tasks: {
    title: 'Läuft gerade',
    all: 'Alle seine Aufgaben',
    none: 'Hier läuft gerade nichts.',
    refused: 'Es werden schon zu viele Listen verfolgt; Seite neu laden oder andere schließen.',
    run: 'Aufgabe',
    function: 'Funktion',
    mode: 'Art',
    elapsed: 'Läuft seit',
    progress: 'Fortschritt',
    attempt: 'Versuch',
    cancel: 'Abbrechen',
    cancelOf: (id) => `${id} abbrechen`,
    cancelTitle: (name) => `Diesen Lauf von ${name} abbrechen?`,
    cancelLead: 'Seine Funktion bekommt das Signal; wer darauf wartet, erfährt vom Abbruch.',
    cancelConfirm: 'Aufgabe abbrechen',
    cancelled: (name) => `Der Lauf von ${name} ist abgebrochen.`,
    notCancelled: (name) => `Der Lauf von ${name} wurde nicht abgebrochen.`,
    count: (n) => countTasks(n),
  },

  events: {
    title: 'Ereignisse',
    all: 'Im Protokoll',
    none: 'Mit ihm ist noch nichts geschehen.',
    by: (who) => `durch ${who}`,
  },
}
