/**
 * Tells a test file's process that hangs in Node's own shutdown from one that something keeps alive. Asked by
 * command.ts, through node-tests.ts, while a file runs.
 *
 * Node joins V8's threads when it ends, and a thread that compiles may then wait for a collection that nobody makes
 * any more (nodejs/node#54918, #64274: open for Node 26). Nothing of the file runs then: its tests, its endings and
 * its `exit` listeners are over, and no handle is open. The invariant: a process is given up for this only when it
 * has said so itself (end-watch.ts) and its main thread waits for another thread.
 */
import { readdir, readFile } from 'node:fs/promises'

export type ShutdownLimits = {
  /** After its `exit` listeners a process has nothing to do but to go. */
  readonly exitMs: number
  /** When its loop had nothing left, but no `exit` came: longer than LEFT_OPEN_MS, at which a live one speaks. */
  readonly idleMs: number
  /** So long its main thread has to be seen waiting for another, without a moment of its own. */
  readonly waitMs: number
}

const LIMITS: ShutdownLimits = { exitMs: 15_000, idleMs: 45_000, waitMs: 5_000 }

export type Hang = {
  /** As it said it; undefined when it came only as far as an idle loop. */
  code: number | undefined
  detail: string
}

export type ShutdownWatch = {
  /** Why the process is to be ended; undefined while it is not. */
  ask(pid: number): Promise<string | undefined>
  readonly hang: Hang | undefined
}

export function watchShutdown(stateFile: string, limits = LIMITS): ShutdownWatch {
  const { exitMs, idleMs, waitMs } = limits
  let said = ''
  let saidAt = performance.now()
  let waitsSince: number | undefined
  let hang: Hang | undefined
  return {
    get hang() {
      return hang
    },
    async ask(pid) {
      const text = await readFile(stateFile, 'utf8').catch(() => '')
      if (text !== said) [said, saidAt] = [text, performance.now()]
      const code = /^exit (\d+)$/.exec(said)?.[1]
      const now = performance.now()
      if (said === '' || now - saidAt < (code === undefined ? idleMs : exitMs)) return undefined
      const threads = await readThreads(pid)
      // Without /proc its own word has to do.
      const isWaiting = threads ? threads[0]?.includes('futex') : code !== undefined
      waitsSince = isWaiting ? (waitsSince ?? now) : undefined
      if (waitsSince === undefined || now - waitsSince < waitMs) return undefined
      const where = code === undefined ? 'with nothing left to do' : `with exit code ${code}`
      const seen = threads ? ` (${threads.join(', ')})` : ''
      hang = {
        code: code === undefined ? undefined : Number(code),
        detail: `had ended ${where}, and Node did not end the process: it hung in its own shutdown${seen}`,
      }
      return hang.detail
    },
  }
}

/** Name and place of each thread, the main one first; undefined where there is no /proc. */
export async function readThreads(pid: number): Promise<string[] | undefined> {
  const ids = await readdir(`/proc/${pid}/task`).catch(() => undefined)
  if (!ids) return undefined
  const read = async (id: string): Promise<string> => {
    const [name, place] = await Promise.all(
      ['comm', 'wchan'].map((file) => readFile(`/proc/${pid}/task/${id}/${file}`, 'utf8').catch(() => '?')),
    )
    return `${name?.trim()} in ${place?.trim()}`
  }
  return Promise.all([String(pid), ...ids.filter((id) => id !== String(pid))].map(read))
}
