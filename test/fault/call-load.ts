/**
 * Full load with every task calling another, on workers with fewer slots than callers: functions in a ring that call
 * the next one, some in threads, some of two slots, some limited to one at a time, sync and durable ones mixed.
 * Used by calls.test.ts (short) and nightly/calls.nightly.ts. The invariant that it watches: nothing stands still,
 * every answer is the right one or tells of a kill, and at the end nobody holds a slot or a permit.
 */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { keepCalling, type Load } from '../end-to-end/load.ts'
import {
  type Answer,
  type Balancer,
  postTask,
  startBalancer,
  startWorker,
  type Worker,
  waitForWorkers,
} from '../harness/berth.ts'
import { makeFolder, type Scope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { CALM, HEARTBEAT, LIMIT_MS, PATIENT } from './site.ts'

export interface CallLoadPlan {
  readonly seconds: number
  /** Callers that wait for an answer at any time, those of durable runs among them. */
  readonly callers: number
  /** Seconds between two kills of a worker; none unless given. */
  readonly killEverySeconds?: number
}

export interface CallLoadReport {
  readonly answered: number
  /** Tasks that ran for them, those that were called included. */
  readonly tasks: number
  readonly failed: readonly string[]
  readonly wrong: readonly string[]
  /** Longest time in which nobody was answered. */
  readonly stillMs: number
  readonly kills: number
  /** Durable runs whose tree was read when they were over. */
  readonly trees: number
}

interface Ask {
  readonly ring: number
  readonly left: number
  readonly width: number
  readonly isDurable: boolean
}

const RING = 6
const CONFIGS = ['{}', '{}', `{ isolation: 'thread' }`, '{ slots: 2 }', '{}', '{}'] as const
/** Slots, and which functions of the ring a worker has; undefined: all. */
const WORKERS = [{ slots: 2 }, { slots: 3 }, { slots: 1, only: [0, 1, 4] }] as const satisfies readonly {
  slots: number
  only?: readonly number[]
}[]
/** The ring is as slow as the machine; a function has 30 s otherwise. */
const FUNCTION_MS = 300_000
const ENDED = new Set(['completed', 'failed', 'cancelled', 'expired'])
/** Each time for a minute. */
const ASKED_AT_MOST = 5
/** A kill fails what may not be repeated; here all may. So an attempt is lost at most three times. */
const BY_KILL = /WORKER_LOST|POISONED|was lost/

function sourceOf(n: number): string {
  return `import { setTimeout as wait } from 'node:timers/promises'
import { defineFunction } from '@berth/worker'
import { z } from 'zod'

export default defineFunction({
  input: z.object({ left: z.number(), width: z.number(), ms: z.number() }),
  config: { idempotent: true, timeout: ${FUNCTION_MS}, ...${CONFIGS[n] ?? '{}'} },
  async handler({ left, width, ms }, { call, signal }) {
    await wait(ms, undefined, { signal })
    if (left === 0) return 1
    const below = Array.from({ length: width }, () => call('r${(n + 1) % RING}', { left: left - 1, width: 1, ms }))
    return (await Promise.all(below)).reduce((sum, count) => sum + count, 1)
  },
})
`
}

export async function loadCalls(scope: Scope, plan: CallLoadPlan): Promise<CallLoadReport> {
  const fleet = await CallFleet.start(scope)
  const asks: Ask[] = []
  const failed: string[] = []
  const wrong: string[] = []
  const trees: { run: string; tasks: number }[] = []
  let answeredAt = performance.now()
  let stillMs = 0
  const load = keepCalling(plan.callers, async (index) => {
    const ask = askOf(index)
    const answer = await fleet.ask(ask)
    stillMs = Math.max(stillMs, performance.now() - answeredAt)
    answeredAt = performance.now()
    if ('tasks' in answer) {
      asks.push(ask)
      if (answer.tasks !== tasksOf(ask)) wrong.push(`${JSON.stringify(ask)} counted ${answer.tasks}`)
      if (ask.isDurable) trees.push({ run: answer.run, tasks: answer.tasks })
    } else failed.push(answer.why)
  })
  const kills = await fleet.suffer(plan, load)
  await load.end()
  await fleet.assertIdle()
  const sample = trees.slice(-50)
  for (const { run, tasks } of sample) await fleet.assertTree(run, tasks, kills > 0)
  const tasks = asks.reduce((sum, ask) => sum + tasksOf(ask), 0)
  return { answered: asks.length, tasks, failed, wrong, stillMs, kills, trees: sample.length }
}

/** Failures that no kill explains. */
export function unexplained({ failed, kills }: CallLoadReport): string[] {
  return failed.filter((why) => kills === 0 || !BY_KILL.test(why))
}

function askOf(index: number): Ask {
  const left = index % 6 === 5 ? 5 : 1 + (index % 5)
  return { ring: index % RING, left, width: index % 4 === 0 ? 3 : 1, isDurable: index % 7 === 0 }
}

/** Itself, and each branch below. */
function tasksOf({ left, width }: Ask): number {
  return 1 + width * left
}

class CallFleet {
  readonly #scope: Scope
  readonly #balancer: Balancer
  readonly #folders: readonly string[]
  readonly #workers: Worker[]

  private constructor(scope: Scope, balancer: Balancer, folders: readonly string[], workers: Worker[]) {
    this.#scope = scope
    this.#balancer = balancer
    this.#folders = folders
    this.#workers = workers
  }

  static async start(scope: Scope): Promise<CallFleet> {
    const folders = await Promise.all(
      WORKERS.map((worker) => writeRing(scope, 'only' in worker ? worker.only : undefined)),
    )
    const workers = await Promise.all(WORKERS.map((_, index) => startOne(scope, folders, index)))
    const entries = workers.map(({ url }, index) => ({ url, name: `w${index + 1}` }))
    const env = {
      ...PATIENT,
      ...HEARTBEAT,
      ...CALM,
      TASK_TIMEOUT: '5m',
      LOG_LEVEL: 'info',
      WORKER_DISCOVERY_INTERVAL: '200ms',
    }
    const balancer = await startBalancer(scope, { workers: entries, env })
    await waitForWorkers(balancer, workers.length)
    const fleet = new CallFleet(scope, balancer, folders, workers)
    await fleet.#limit('/functions/default/r4', { concurrency: 1 })
    await fleet.#limit('/functions/default/r5', { concurrency: 1 })
    await fleet.#limit('/groups/default', { concurrency: 5 })
    return fleet
  }

  async #limit(path: string, body: object): Promise<void> {
    const { status, text } = await this.#balancer.request(path, {
      method: 'PATCH',
      body: JSON.stringify(body),
    })
    assert.equal(status, 200, text)
  }

  async ask({
    ring,
    left,
    width,
    isDurable,
  }: Ask): Promise<{ tasks: number; run: string } | { why: string }> {
    const input = { left, width, ms: ring % 3 }
    const fairnessKey = ['a', 'b', undefined][left % 3]
    const body = { function: `r${ring}`, input, fairnessKey, ...(isDurable ? { mode: 'async' } : {}) }
    const answer = await postTask(this.#balancer, body)
    return isDurable && answer.status === 202
      ? this.#end((answer.body as { runId: string }).runId)
      : toAnswer(answer)
  }

  async #end(run: string): Promise<{ tasks: number; run: string } | { why: string }> {
    type Shown = { status: string; result: number; error: { message: string } | null }
    let shown: Shown | undefined
    for (let asked = 0; asked < ASKED_AT_MOST && !(shown && ENDED.has(shown.status)); asked++)
      shown = (await this.#balancer.request(`/runs/${run}?wait=60`)).body as Shown
    assert.ok(shown)
    const { status, result, error } = shown
    return status === 'completed'
      ? { tasks: result, run }
      : { why: `${status} ${run}: ${error?.message ?? ''}` }
  }

  /** Lets the load go on, and kills a worker now and then; how many. */
  async suffer(
    { seconds, killEverySeconds = seconds + 1 }: CallLoadPlan,
    load: Load<unknown>,
  ): Promise<number> {
    const endAt = performance.now() + seconds * 1_000
    let kills = 0
    while (performance.now() + killEverySeconds * 1_000 < endAt) {
      await pause(killEverySeconds * 1_000)
      const index = kills++ % this.#workers.length
      const worker = this.#workers[index]
      assert.ok(worker)
      await worker.kill9()
      this.#workers[index] = await startOne(this.#scope, this.#folders, index, worker.port)
    }
    await pause(Math.max(0, endAt - performance.now()))
    await until(() => load.done.length > 0, LIMIT_MS, 'somebody is answered')
    return kills
  }

  /** No slot, no permit and nobody in line is left over, at the balancer and at the workers. */
  async assertIdle(): Promise<void> {
    await until(async () => (await this.#leftOver()) === '', LIMIT_MS, 'nothing is left over')
  }

  async #leftOver(): Promise<string> {
    const left: string[] = []
    const { queue } = (await this.#balancer.request('/health')).body as { queue: Record<string, number> }
    if (queue.waiting !== 0 || queue.running !== 0) left.push(JSON.stringify(queue))
    const { items } = (await this.#balancer.request('/workers')).body as {
      items: { id: string; slots: { used: number } | null }[]
    }
    for (const { id, slots } of items) if (slots?.used !== 0) left.push(`${id} uses ${slots?.used}`)
    for (const path of ['/functions/default/r4', '/functions/default/r5', '/groups/default']) {
      const { used } = (await this.#balancer.request(path)).body as { used: { concurrency: number | null } }
      if (used.concurrency !== 0) left.push(`${path} has ${used.concurrency} permits out`)
    }
    for (const worker of this.#workers) {
      const { slots } = (await worker.request('/health')).body as { slots: { used: number } }
      if (slots.used !== 0) left.push(`a worker says ${slots.used}`)
    }
    return left.join(', ')
  }

  /** What is on disk of a durable run's tree: all of it; with what was repeated, where a kill made that so. */
  async assertTree(run: string, tasks: number, mayRepeat: boolean): Promise<void> {
    const found = 1 + (await this.#countBelow(run))
    assert.ok(
      mayRepeat ? found >= tasks : found === tasks,
      `the tree of ${run} has ${found} of ${tasks} runs`,
    )
  }

  async #countBelow(parent: string): Promise<number> {
    const { body } = await this.#balancer.request(`/runs?parent=${parent}&limit=500`)
    const { items } = body as { items: { id: string; parent: string; trigger: string; status: string }[] }
    let count = items.length
    for (const item of items) {
      assert.deepEqual([item.parent, item.trigger], [parent, 'call'])
      count += await this.#countBelow(item.id)
    }
    return count
  }
}

async function writeRing(scope: Scope, only: readonly number[] | undefined): Promise<string> {
  const folder = await makeFolder(scope, 'ring')
  await mkdir(join(folder, 'functions'))
  for (let n = 0; n < RING; n++)
    if (only?.includes(n) ?? true) await writeFile(join(folder, 'functions', `r${n}.ts`), sourceOf(n))
  return folder
}

function startOne(scope: Scope, folders: readonly string[], index: number, port?: number): Promise<Worker> {
  const slots = WORKERS[index]?.slots ?? 1
  const env = {
    SLOTS: String(slots),
    LOG_LEVEL: 'warn',
    ...(port === undefined ? {} : { PORT: String(port) }),
  }
  return startWorker(scope, { folder: folders[index] ?? '', env })
}

function toAnswer({ status, body, headers }: Answer): { tasks: number; run: string } | { why: string } {
  const { result, code, detail } = body as { result: number; code?: string; detail?: string }
  const run = headers.get('x-run-id') ?? ''
  return status === 200 ? { tasks: result, run } : { why: `${status} ${code} ${run}: ${detail}` }
}
