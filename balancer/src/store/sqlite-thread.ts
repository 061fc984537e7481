/**
 * The store's writing thread: opens the database, then commits batches in the order they come, those that have
 * gathered meanwhile together, and answers claims in that order too. What went to the journal follows into the tables
 * behind it, in steps, between which batches have their turn. Started by `sqlite-store.ts`.
 * Invariant: every batch is answered once, after its commit.
 */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { Behind } from './behind.ts'
import { SqliteDatabase } from './sqlite-database.ts'
import { messageOf } from './sqlite-file.ts'
import { StoreError } from './store-error.ts'
import type { BatchMessage, FromThread, ThreadSettings, ToThread } from './thread-messages.ts'

/** Batches that share a transaction, and so an fsync; no more than so many bytes or writes, for they also wait together. */
const MAX_TOGETHER = 64
const MAX_BYTES_TOGETHER = 4 * 1024 * 1024
const MAX_WEIGHT_TOGETHER = 2_500

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
  const journal = new Behind(database, say)
  port?.on('message', (message: ToThread) => {
    let next: ToThread | undefined = message
    while (next !== undefined) {
      next = handle(database, journal, next)
      journal.follow()
    }
  })
}

/** Handles a message; what it took from the queue beyond its own is returned. */
function handle(database: SqliteDatabase, journal: Behind, message: ToThread): ToThread | undefined {
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
    case 'settle':
      journal.ask(message.id)
      return undefined
    case 'shorten-log':
      database.shortenLog()
      return undefined
    case 'give-up':
      database.giveUp(message.why)
      return undefined
    case 'close':
      journal.stop()
      database.close()
      port?.close()
      return undefined
  }
}

/** The batches that have come already, and the first message that is none. */
function gather(first: BatchMessage): { batches: BatchMessage[]; next: ToThread | undefined } {
  const batches = [first]
  const size = { bytes: 0, weight: 0 }
  addSize(size, first)
  while (port !== null && batches.length < MAX_TOGETHER) {
    if (size.bytes > MAX_BYTES_TOGETHER || size.weight > MAX_WEIGHT_TOGETHER) break
    const message: ToThread | undefined = receiveMessageOnPort(port)?.message
    if (message?.kind !== 'batch') return { batches, next: message }
    batches.push(message)
    addSize(size, message)
  }
  return { batches, next: undefined }
}

function addSize(size: { bytes: number; weight: number }, { parts }: BatchMessage): void {
  for (const { bytes, weight } of parts) {
    size.bytes += bytes.length
    size.weight += weight
  }
}

function commit(database: SqliteDatabase, batches: readonly BatchMessage[]): void {
  const outcomes = database.commit(batches, performance.now())
  const { isBehind } = database
  for (const [at, { batch }] of batches.entries()) {
    const outcome = outcomes[at]
    if (outcome === undefined) continue
    say(
      outcome.ok ? { kind: 'persisted', batch, isBehind } : { kind: 'failed', batch, detail: outcome.detail },
    )
  }
}
