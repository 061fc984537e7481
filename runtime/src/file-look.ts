/**
 * One look at a file that somebody may be writing and that nothing can hold up: a pipe, a device, a folder or a
 * file over the limit is told by its kind before a byte is read. Called again and again by whoever watches one.
 * Invariant: two looks have one identity exactly when they saw the same.
 */
import { hash } from 'node:crypto'
import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'

export interface FileLook {
  readonly identity: string
  /** What `stat` said, to spare a large file that has not changed another reading. */
  readonly signature: string
  /** Unix milliseconds of the last change, 0 when unknown. */
  readonly changedAt: number
  readonly seen:
    | { readonly kind: 'missing' }
    | { readonly kind: 'unusable'; readonly message: string }
    /** It changed while it was read. */
    | { readonly kind: 'changing' }
    | { readonly kind: 'text'; readonly text: string }
}

/** Up to here a file is read at every look: a change that leaves size and times alone is found too. */
const SMALL_BYTES = 256 * 1024

/** Never throws. `last` is the look before this one. */
export async function lookAtFile(path: string, maxBytes: number, last?: FileLook): Promise<FileLook> {
  try {
    const stats = await stat(path, { bigint: true })
    const signature = sign(stats)
    if (last?.signature === signature && stats.size > SMALL_BYTES) return last
    const obstacle = describeObstacle(stats, maxBytes)
    if (obstacle !== undefined) return unusable(obstacle, signature)
    // Without NONBLOCK a pipe that took the file's place meanwhile would hold up the opening.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      return await read(file, maxBytes)
    } finally {
      await file.close()
    }
  } catch (error) {
    const code = (error instanceof Error && Reflect.get(error, 'code')) || 'unknown error'
    if (code === 'ENOENT' || code === 'ENOTDIR')
      return { identity: 'missing', signature: 'missing', changedAt: 0, seen: { kind: 'missing' } }
    return unusable(`it cannot be read (${code})`, `error ${code}`)
  }
}

async function read(file: FileHandle, maxBytes: number): Promise<FileLook> {
  const before = await file.stat({ bigint: true })
  const signature = sign(before)
  const obstacle = describeObstacle(before, maxBytes)
  if (obstacle !== undefined) return unusable(obstacle, signature)
  const bytes = await readUpTo(file, Number(before.size) + 1)
  const after = await file.stat({ bigint: true })
  const changedAt = Number(before.mtimeMs)
  if (BigInt(bytes.length) !== before.size || sign(after) !== signature) {
    const identity = `changing ${sign(after)} ${bytes.length}`
    return { identity, signature: '', changedAt, seen: { kind: 'changing' } }
  }
  const identity = hash('sha256', bytes)
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return { identity, signature, changedAt, seen: { kind: 'text', text } }
  } catch {
    const message = 'it is not UTF-8'
    return { identity, signature, changedAt, seen: { kind: 'unusable', message } }
  }
}

/** Reads from the beginning until the end or `limit` bytes. */
async function readUpTo(file: FileHandle, limit: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(limit)
  let length = 0
  while (length < limit) {
    const { bytesRead } = await file.read(buffer, length, limit - length, length)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return buffer.subarray(0, length)
}

function describeObstacle(stats: BigIntStats, maxBytes: number): string | undefined {
  if (stats.isDirectory()) return 'it is a folder'
  if (stats.isFIFO()) return 'it is a pipe, not a regular file'
  if (!stats.isFile()) return 'it is a device or a socket, not a regular file'
  if (stats.size > maxBytes) return `it is over ${maxBytes / 1024 / 1024} MiB`
  return undefined
}

function unusable(message: string, signature: string): FileLook {
  return { identity: `unusable: ${message}`, signature, changedAt: 0, seen: { kind: 'unusable', message } }
}

function sign({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev} ${ino} ${size} ${mtimeNs} ${ctimeNs}`
}
