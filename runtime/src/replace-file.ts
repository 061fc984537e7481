/**
 * Replaces the content of a file that other people write too. The way that is taken keeps what is theirs: links to
 * the file, its mode and, where that may be done, its owner. Called on rare changes, so it is synchronous: between
 * the last look at the content and the renaming nothing else of this process runs.
 * Invariants: a reader sees the old content or the new; content that is not what `isExpected` knows is never replaced;
 * a file that nobody may write to is not.
 */
import { randomBytes } from 'node:crypto'
import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, resolve } from 'node:path'
import { readSmallFile } from './files.ts'

export type Replaced =
  | { readonly ok: true }
  /** Somebody else wrote meanwhile. */
  | { readonly ok: false; readonly why: 'changed' }
  /** `detail` completes "the file cannot be written: …". */
  | { readonly ok: false; readonly why: 'read-only'; readonly detail: string }

export interface ReplaceOptions {
  /** Of the content that is there now; undefined for no file. Asked once, right before the renaming. */
  readonly isExpected: (content: Buffer | undefined) => boolean
  readonly maxBytes: number
  /** Of a file that is not there yet. Default 0o600. */
  readonly mode?: number
}

/** What the system says when a file cannot be replaced where it is, in words. */
const REFUSALS: Readonly<Record<string, string>> = {
  EACCES: 'this process has no right to write there',
  EPERM: 'this process has no right to write there',
  EROFS: 'the file system is mounted read-only',
  EBUSY: 'the file is mounted by itself; mount its folder instead',
  EXDEV: 'the file is mounted by itself; mount its folder instead',
  ENOTDIR: 'its folder is none',
  ENOENT: 'its folder is not there',
  ELOOP: 'its links lead in a circle',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota of the disk is used up',
}

/** Throws what the system says, but for what `Replaced` has words for. */
export function replaceFile(path: string, content: string | Uint8Array, options: ReplaceOptions): Replaced {
  try {
    const target = targetOf(path)
    const stats = statSync(target, { throwIfNoEntry: false })
    const obstacle = stats && describeObstacle(stats)
    if (obstacle !== undefined) return { ok: false, why: 'read-only', detail: obstacle }
    const draft = writeDraft(target, content, stats, options.mode ?? 0o600)
    try {
      if (!options.isExpected(readNow(target, options.maxBytes))) return { ok: false, why: 'changed' }
      renameSync(draft, target)
    } finally {
      rmSync(draft, { force: true })
    }
    syncFolder(dirname(target))
    return { ok: true }
  } catch (error) {
    const detail = describeRefusal(error)
    if (detail === undefined) throw error
    return { ok: false, why: 'read-only', detail }
  }
}

/** Why the file cannot be replaced, as far as that can be told without trying; undefined when it can. */
export function findWriteObstacle(path: string): string | undefined {
  try {
    const target = targetOf(path)
    const stats = statSync(target, { throwIfNoEntry: false })
    const obstacle = stats && describeObstacle(stats)
    if (obstacle !== undefined) return obstacle
    if (stats) accessSync(target, constants.W_OK)
    accessSync(dirname(target), constants.W_OK | constants.X_OK)
    return undefined
  } catch (error) {
    return describeRefusal(error) ?? 'its folder cannot be looked at'
  }
}

/** Behind all links; the place that a link names also when nothing is there. */
function targetOf(path: string): string {
  try {
    return realpathSync(path)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
  }
  try {
    return resolve(realpathSync(dirname(path)), readlinkSync(path))
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'EINVAL') throw error
    return resolve(path)
  }
}

/** A file without a single right to write was meant so, whoever we are. */
function describeObstacle(stats: Stats): string | undefined {
  if (!stats.isFile()) return 'it is no regular file'
  return (stats.mode & 0o222) === 0 ? 'its mode allows nobody to write it' : undefined
}

function writeDraft(
  target: string,
  content: string | Uint8Array,
  stats: Stats | undefined,
  mode: number,
): string {
  if (stats) accessSync(target, constants.W_OK)
  const draft = `${target}.${process.pid}.${randomBytes(6).toString('hex')}.tmp`
  const file = openSync(draft, 'wx', 0o600)
  try {
    writeFileSync(file, content)
    // The owner first: a change of owner takes bits of the mode away.
    if (stats) keepOwner(file, stats)
    fchmodSync(file, stats ? stats.mode & 0o7777 : mode)
    fsyncSync(file)
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  } finally {
    closeSync(file)
  }
  return draft
}

/** Only root may give a file away, and members of a group to that group. */
function keepOwner(file: number, { uid, gid }: Stats): void {
  for (const owner of [uid, -1]) {
    try {
      fchownSync(file, owner, gid)
      return
    } catch (error) {
      if (codeOf(error) !== 'EPERM' && codeOf(error) !== 'EINVAL') throw error
    }
  }
}

function readNow(path: string, maxBytes: number): Buffer | undefined {
  try {
    return readSmallFile(path, maxBytes)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

function describeRefusal(error: unknown): string | undefined {
  return REFUSALS[codeOf(error) ?? '']
}

function codeOf(error: unknown): string | undefined {
  const code: unknown = error instanceof Error && Reflect.get(error, 'code')
  return typeof code === 'string' ? code : undefined
}

/** Makes a renaming outlast a power cut; some systems cannot open a folder, and there it is left out. */
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
