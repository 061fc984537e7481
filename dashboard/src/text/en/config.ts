/** English words of the area "config". */
import { countWorkers, plural } from './count.ts'

export const config = {
  title: 'Config',
  file: 'workers.json',
  inForce: (version: number | null, workers: number | null) =>
    [
      version === null ? 'No list is in force yet' : `Version ${version} is in force`,
      workers === null ? null : countWorkers(workers),
    ]
      .filter(Boolean)
      .join(', '),
  by: (who: string) => `by ${who}`,
  byFile: 'by hand',
  /** An age follows. */
  lastChanged: (who: string) => `Changed ${who},`,

  view: { label: 'View', edit: 'Editor', changes: 'Difference', history: 'History' },
  editor: 'Text of workers.json',
  readOnlyEditor: 'Text of workers.json, read only',
  keysHint: 'Keys show as ***. Leave *** to keep an entry’s key, write a new one to replace it.',
  loading: 'The file is being read.',
  unsaved: 'Changed, not applied',
  same: 'As on disk',
  discard: 'Discard my changes',
  tidy: 'Tidy up',
  download: 'Download',
  upload: 'Load a file…',
  copy: 'Copy the text',

  problems: {
    title: 'What is wrong',
    none: 'Nothing is wrong with it.',
    count: (n: number) => `${n} ${plural(n, 'error', 'errors')}`,
    at: (line: number, column: number) => `Line ${line}, column ${column}`,
    whole: 'The whole file',
    more: (n: number) => `and ${n} more`,
    /** Instead of the balancer's own sentences, where they are ours to say. */
    fixFirst: 'Mend the errors first.',
  },

  preview: {
    title: 'What it would do',
    idle: 'Change something: its effect on the fleet is counted here before anything happens.',
    waiting: 'Counting…',
    added: 'Added',
    removed: 'Removed',
    changed: 'Changed',
    slotsLost: 'Slots lost',
    ofService: (share: string) => `${share} of those in service`,
    running: 'Tasks running there',
    finish: 'They finish first.',
    functionsLeft: 'Functions left with no worker',
    none: 'none',
    warnings: 'Warnings',
    fields: (id: string, fields: readonly string[]) => `${id}: ${fields.join(', ')}`,
    more: (n: number) => `and ${n} more`,
    workers: 'Workers afterwards',
    noChange: 'The fleet stays as it is: only the text differs.',
    refused: 'The balancer would not take this:',
  },

  apply: {
    button: 'Apply…',
    title: 'Apply workers.json?',
    confirm: 'Apply',
    done: 'workers.json is applied.',
    counts: (added: number, removed: number, changed: number) =>
      `${added} added, ${removed} removed, ${changed} changed.`,
    nothing: 'It was like that already.',
    failed: 'workers.json was not applied.',
    unchanged: 'Nothing is changed.',
    resolveFirst: 'The file was changed by somebody else: say first what is to become of that.',
  },

  conflict: {
    title: 'The file was changed while you were editing it.',
    detail: 'Nothing of yours is lost; choose what goes on.',
    keepMine: 'Keep mine, over theirs',
    takeTheirs: 'Take theirs',
    compare: 'Compare',
    kept: 'Your text now stands over the newer file. The difference shows what it would undo.',
    taken: 'The newer file is shown. Your text is gone.',
  },

  stale: {
    title: 'The file on disk is not valid.',
    detail: (error: string, place: string | null) => `${error}${place === null ? '' : ` (${place})`}.`,
    keeps: 'The last good list stays in force',
    since: 'since',
    goTo: 'Go to the line',
    loadGood: 'Load the list in force',
    missing: 'There is no file yet, or it has gone. Applying makes it.',
  },

  readOnly: {
    title: 'This file cannot be written from here.',
    detail: (reason: string) => `${reason}. Change it where it comes from; the balancer watches it.`,
    short: 'The file cannot be written from here.',
  },
  restored: 'Your unapplied draft is still here.',

  compare: {
    label: 'Compare with',
    force: 'In force',
    disk: 'On disk',
    base: 'What I began with',
    mine: 'Your text',
    version: (version: number) => `Version ${version}`,
  },

  history: {
    label: 'Versions of workers.json',
    version: 'Version',
    at: 'When',
    who: 'Who',
    action: 'What',
    reason: 'Why',
    workers: 'Workers',
    changes: 'Changes',
    actions: { start: 'Found at start', change: 'Change', rollback: 'Rollback' },
    rolledBackTo: (version: number) => `Rollback to ${version}`,
    changeCounts: (added: number, removed: number, changed: number) => `+${added} −${removed} ~${changed}`,
    changeWords: (added: number, removed: number, changed: number) =>
      `${added} added, ${removed} removed, ${changed} changed`,
    inForce: 'In force',
    empty: 'No version is kept yet.',
    teach: 'Every list that the balancer takes is kept here, with who changed it and why.',
    open: (version: number) => `Version ${version}`,
    close: 'Close',
    rollBack: 'Roll back to this…',
    load: 'Load into the editor',
    gone: 'This version is no longer kept.',
    byFile: 'by hand',
    older: 'Show older ones',
  },

  rollback: {
    title: (version: number) => `Roll back to version ${version}?`,
    confirm: 'Roll back',
    done: (version: number) => `workers.json is as in version ${version} again.`,
    failed: 'workers.json was not rolled back.',
    isInForce: 'This version is in force.',
    cannot: 'This version cannot be brought back as it is. Load it into the editor and mend it there.',
  },

  keys: { apply: 'Apply workers.json', find: 'Editor', changes: 'Difference', history: 'History' },
}
