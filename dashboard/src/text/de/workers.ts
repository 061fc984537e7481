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

  view: { label: 'Ansicht', table: 'Tabelle', grid: 'Raster' },

  facets: { state: 'Zustand', group: 'Gruppe', contract: 'Vertrag', version: 'Version', tags: 'Tags' },

  selector: {
    title: 'Für einen Auftrag',
    copy: 'Auswahl kopieren',
    matches: (matching, inService, free) =>
      `passt auf ${matching} Worker, ${inService} im Dienst mit ${countSlots(free)} frei`,
    tooMany: 'Ein Auftrag kann höchstens 16 Tags mit je 64 Werten nennen.',
  },

  table: {
    caption: 'Worker der Flotte',
    filter: 'Worker filtern',
    filterHint: 'Id, Zustand, Gruppe, Tag, Funktion…',
    shown: (shown, total) => (shown === total ? `${total} Worker` : `${shown} von ${total} Workern`),
    noMatch: (filter) => `Kein Worker passt zu „${filter}“.`,
    pickedWords: (n) => `${n} Filter`,
    columns: {
      worker: 'Worker',
      state: 'Zustand',
      group: 'Gruppe',
      slots: 'Slots',
      rate: 'Läufe/min',
      errors: 'Fehler',
      tags: 'Tags',
      cpu: 'CPU',
      memory: 'Speicher',
      breaker: 'Sicherung',
      version: 'Version',
      age: 'Gehört',
      maintenance: 'Wartung',
    },
    stuck: (n) => `${n} hängen`,
    queued: (n) => `${n} in Schlange`,
    ago: (age) => `vor ${age}`,
    stale: (age) => `Seit ${age} nichts gehört; die Zahlen sind von damals.`,
    never: 'nie',
    moreTags: (n) => `+${n}`,
  },

  grid: {
    role: 'Raster der Worker',
    label: (n) => `${n} Worker als Quadrate`,
    help: 'Pfeiltasten gehen von Worker zu Worker, Enter öffnet, x wählt aus, m schaltet die Wartung, d leert.',
    groups: 'Worker nach Gruppe',
    noGroup: 'unbekannt',
    groupBy: 'Nach',
    byGroup: 'Gruppe',
    byNothing: 'nichts',
    slots: (used, limit) => `${used} von ${countSlots(limit)} belegt`,
    slotsUnknown: 'Slots unbekannt',
    selected: 'ausgewählt',
    legend: 'Zustände',
    fill: 'Die Füllung eines Quadrats ist der Anteil seiner belegten Slots.',
  },

  bar: {
    label: 'Ausgewählte Worker',
    chosen: (n) => `${n} Worker ausgewählt`,
    off: 'Wartung…',
    drain: 'Leeren…',
    on: 'Wartung beenden',
    onCount: (n) => `Wartung beenden (${n})`,
    noneAway: 'Keiner von ihnen ist in Wartung.',
    clear: 'Auswahl aufheben',
  },

  off: {
    title: (n, name) => `${name ?? `${n} Worker`} in Wartung nehmen?`,
    drainTitle: (n, name) => `${name ?? `${n} Worker`} leeren?`,
    confirm: 'Wartung einschalten',
    drain: 'Leeren beginnen',
    until: 'Endet von selbst nach',
    untilHint: 'Dann kommen sie von selbst wieder in Dienst.',
    untilNone: 'Bis jemand sie beendet.',
    unknownEffect: 'Was es bewirkt, ist noch nicht bekannt.',
    done: (n, first) => (n === 1 ? `${first} geht in Wartung.` : `${n} Worker gehen in Wartung.`),
    drained: (n, first) => (n === 1 ? `${first} wird geleert.` : `${n} Worker werden geleert.`),
    failed: (n, first) =>
      n === 1
        ? `Die Wartung von ${first} wurde nicht geändert.`
        : `Die Wartung von ${n} Workern wurde nicht geändert.`,
    refused: (n, why) => (n === 1 ? why : `${n} wurden nicht geändert: ${why}`),
  },

  on: {
    done: (n, first) => (n === 1 ? `${first} ist wieder im Dienst.` : `${n} Worker sind wieder im Dienst.`),
    failed: (n, first) =>
      n === 1 ? `${first} ist nicht wieder im Dienst.` : `Die Wartung von ${n} Workern wurde nicht beendet.`,
  },

  effect: {
    workers: 'Gehen aus dem Dienst',
    outAlready: (n) => `${n} schon außer Dienst`,
    slots: 'Slots',
    noSlots: 'keine gehen verloren',
    slotsOf: (group) => `Slots von ${group}`,
    slotsLost: (lost, all, share, free) =>
      `−${lost} von ${all} (${share}); ${free} ${plural(free, 'bleibt', 'bleiben')} frei`,
    moreGroups: (n) => `${n} weitere ${plural(n, 'Gruppe', 'Gruppen')}`,
    slotsInAll: (n) => `insgesamt ${countSlots(n)} weniger`,
    running: 'Läuft dort',
    nothingRuns: 'nichts',
    runs: (n) => `${countTasks(n)}; bis wann, ist nicht bekannt`,
    runsUntil: (n, span) => `${countTasks(n)}; die letzte endet in etwa ${span}`,
    exceeding: 'Über die Frist',
    exceedingCount: (n) => (n === 0 ? 'voraussichtlich keine' : `${countTasks(n)} würden beendet`),
    functions: 'Ohne Worker',
    allServed: 'keine Funktion',
    unserved: (n, names, more) =>
      `${n} ${plural(n, 'Funktion', 'Funktionen')}: ${names}${more > 0 ? ` und ${more} weitere` : ''}`,
    refused: 'Nicht geändert',
    refusedCount: (n) => `${n} Worker, durch workers.json oder weil sie gehen`,
  },

  drain: {
    deadline: 'Zeit für das, was läuft',
    other: 'Andere',
    none: 'Ohne Frist',
    span: 'Spanne',
    spanHint: 'Zum Beispiel 90s, 45m, 1h30m.',
    hint: 'Nimmt ab jetzt keine neue Arbeit an; was dann noch läuft, bekommt das Signal zu enden.',
    noneHint: 'Nimmt ab jetzt keine neue Arbeit an; was läuft, läuft zu Ende.',
    errors: {
      empty: () => 'Wie lange? Zum Beispiel 1h30m.',
      'no-unit': (part) => `„${part}“ braucht eine Einheit: s, m, h oder d.`,
      'unknown-unit': (part) => `„${part}“ ist keine Spanne. Einheiten sind s, m, h und d.`,
      order: (part) => `„${part}“ kommt zu spät: die größte Einheit zuerst, jede einmal.`,
      zero: () => 'Mindestens eine Sekunde.',
      'too-long': () => 'Höchstens 30 Tage.',
    },
  },

  empty: {
    title: 'Noch keine Worker',
    lead: 'Ein Worker ist ein Prozess, der deine Funktionen ausführt. Drei Zeilen starten hier einen, mit seiner Funktion:',
    listed: 'Dann in workers.json eintragen; der Balancer sieht die Änderung binnen einer Sekunde:',
    after:
      'Er erscheint hier von selbst, sobald er antwortet. Ein Worker neben diesem Balancer findet seine Schlüssel selbst; auf einer anderen Maschine braucht er LB_AUTH_KEY und AUTH_KEY.',
    copyCommand: 'Befehl kopieren',
    copyEntry: 'Eintrag kopieren',
    editFile: 'workers.json bearbeiten',
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
        : 'Dort wird keine neue Arbeit angenommen.',
    failed: (id) => `Die Wartung von ${id} wurde nicht geändert.`,
    unconfirmed: 'Der Balancer hat es angenommen, aber der Zustand des Workers ist seit 10 s nicht gefolgt.',
  },

  confirm: {
    last: (id, group) => `${id} ist der letzte bereite Worker von ${group}.`,
    lastFor: (id, n) =>
      `${id} ist der letzte bereite Worker, der ${n === 1 ? 'eine seiner Funktionen' : `${n} seiner Funktionen`} hat.`,
  },

  keys: {
    filter: 'Zum Filter',
    maintenance: 'Wartung der Auswahl oder des Workers im Fokus',
    drain: 'Auswahl oder Worker im Fokus leeren',
  },
}
