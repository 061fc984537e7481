/**
 * Owns the answer to "is this still the process we wrote down?".
 * Called by locks and by whoever keeps pids in a file. A pid alone is not an answer: it is given again.
 * Invariant: where /proc exists, two processes never have the same identity, not even across reboots.
 */
import { readFileSync } from 'node:fs'

/** Whether a process of this pid runs now; one that has exited and waits for its parent does not. */
export function isProcessAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
  const state = readStat(pid)?.[0]
  return state !== 'Z' && state !== 'X'
}

/** Boot and start time of a process as one opaque text; undefined where the system does not tell. */
export function readProcessIdentity(pid: number): string | undefined {
  const startTicks = readStat(pid)?.[19]
  if (startTicks === undefined) return undefined
  return `${readBootId()}:${startTicks}`
}

/**
 * Whether `pid` is alive and the process that had `identity` when it was written down. Without an identity
 * (written, or readable now) the pid alone decides.
 */
export function isSameProcess(pid: number, identity: string | undefined): boolean {
  if (!isProcessAlive(pid)) return false
  if (identity === undefined) return true
  const current = readProcessIdentity(pid)
  return current === undefined || current === identity
}

/** The fields of /proc/<pid>/stat after the name, which is in brackets and may hold anything. */
function readStat(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}

function readBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()
  } catch {
    return 'boot'
  }
}
