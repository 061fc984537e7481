/**
 * What a power cut leaves of the store: a journal of every write and fsync (bad-disk.c) is played onto the files as
 * they were, and what was not synced may be missing. Used by acceptance.test.ts.
 * Invariant: what stood before a good fsync of its file is there, in its order.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

type Step = { readonly kind: string; readonly file: number; readonly offset: number; readonly bytes: Buffer }

/** A file's bytes, with room for what is yet to come. */
type Disk = { room: Buffer; length: number }

const HEAD_BYTES = 32
const NAMES = ['', 'berth.db', 'berth.db-wal']
const WRITE = 'w'
const SYNC = 's'

/**
 * Writes the files of the store into `folder`, whose database is as it was when the journal began, without a log.
 * `survives` says of each write that was not synced whether the disk has it all the same; answers how many did not.
 */
export function cutPower(folder: string, journal: string, survives: () => boolean): number {
  const steps = readJournal(journal)
  const disks = NAMES.map((name, file) => {
    const before = name === 'berth.db' ? readFileSync(join(folder, name)) : Buffer.alloc(0)
    const ends = steps.filter((step) => step.file === file).map(({ offset, bytes }) => offset + bytes.length)
    const room = Buffer.concat(
      [before],
      ends.reduce((most, end) => Math.max(most, end), before.length),
    )
    return { room, length: before.length }
  })
  let open: Step[] = []
  for (const step of steps)
    if (step.kind === SYNC) {
      for (const done of open.filter(({ file }) => file === step.file)) apply(disks, done)
      open = open.filter(({ file }) => file !== step.file)
    } else open.push(step)
  const late = open.filter(() => survives())
  for (const step of late) apply(disks, step)
  for (const [file, { room, length }] of disks.entries())
    if (file > 0) writeFileSync(join(folder, NAMES[file] ?? ''), room.subarray(0, length))
  return open.length - late.length
}

/** How many writes of the journal no fsync of their file has followed. */
export function countUnsynced(journal: string): number {
  let open: Step[] = []
  for (const step of readJournal(journal))
    open = step.kind === SYNC ? open.filter(({ file }) => file !== step.file) : [...open, step]
  return open.length
}

function apply(disks: readonly Disk[], { kind, file, offset, bytes }: Step): void {
  const disk = disks[file]
  if (!disk) return
  const end = offset + bytes.length
  if (kind === WRITE) bytes.copy(disk.room, offset)
  else disk.room.fill(0, offset)
  disk.length = kind === WRITE ? Math.max(disk.length, end) : offset
}

function readJournal(path: string): Step[] {
  const journal = readFileSync(path)
  const steps: Step[] = []
  for (let at = 0; at + HEAD_BYTES <= journal.length; ) {
    const [letter = 0, file = 0, offset = 0, length = 0] = [0, 8, 16, 24].map((part) =>
      Number(journal.readBigInt64LE(at + part)),
    )
    at += HEAD_BYTES
    const kind = String.fromCharCode(letter)
    const bytes = kind === WRITE ? journal.subarray(at, at + length) : Buffer.alloc(0)
    at += bytes.length
    steps.push({ kind, file, offset, bytes })
  }
  return steps
}
