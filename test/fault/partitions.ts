/**
 * What must hold when the network between a balancer and `w1` is cut, in any of its ways: cases B1 to B5. The same
 * through a proxy (network.test.ts) and between namespaces (nightly/*.netns.ts), by what `Wire` they are given.
 */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Execution } from '../harness/executions.ts'
import { until } from '../harness/until.ts'
import type { Direction } from './link-proxy.ts'
import { LEASE_MS, LIMIT_MS, SILENCE_MS, type Site, SLACK_MS } from './site.ts'
import type { Call, Fault } from './story.ts'

/** The network between the balancer and `w1`. */
export type Wire = {
  /** Nothing passes in these directions any more, and nobody is told. */
  cut(...directions: readonly Direction[]): void
  heal(): void
}

export const BOTH = ['down', 'up'] as const

/** Within which all is well again after a cut. */
const RECOVERY_MS = 5_000 + SLACK_MS

/** Cuts the wire to `w1`; `heal` makes it whole and waits until the worker is in service again. */
export function breakWire(
  site: Site,
  wire: Wire,
  ...directions: readonly Direction[]
): { fault: Fault; heal(): Promise<void> } {
  const fault = site.fault('link-broken', site.worker(0).pid)
  wire.cut(...directions)
  return {
    fault,
    async heal() {
      wire.heal()
      site.over(fault)
      await site.waitForStatus(0, 'ready')
    },
  }
}

/** Tasks of which some run at `w1`; half of them may be repeated. */
export async function runEverywhere(site: Site, ms: number, signal?: AbortSignal): Promise<Promise<Call>[]> {
  const calls: Promise<Call>[] = []
  const { pid } = site.worker(0)
  const { length: from } = await site.probe.read()
  await until(
    async () => {
      const notes = (await site.probe.read()).slice(from)
      const count = (event: string, where: readonly Execution[]) =>
        where.filter((each) => each.event === event).length
      if (count('started', notes) < calls.length) return false
      const own = notes.filter((each) => each.pid === pid)
      if (own.length > 0 && count('started', own) * 2 > own.length) return true
      // The others were quicker, while the machine kept w1 waiting.
      for (let index = 0; index < 6; index++)
        calls.push(site.call({ ms, idempotent: index % 2 === 0 || undefined, signal }))
      return false
    },
    LIMIT_MS,
    'some run at w1',
  )
  return calls
}

/** B1: the peer has vanished and nothing says so. */
export async function vanish(t: TestContext, site: Site, wire: Wire): Promise<void> {
  const calls = await runEverywhere(site, 3_000)
  const { fault, heal } = breakWire(site, wire, ...BOTH)
  await site.waitForStatus(0, 'stalled')
  const stalledMs = Date.now() - fault.beganAtMs
  const ended = await Promise.all(calls)
  const toldMs = Math.max(...ended.map(({ endedAtMs = Infinity }) => endedAtMs)) - fault.beganAtMs
  t.diagnostic(`stalled after ${stalledMs} ms, all told after ${toldMs} ms`)
  assert.ok(stalledMs <= 2 * SILENCE_MS + SLACK_MS, `stalled after ${stalledMs} ms`)
  assert.ok(toldMs <= LEASE_MS + 3_000 + SLACK_MS, `told after ${toldMs} ms`)
  await site.waitForExecutions('aborted', 1, site.worker(0).pid)
  await heal()
  await site.judge()
}

/** B2 (`up`), B3 (`down`): one of the two goes on hearing the other. */
export async function breakOneWay(
  t: TestContext,
  site: Site,
  wire: Wire,
  direction: Direction,
): Promise<void> {
  const leave = new AbortController()
  const calls = await runEverywhere(site, 50_000, leave.signal)
  const { fault, heal } = breakWire(site, wire, direction)
  const aborted = await site.waitForExecutions('aborted', 1, site.worker(0).pid)
  const fencedMs = (aborted[0]?.atMs ?? 0) - fault.beganAtMs
  t.diagnostic(`the worker ended what it ran after ${fencedMs} ms`)
  assert.ok(fencedMs <= LEASE_MS + 2 * SILENCE_MS + SLACK_MS, `after ${fencedMs} ms`)
  await site.waitForStatus(0, 'stalled', 'unreachable', 'connecting')
  const meanwhile = await Promise.all([1, 2, 3].map(() => site.call({ kind: 'good' })))
  assert.ok(meanwhile.every(({ status }) => status === 200))
  await heal()
  leave.abort()
  await Promise.all(calls)
  await site.judge()
}

/** B4: cut off for so long, and back. */
export async function partition(
  t: TestContext,
  site: Site,
  wire: Wire,
  lastsMs: number,
  recoveryMs = RECOVERY_MS,
): Promise<void> {
  const calls = await runEverywhere(site, 1_500)
  const { heal } = breakWire(site, wire, ...BOTH)
  await pause(lastsMs)
  const healedAt = performance.now()
  await heal()
  const backMs = Math.round(performance.now() - healedAt)
  t.diagnostic(`back ${backMs} ms after a cut of ${lastsMs} ms`)
  assert.ok(backMs <= recoveryMs, `back after ${backMs} ms`)
  await Promise.all(calls)
  await site.judge(recoveryMs)
}

/**
 * B5: heals about when the lease runs out, while tasks that may be repeated run longer than that. Answers in how
 * many ways they ended. `w1` has three slots: more losses in a row would have it left out for them.
 */
export async function healAtLease(site: Site, wire: Wire, offsetsMs: readonly number[]): Promise<string> {
  const ends = new Map<string, number>()
  for (const offsetMs of offsetsMs) {
    const { pid } = site.worker(0)
    const before = (await site.probe.read()).filter((each) => each.event === 'started' && each.pid === pid)
    const calls = Array.from({ length: 6 }, () => site.call({ ms: LEASE_MS + 1_000, idempotent: true }))
    await site.waitForExecutions('started', before.length + 3, pid)
    const { heal } = breakWire(site, wire, ...BOTH)
    await pause(LEASE_MS + offsetMs)
    await heal()
    for (const { status, code, attempt } of await Promise.all(calls)) {
      const end = `${status} ${code ?? `attempt ${attempt}`}`
      ends.set(end, (ends.get(end) ?? 0) + 1)
    }
    await Promise.all(Array.from({ length: 12 }, () => site.call({ ms: 50 })))
  }
  return [...ends].map(([end, count]) => `${count} × ${end}`).join(', ')
}
