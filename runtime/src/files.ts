/**
 * Owns the file operations that must not be done by half or without end: replacing a file, locking with one,
 * reading a small one, making a folder. Called at start and on rare changes, so all are synchronous. A lock is a file that names its holder; one
 * whose holder is gone is taken over, and takers exclude each other by a second file beside it.
 * Invariants: a reader sees the old content or the new, at most one live process holds a lock, and nothing that
 * stands at a path can hold up the process.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, resolve } from 'node:path'
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

/**
 * The bytes of a regular file of at most `maxBytes`; a link to one counts as one. Throws what the system says,
 * or an error that completes "the file …". A pipe would be waited for, and a device may never end.
 */
export function readSmallFile(path: string, maxBytes: number): Buffer {
  refuseUnreadable(statSync(path), maxBytes)
  // Without NONBLOCK a pipe that took the file's place meanwhile would hold up the opening.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    refuseUnreadable(fstatSync(file), maxBytes)
    const buffer = Buffer.alloc(maxBytes + 1)
    let length = 0
    for (let count = -1; count !== 0 && length <= maxBytes; length += count)
      count = readSync(file, buffer, length, buffer.length - length, null)
    if (length > maxBytes) throw new Error(describeLimit(maxBytes))
    return buffer.subarray(0, length)
  } finally {
    closeSync(file)
  }
}

function refuseUnreadable(stats: Stats, maxBytes: number): void {
  if (!stats.isFile()) throw new Error('is not a regular file')
  if (stats.size > maxBytes) throw new Error(describeLimit(maxBytes))
}

function describeLimit(maxBytes: number): string {
  if (maxBytes % 1024 ** 2 === 0) return `is over ${maxBytes / 1024 ** 2} MiB`
  return maxBytes % 1024 === 0 ? `is over ${maxBytes / 1024} KiB` : `is over ${maxBytes} bytes`
}

/**
 * Makes a folder and those above it that are missing; one that is there stays as it is. Throws what the system
 * says. `mkdirSync` with `recursive` never returns where a folder takes no entries but says ENOENT, as /proc does.
 */
export function ensureFolder(path: string, mode = 0o700): void {
  const missing: string[] = []
  let folder = resolve(path)
  while (statSync(folder, { throwIfNoEntry: false }) === undefined && dirname(folder) !== folder) {
    missing.push(folder)
    folder = dirname(folder)
  }
  for (const next of missing.reverse()) makeOne(next, mode)
  if (!statSync(path).isDirectory()) throw new Error(`${path} is not a folder`)
}

function makeOne(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode })
  } catch (error) {
    // Somebody else made it meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}

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
