/**
 * D9: a million runs that have ended. What waits is claimed, and what is old is removed, in steps that nobody
 * notices. The store alone, without a balancer; half a minute.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { test } from 'node:test'
import type { ClaimedRun } from '../../../balancer/src/ports/stored-run.ts'
import { SqliteStore } from '../../../balancer/src/store/sqlite-store.ts'
import { SILENT } from '../../../balancer/src/store/testing/silent-events.ts'
import { acceptedRun, endOf, idAt } from '../../../balancer/src/store/testing/stored-runs.ts'
import { makeFolder } from '../../harness/scope.ts'
import { quantile } from '../story.ts'

const DONE = 1_000_000
const QUEUED = 24_000
const A_BATCH = 5_000
const CLAIMED = 64
const REMOVED = 500
const TRIES = 200
/** Several times what the catalogue asks, since whoever else is on the machine counts as well; a scan is far more. */
const CLAIM_P99_MS = 25
const REMOVAL_MS = 150

test('D9: a claim and a removal beside a million runs that have ended', async (t) => {
  const path = join(await makeFolder(t, 'huge'), 'berth.db')
  const answers: ((runs: readonly ClaimedRun[]) => void)[] = []
  const store = new SqliteStore({ path })
  t.after(() => store.close())
  await store.open({ ...SILENT, onClaimed: (_claim, runs) => answers.shift()?.(runs) })
  for (let seq = 1; seq <= DONE; seq += A_BATCH) {
    const seqs = Array.from({ length: A_BATCH }, (_, index) => seq + index)
    store.apply(seqs.flatMap((each) => [acceptedRun(each, 'queued'), endOf(each)]))
    await store.flush()
  }
  store.apply(Array.from({ length: QUEUED }, (_, index) => acceptedRun(DONE + 1 + index, 'queued')))
  await store.flush()

  const claims: number[] = []
  let after: { priority: number; seq: number } | null = null
  const needs = { group: 'group-0', function: 'function-0', contract: 1, tags: null }
  for (let tries = 0; tries < TRIES; tries++) {
    const beganAt = performance.now()
    const runs = await new Promise<readonly ClaimedRun[]>((resolve) => {
      answers.push(resolve)
      store.claim(tries, needs, CLAIMED, after)
    })
    claims.push(performance.now() - beganAt)
    const last: ClaimedRun | undefined = runs.at(-1)
    after = last ? { priority: last.priority, seq: last.seq } : null
  }
  const removals: number[] = []
  for (let tries = 0; tries < TRIES; tries++) {
    const beganAt = performance.now()
    const endedBeforeMs = idAt(DONE / 2).acceptedMs
    store.apply([
      {
        kind: 'retention',
        endedBeforeMs,
        keyedEndedBeforeMs: endedBeforeMs,
        keepAtMost: DONE,
        keysExpiredMs: 0,
        limit: REMOVED,
      },
    ])
    await store.flush()
    removals.push(performance.now() - beganAt)
  }
  const [claimMs, removalMs] = [quantile(claims, 0.99), Math.max(...removals)]
  t.diagnostic(
    `a claim of ${CLAIMED}: p99 ${claimMs.toFixed(1)} ms; a removal of ${REMOVED}: ${removalMs.toFixed(1)} ms at most, the first ${removals[0]?.toFixed(1)} ms`,
  )
  await store.close()
  const database = new DatabaseSync(path, { readOnly: true })
  const left = Number(database.prepare('SELECT count(*) AS n FROM runs_done').get()?.n)
  database.close()
  assert.equal(left, DONE - TRIES * REMOVED)
  assert.ok(claimMs <= CLAIM_P99_MS, `a claim took ${claimMs} ms`)
  assert.ok(removalMs <= REMOVAL_MS, `a removal took ${removalMs} ms`)
})
