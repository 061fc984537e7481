/**
 * Owns the two file operations that must not be done by half: replacing a file, and locking with one.
 * Called at start and on rare changes, so both are synchronous. A lock is a file that names its holder; one
 * whose holder is gone is taken over, and takers exclude each other by a second file beside it.
 * Invariant: a reader sees the old content or the new, and at most one live process holds a lock.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { isSameProcess, readProcessIdentity } from './process-identity.ts'

/** Replaces `path` in one step; the content is on disk when this returns. `mode` default 0o600. */
export function writeFileAtomic(path: string, data: string | Uint8Array, mode = 0o600): void {
  const draft = writeDraft(path, data, mode)
  try {
    renameSync(draft, path)
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
  syncFolder(dirname(path))
}

/** Creates `path` in one step; false when it is already there, which is then left as it is. */
export function createFileAtomic(path: string, data: string | Uint8Array, mode = 0o600): boolean {
  const draft = writeDraft(path, data, mode)
  try {
    linkSync(draft, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
  syncFolder(dirname(path))
  return true
}

export type LockHolder = { pid: number; startedAt: string }
export type Lock = { ok: true; release(): void } | { ok: false; holder: LockHolder }

type LockRecord = LockHolder & { identity: string | undefined; nonce: string }

/**
 * Takes the lock or names its holder. `info` is written beside the holder, for people who read the file.
 * `release` removes the file if it is still ours, and may be called more than once.
 */
export function lockFile(path: string, info: Readonly<Record<string, unknown>> = {}): Lock {
  const record: LockRecord = {
    pid: process.pid,
    startedAt: new Date().toISOString(),
    identity: readProcessIdentity(process.pid),
    nonce: randomBytes(12).toString('base64url'),
  }
  const text = `${JSON.stringify({ ...info, ...record })}\n`
  if (createFileAtomic(path, text)) return held(path, record)
  const holder = readLiveHolder(path)
  if (holder !== undefined) return refused(holder)
  return takeOver(path, text, record)
}

/** Replaces a lock whose holder is gone; only who has the second file may do so. */
function takeOver(path: string, text: string, record: LockRecord): Lock {
  const guard = `${path}.takeover`
  if (!createFileAtomic(guard, text)) {
    const rival = readLiveHolder(guard)
    if (rival !== undefined) return refused(rival)
    // The rival died between two system calls, or has just finished.
    rmSync(guard, { force: true })
    if (!createFileAtomic(guard, text)) return refused(readLiveHolder(guard) ?? record)
  }
  try {
    const holder = readLiveHolder(path)
    if (holder !== undefined) return refused(holder)
    writeFileAtomic(path, text)
    const winner = readRecord(path)
    return winner === undefined || winner.nonce === record.nonce ? held(path, record) : refused(winner)
  } finally {
    rmSync(guard, { force: true })
  }
}

function held(path: string, record: LockRecord): Lock {
  return {
    ok: true,
    release() {
      if (readRecord(path)?.nonce === record.nonce) rmSync(path, { force: true })
    },
  }
}

function refused(holder: LockHolder): Lock {
  return { ok: false, holder: { pid: holder.pid, startedAt: holder.startedAt } }
}

function readLiveHolder(path: string): LockRecord | undefined {
  const record = readRecord(path)
  return record !== undefined && isSameProcess(record.pid, record.identity) ? record : undefined
}

/** Undefined for a missing file and for one that no lock of ours wrote. */
function readRecord(path: string): LockRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(path, 'utf8')) as LockRecord
    return typeof record.pid === 'number' && typeof record.startedAt === 'string' ? record : undefined
  } catch {
    return undefined
  }
}

function writeDraft(path: string, data: string | Uint8Array, mode: number): string {
  const draft = `${path}.${process.pid}.${randomBytes(6).toString('hex')}.tmp`
  const file = openSync(draft, 'wx', mode)
  try {
    writeFileSync(file, data)
    fsyncSync(file)
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  } finally {
    closeSync(file)
  }
  return draft
}

/** Makes a rename outlast a power cut; some systems cannot open a folder, and there it is left out. */
function syncFolder(folder: string): void {
  try {
    const handle = openSync(folder, 'r')
    try {
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
  } catch {}
}
