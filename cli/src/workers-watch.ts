/**
 * Owns the watch on workers.json for `start`: reads it whenever it may have changed, whichever way it was
 * written (in place, renamed over, a link that was turned), by looking at what the path leads to.
 * Invariants: only a good file reaches `onEntries`, one at a time; a bad, big or missing one changes nothing.
 */
import { readFile, stat } from 'node:fs/promises'
import { LIMITS, parseWorkersFile, type WorkerEntry } from '@berth/protocol'

/** A change must be in force within a second. */
const INTERVAL_MS = 300

export type WorkersWatch = {
  /** Resolves when the file was looked at for the first time. */
  ready: Promise<void>
  stop(): void
}

export function watchWorkers(
  path: string,
  onEntries: (entries: readonly WorkerEntry[]) => void,
  onProblem: (message: string) => void,
): WorkersWatch {
  let seen = ''
  let timer: NodeJS.Timeout | undefined
  let isStopped = false
  const look = async () => {
    const signature = await readSignature(path)
    if (signature !== seen && !isStopped) {
      seen = signature
      const read = await readEntries(path)
      if (isStopped) return
      if (read.ok) onEntries(read.entries)
      else onProblem(read.message)
    }
    if (!isStopped) timer = setTimeout(look, INTERVAL_MS)
  }
  return {
    ready: look(),
    stop() {
      isStopped = true
      clearTimeout(timer)
    },
  }
}

async function readSignature(path: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
    return [dev, ino, size, mtimeNs, ctimeNs].join(' ')
  } catch (error) {
    return `missing ${(error as NodeJS.ErrnoException).code}`
  }
}

type ReadEntries = { ok: true; entries: readonly WorkerEntry[] } | { ok: false; message: string }

async function readEntries(path: string): Promise<ReadEntries> {
  try {
    const info = await stat(path)
    if (!info.isFile()) return { ok: false, message: `${path} is not a file` }
    if (info.size > LIMITS.workersFileBytes) return { ok: false, message: `${path} is over 16 MiB` }
    const parsed = parseWorkersFile(await readFile(path, 'utf8'))
    if (parsed.ok) return parsed
    const { message, line, column } = parsed.error
    return { ok: false, message: `${path}${line === undefined ? '' : `:${line}:${column}`}: ${message}` }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    return {
      ok: false,
      message: code === 'ENOENT' ? `${path} is missing` : `${path} cannot be read (${code})`,
    }
  }
}
