/**
 * What only a store with a disk promises: what another connection may see, whoever holds the file, moves it or has
 * spoilt it, and threads that die or say nothing. What every store promises is in store.test.ts.
 */
import assert from 'node:assert/strict'
import { renameSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, test } from 'node:test'
import { SqliteStore } from '../../balancer/src/store/sqlite-store.ts'
import { SILENT } from '../../balancer/src/store/testing/silent-events.ts'
import { intentSet, nextTick, record } from './store-bench.ts'
import { newPath } from './store-places.ts'

describe('only a store with a disk', () => {
  function readIntents(path: string): unknown[] {
    const second = new DatabaseSync(path, { readOnly: true })
    try {
      return second
        .prepare('SELECT worker FROM intents ORDER BY worker')
        .all()
        .map(({ worker }) => worker)
    } finally {
      second.close()
    }
  }

  test('says persisted when another connection can read it', async () => {
    const path = newPath()
    const store = new SqliteStore({ path })
    const seen: unknown[][] = []
    await store.open({ ...SILENT, onPersisted: () => void seen.push(readIntents(path)) })
    store.apply([intentSet('w1')])
    await nextTick()
    store.apply([intentSet('w2')])
    await store.flush()
    assert.deepEqual(seen[0]?.[0], 'w1')
    assert.deepEqual(seen[1], ['w1', 'w2'])
    await store.close()
  })

  test('a lock held by another process fails a batch, and later batches are written', async () => {
    const path = newPath()
    const events = record()
    const store = new SqliteStore({ path, busyTimeoutMs: 20 })
    await store.open(events)
    const rival = new DatabaseSync(path)
    rival.exec('BEGIN IMMEDIATE')
    const lost = store.apply([intentSet('w1')])
    await store.flush()
    rival.exec('ROLLBACK')
    rival.close()
    const kept = store.apply([intentSet('w2')])
    await store.close()
    assert.deepEqual(events.events, [
      { failed: lost, detail: 'nothing of the batch was written: database is locked' },
      { persisted: kept },
    ])
    assert.deepEqual(readIntents(path), ['w2'])
  })

  test('a database that is moved away under it is never said to be written again', async () => {
    const path = newPath()
    const events = record()
    const store = new SqliteStore({ path })
    await store.open(events)
    renameSync(path, `${path}.moved`)
    store.apply([intentSet('w1')])
    await store.flush()
    renameSync(`${path}.moved`, path)
    store.apply([intentSet('w2')])
    await store.close()
    assert.equal(events.events.length, 2)
    for (const event of events.events) assert.match('detail' in event ? event.detail : '', /moved or removed/)
  })

  test('settings that cannot be read are a refusal that names them, not a limit that is lifted', async () => {
    const path = newPath()
    for (const text of ['{"concurrency":"many"}', 'no JSON', '']) {
      const first = new SqliteStore({ path })
      await first.open(record())
      await first.close()
      const database = new DatabaseSync(path)
      database.prepare("INSERT INTO settings VALUES ('gpu', 'paint', ?)").run(text)
      database.close()
      const store = new SqliteStore({ path })
      await assert.rejects(store.open(record()), {
        name: 'StoreError',
        code: 'DAMAGED',
        message: /^what an operator set for "paint" \(group "gpu"\) cannot be read/,
      })
      await store.close()
      const again = new DatabaseSync(path)
      again.exec('DELETE FROM settings')
      again.close()
    }
  })

  test('a thread that dies fails what is open, and nothing hangs', async () => {
    const events = record()
    const thread = new URL('./dying-thread.ts', import.meta.url)
    const store = new SqliteStore({ path: newPath(), thread })
    await store.open(events)
    const open = store.apply([intentSet('w1')])
    await store.flush()
    const late = store.apply([intentSet('w2')])
    await store.flush()
    const detail = 'the store thread ended; restart the balancer'
    assert.deepEqual(events.events, [
      { failed: open, detail },
      { failed: late, detail },
    ])
    await store.close()
  })

  test('a thread that never answers cannot hold up close', async () => {
    const events = record()
    const thread = new URL('./mute-thread.ts', import.meta.url)
    const store = new SqliteStore({ path: newPath(), thread, closeTimeoutMs: 50 })
    await store.open(events)
    const open = store.apply([intentSet('w1')])
    await store.close()
    assert.deepEqual(events.events, [{ failed: open, detail: 'the store is closed' }])
  })

  test('a thread that cannot start is a refusal, not an exception elsewhere', async () => {
    const thread = new URL('./no-such-thread.ts', import.meta.url)
    const store = new SqliteStore({ path: newPath(), thread })
    await assert.rejects(store.open(record()), { name: 'StoreError', code: 'UNUSABLE' })
    await store.close()
  })
})
