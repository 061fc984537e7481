/** German words of the area "tasks". */
import type { Messages } from '../en/index.ts'

const countAufgaben = (n: number): string => `${n} ${n === 1 ? 'Aufgabe' : 'Aufgaben'}`

export const tasks: Messages['tasks'] = {
  title: 'Aufgaben',
  search: 'Aufgaben suchen',
  states: 'Nach Zustand',
  all: 'Alle',
  lead: (n, range) => `${n} angenommen · ${range}`,
  capped: 'Gezählt sind die neuesten; alle ab',
  unsearchable:
    'Eingaben, Ergebnisse, Tags, Verträge, Prioritäten und Warte- oder Laufzeiten werden nicht durchsucht: kein Index hat sie. Wörter finden Ids, Funktionen, Metadaten und Fehler.',
  none: 'In den letzten 24 h ist keine Aufgabe gekommen.',
  noneMatches: (query, range) =>
    query === '' ? `Keine Aufgabe angenommen (${range}).` : `Keine Aufgabe passt zu „${query}“ (${range}).`,
  shown: (n) => `${n} gezeigt`,
  more: 'Ältere laden',
  end: 'Das sind alle.',
  news: (n) => `${n} neue – zeigen`,
  durable: 'auf Platte',
  durableHint: 'Sie übersteht einen Neustart des Balancers.',
  modes: { sync: 'sync', stream: 'stream', webhook: 'webhook', async: 'async' },

  columns: {
    state: 'Zustand',
    function: 'Funktion',
    mode: 'Modus',
    worker: 'Worker',
    accepted: 'Angenommen',
    wait: 'Gewartet',
    run: 'Gelaufen',
    attempts: 'Versuche',
    priority: 'Priorität',
    detail: 'Fehler oder Metadaten',
  },

  qualifiers: {
    function: 'Name der Funktion',
    group: 'Gruppe von Workern',
    status: 'ein oder mehrere Zustände',
    worker: 'wer sie zuletzt hatte',
    error: 'Code des Fehlers',
    session: 'Name der Sitzung',
    schedule: 'Id des Zeitplans',
    parent: 'Id der Aufgabe, die sie rief',
  },

  views: [
    { name: 'Gescheitert', search: 'status=failed' },
    { name: 'Wartet und läuft', search: 'status=queued,running' },
    { name: 'Mit ihrem Worker verloren', search: 'error=WORKER_LOST' },
  ],

  keys: {
    cancel: 'Die Aufgabe abbrechen',
    retry: 'Die Aufgabe wiederholen',
    explain: 'Warum sie steht, wo sie steht',
  },

  volume: {
    title: 'Aufgaben über die Zeit',
    unit: (n) => `${n} nach Annahme`,
    slider: 'Zeitabschnitte. Umschalt und Pfeile wählen mehrere, Enter zeigt nur sie',
    bucket: (at, n, parts) => [`${at}: ${n}`, ...parts].join(parts.length > 0 ? ' · ' : ''),
    most: (n) => `höchstens ${n} je Balken`,
    zoomOut: 'Herauszoomen',
    asTable: 'Als Tabelle',
    from: 'Ab',
  },

  export: {
    title: 'Exportieren',
    stop: (n) => `Anhalten (${n})`,
    done: (n) => `${n} Aufgaben als NDJSON exportiert.`,
    cut: 'Mehr nimmt ein Browser nicht auf einmal. „Als curl kopieren“ holt alle.',
    failed: 'Der Export ist gescheitert.',
  },

  bulk: {
    chosenLabel: 'Gewählte Aufgaben',
    chosen: (n) => `${n} gewählt`,
    allChosen: 'Alle passenden sind gewählt',
    chooseAll: 'Alle passenden wählen',
    chooseNone: 'Keine wählen',
    name: { cancel: 'Abbrechen', retry: 'Wiederholen', delete: 'Löschen' },
    title: { cancel: 'Aufgaben abbrechen', retry: 'Aufgaben wiederholen', delete: 'Aufgaben löschen' },
    effect: {
      cancel:
        'Was wartet, beginnt nicht. Was läuft, bekommt sein Signal aufzuhören. Das lässt sich nicht zurücknehmen.',
      retry: 'Für jede beginnt eine neue Aufgabe mit derselben Eingabe. Die alten bleiben.',
      delete:
        'Sie werden mit Eingabe, Ergebnis, Dateien und Log vergessen. Das lässt sich nicht zurücknehmen.',
    },
    confirm: {
      cancel: (n) => `${countAufgaben(n)} abbrechen`,
      retry: (n) => `${countAufgaben(n)} wiederholen`,
      delete: (n) => `${countAufgaben(n)} löschen`,
    },
    nothing: {
      cancel: 'Keine von ihnen wartet oder läuft.',
      retry: 'Keine von ihnen ist zu Ende und hat ihre Eingabe auf Platte.',
      delete: 'Keine von ihnen ist zu Ende.',
    },
    keep: 'Nichts tun',
    exactly: {
      cancel: (n) => `Genau ${countAufgaben(n)} ${n === 1 ? 'wird' : 'werden'} abgebrochen.`,
      retry: (n) => `Genau ${countAufgaben(n)} ${n === 1 ? 'wird' : 'werden'} wiederholt.`,
      delete: (n) => `Genau ${countAufgaben(n)} ${n === 1 ? 'wird' : 'werden'} gelöscht.`,
    },
    planned: 'Gemeinte Aufgaben, nach Zustand und nach Funktion',
    byState: 'Nach Zustand',
    byFunction: 'Nach Funktion',
    leftOut: (n, all) => `Ausgelassen, ${n} von ${all} gewählten:`,
    leftOutWhy: {
      ended: (n) => `${n} schon zu Ende: nur was wartet oder läuft, lässt sich abbrechen.`,
      goesOn: (n) => `${n} noch nicht zu Ende: das geht nur mit beendeten Aufgaben.`,
      notKept: (n) => `${n} nicht auf Platte: ohne ihre Eingabe kann eine Aufgabe nicht neu beginnen.`,
    },
    otherFunctions: (n) => `${n} andere ${n === 1 ? 'Funktion' : 'Funktionen'}`,
    oldest: 'Älteste angenommen',
    newest: 'Neueste angenommen',
    progress: 'Fortschritt der Sammelaktion',
    state: {
      running: (action, done, all) => `${done} von ${all} ${pastOf(action)} …`,
      done: (action, done, all) => `${done} von ${all} ${pastOf(action)}.`,
      stopped: (action, done, all) => `Angehalten: ${done} von ${all} ${pastOf(action)}.`,
    },
    notChanged: (n) =>
      `${n} ließen sich nicht ändern: sie hatten sich inzwischen geändert oder wurden abgelehnt.`,
    stop: 'Den Rest anhalten',
    failed: 'Die Sammelaktion begann nicht.',
    notStopped: 'Die Sammelaktion ließ sich nicht anhalten.',
  },
}

function pastOf(action: 'cancel' | 'retry' | 'delete'): string {
  return { cancel: 'abgebrochen', retry: 'wiederholt', delete: 'gelöscht' }[action]
}
