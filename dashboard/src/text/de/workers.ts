/** German words of the area "workers". */
import type { Messages } from '../en/index.ts'
import { countSlots, countTasks, plural } from './count.ts'

export const workers: Messages['workers'] = {
  title: 'Worker',

  verdict: {
    page: 'Worker',
    loading: 'Wartet auf das erste Wort des Balancers…',
    empty: 'Noch keine Worker.',
    workers: (ready, total) => `${ready} von ${total} ${plural(total, 'Worker', 'Workern')} bereit`,
    named: (names, state) =>
      names.length === 1 ? `${names[0]} ist ${state}` : `${names.join(' und ')} sind ${state}`,
    counted: (count, state) => `${count} ${state}`,
    slots: (used, limit) => `${used} von ${countSlots(limit)} belegt`,
    noSlots: 'keine Slots bekannt',
    nothingWaits: 'nichts wartet',
    waits: (n) => `${countTasks(n)} ${plural(n, 'wartet', 'warten')}`,
    waitsUnknown: 'wie viel wartet, ist unbekannt',
  },

  tiles: {
    label: 'Zahlen der Flotte',
    workers: 'Worker bereit',
    slots: 'Slots belegt',
    waiting: 'Wartend',
    completed: 'Erledigt pro Sekunde',
    failed: 'Gescheitert pro Sekunde',
    of: (total) => `von ${total}`,
    allReady: 'alle nehmen Arbeit an',
    notReady: (n) => `${n} nicht bereit`,
    free: (n) => `${n} frei`,
    running: (n) => `${n} laufen`,
    overSeconds: (n) => `Mittel über ${n} s`,
    noData: 'noch nichts gemessen',
    old: 'alt',
  },

  table: {
    caption: 'Worker der Flotte',
    filter: 'Worker filtern',
    filterHint: 'Id, Zustand, Gruppe, Tag, Funktion…',
    clearFilter: 'Filter leeren',
    sortBy: 'Sortieren nach',
    ascending: 'Aufsteigend',
    descending: 'Absteigend',
    shown: (shown, total) => (shown === total ? `${total} Worker` : `${shown} von ${total} Workern`),
    noMatch: (filter) => `Kein Worker passt zu „${filter}“.`,
    capped: (shown, total) => `Die ersten ${shown} von ${total} sind zu sehen. Filter verengen oder`,
    showAll: 'alle zeigen',
    columns: {
      worker: 'Worker',
      state: 'Zustand',
      group: 'Gruppe',
      slots: 'Slots',
      tags: 'Tags',
      cpu: 'CPU',
      memory: 'Speicher',
      functions: 'Funktionen',
      version: 'Version',
      latency: 'Laufzeit',
      age: 'Gehört',
      maintenance: 'Wartung',
    },
    stuck: (n) => `${n} hängen`,
    queued: (n) => `${n} in Schlange`,
    ago: (age) => `vor ${age}`,
    stale: (age) => `Seit ${age} nichts gehört; die Zahlen sind von damals.`,
    never: 'nie',
    expand: (id) => `Einzelheiten zu ${id}`,
    moreTags: (n) => `+${n}`,
  },

  empty: {
    title: 'Noch keine Worker',
    lead: 'Ein Worker ist ein Prozess, der deine Funktionen ausführt. Zwei Schritte fügen einen hinzu:',
    stepFile: 'In workers.json eintragen; der Balancer sieht die Änderung binnen einer Sekunde:',
    stepStart: 'Mit einem Ordner voller Funktionen starten:',
    after: 'Er erscheint hier von selbst, sobald er antwortet.',
  },

  maintenance: {
    label: (id) => `Wartung (Maintenance) ${id}`,
    on: 'An',
    off: 'Aus',
    switchingOn: 'Schaltet ein…',
    switchingOff: 'Schaltet aus…',
    byFile: 'In workers.json gesetzt. Dort den Eintrag ändern.',
    by: { worker: 'durch den Worker selbst', file: 'durch workers.json', operator: 'durch einen Operator' },
    since: (by, since) => (since ? `${by}, seit ${since}` : by),
    until: (until) => `bis ${until}`,
    reason: (reason) => `Grund: ${reason}`,
    switchedOn: (id) => `${id} geht in Wartung.`,
    switchedOnDetail: (running) =>
      running > 0
        ? `${countTasks(running)} ${plural(running, 'läuft', 'laufen')} noch zu Ende.`
        : 'Er nimmt keine neue Arbeit an.',
    undo: 'Rückgängig',
    failed: (id) => `Die Wartung von ${id} wurde nicht geändert.`,
    noAnswer: 'Der Balancer hat nicht geantwortet. Bei bestehender Verbindung erneut versuchen.',
    unconfirmed: 'Der Balancer hat es angenommen, aber der Zustand des Workers ist seit 10 s nicht gefolgt.',
    refused: (status) => `Der Balancer hat es abgelehnt (${status}).`,
  },

  confirm: {
    title: (id) => `${id} in Wartung nehmen?`,
    last: (id, group) => `${id} ist der letzte bereite Worker von ${group}.`,
    running: (n) =>
      n === 0
        ? 'Auf ihm läuft gerade nichts.'
        : `${countTasks(n)} ${plural(n, 'läuft', 'laufen')} auf ihm und ${plural(n, 'wird', 'werden')} beendet.`,
    slots: (lost, left) => `${countSlots(lost)} verlassen die Gruppe; ${left} bleiben in ihr frei.`,
    waiting: (n) =>
      n === 0
        ? 'In der Flotte wartet gerade keine Aufgabe.'
        : `${countTasks(n)} ${plural(n, 'wartet', 'warten')} in der Flotte; die für diese Gruppe finden keinen Worker.`,
    functions: (n, names) =>
      `${n} ${plural(n, 'Funktion hat', 'Funktionen haben')} dann keinen bereiten Worker: ${names}.`,
    more: (n) => `und ${n} weitere`,
    action: 'Wartung einschalten',
    cancel: 'Abbrechen',
  },
}
