/** The reading side of the store, where it must not do more than read. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { openFile } from './sqlite-file.ts'
import { SqliteReader } from './sqlite-reader.ts'
import { SqliteStore } from './sqlite-store.ts'
import { SILENT } from './testing/silent-events.ts'
import { acceptedRun } from './testing/stored-runs.ts'

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
    onLogSize: () => {},
    onFault: (detail) => void faults.push(detail),
    settled: () => undefined,
  })
  reader.start({ path, busyTimeoutMs: 20, openedAtMs: 0, longLogBytes: 1_000_000, journaling: 'busy' })
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

test('a log that somebody holds is told as it grows, and when it is short again', {
  timeout: 180_000,
}, async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-reader-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const path = join(folder, 'berth.db')
  const sizes: (number | null)[] = []
  const store = new SqliteStore({ path, longLogBytes: 500_000 })
  context.after(() => store.close())
  await store.open({ ...SILENT, onLogSize: (bytes) => void sizes.push(bytes) })
  let seq = 0
  const writeUntil = async (isSaid: () => boolean, count: number, pauseMs: number) => {
    const endsAt = performance.now() + 60_000
    while (!isSaid() && performance.now() < endsAt) {
      store.apply(Array.from({ length: count }, () => acceptedRun(++seq, 'queued')))
      await store.flush()
      await pause(pauseMs)
    }
  }
  const other = new DatabaseSync(path, { readOnly: true })
  other.exec('BEGIN')
  other.prepare('SELECT count(*) FROM runs_live').get()
  await writeUntil(() => sizes.length >= 2, 50, 20)
  other.close()
  // Once nobody writes for a moment all is in the file, and what comes next begins the log anew.
  await writeUntil(() => sizes.at(-1) === null, 1, 400)
  const [first, second] = sizes
  assert.equal(sizes.at(-1), null)
  assert.ok(first && first >= 500_000, `${first}`)
  assert.ok(second && second >= 2 * first, `${second}`)
})
