/**
 * One balancer per DATA_DIR: a lock file that names its holder. Taken by the balancer's main before
 * anything in the folder is touched, given back after the store is closed; the lock of a process that
 * is gone is taken over. Also makes the folder, for this user alone.
 */
import { join } from 'node:path'
import { ensureFolder, type Lock, lockFile } from '@berth/runtime'

export type DataDirLock =
  | { readonly ok: true; release(): void }
  /** `detail` completes "DATA_DIR …" and says what to do. */
  | { readonly ok: false; readonly detail: string }

/** Takes `<dataDir>/balancer.lock`; `info` is written into it, for people who read the file. */
export function lockDataDir(dataDir: string, info: Readonly<Record<string, unknown>> = {}): DataDirLock {
  const path = join(dataDir, 'balancer.lock')
  let lock: Lock
  try {
    ensureFolder(dataDir)
    lock = lockFile(path, info)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { ok: false, detail: `${dataDir} cannot be used: ${reason}; make it a folder this user may write` }
  }
  if (lock.ok) return lock
  const { pid, startedAt } = lock.holder
  const detail = `${dataDir} is in use by another balancer (pid ${pid}, started ${startedAt}); stop that one, or give this one a DATA_DIR of its own`
  return { ok: false, detail }
}
