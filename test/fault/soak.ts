/**
 * G20: a balancer under mixed tasks and faults for so long, weighed whenever all is at rest: what it holds does not
 * grow. In the large in the nightly set (a million tasks), in the small with every run of the tests.
 * Invariant: the first weighing is that of a balancer whose bounded memories are full: samples, pools, caches.
 */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { JUDGES } from './checkers.ts'
import { PORTION_TASKS, SoakLoad } from './soak-load.ts'
import { SoakSite } from './soak-site.ts'
import type { Story } from './story.ts'
import type { Holding } from './weight.ts'

export type SoakPlan = {
  /** Portions of a thousand tasks, before the first weighing and in each segment. */
  readonly warmUp: number
  readonly segments: number
  readonly portions: number
  /** A heap may look so much larger by chance; beyond it, a slope that is surely above 0 fails. */
  readonly chanceBytes: number
}

type Weight = Holding & { readonly descriptors: number | undefined }

/** Node's own clock for the Date header comes and goes by the second, a heartbeat's limit with its ping. */
const MAY_DIFFER_TIMERS = 4
const TURNS = 20
const TURN_MS = 500
/** Two-sided 95 % of Student's t, by degrees of freedom. */
const T_95 = [12.71, 4.3, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23]

export async function soak(t: TestContext, plan: SoakPlan): Promise<void> {
  const site = await SoakSite.start(t)
  const load = new SoakLoad(site.balancer.port)
  await load.fillMemory()
  const weights = [await runSegment(t, site, load, plan.warmUp)]
  for (let segment = 0; segment < plan.segments; segment++)
    weights.push(await runSegment(t, site, load, plan.portions, weights[0]))
  const tasks = plan.segments * plan.portions * PORTION_TASKS
  const [first, last] = [weights[0], weights.at(-1)] as [Weight, Weight]
  const perSegment = plan.portions * PORTION_TASKS
  const { slope, error } = fitSlope(weights.map(({ heapUsed }) => heapUsed))
  t.diagnostic(
    `${tasks} tasks: heap ${first.heapUsed} bytes before and ${last.heapUsed} after, outside it ${first.external} and ` +
      `${last.external}, resident ${first.rss} and ${last.rss}; slope ${(slope / perSegment).toFixed(3)} ± ` +
      `${(error / perSegment).toFixed(3)} bytes a task`,
  )
  t.diagnostic([...load.outcomes].map(([key, count]) => `${count} × ${key}`).join(', '))
  const isGrowing = slope - error > 0 && last.heapUsed - first.heapUsed > plan.chanceBytes
  assert.ok(!isGrowing, `the heap grows by ${slope} ± ${error} bytes in ${perSegment} tasks`)
  assert.ok(last.external - first.external <= plan.chanceBytes, 'buffers are left')
  for (const { resources, timers, descriptors } of weights) {
    assert.deepEqual(resources, first.resources)
    assert.equal(descriptors, first.descriptors)
    assert.ok(timers - first.timers <= MAY_DIFFER_TIMERS, `${timers - first.timers} timers are left`)
  }
}

async function runSegment(
  t: TestContext,
  site: SoakSite,
  load: SoakLoad,
  portions: number,
  first?: Weight,
): Promise<Weight> {
  const beganAt = performance.now()
  await Promise.all([load.run(portions), site.suffer()])
  const perSecond = Math.round((portions * PORTION_TASKS * 1_000) / (performance.now() - beganAt))
  const rest = await site.rest()
  judge({ ...site.lives(), rest, calls: [], executions: [], recoveryMs: 0 })
  const weight = await weighQuiet(site, first)
  const { heapUsed, external, rss, timers, descriptors, resources } = weight
  t.diagnostic(
    `${portions * PORTION_TASKS} tasks at ${perSecond}/s: heap ${heapUsed}, outside ${external}, resident ${rss} bytes, ` +
      `${timers} timers, ${descriptors} descriptors, ${resources.length} handles`,
  )
  return weight
}

/** A connection that ends may take a moment; what is like the one before it, or like the first, is at rest. */
async function weighQuiet(site: SoakSite, first: Weight | undefined): Promise<Weight> {
  let before = first
  for (let turn = 0; ; turn++) {
    const weight = { ...(await site.weigh()), descriptors: site.descriptors() }
    const isQuiet = before && countHeld(weight) === countHeld(before)
    if (isQuiet || turn === TURNS) return weight
    before = first ?? weight
    await pause(TURN_MS)
  }
}

function countHeld({ resources, descriptors = 0 }: Weight): number {
  return resources.length + descriptors
}

function judge(story: Story): void {
  const complaints: string[] = []
  for (const check of [JUDGES.C6, JUDGES.C7, JUDGES.C11])
    check(story, (detail) => complaints.push(detail), [])
  assert.deepEqual(complaints, [])
}

/** Least squares over evenly spaced values, with half the width of its 95 % interval. */
export function fitSlope(values: readonly number[]): { slope: number; error: number } {
  const n = values.length
  const middle = (n - 1) / 2
  const mean = values.reduce((sum, value) => sum + value, 0) / n
  const spread = values.reduce((sum, _, x) => sum + (x - middle) ** 2, 0)
  const slope = values.reduce((sum, value, x) => sum + (x - middle) * (value - mean), 0) / spread
  const left = values.reduce((sum, value, x) => sum + (value - mean - slope * (x - middle)) ** 2, 0)
  const t = T_95[Math.min(n - 3, T_95.length - 1)] ?? Infinity
  return { slope, error: t * Math.sqrt(left / (n - 2) / spread) }
}
