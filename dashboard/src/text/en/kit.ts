/** English words of the kit: what every page uses. */
import { plural } from './count.ts'

export const kit = {
  loading: 'Loading…',
  loadFailed: 'This could not be loaded.',
  cancel: 'Cancel',
  undo: 'Undo',
  undone: 'Taken back.',
  undoFailed: 'It could not be taken back.',
  actionFailed: 'The balancer did not do it.',
  noAnswer: 'The balancer did not answer. Try again when the page is connected.',
  refused: (status: number) => `The balancer refused it (${status}).`,
  requestId: (id: string) => `request ${id}`,
  copy: 'Copy',
  copied: 'Copied.',
  copyFailed: 'The browser did not let it be copied.',
  copyId: 'Copy id',
  copyLink: 'Copy link',
  copyCurl: 'Copy as curl',
  copyCli: 'Copy as command line',
  copyCommand: 'Copy command',
  remove: (what: string) => `Remove ${what}`,
  clearFilter: 'Clear filter',
  widen: 'Look in 24 h',
  old: (age: string) => `${age} old`,
  ago: (span: string) => `${span} ago`,

  table: {
    selectRow: (row: string) => `Select ${row}`,
    selectAll: 'Select all rows',
    rows: (shown: number, total: number) =>
      shown === total ? `${total} ${plural(total, 'row', 'rows')}` : `${shown} of ${total} rows`,
    empty: 'Nothing here.',
    keys: {
      next: 'Next row',
      previous: 'Previous row',
      open: 'Open the row',
      select: 'Select the row',
      selectRange: 'Select up to the row',
      selectAll: 'Select all',
    },
  },

  facets: {
    picked: 'Filters in force',
    clear: 'Clear all',
    search: (facet: string) => `Search ${facet.toLowerCase()}`,
    nothing: 'Nothing like that.',
    more: (n: number) => `${n} more; search to narrow.`,
  },

  confirm: {
    counting: 'Counting what it would do…',
    reason: 'Reason',
    reasonOptional: 'Reason (optional)',
    reasonHint: 'Stands in the activity log with your name.',
    needsReason: 'Give a reason first.',
    needsName: 'Type the name first.',
    typeName: (name: string) => `Type ${name} to confirm`,
    equivalent: 'The same from a terminal',
  },

  error: {
    title: 'This part of the page has failed.',
    detail: 'The rest stays alive. Nothing on the fleet was changed by this.',
    retry: 'Try again',
    copy: 'Copy details',
    reload: 'Reload the page',
  },

  code: {
    leave: 'Tab indents. Press Escape, then Tab, to leave the editor. Ctrl F finds.',
    differences: (n: number) =>
      n === 0 ? 'No difference.' : `${n} ${plural(n, 'place differs', 'places differ')}.`,
    /** The editor's own words, by their English ones. */
    phrases: {} as Record<string, string>,
  },

  units: {
    seconds: (n: string) => `${n} s`,
    minutes: (n: string) => `${n} min`,
    hours: (n: string) => `${n} h`,
    days: (n: string) => `${n} d`,
    milliseconds: (n: string) => `${n} ms`,
  },
}
