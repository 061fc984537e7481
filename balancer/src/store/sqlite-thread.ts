/**
 * The store's writing thread: opens the database, then commits batches in the order they come, those that have
 * gathered meanwhile together, and answers claims in that order too. Started by `sqlite-store.ts`.
 * Invariant: every batch is answered once, after its commit.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { SqliteDatabase } from './sqlite-database.ts'
import { messageOf } from './sqlite-file.ts'
import { StoreError } from './store-error.ts'
import type { BatchMessage, FromThread, ThreadSettings, ToThread } from './thread-messages.ts'
import { ACCEPTED } from './write-packing.ts'

/** Batches that share a transaction, and so an fsync; no more than so many bytes or values, for they also wait together. */
const MAX_TOGETHER = 64
const MAX_BYTES_TOGETHER = 4 * 1024 * 1024
const MAX_VALUES_TOGETHER = 50_000

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
    let next: ToThread | undefined = message
    while (next !== undefined) next = handle(database, next)
  })
}

/** Handles a message; what it took from the queue beyond its own is returned. */
function handle(database: SqliteDatabase, message: ToThread): ToThread | undefined {
  switch (message.kind) {
    case 'batch': {
      const { batches, next } = gather(message)
      commit(database, batches)
      return next
    }
    case 'claim': {
      const { claim, lane, count, after } = message
      say({ kind: 'claimed', claim, ...database.claim(lane, count, after) })
      return undefined
    }
    case 'turns':
      say({ kind: 'turns', asked: message.asked, turns: database.askTurns(message.asked) })
      return undefined
    case 'due':
      say({ kind: 'due', ...database.takeDue(message.untilMs, message.limit) })
      return undefined
    case 'shorten-log':
      database.shortenLog()
      return undefined
    case 'give-up':
      database.giveUp(message.why)
      return undefined
    case 'close':
      database.close()
      port?.close()
      return undefined
  }
}

/** The batches that have come already, and the first message that is none. */
function gather(first: BatchMessage): { batches: BatchMessage[]; next: ToThread | undefined } {
  const batches = [first]
  let [bytes, values] = [first.bytes.length, valuesOf(first)]
  while (port !== null && batches.length < MAX_TOGETHER) {
    if (bytes > MAX_BYTES_TOGETHER || values > MAX_VALUES_TOGETHER) break
    const message: ToThread | undefined = receiveMessageOnPort(port)?.message
    if (message?.kind !== 'batch') return { batches, next: message }
    batches.push(message)
    bytes += message.bytes.length
    values += valuesOf(message)
  }
  return { batches, next: undefined }
}

/** About as long as it takes: the end of a run counts as much as its acceptance. */
function valuesOf({ writes }: BatchMessage): number {
  let count = 0
  for (const write of writes) count += write.kind === 'runs-accepted' ? write.values.length : ACCEPTED.length
  return count
}

function commit(database: SqliteDatabase, batches: readonly BatchMessage[]): void {
  const outcomes = database.commit(batches)
  for (const [at, { batch }] of batches.entries()) {
    const outcome = outcomes[at]
    if (outcome === undefined) continue
    say(outcome.ok ? { kind: 'persisted', batch } : { kind: 'failed', batch, detail: outcome.detail })
  }
}
