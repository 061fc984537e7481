/**
 * The store's thread: opens the database, then commits one batch after another in the order they come.
 * Started by `sqlite-store.ts`. Invariant: every batch is answered once, after its commit.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { SqliteDatabase } from './sqlite-database.ts'
import { messageOf } from './sqlite-file.ts'
import { StoreError } from './store-error.ts'
import type { FromThread, ThreadSettings, ToThread } from './thread-messages.ts'

const port = parentPort
if (port === null) throw new Error('this file is the store thread; start balancer/src/main.ts')
const say = (message: FromThread) => port.postMessage(message)

const settings: ThreadSettings = workerData
const database = openDatabase()
if (database !== undefined) serve(database)

function openDatabase(): SqliteDatabase | undefined {
  try {
    const opened = new SqliteDatabase(settings)
    say({ kind: 'opened', contents: opened.contents })
    return opened
  } catch (error) {
    const code = error instanceof StoreError ? error.code : 'UNUSABLE'
    say({ kind: 'refused', code, detail: messageOf(error) })
    return undefined
  }
}

function serve(database: SqliteDatabase): void {
  port?.on('message', (message: ToThread) => {
    if (message.kind === 'close') {
      database.close()
      port?.close()
      return
    }
    const { batch, writes } = message
    const outcome = database.commit(writes)
    say(outcome.ok ? { kind: 'persisted', batch } : { kind: 'failed', batch, detail: outcome.detail })
  })
}
