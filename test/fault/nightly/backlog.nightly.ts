/** G1 and G4 in the large: 200,000 runs on disk before one slot that is off, then the first 10,000 of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { callAtOnce } from '../../end-to-end/load.ts'
import { assertInOrder, turn } from '../backlog.ts'
import { residentBytes } from '../descriptors.ts'
import { Handover } from '../handed-over.ts'
import { PATIENT, Site } from '../site.ts'

const RUNS = 200_000
const A_BATCH = 5_000
const TRIED = 5_000
/** Of a balancer that has only restarted and served. */
const RESIDENT_BYTES = 400 * 1024 * 1024
/** The second hundred thousand would take more if they were in memory. */
const GROWN_BYTES = 100 * 1024 * 1024

test('G1, G4: 200,000 runs wait on disk, memory stays, the order holds over a restart', async (t) => {
  const env = { ...PATIENT, STARVATION_AFTER: '24h', RUN_LIMIT: String(RUNS), LOG_LEVEL: 'info' }
  const site = await Site.start(t, { workers: [{ slots: 1 }], env })
  const handover = new Handover(site)
  await turn(site, 'off')
  const half = () =>
    callAtOnce(RUNS / A_BATCH / 2, 2, (index) => handover.handOverMany(A_BATCH, 50 + (index % 3) * 50))
  await half()
  const before = residentBytes(site.balancer.pid) ?? 0
  await half()
  const grownBytes = (residentBytes(site.balancer.pid) ?? 0) - before
  t.diagnostic(
    `${megabytes(before)} after the first half of the batches, ${megabytes(grownBytes)} more after all`,
  )
  assert.ok(grownBytes < GROWN_BYTES, 'what waits on disk takes no memory')
  assert.equal((await handover.hand()).status, 429)
  await site.killBalancer()
  const beganAt = performance.now()
  await site.restartBalancer(0)
  t.diagnostic(`answers ${Math.round(performance.now() - beganAt)} ms after its start`)
  assertSmall(site)
  await turn(site, 'on')
  await site.waitForExecutions('finished', TRIED)
  await site.killBalancer()
  await site.restartBalancer()
  await site.waitForExecutions('finished', 2 * TRIED)
  await turn(site, 'off')
  t.diagnostic(`${megabytes(assertSmall(site))} at the end`)
  assertInOrder(handover, await site.probe.read())
})

function assertSmall(site: Site): number {
  const bytes = residentBytes(site.balancer.pid) ?? 0
  assert.ok(bytes < RESIDENT_BYTES, `the balancer takes ${bytes} bytes`)
  return bytes
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1024 / 1024)} MB`
}
