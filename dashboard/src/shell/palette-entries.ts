/**
 * What the palette can find for the letters that were typed: pages and actions by their words, workers and
 * functions of the fleet, a run by its id. Pure; a few of each kind, the best match first.
 */
import type { WorkerView } from '@berth/protocol'
import type { IconName } from '../kit/marks.tsx'
import { paths } from '../paths.ts'
import { text } from '../text/text.ts'

export type EntryKind = 'pages' | 'actions' | 'workers' | 'functions' | 'runs'

export interface Entry {
  readonly id: string
  readonly kind: EntryKind
  readonly label: string
  readonly detail?: string
  readonly icon: IconName
  /** The shortcut that does the same. */
  readonly keys?: string
  readonly path?: string
  run?(): void
}

const ORDER: readonly EntryKind[] = ['pages', 'actions', 'workers', 'functions', 'runs']
/** Of each kind; whoever wants more types more. */
const SHOWN = 8
/** What an id of a run can look like. */
const runId = /^[\w.:-]{8,80}$/

export function findEntries(
  typed: string,
  entries: readonly Entry[],
  workers: ReadonlyMap<string, WorkerView>,
): readonly Entry[] {
  const wanted = typed.trim().toLowerCase()
  if (wanted === '') return entries
  const found = [...entries, ...workerEntries(workers), ...functionEntries(workers)]
    .map((entry) => ({ entry, score: scoreOf(wanted, entry.label.toLowerCase()) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
    .map(({ entry }) => entry)
  if (runId.test(typed.trim())) found.push(runEntry(typed.trim()))
  return ORDER.flatMap((kind) => found.filter((entry) => entry.kind === kind).slice(0, SHOWN))
}

export function groupEntries(
  entries: readonly Entry[],
): readonly { readonly title: string; readonly items: readonly Entry[] }[] {
  return ORDER.flatMap((kind) => {
    const items = entries.filter((entry) => entry.kind === kind)
    return items.length > 0 ? [{ title: text.shell.palette[kind], items }] : []
  })
}

/** 0 is no match; the beginning counts more than the beginning of a word, that more than the middle. */
export function scoreOf(wanted: string, label: string): number {
  const at = label.indexOf(wanted)
  if (at === 0) return 4
  if (at > 0) return /[\s/_.:@-]/.test(label[at - 1] ?? '') ? 3 : 2
  return isScattered(wanted, label) ? 1 : 0
}

/** The letters in their order, others between: "gw" finds "go to workers". */
function isScattered(wanted: string, label: string): boolean {
  let at = -1
  for (const letter of wanted.replaceAll(' ', '')) {
    at = label.indexOf(letter, at + 1)
    if (at < 0) return false
  }
  return true
}

function workerEntries(workers: ReadonlyMap<string, WorkerView>): Entry[] {
  return [...workers.values()].map((worker) => ({
    id: `worker ${worker.id}`,
    kind: 'workers',
    label: worker.id,
    detail: text.states[worker.status],
    icon: 'workers',
    path: paths.worker(worker.id),
  }))
}

function functionEntries(workers: ReadonlyMap<string, WorkerView>): Entry[] {
  const found = new Map<string, Entry>()
  for (const worker of workers.values()) {
    const group = worker.group
    if (group === null) continue
    for (const name of worker.functions) {
      const id = `function ${group}/${name}`
      if (found.has(id)) continue
      found.set(id, {
        id,
        kind: 'functions',
        label: name,
        detail: group,
        icon: 'functions',
        path: paths.function(group, name),
      })
    }
  }
  return [...found.values()]
}

function runEntry(id: string): Entry {
  return {
    id: `run ${id}`,
    kind: 'runs',
    label: text.shell.palette.run(id),
    icon: 'tasks',
    path: paths.run(id),
  }
}
