/**
 * The store's reading thread: answers questions one by one on a connection of its own, and meanwhile brings the
 * write-ahead log into the file, so that no commit has to wait for that. Started by `sqlite-reader.ts`.
 * Invariants: every question is answered once; a log that could not be synced is told, for then nothing that
 * was written is safe any more.
 */
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { parentPort, workerData } from 'node:worker_threads'
import { isIoFault, messageOf, rollBack } from './sqlite-file.ts'
import { SqliteReads } from './sqlite-reads.ts'
import { Statements } from './statements.ts'
import type { FromReader, ReadQuestion, ThreadSettings, ToReader } from './thread-messages.ts'

const LOOK_EVERY_MS = 100
/** So many pages of the log are brought into the file in one go, or fewer once nobody writes. */
const CHECKPOINT_PAGES = 4 * 1024
/** Pages of a log that the writer is asked to shorten, when no more than these are not in the file yet. */
const LONG_LOG_PAGES = 16 * 1024
const SHORT_REST_PAGES = 1024

const port = parentPort
if (port === null) throw new Error('this file is the read thread; start balancer/src/main.ts')
const say = (message: FromReader) => port.postMessage(message)

const { path, busyTimeoutMs, longLogBytes }: ThreadSettings = workerData
// Never made anew: beside an empty file SQLite removes the log, and with it what is not in the moved file yet.
const database = new DatabaseSync(existing(path), { timeout: busyTimeoutMs })
database.exec('PRAGMA query_only = ON; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0')
database.exec('PRAGMA cache_size = -16000')
const reads = new SqliteReads(new Statements(database))
const pageBytes = Number(database.prepare('PRAGMA page_size').get()?.page_size)
/** Pages of the log at the last look. */
let lastLog = 0
/** The length of the log that is told next. */
let toldFromBytes = longLogBytes
const timer = setInterval(lookAtLog, LOOK_EVERY_MS)

port.on('message', (message: ToReader) => {
  if (message.kind === 'read') return answer(message)
  clearInterval(timer)
  database.close()
  port.close()
})

function existing(file: string): URL {
  const url = pathToFileURL(file)
  url.searchParams.set('mode', 'rw')
  return url
}

function answer({ id, name, values }: ReadQuestion): void {
  try {
    database.exec('BEGIN')
    const value = Reflect.apply(reads[name], reads, values)
    database.exec('COMMIT')
    say({ kind: 'answer', id, value })
  } catch (error) {
    rollBack(database)
    say({ kind: 'no-answer', id, detail: messageOf(error) })
  }
}

function lookAtLog(): void {
  try {
    const { log, rest } = checkpoint('NOOP')
    if (rest >= CHECKPOINT_PAGES || (rest > 0 && log === lastLog)) {
      const after = checkpoint('PASSIVE')
      if (after.log >= LONG_LOG_PAGES && after.rest <= SHORT_REST_PAGES) say({ kind: 'log-is-long' })
    }
    lastLog = log
    tellLength(log * pageBytes)
  } catch (error) {
    if (isIoFault(error)) say({ kind: 'fault', detail: `${path}: ${messageOf(error)}` })
  }
}

/** When it passes its bound, whenever it has doubled since, and when it is short again. */
function tellLength(bytes: number): void {
  if (bytes >= toldFromBytes) {
    toldFromBytes = 2 * bytes
    say({ kind: 'log-size', bytes })
  } else if (toldFromBytes > longLogBytes && bytes < longLogBytes / 2) {
    toldFromBytes = longLogBytes
    say({ kind: 'log-size', bytes: null })
  }
}

/** How long the log is, and how much of it is not in the file. An older SQLite takes NOOP for PASSIVE. */
function checkpoint(mode: 'NOOP' | 'PASSIVE'): { readonly log: number; readonly rest: number } {
  const row = database.prepare(`PRAGMA wal_checkpoint(${mode})`).get()
  const log = Number(row?.log)
  return { log, rest: log - Number(row?.checkpointed) }
}
