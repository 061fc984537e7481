/** German words of the area "functions". */
import { plural } from '../en/count.ts'
import type { Messages } from '../en/index.ts'

export const functions: Messages['functions'] = {
  title: 'Funktionen',
  tabTitle: (name) => `${name} · Funktionen`,
  lead: (all, unserved) =>
    unserved === 0
      ? `${all} ${plural(all, 'Funktion', 'Funktionen')}, alle bedient.`
      : `${all} ${plural(all, 'Funktion', 'Funktionen')}, ${unserved} ohne Worker im Dienst.`,
  openInvoke: 'Aufrufen',
  filter: 'Nach Name, Gruppe oder Beschreibung filtern',
  only: 'Welche Funktionen',
  kinds: {
    all: 'Alle',
    scheduled: 'Mit Zeitplänen',
    background: 'Im Hintergrund',
    paused: 'Angehalten',
    unserved: 'Ohne Worker',
  },
  columns: {
    name: 'Funktion',
    group: 'Gruppe',
    workers: 'Worker',
    waiting: 'Wartend',
    p50: 'Laufzeit p50',
    p95: 'Laufzeit p95',
    errors: 'Fehler',
  },
  workersOf: (ready, all) => (ready === all ? all : `${ready} von ${all}`),
  noMatch: 'Keine Funktion passt zum Filter.',
  cut: 'Die ersten 5.000 Funktionen werden gezeigt; grenzen Sie sie auf eine Gruppe ein.',
  none: 'Noch bedient kein Worker eine Funktion',
  teach: 'Eine Funktion ist eine Datei im Projektordner eines Workers:',
  teachAfter: 'Sie steht hier, sobald ein Worker mit ihr verbunden ist.',
  unknown: (name, group) => `Kein Worker hat ${name} in der Gruppe ${group} je bedient`,
  unknownTeach:
    'Sie hat vielleicht eine andere Gruppe, oder der Balancer hat den Worker vergessen, der sie hatte.',

  marks: {
    paused: 'Angehalten',
    scheduled: (n) => `${n} ${plural(n, 'Zeitplan', 'Zeitpläne')}`,
    background: 'Hintergrund',
    keepWarm: 'warm',
    stream: 'streamt',
  },

  tabs: { about: 'Überblick', invoke: 'Aufrufen', settings: 'Einstellungen' },
  contract: 'Vertrag',
  menu: 'Mehr',
  invoke: 'Aufrufen',
  invokePage: 'Unter Aufrufen öffnen',
  pause: 'Anhalten …',
  pauseIt: 'Anhalten',
  resume: 'Fortsetzen',
  settings: 'Einstellungen',
  pausedToast: (name) => `${name} ist angehalten.`,
  resumed: (name) => `${name} startet wieder.`,
  pausedHere: 'Nichts von ihr startet.',
  pausedByGroup: (group) => `Die ganze Gruppe ${group} ist angehalten.`,
  untilResumed: 'Bis jemand sie fortsetzt.',
  until: 'Bis',

  input: 'Eingabe',
  output: 'Ausgabe',
  noInput: 'Sie nimmt keine Eingabe oder sagt nicht, welche.',
  noOutput: 'Sie sagt nicht, was sie liefert.',
  field: 'Feld',
  kind: 'Art',
  about: 'Dazu',
  required: 'muss angegeben werden',
  rawSchema: 'JSON Schema',
  examples: 'Beispiele',
  tryIt: 'Ausprobieren',
  factsTitle: 'Auf einen Blick',
  yes: 'ja',
  no: 'nein',
  facts: {
    waiting: 'Wartet jetzt',
    perSecond: 'Beendet je Sekunde',
    p50: 'Laufzeit p50',
    p95: 'Laufzeit p95',
    errors: 'Fehler',
    timeout: 'Zeitlimit',
    workersTimeout: 'das des Workers',
    slots: 'Slots einer Aufgabe',
    retries: 'Wiederholungen nach Fehler',
    idempotent: 'Darf zweimal laufen',
    notSaid: 'nicht gesagt',
    streams: 'Streamt',
    background: 'Im Hintergrund',
    keepWarm: 'Warm gehalten',
    workers: 'Worker',
  },
  moreWorkers: (n) => `und ${n} weitere`,
  recent: 'Letzte Läufe',
  allRuns: 'Alle',
  noRuns: 'Keiner ist bekannt.',
  schedules: 'Zeitpläne',
  noSchedules: 'Sie hat keine.',
  every: (span) => `alle ${span}`,
  off: 'aus',
  savedForms: 'Gespeicherte Seiten mit ihr',
  charts: {
    time: 'Warten und Laufen',
    spread: 'Laufzeiten',
  },

  kindsOf: {
    text: 'Text',
    number: 'Zahl',
    integer: 'ganze Zahl',
    flag: 'ja oder nein',
    group: 'Objekt',
    json: 'beliebiges JSON',
    list: (kind) => `Liste von ${kind}`,
    tuple: (n) => `${n} Werte`,
    record: (kind) => `Objekt von ${kind}`,
    orNull: (kind) => `${kind} oder null`,
  },

  pauseDialog: {
    title: (name) => `${name} anhalten?`,
    detail:
      'Was läuft, läuft zu Ende. Aufrufe, die auf Antwort warten, werden abgelehnt, Läufe auf der Platte warten.',
    arrivals: 'Aufgaben je Minute, die warten oder abgelehnt werden',
    waiting: 'Wartet jetzt',
    running: 'Läuft jetzt',
    goesOn: 'läuft zu Ende',
    until: 'Bis',
    spans: {
      none: 'jemand sie fortsetzt',
      '15m': 'in 15 Minuten',
      '1h': 'in einer Stunde',
      '8h': 'in 8 Stunden',
      at: 'zu einem Zeitpunkt …',
    },
    instant: 'Zeitpunkt',
    instantHint: 'In der Zeitzone dieses Browsers.',
    wrongInstant: 'Wählen Sie einen Zeitpunkt, der noch kommt.',
  },

  saved: 'Die Einstellungen gelten jetzt.',
  set: {
    title: 'Einstellungen',
    asFunction: 'Wie sie sagt',
    background: 'Im Hintergrund ausführen',
    backgroundHint: 'Aufrufe ohne Modus werden Läufe auf der Platte und sofort beantwortet.',
    keepWarm: 'Warm halten',
    keepWarmHint: 'Worker bereiten sie vor, ehe jemand fragt.',
    concurrency: 'Zugleich',
    concurrencyHint: 'So viele Aufgaben von ihr dürfen zur selben Zeit laufen, über alle Worker.',
    concurrencyUsed: (n) => `${n} laufen jetzt.`,
    rate: 'Rate',
    rateHint: 'Was darüber ist, wartet.',
    per: 'je',
    periods: { '1000': 'Sekunde', '60000': 'Minute', '3600000': 'Stunde' },
    noLimit: 'keine Grenze',
    contract: 'Vertrag von Aufrufen ohne Angabe',
    contractOfFleet: 'der neueste, den die halbe Flotte hat',
    save: 'Speichern',
    discard: 'Verwerfen',
    nothing: 'Es hat sich nichts geändert.',
    wrongCount: 'muss eine ganze Zahl von 1 bis 1.000.000 sein, oder leer',
    confirm: (name) => `Einstellungen von ${name} ändern?`,
    runningNow: 'Läuft jetzt',
    overLimit: 'Über der neuen Grenze (sie laufen zu Ende)',
    means: {
      background: (on) =>
        on === null
          ? 'Ob Aufrufe im Hintergrund laufen, sagt wieder die Funktion.'
          : on
            ? 'Aufrufe ohne Modus werden mit 202 beantwortet und laufen im Hintergrund.'
            : 'Aufrufe ohne Modus warten auf ihr Ergebnis.',
      keepWarm: (on) =>
        on === null
          ? 'Ob sie warm gehalten wird, sagt wieder die Funktion.'
          : on
            ? 'Worker halten sie bereit.'
            : 'Worker bereiten sie vor, wenn sie aufgerufen wird.',
      concurrency: (n) =>
        n === null
          ? 'Es laufen so viele zugleich, wie es Slots gibt.'
          : `Höchstens ${n} laufen zugleich; andere warten.`,
      rate: (rate) =>
        rate === null
          ? 'Sie startet, so oft sie aufgerufen wird.'
          : `Höchstens ${rate.limit} starten in ${rate.perMs / 1000} s; andere warten.`,
      defaultContract: (contract) =>
        contract === null
          ? 'Aufrufe ohne Vertrag gehen an den neuesten, den die halbe Flotte hat.'
          : `Aufrufe ohne Vertrag gehen an Vertrag ${contract}.`,
    },
  },
}
