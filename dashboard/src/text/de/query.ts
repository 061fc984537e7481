/** German words of the query bar and of saved views. */
import type { Messages } from '../en/index.ts'

export const query: Messages['query'] = {
  key: 'In der Liste suchen',
  placeholder: (what) => `${what}: fn: state: worker: oder Wörter`,
  search: (words) => `Nach „${words}“ suchen`,
  clear: 'Leeren',
  unknown: (words) => `Nicht verstanden: ${words.join(', ')}.`,
  views: 'Ansichten',
  saveView: 'Diese Ansicht speichern',
  copyView: 'Link zu dieser Ansicht kopieren',
  removeView: 'Eine Ansicht entfernen',
  viewName: 'Name',
  viewHint: 'Bleibt in diesem Browser. Ein Link zur Ansicht geht überall.',
  save: 'Speichern',
}
