/**
 * Owns the watch on workers.json for `start`: looks at it whenever it may have changed, whichever way it was
 * written (in place, renamed over, a link that was turned).
 * Invariants: only a good file that has come to rest reaches `onEntries`, one at a time; a bad, big or missing
 * one changes nothing; one content is judged once; no pipe or device in its place holds anything up.
 */
import { LIMITS, parseWorkersFile, type WorkerEntry } from '@berth/protocol'
import { type FileLook, lookAtFile } from '@berth/runtime'

/** Together these stay well under the second in which a change must be in force. */
const INTERVAL_MS = 300
const SETTLE_MS = 150
/** A file that rests this long before the first look is judged at once. */
const RESTED_MS = 1000

export type WorkersWatch = {
  /** Resolves when the file was judged for the first time, or the watch stopped. */
  ready: Promise<void>
  stop(): void
}

export function watchWorkers(
  path: string,
  onEntries: (entries: readonly WorkerEntry[]) => void,
  onProblem: (message: string) => void,
): WorkersWatch {
  const ready = Promise.withResolvers<void>()
  let last: FileLook | undefined
  let judged: string | undefined
  let candidate: string | undefined
  let timer: NodeJS.Timeout | undefined
  let isStopped = false
  const judge = (look: FileLook) => {
    judged = look.identity
    const read = readEntries(path, look)
    if (read.ok) onEntries(read.entries)
    else onProblem(read.message)
    ready.resolve()
  }
  /** Answers when to look again. */
  const consider = (look: FileLook): number => {
    const isResting = look.identity === candidate && look.seen.kind !== 'changing'
    candidate = undefined
    if (look.identity === judged) return INTERVAL_MS
    if (isResting || (judged === undefined && isRested(look))) {
      judge(look)
      return INTERVAL_MS
    }
    candidate = look.identity
    return SETTLE_MS
  }
  const look = async () => {
    last = await lookAtFile(path, LIMITS.workersFileBytes, last)
    if (!isStopped) timer = setTimeout(look, consider(last))
  }
  void look()
  return {
    ready: ready.promise,
    stop() {
      isStopped = true
      clearTimeout(timer)
      ready.resolve()
    },
  }
}

function isRested({ seen, changedAt }: FileLook): boolean {
  return seen.kind !== 'changing' && (seen.kind !== 'text' || Date.now() - changedAt >= RESTED_MS)
}

type ReadEntries = { ok: true; entries: readonly WorkerEntry[] } | { ok: false; message: string }

function readEntries(path: string, { seen }: FileLook): ReadEntries {
  if (seen.kind === 'missing') return { ok: false, message: `${path} is missing` }
  if (seen.kind !== 'text')
    return { ok: false, message: `${path}: ${seen.kind === 'changing' ? 'it changes' : seen.message}` }
  const parsed = parseWorkersFile(seen.text)
  if (parsed.ok) return parsed
  const { message, line, column } = parsed.error
  return { ok: false, message: `${path}${line === undefined ? '' : `:${line}:${column}`}: ${message}` }
}
