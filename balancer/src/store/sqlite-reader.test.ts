/** The reading side of the store, where it must not do more than read. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { openFile } from './sqlite-file.ts'
import { SqliteReader } from './sqlite-reader.ts'

test('a file that was moved before it was opened is not made anew, for its log would go with it; back again it is read', {
  timeout: 30_000,
}, async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-reader-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'berth.db')
  writeFileSync(`${path}-wal`, 'what is not in the file yet')
  const faults: string[] = []
  const reader = new SqliteReader({
    maxPending: 10,
    onLongLog: () => {},
    onFault: (detail) => void faults.push(detail),
  })
  reader.start({ path, busyTimeoutMs: 20, openedAtMs: 0 })
  await assert.rejects(reader.reads.find('r_1'), { name: 'StoreError' })
  assert.deepEqual(readdirSync(folder), ['berth.db-wal'])

  rmSync(`${path}-wal`)
  openFile(path, 100).close()
  for (;;) {
    const found = await reader.reads.find('r_1').catch(() => 'not yet')
    if (found === null) break
    await pause(20)
  }
  await reader.close(1_000)
})
