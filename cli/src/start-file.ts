/**
 * Owns `DATA_DIR/start.json`: what a `start` runs, for the next `start`, for `down` and `token`, and for
 * whoever has to stop things by hand. Pids come with the identity of their process, since a pid is given again.
 * Invariant: the file is written whole, readable by its owner only, and removed by who wrote it.
 */
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { ensureFolder, isSameProcess, lockFile, readProcessIdentity, writeFileAtomic } from '@berth/runtime'
import { z } from 'zod'

const pidSchema = z.int().min(2)
const portSchema = z.int().min(0).max(65_535)

const recordSchema = z.object({
  pid: pidSchema,
  identity: z.string().optional(),
  startedAt: z.string(),
  address: z.string(),
  shutdownTimeoutMs: z.number().min(0),
  ports: z.object({ balancer: portSchema, workers: z.array(portSchema) }),
  children: z.array(
    z.object({ name: z.string(), pid: pidSchema, identity: z.string().optional(), port: portSchema }),
  ),
})

export type StartRecord = z.infer<typeof recordSchema>
export type ChildRecord = StartRecord['children'][number]

export function startFilePath(dataDir: string): string {
  return join(dataDir, 'start.json')
}

/** What the file says; undefined when there is none or it cannot be understood. */
export function readStartFile(dataDir: string): StartRecord | undefined {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(startFilePath(dataDir), 'utf8')))
  } catch {
    return undefined
  }
}

export function writeStartFile(dataDir: string, record: StartRecord): void {
  writeFileAtomic(startFilePath(dataDir), `${JSON.stringify(record, null, 2)}\n`)
}

/** The headers of the example request that `start` prints; they hold a key, so they go with the start. */
export function headerFilePath(dataDir: string): string {
  return join(dataDir, 'curl.headers')
}

/** Removes what a `start` leaves in the data folder for others, itself or after it was killed. */
export function removeStartFile(dataDir: string): void {
  rmSync(startFilePath(dataDir), { force: true })
  rmSync(headerFilePath(dataDir), { force: true })
}

/** A record of this process, without children. */
export function makeStartRecord(
  address: string,
  balancerPort: number,
  shutdownTimeoutMs: number,
): StartRecord {
  return {
    pid: process.pid,
    identity: readProcessIdentity(process.pid),
    startedAt: new Date().toISOString(),
    address,
    shutdownTimeoutMs,
    ports: { balancer: balancerPort, workers: [] },
    children: [],
  }
}

export function isStartAlive(record: StartRecord): boolean {
  return isSameProcess(record.pid, record.identity)
}

/** The children of a record that still run. */
export function listLiveChildren(record: StartRecord): ChildRecord[] {
  return record.children.filter(({ pid, identity }) => isSameProcess(pid, identity))
}

export type Claim = { ok: true; release(): void } | { ok: false; pid: number; startedAt: string }

/** Makes this process the one `start` of a data folder, or names the one that is. */
export function claimDataDir(dataDir: string): Claim {
  ensureFolder(dataDir)
  const lock = lockFile(join(dataDir, 'start.lock'), { command: 'start' })
  if (!lock.ok) return { ok: false, ...lock.holder }
  const record = readStartFile(dataDir)
  if (record === undefined || record.pid === process.pid || !isStartAlive(record)) return lock
  lock.release()
  return { ok: false, pid: record.pid, startedAt: record.startedAt }
}
