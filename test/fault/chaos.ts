/**
 * Callers that hand work over and forget about it, while balancer and workers are killed at random moments: the
 * story that promises.ts judges. Used in the small by durable.test.ts, in the large by the nightly set.
 */
import assert from 'node:assert/strict'
import { randomBytes, randomInt, randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { keepCalling } from '../end-to-end/load.ts'
import { KEYS } from '../harness/berth.ts'
import type { Scope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { JUDGES } from './checkers.ts'
import { judgePromises, type PromiseStory, type Shown, type Wanted } from './promises.ts'
import { CALM, Site, type WorkerPlan } from './site.ts'
import type { Life } from './story.ts'
import { type Sink, startSink } from './webhook-sink.ts'

export type ChaosPlan = {
  readonly runs: number
  /** Of the runs. */
  readonly webhooks: number
  readonly kills: number
  readonly scope: Scope
  /** Default: three of ours. */
  readonly workers?: readonly WorkerPlan[]
  /** Of a run, at most. */
  readonly taskMs?: number
  /** Kills so often; default: at random. */
  readonly strike?: (site: Site, times: number) => Promise<void>
}

export type Chaos = {
  readonly story: PromiseStory
  /** What any checker says against it. */
  readonly violations: readonly string[]
  /** How often handlers ran again. */
  readonly repeats: number
  /** Every process that there was. */
  readonly lives: readonly Life[]
}

const WORKERS = [{ slots: 8 }, { slots: 8 }, { slots: 8 }]
const ATTEMPTS = 3
const CALLERS = 8
const TASK_MS = 60
const PAUSE_MS = 400
/** For all that waits once nobody is killed any more: the second try of a webhook comes after 5 s. */
const SETTLE_MS = 120_000
/** A caller with a key asks so often. */
const ASK_LIMIT = 50

export async function spreadChaos(plan: ChaosPlan): Promise<Chaos> {
  const secret = `whsec_${randomBytes(24).toString('base64')}`
  const sink = await startSink(plan.scope, secret, 10)
  const env = { ...CALM, WEBHOOK_SECRET: secret, WEBHOOK_ALLOW: sink.host, LOG_LEVEL: 'info' }
  const site = await Site.start(plan.scope, { workers: plan.workers ?? WORKERS, env })
  const callers = new Callers(site, sink, plan)
  const load = keepCalling(CALLERS, () => callers.next())
  try {
    await (plan.strike ?? killAtRandom)(site, plan.kills)
    callers.hurry()
    await until(() => callers.areDone, SETTLE_MS, 'every caller has been answered')
  } finally {
    await load.end()
  }
  return callers.settle()
}

/**
 * One after the other, each replaced before the next; now and then balancer and worker at once, but never twice in a
 * row: what such a kill met runs on as the next one comes, and a run that meets three of them is rightly given up.
 */
export async function killAtRandom(site: Site, times: number): Promise<void> {
  let wereBoth = false
  for (let done = 0; done < times; done++) {
    await pause(randomInt(0, PAUSE_MS))
    const draw: number = randomInt(wereBoth ? 5 : 0, 10)
    const index = randomInt(0, site.workers.length)
    const isBalancer = draw < 5
    const isWorker = draw >= 4
    wereBoth = isBalancer && isWorker
    await Promise.all([isBalancer && site.killBalancer(), isWorker && site.killWorker(index)])
    if (isWorker) await site.restartWorker(index)
    if (isBalancer) await site.restartBalancer()
  }
}

class Callers {
  readonly #site: Site
  readonly #sink: Sink
  readonly #plan: ChaosPlan
  readonly #wanted: Wanted[] = []
  readonly #seen: { id: string; status: string }[] = []
  #begun = 0
  #answered = 0
  #isHurried = false

  constructor(site: Site, sink: Sink, plan: ChaosPlan) {
    this.#site = site
    this.#sink = sink
    this.#plan = plan
  }

  get areDone(): boolean {
    return this.#answered >= this.#plan.runs
  }

  /** The rest of the runs without pauses. */
  hurry(): void {
    this.#isHurried = true
  }

  /** Wants one run more, or looks at one that was promised. */
  async next(): Promise<void> {
    const { runs, webhooks } = this.#plan
    const index = this.#begun
    if (index >= runs) return pause(20)
    this.#begun++
    const hasKey = index % 2 === 0
    const isTold = Math.floor(((index + 1) * webhooks) / runs) > Math.floor((index * webhooks) / runs)
    const wanted: Wanted = {
      id: `d${index}`,
      hasKey,
      mode: isTold ? 'webhook' : 'async',
      promised: [],
      refused: [],
    }
    this.#wanted.push(wanted)
    await this.#ask(wanted)
    this.#answered++
    await this.#look(wanted)
    if (!this.#isHurried) await pause(randomInt(0, this.#pauseMs * 2))
  }

  /** Spreads the runs over the time that the kills will take. */
  get #pauseMs(): number {
    return Math.ceil((this.#plan.kills * 1_500 * CALLERS) / this.#plan.runs)
  }

  async #ask(wanted: Wanted): Promise<void> {
    const { id, mode, hasKey } = wanted
    const body = JSON.stringify({
      function: 'probe',
      input: { id, ms: randomInt(0, this.#plan.taskMs ?? TASK_MS) },
      mode,
      attempts: ATTEMPTS,
      idempotent: true,
      metadata: { id },
      ...(mode === 'webhook' ? { webhook: { url: this.#sink.url } } : {}),
    })
    const headers = {
      'content-type': 'application/json',
      ...(hasKey ? { 'idempotency-key': randomUUID() } : {}),
    }
    for (let tries = 0; tries < (hasKey ? ASK_LIMIT : 1); tries++) {
      try {
        const answer = await this.#site.balancer.request('/task', { method: 'POST', headers, body })
        const { runId } = answer.body as { runId?: string }
        if (answer.status === 202 && runId !== undefined) wanted.promised.push(runId)
        else wanted.refused.push(`${answer.status} ${answer.text.slice(0, 200)}`)
      } catch (error) {
        wanted.refused.push(error instanceof Error ? error.message : String(error))
      }
      // Once more although it was promised, now and then: the same run is meant.
      if (wanted.promised.length > 0 && randomInt(0, 20) > 0) return
      await pause(randomInt(0, 300))
    }
  }

  async #look({ promised: [run] }: Wanted): Promise<void> {
    if (run === undefined || randomInt(0, 4) > 0) return
    try {
      const { status, body } = await this.#site.balancer.request(`/runs/${run}?wait=1`)
      const shown = body as Shown
      const isFinal = ['completed', 'failed', 'cancelled', 'expired'].includes(shown.status)
      if (status === 200 && isFinal) this.#seen.push({ id: run, status: shown.status })
    } catch {
      // The balancer was killed meanwhile, which is what this is about.
    }
  }

  /** Waits until all that was promised has ended and been told, and judges. */
  async settle(): Promise<Chaos> {
    try {
      await until(() => this.#hasEnded(), SETTLE_MS, 'every run has ended')
    } catch (error) {
      throw new Error(`some run has no end: ${await this.#describeOpen()}`, { cause: error })
    }
    await until(() => this.#isTold(), SETTLE_MS, 'every webhook has been told').catch(() => {})
    const { executions: noted, faults, lives, rest, ...others } = await this.#site.story(10_000)
    // What the site asks for itself, of a worker that it finds left out, was promised to nobody.
    const executions = noted.filter(({ id }) => !this.#site.calls.some((call) => call.id === id))
    const story: PromiseStory = {
      wanted: this.#wanted,
      shown: await this.#list(''),
      seen: this.#seen,
      executions,
      faults,
      messages: this.#sink.messages,
      attemptsAllowed: ATTEMPTS,
      foreign: new Set(lives.filter(({ isForeign }) => isForeign).map(({ pid }) => pid)),
    }
    const violations = judgePromises(story)
    for (const checker of ['C5', 'C6', 'C7', 'C11', 'C14'] as const)
      JUDGES[checker](
        { executions: noted, faults, lives, rest, ...others, calls: [] },
        (detail) => violations.push(`${checker}: ${detail}`),
        Object.values(KEYS),
      )
    for (const run of this.#untold()) violations.push(`of ${run}: ${await this.#describeDeliveries(run)}`)
    const starts = executions.filter(({ event }) => event === 'started')
    return { story, violations, repeats: starts.length - new Set(starts.map(({ id }) => id)).size, lives }
  }

  async #hasEnded(): Promise<boolean> {
    return (await this.#list('&status=scheduled,queued,running')).length === 0
  }

  /** The first of those that should have ended, and where it is. */
  async #describeOpen(): Promise<string> {
    const open = await this.#list('&status=scheduled,queued,running')
    const { balancer } = this.#site
    const paths = [`/runs/${open[0]?.id}`, `/runs/${open[0]?.id}/explain`, '/workers', '/health']
    const seen = await Promise.all(paths.map(async (path) => (await balancer.request(path)).text))
    const notes = (await this.#site.probe.read()).filter(({ runId }) => runId === open[0]?.id)
    return [`${open.length} open`, ...seen, JSON.stringify(notes)].join('\n')
  }

  #isTold(): boolean {
    return this.#untold().length === 0
  }

  #untold(): string[] {
    const told = new Set(this.#sink.messages.filter(({ status }) => status === 200).map(({ run }) => run))
    const owed = this.#wanted.filter(({ mode }) => mode === 'webhook').flatMap(({ promised }) => promised)
    return [...new Set(owed)].filter((run) => !told.has(run))
  }

  async #describeDeliveries(run: string): Promise<string> {
    return (await this.#site.balancer.request(`/runs/${run}/deliveries`)).text
  }

  async #list(filter: string): Promise<Shown[]> {
    const found: Shown[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const behind: string = cursor === '' ? '' : `&cursor=${cursor}`
      const { status, body, text } = await this.#site.balancer.request(`/runs?limit=500${filter}${behind}`)
      assert.equal(status, 200, text)
      const page = body as { items: (Shown & { durable: boolean })[]; cursor: string | null }
      found.push(...page.items.filter(({ durable }) => durable))
      cursor = page.cursor
    }
    return found
  }
}
