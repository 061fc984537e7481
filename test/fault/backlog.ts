/** What the light and the heavy test of a backlog share. */
import assert from 'node:assert/strict'
import type { Execution } from '../harness/executions.ts'
import type { Handover } from './handed-over.ts'
import type { Site } from './site.ts'

/** Takes a worker out of service, or brings it back; resolves when the balancer shows it so. */
export async function turn(site: Site, how: 'on' | 'off', index = 0): Promise<void> {
  const { status, text } = await site.balancer.request(`/workers/w${index + 1}/${how}`, { method: 'POST' })
  assert.equal(status, 200, text)
  await site.waitForStatus(index, ...(how === 'off' ? ['maintenance'] : ['ready', 'saturated']))
}

/** C8 with one worker of one slot: by priority, and within it by acceptance. */
export function assertInOrder(handover: Handover, executions: readonly Execution[]): void {
  const begun = executions.filter(({ event }) => event === 'started').map(({ runId }) => runId)
  const due = handover
    .readDisk()
    .toSorted((a, b) => a.priority - b.priority || a.seq - b.seq)
    .map(({ id }) => id)
  const wrong = begun.findIndex((run, index) => run !== due[index])
  assert.equal(wrong, -1, `run ${wrong} of ${begun.length} began out of turn`)
}
