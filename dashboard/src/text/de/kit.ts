/** Deutsch: die Worte, die jede Seite braucht. */
import type { Messages } from '../en/index.ts'
import { plural } from './count.ts'

export const kit: Messages['kit'] = {
  loading: 'Lädt…',
  loadFailed: 'Das ließ sich nicht laden.',
  cancel: 'Abbrechen',
  undo: 'Rückgängig',
  undone: 'Zurückgenommen.',
  undoFailed: 'Es ließ sich nicht zurücknehmen.',
  actionFailed: 'Der Balancer hat es nicht getan.',
  noAnswer: 'Der Balancer hat nicht geantwortet. Bei bestehender Verbindung erneut versuchen.',
  refused: (status) => `Der Balancer hat es abgelehnt (${status}).`,
  requestId: (id) => `Anfrage ${id}`,
  copy: 'Kopieren',
  copied: 'Kopiert.',
  copyFailed: 'Der Browser hat das Kopieren nicht erlaubt.',
  copyId: 'Id kopieren',
  copyLink: 'Link kopieren',
  copyCurl: 'Als curl kopieren',
  copyCli: 'Als Befehl kopieren',
  copyCommand: 'Befehl kopieren',
  remove: (what) => `${what} entfernen`,
  clearFilter: 'Filter leeren',
  widen: 'In 24 h suchen',
  old: (age) => `${age} alt`,
  ago: (span) => `vor ${span}`,

  table: {
    selectRow: (row) => `${row} auswählen`,
    selectAll: 'Alle Zeilen auswählen',
    rows: (shown, total) =>
      shown === total ? `${total} ${plural(total, 'Zeile', 'Zeilen')}` : `${shown} von ${total} Zeilen`,
    empty: 'Nichts hier.',
    keys: {
      next: 'Nächste Zeile',
      previous: 'Vorige Zeile',
      open: 'Zeile öffnen',
      select: 'Zeile auswählen',
      selectRange: 'Bis zu dieser Zeile auswählen',
      selectAll: 'Alle auswählen',
    },
  },

  facets: {
    picked: 'Gesetzte Filter',
    clear: 'Alle entfernen',
    search: (facet) => `${facet} durchsuchen`,
    nothing: 'Nichts dergleichen.',
    more: (n) => `${n} weitere; zum Eingrenzen suchen.`,
  },

  confirm: {
    counting: 'Zählt, was es bewirken würde…',
    reason: 'Grund',
    reasonOptional: 'Grund (freiwillig)',
    reasonHint: 'Steht im Verlauf, mit deinem Namen.',
    needsReason: 'Erst einen Grund angeben.',
    needsName: 'Erst den Namen eingeben.',
    typeName: (name) => `Zur Bestätigung ${name} eingeben`,
    equivalent: 'Dasselbe im Terminal',
  },

  error: {
    title: 'Dieser Teil der Seite ist gescheitert.',
    detail: 'Der Rest läuft weiter. An der Flotte hat das nichts geändert.',
    retry: 'Erneut versuchen',
    copy: 'Einzelheiten kopieren',
    reload: 'Seite neu laden',
  },

  code: {
    leave: 'Tab rückt ein. Escape und dann Tab verlässt den Editor. Strg F sucht.',
    differences: (n: number) =>
      n === 0
        ? 'Kein Unterschied.'
        : `${n} ${n === 1 ? 'Stelle unterscheidet' : 'Stellen unterscheiden'} sich.`,
    phrases: {
      Find: 'Suchen',
      Replace: 'Ersetzen',
      next: 'nächste',
      previous: 'vorige',
      all: 'alle',
      'match case': 'Groß/klein',
      regexp: 'Regex',
      'by word': 'ganze Wörter',
      replace: 'ersetzen',
      'replace all': 'alle ersetzen',
      close: 'schließen',
      'current match': 'dieser Treffer',
      'on line': 'in Zeile',
      Diagnostics: 'Fehler',
      'No diagnostics': 'Keine Fehler',
      'Go to line': 'Gehe zu Zeile',
      go: 'los',
      'Fold line': 'Zeile einklappen',
      'Unfold line': 'Zeile ausklappen',
      'folded code': 'eingeklappter Text',
      unfold: 'ausklappen',
      'Folded lines': 'Zeilen eingeklappt',
      'Unfolded lines': 'Zeilen ausgeklappt',
      to: 'bis',
      '$ unchanged lines': '$ gleiche Zeilen',
    },
  },

  units: {
    seconds: (n) => `${n} s`,
    minutes: (n) => `${n} min`,
    hours: (n) => `${n} h`,
    days: (n) => `${n} d`,
    milliseconds: (n) => `${n} ms`,
  },
}
