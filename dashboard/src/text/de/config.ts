/** German words of the area "config". */
import type { Messages } from '../en/index.ts'

export const config: Messages['config'] = {
  title: 'Konfiguration',
  file: 'workers.json',
  inForce: (version, workers) =>
    [
      version === null ? 'Noch gilt keine Liste' : `Version ${version} gilt`,
      workers === null ? null : `${workers} Worker`,
    ]
      .filter(Boolean)
      .join(', '),
  by: (who) => `von ${who}`,
  byFile: 'von Hand',
  lastChanged: (who) => `Geändert ${who},`,

  view: { label: 'Ansicht', edit: 'Editor', changes: 'Unterschied', history: 'Verlauf' },
  editor: 'Text von workers.json',
  readOnlyEditor: 'Text von workers.json, nur lesbar',
  keysHint: 'Schlüssel stehen als *** da. *** behält den Schlüssel eines Eintrags, ein neuer ersetzt ihn.',
  loading: 'Die Datei wird gelesen.',
  unsaved: 'Geändert, nicht angewendet',
  same: 'Wie auf der Platte',
  discard: 'Meine Änderungen verwerfen',
  tidy: 'Aufräumen',
  download: 'Herunterladen',
  upload: 'Datei laden…',
  copy: 'Text kopieren',

  problems: {
    title: 'Was nicht stimmt',
    none: 'Alles stimmt.',
    count: (n) => `${n} Fehler`,
    at: (line, column) => `Zeile ${line}, Spalte ${column}`,
    whole: 'Die ganze Datei',
    more: (n) => `und ${n} weitere`,
    fixFirst: 'Erst die Fehler beheben.',
  },

  preview: {
    title: 'Was es bewirkt',
    idle: 'Etwas ändern: die Wirkung auf die Flotte wird hier gezählt, bevor etwas geschieht.',
    waiting: 'Wird gezählt…',
    added: 'Hinzu',
    removed: 'Entfernt',
    changed: 'Geändert',
    slotsLost: 'Verlorene Slots',
    ofService: (share) => `${share} der Slots im Dienst`,
    running: 'Dort laufende Aufgaben',
    finish: 'Sie laufen noch zu Ende.',
    functionsLeft: 'Funktionen ohne Worker',
    none: 'keine',
    warnings: 'Warnungen',
    fields: (id, fields) => `${id}: ${fields.join(', ')}`,
    more: (n) => `und ${n} weitere`,
    workers: 'Worker danach',
    noChange: 'Die Flotte bleibt, wie sie ist: nur der Text ist anders.',
    refused: 'Der Balancer nähme das nicht an:',
  },

  apply: {
    button: 'Anwenden…',
    title: 'workers.json anwenden?',
    confirm: 'Anwenden',
    done: 'workers.json ist angewendet.',
    counts: (added, removed, changed) => `${added} hinzu, ${removed} entfernt, ${changed} geändert.`,
    nothing: 'Es war schon so.',
    failed: 'workers.json wurde nicht angewendet.',
    unchanged: 'Nichts ist geändert.',
    resolveFirst: 'Die Datei hat jemand anders geändert: erst sagen, was damit geschehen soll.',
  },

  conflict: {
    title: 'Die Datei wurde geändert, während du sie bearbeitet hast.',
    detail: 'Nichts von dir ist verloren; wähle, womit es weitergeht.',
    keepMine: 'Meines behalten, über ihrem',
    takeTheirs: 'Ihres nehmen',
    compare: 'Vergleichen',
    kept: 'Dein Text steht jetzt über der neueren Datei. Der Unterschied zeigt, was er zurücknähme.',
    taken: 'Die neuere Datei wird gezeigt. Dein Text ist weg.',
  },

  stale: {
    title: 'Die Datei auf der Platte ist ungültig.',
    detail: (error, place) => `${error}${place === null ? '' : ` (${place})`}.`,
    keeps: 'Die letzte gute Liste gilt weiter',
    since: 'seit',
    goTo: 'Zur Zeile',
    loadGood: 'Die geltende Liste laden',
    missing: 'Es gibt noch keine Datei, oder sie ist weg. Anwenden legt sie an.',
  },

  readOnly: {
    title: 'Diese Datei ist von hier aus nicht zu schreiben.',
    detail: (reason) => `${reason}. Ändere sie dort, wo sie herkommt; der Balancer beobachtet sie.`,
    short: 'Die Datei ist von hier aus nicht zu schreiben.',
  },
  restored: 'Dein nicht angewendeter Entwurf ist noch da.',

  compare: {
    label: 'Vergleichen mit',
    force: 'Gilt',
    disk: 'Auf der Platte',
    base: 'Womit ich begann',
    mine: 'Dein Text',
    version: (version) => `Version ${version}`,
  },

  history: {
    label: 'Versionen von workers.json',
    version: 'Version',
    at: 'Wann',
    who: 'Wer',
    action: 'Was',
    reason: 'Warum',
    workers: 'Worker',
    changes: 'Änderungen',
    actions: { start: 'Beim Start gefunden', change: 'Änderung', rollback: 'Zurückgerollt' },
    rolledBackTo: (version) => `Zurück auf ${version}`,
    changeCounts: (added, removed, changed) => `+${added} −${removed} ~${changed}`,
    changeWords: (added, removed, changed) => `${added} hinzu, ${removed} entfernt, ${changed} geändert`,
    inForce: 'Gilt',
    empty: 'Noch ist keine Version aufgehoben.',
    teach: 'Jede Liste, die der Balancer annimmt, steht hier, mit wer sie geändert hat und warum.',
    open: (version) => `Version ${version}`,
    close: 'Schließen',
    rollBack: 'Hierauf zurückrollen…',
    load: 'In den Editor laden',
    gone: 'Diese Version ist nicht mehr aufgehoben.',
    byFile: 'von Hand',
    older: 'Ältere zeigen',
  },

  rollback: {
    title: (version) => `Auf Version ${version} zurückrollen?`,
    confirm: 'Zurückrollen',
    done: (version) => `workers.json ist wieder wie in Version ${version}.`,
    failed: 'workers.json wurde nicht zurückgerollt.',
    isInForce: 'Diese Version gilt.',
    cannot: 'Diese Version lässt sich so nicht zurückholen. Lade sie in den Editor und behebe es dort.',
  },

  keys: { apply: 'workers.json anwenden', find: 'Editor', changes: 'Unterschied', history: 'Verlauf' },
}
