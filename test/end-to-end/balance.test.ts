/**
 * Least relative occupancy, from the balancer's own record: each `task sent` and `task ended` is replayed,
 * and at every dispatch the chosen worker must have been the least occupied one, within one task.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Balancer, postTask, startBalancer, startWorker, waitForWorkers } from '../harness/berth.ts'
import { until } from '../harness/until.ts'
import { LIMIT_MS } from './fleet.ts'
import { callAtOnce } from './load.ts'

const SLOTS: Readonly<Record<string, number>> = { small: 20, middle: 30, large: 40 }
const TASKS = 2_000
/** Long against what a busy machine adds: beyond 10 % the faster worker is right, not the emptier one. */
const SLEEP_MS = 300

type Entry = { text: string; worker: string; attempt: number; used: number; limit: number }

test('2,000 tasks at half the slots of the fleet go to the least occupied worker', async (t) => {
  const names = Object.keys(SLOTS)
  const starts = names.map((name) => startWorker(t, { env: { SLOTS: String(SLOTS[name]) } }))
  const workers = (await Promise.all(starts)).map(({ url }, index) => ({ url, name: names[index] }))
  const balancer = await startBalancer(t, { workers, env: { LOG_LEVEL: 'debug' } })
  await waitForWorkers(balancer, names.length)

  const half = Object.values(SLOTS).reduce((sum, slots) => sum + slots, 0) / 2
  const task = JSON.stringify({ function: 'sleep', input: { ms: SLEEP_MS } })
  const statuses = await callAtOnce(TASKS, half, async () => (await postTask(balancer, task)).status)
  assert.deepEqual([...new Set(statuses)], [200])

  const record = await until(() => readRecord(balancer), LIMIT_MS, 'the whole record')
  const used = new Map(names.map((name) => [name, 0]))
  const sent = new Map(names.map((name) => [name, 0]))
  let exact = 0
  for (const [at, entry] of record.entries()) {
    const { worker } = entry
    const step = entry.text === 'task sent' ? 1 : -1
    used.set(worker, (used.get(worker) ?? Number.NaN) + step)
    if (step < 0) continue
    sent.set(worker, (sent.get(worker) ?? 0) + 1)
    assert.deepEqual([entry.used, entry.limit], [used.get(worker), SLOTS[worker]], `record ${at}`)
    const best = leastOccupancyElsewhere(worker, used)
    const seen = JSON.stringify(Object.fromEntries(used))
    // Without this task it was not fuller than any other would have been with it.
    assert.ok(
      (entry.used - 1) / entry.limit <= best,
      `record ${at}: ${worker} was chosen with ${seen} in use`,
    )
    if (entry.used / entry.limit <= best) exact += 1
  }
  assert.ok(exact >= 0.95 * TASKS, `${exact} of ${TASKS} went to the very least occupied`)
  assert.deepEqual([...used.values()], [0, 0, 0])
  for (const name of names) {
    const fair = (TASKS * (SLOTS[name] ?? 0)) / (2 * half)
    const share = (sent.get(name) ?? 0) / fair
    assert.ok(Math.abs(share - 1) <= 0.15, `${name} got ${share.toFixed(3)} of its share`)
  }
})

/** In the order of writing; undefined while lines are missing. */
function readRecord(balancer: Balancer): Entry[] | undefined {
  const lines = balancer.logLines().filter(({ text }) => text === 'task sent' || text === 'task ended')
  return lines.length === 2 * TASKS ? (lines as Entry[]) : undefined
}

/** The least occupancy that any other worker would have had with the task. */
function leastOccupancyElsewhere(worker: string, used: ReadonlyMap<string, number>): number {
  const others = Object.entries(SLOTS).filter(([name]) => name !== worker)
  return Math.min(...others.map(([name, slots]) => ((used.get(name) ?? 0) + 1) / slots))
}
