/**
 * The kinds of stores that the conformance suites run against. A place is where a store's data outlives it: open
 * another store there and what was persisted is found.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import type { Clock } from '@berth/runtime'
import type { StorePort } from '../../balancer/src/ports/store.ts'
import { MemoryDisk, MemoryStore } from '../../balancer/src/store/memory-store.ts'
import { SqliteStore } from '../../balancer/src/store/sqlite-store.ts'

const folder = mkdtempSync(join(tmpdir(), 'berth-store-'))
after(() => rmSync(folder, { recursive: true, force: true }))

export interface MakeOptions {
  readonly clock?: Clock
  readonly maxPendingWrites?: number
}

export interface Place {
  make(options?: MakeOptions): StorePort
}

let places = 0
export function newPath(): string {
  return join(folder, `place-${++places}`, 'berth.db')
}

export const KINDS: Record<string, () => Place> = {
  memory() {
    const disk = new MemoryDisk()
    return { make: (options) => new MemoryStore({ disk, ...options }) }
  },
  sqlite() {
    const path = newPath()
    return { make: (options) => new SqliteStore({ path, ...options }) }
  },
  /** As while much is written. */
  'sqlite, busy'() {
    const path = newPath()
    return { make: (options) => new SqliteStore({ path, journaling: 'always', ...options }) }
  },
}
