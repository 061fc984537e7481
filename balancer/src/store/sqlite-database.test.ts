/** What the writing thread's database says of the disk. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { SqliteDatabase } from './sqlite-database.ts'
import { packWrites } from './write-packing.ts'

test('a touch reaches the disk, and leaves everything as it was', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-database-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'berth.db')
  const settings = { path, busyTimeoutMs: 100, openedAtMs: 0, longLogBytes: 0, journaling: 'busy' } as const
  const database = new SqliteDatabase(settings)
  context.after(() => database.close())
  const { epoch } = database.contents
  const before = statSync(`${path}-wal`).size
  assert.deepEqual(database.commit([{ batch: 1, parts: packWrites([{ kind: 'touch' }]) }], 0), [{ ok: true }])
  assert.ok(statSync(`${path}-wal`).size > before, 'a full disk would be seen')
  database.close()
  const next = new SqliteDatabase(settings)
  context.after(() => next.close())
  assert.equal(next.contents.epoch, epoch + 1)
})
