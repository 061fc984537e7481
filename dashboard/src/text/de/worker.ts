/** German words of the area "worker". */
import type { Messages } from '../en/index.ts'

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
}
