/**
 * A balancer and its workers that are about to have a bad time: starts them, lets callers call, injects faults
 * and keeps the story of it all, which `judge` gives to the checkers. Used by every test of this folder.
 * Invariant: whatever is injected here is also noted as a fault, so that no repeat is excused that nobody caused.
 */
import assert from 'node:assert/strict'
import {
  type Answer,
  type Balancer,
  type BalancerOptions,
  KEYS,
  type Place,
  postTask,
  startBalancer,
  startWorker,
  type Worker,
  waitForWorkers,
} from '../harness/berth.ts'
import { type Execution, type Probe, writeProbe } from '../harness/executions.ts'
import type { Exit, Running } from '../harness/processes.ts'
import { makeFolder, type Scope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { countRepeats, judge } from './checkers.ts'
import { countDescriptors, residentBytes } from './descriptors.ts'
import { startFacade } from './foreign-facade.ts'
import { LinkProxy } from './link-proxy.ts'
import type { Call, Fault, FaultKind, Life, Rest, Story } from './story.ts'

/** How long anything that is no measurement may take before a test gives up. */
export const LIMIT_MS = 60_000

/** Short enough for tests, long enough for a machine that does other things too. */
export const HEARTBEAT = { WS_HEARTBEAT_INTERVAL: '300ms', WS_HEARTBEAT_TIMEOUT: '500ms', WORKER_LEASE: '4s' }
/** Interval and timeout of HEARTBEAT: after so much silence a worker is stalled. */
export const SILENCE_MS = 800
export const LEASE_MS = 4_000

/** A balancer that has just started waits for its workers' first word: on a busy machine that takes longer. */
export const PATIENT = { WORKER_DISCOVERY_TIMEOUT: '5s', DISK_RESERVE: '0' }

/**
 * For faults that end processes or connections, which is noticed without any silence: nobody seems silent, or is given
 * up, because a busy machine let it wait.
 */
export const CALM = { WS_HEARTBEAT_TIMEOUT: '6s', WORKER_LEASE: '30s', WORKER_DISCOVERY_TIMEOUT: '5s' }

/** A tick of the sweep, a dial, a start of a handler: what comes on top of a bound on a busy machine. */
export const SLACK_MS = 1_500

export type WorkerPlan = {
  readonly slots: number
  /** A bad network can be put between it and the balancer. */
  readonly isProxied?: boolean
  /** The balancer takes it for one of another make. */
  readonly isForeign?: boolean
  /** Of another make: it does not notice that its caller has gone, and ends what it has begun. */
  readonly runsOn?: boolean
  readonly env?: Record<string, string>
  /** Where it runs, when not here, and by which URL without a port it is listed, when not by its address. */
  readonly place?: Place
  readonly listedAs?: string
}

export type SitePlan = {
  readonly workers: readonly WorkerPlan[]
  readonly env?: BalancerOptions['env']
  /** The probe function's `config`. */
  readonly config?: Record<string, unknown>
  /** Where the balancer runs, when not here. */
  readonly place?: Place
}

export type Ask = {
  readonly ms?: number
  readonly how?: 'wait' | 'block' | 'fail' | 'exit' | 'die' | 'odd' | 'deaf' | 'hoard' | 'chatter' | 'held'
  readonly times?: number
  readonly data?: string
  readonly bytes?: number
  readonly idempotent?: boolean
  readonly attempts?: number
  readonly priority?: number
  readonly kind?: Call['kind']
  readonly timeoutMs?: number
  /** When it must be answered, for a site whose TASK_TIMEOUT is not the usual one. */
  readonly deadlineMs?: number
  /** Its caller goes away when this is aborted. */
  readonly signal?: AbortSignal
}

type WorkerLine = {
  id: string
  status: string
  reason: string | null
  slots: { used: number; limit: number; stuck: number; queue: number } | null
  breaker: { state: string }
}

/** A process of the site, with what it is called. */
type Started = { name: string; slots: number; running: Running; exit?: Exit }

/** The twelfth ejection of a worker lasts so long. */
const EJECTIONS_MS = 60_000
const TASK_ATTEMPTS = 3
const TASK_TIMEOUT_MS = 60_000
/** How long a handler may go on after its signal before its caller is told. */
const GRACE_MS = 1_000

export class Site {
  readonly probe: Probe
  readonly workers: Worker[]
  readonly proxies: readonly (LinkProxy | undefined)[]
  balancer: Balancer
  readonly calls: Call[] = []
  readonly faults: Fault[] = []
  readonly #scope: Scope
  readonly #plan: SitePlan
  /** Every process there was, with what it is called and its slots. */
  readonly #lives: Started[] = []
  #descriptorsBefore: number | undefined
  #next = 0

  private constructor(
    scope: Scope,
    plan: SitePlan,
    parts: { probe: Probe; workers: Worker[]; proxies: (LinkProxy | undefined)[]; balancer: Balancer },
  ) {
    this.#scope = scope
    this.#plan = plan
    this.probe = parts.probe
    this.workers = parts.workers
    this.proxies = parts.proxies
    this.balancer = parts.balancer
    this.#live('balancer', 0, parts.balancer)
    for (const [index, worker] of parts.workers.entries())
      this.#live(nameOf(index), plan.workers[index]?.slots ?? 0, worker)
  }

  /** All workers, `w1` first, are in service when it resolves. */
  static async start(scope: Scope, plan: SitePlan): Promise<Site> {
    // What is held is ended by its test, not by the 30 s that a function has otherwise.
    const probe = await writeProbe(await makeFolder(scope, 'probe'), {
      timeout: TASK_TIMEOUT_MS,
      ...plan.config,
    })
    const workers = await Promise.all(plan.workers.map((each) => startProbeWorker(scope, probe, each)))
    const proxies = await Promise.all(
      plan.workers.map(({ isProxied }, index) =>
        isProxied ? LinkProxy.start(scope, workers[index]?.port ?? 0) : undefined,
      ),
    )
    const facades = await Promise.all(
      plan.workers.map(({ isForeign, runsOn = false }, index) =>
        // Its port stays when it is restarted.
        isForeign ? startFacade(scope, { port: () => workers[index]?.port ?? 0, runsOn }) : undefined,
      ),
    )
    const entries = workers.map(({ url, port }, index) => {
      const { listedAs } = plan.workers[index] ?? {}
      const seenAt = facades[index] ?? proxies[index]?.url ?? url
      return { url: listedAs ? `${listedAs}:${port}` : seenAt, name: nameOf(index) }
    })
    const env = {
      LOG_LEVEL: 'debug',
      TASK_TIMEOUT: String(TASK_TIMEOUT_MS),
      WORKER_DISCOVERY_INTERVAL: '200ms',
      WORKER_DISCOVERY_TIMEOUT: '700ms',
      ...HEARTBEAT,
      ...plan.env,
    }
    const balancer = await startBalancer(scope, { workers: entries, env, place: plan.place })
    const site = new Site(scope, { ...plan, env }, { probe, workers, proxies, balancer })
    await waitForWorkers(balancer, workers.length)
    site.#descriptorsBefore = countDescriptors(balancer.pid, balancer.port)
    return site
  }

  /** A new story at the same place, for the next test; whatever the last one left broken is whole again. */
  async begin(): Promise<void> {
    for (const proxy of this.proxies) proxy?.heal()
    if (this.balancer.hasExited()) await this.restartBalancer()
    for (const index of this.workers.keys())
      if (this.worker(index).hasExited()) await this.restartWorker(index)
    for (const index of this.workers.keys())
      await this.balancer.request(`/workers/${nameOf(index)}/on`, { method: 'POST' })
    const rest = await this.rest(LIMIT_MS)
    assert.ok(isQuiet(rest), `the test before left something behind: ${JSON.stringify(rest)}`)
    this.calls.length = 0
    this.faults.length = 0
    this.#lives.splice(0, this.#lives.length, ...this.#lives.filter(({ exit }) => !exit))
    await this.probe.clear()
    this.#descriptorsBefore = countDescriptors(this.balancer.pid, this.balancer.port)
  }

  worker(index: number): Worker {
    const worker = this.workers[index]
    assert.ok(worker, `there is no worker ${nameOf(index)}`)
    return worker
  }

  proxy(index: number): LinkProxy {
    const proxy = this.proxies[index]
    assert.ok(proxy, `${nameOf(index)} has no proxy`)
    return proxy
  }

  // --- Callers ---------------------------------------------------------------------------------

  /** A sync task of the probe function; resolves with its call, whatever became of it. */
  async call(ask: Ask = {}): Promise<Call> {
    const { ms = 0, how, times, data, bytes, idempotent, attempts, priority, timeoutMs, signal } = ask
    const call: Call = {
      id: `t${++this.#next}`,
      isIdempotent: idempotent,
      attemptsAllowed: attempts ?? TASK_ATTEMPTS,
      kind: ask.kind ?? 'plain',
      submittedAtMs: Date.now(),
      deadlineAtMs:
        Date.now() + (ask.deadlineMs ?? Math.min((timeoutMs ?? Infinity) + GRACE_MS, TASK_TIMEOUT_MS)),
    }
    this.calls.push(call)
    const input = { id: call.id, ms, how, times, data, bytes }
    const body = { function: 'probe', input, idempotent, attempts, priority, timeout: timeoutMs }
    try {
      noteAnswer(call, await send(this.balancer, body, signal))
    } catch (error) {
      if (signal?.aborted) call.hasLeft = true
      else call.failure = reasonOf(error)
    }
    call.endedAtMs = Date.now()
    return call
  }

  // --- Faults ----------------------------------------------------------------------------------

  /** Notes a fault as begun; its end is noted by `over`. */
  fault(kind: FaultKind, pid?: number, beganAtMs = Date.now()): Fault {
    const fault: Fault = { kind, pid, beganAtMs }
    this.faults.push(fault)
    return fault
  }

  over(fault: Fault): void {
    fault.endedAtMs = Date.now()
  }

  /** `kill -9`; resolves when it is gone. */
  async killWorker(index: number): Promise<void> {
    const worker = this.worker(index)
    this.fault('worker-killed', worker.pid)
    await worker.kill9()
  }

  /** Another process in the place of one that is gone; resolves when that one is ready by its own word. */
  async restartWorker(index: number): Promise<void> {
    const plan = this.#plan.workers[index]
    assert.ok(plan)
    const gone = this.worker(index)
    const worker = await startProbeWorker(this.#scope, this.probe, plan, gone.port)
    this.#live(nameOf(index), plan.slots, worker)
    this.workers[index] = worker
    for (const fault of this.faults)
      if (fault.pid === gone.pid && fault.endedAtMs === undefined) this.over(fault)
  }

  async killBalancer(): Promise<void> {
    this.fault('balancer-killed')
    await this.balancer.kill9()
  }

  /** The same balancer again: its port, its data folder, its list; so many workers are in service when it resolves. */
  async restartBalancer(inService = this.workers.length): Promise<void> {
    const { port, dataDir, workersFile } = this.balancer
    const env = { ...this.#plan.env, PORT: String(port), DATA_DIR: dataDir, WORKERS_FILE: workersFile }
    this.balancer = await startBalancer(this.#scope, { env, place: this.#plan.place })
    this.#live('balancer', 0, this.balancer)
    for (const fault of this.faults) if (fault.pid === undefined && !fault.endedAtMs) this.over(fault)
    await waitForWorkers(this.balancer, inService)
    this.#descriptorsBefore = undefined
  }

  // --- What is seen ----------------------------------------------------------------------------

  async lines(): Promise<WorkerLine[]> {
    const { items } = (await this.#ask('/workers?limit=500')) as { items: WorkerLine[] }
    return items
  }

  async #ask(path: string): Promise<unknown> {
    try {
      return (await this.balancer.request(path)).body
    } catch (error) {
      const state = this.balancer.hasExited() ? JSON.stringify(await this.balancer.exited) : 'alive'
      const message = `the balancer does not answer ${path}; it is ${state} and said last:`
      throw new Error(`${message}\n${this.balancer.output().slice(-2_000)}`, { cause: error })
    }
  }

  /** Waits until the balancer shows the worker in one of the states; answers how long that took, ms. */
  async waitForStatus(index: number, ...states: string[]): Promise<number> {
    const beganAtMs = Date.now()
    let seen: WorkerLine | undefined
    await until(
      async () => {
        seen = (await this.lines()).find(({ id }) => id === nameOf(index))
        return states.includes(seen?.status ?? '')
      },
      LIMIT_MS,
      `${nameOf(index)} is ${states.join(' or ')}`,
    )
    return Date.now() - beganAtMs
  }

  /** Waits until so many executions have been noted, of one worker's process or of all. */
  async waitForExecutions(event: Execution['event'], count: number, pid?: number): Promise<Execution[]> {
    return until(
      async () => {
        const all = await this.probe.read()
        const found = all.filter((each) => each.event === event && (pid === undefined || each.pid === pid))
        return found.length >= count ? found : undefined
      },
      LIMIT_MS,
      `${count} executions ${event} in ${pid ?? 'all processes'}`,
    )
  }

  async queue(): Promise<{ waiting: number; running: number }> {
    const { queue } = (await this.#ask('/health')) as { queue: { waiting: number; running: number } }
    return queue
  }

  /**
   * Waits until everybody is in service and holds nothing, as long as the time to recover; answers what is left.
   * Who is left out for its failures is tried with a task when its time is over, so there are tasks meanwhile.
   */
  async rest(recoveryMs: number): Promise<Rest> {
    let rest = await this.#look()
    const endAt = performance.now() + recoveryMs
    const isInTime = (): boolean => performance.now() < endAt + (isEjected(rest) ? EJECTIONS_MS : 0)
    while (!isQuiet(rest) && isInTime()) {
      if (isEjected(rest)) await this.call()
      await new Promise((resolve) => setTimeout(resolve, 20))
      rest = await this.#look()
    }
    return rest
  }

  /** All that has happened until now, once it is quiet. */
  async story(recoveryMs: number): Promise<Story> {
    const rest = await this.rest(recoveryMs)
    const lives = this.#lives.map(({ name, slots, running, exit }): Life => {
      const { pid } = running
      const isForeign = this.#plan.workers[Number(name.slice(1)) - 1]?.isForeign
      return {
        name,
        isForeign,
        slots,
        pid,
        output: running.output(),
        exit,
        residentBytes: residentBytes(pid),
      }
    })
    const executions = await this.probe.read()
    return { calls: this.calls, executions, faults: this.faults, lives, rest, recoveryMs }
  }

  /** Every checker says yes; answers how often handlers ran again. */
  async judge(recoveryMs = 5_000 + SLACK_MS): Promise<{ repeats: number; story: Story }> {
    const story = await this.story(recoveryMs)
    const violations = judge(story, Object.values(KEYS))
    const text = violations.map(({ checker, detail }) => `${checker}: ${detail}`).join('\n')
    assert.equal(violations.length, 0, text)
    return { repeats: countRepeats(story), story }
  }

  async #look(): Promise<Rest> {
    const [{ waiting, running }, lines] = await Promise.all([this.queue(), this.lines()])
    const workers = await Promise.all(
      lines.map(async ({ id, status, slots }) => ({
        id,
        status,
        used: slots?.used ?? 0,
        stuck: slots?.stuck ?? 0,
        ownUsed: await ownUsed(this.workers[Number(id.slice(1)) - 1]),
      })),
    )
    const now = countDescriptors(this.balancer.pid, this.balancer.port)
    const before = this.#descriptorsBefore
    const descriptors = now !== undefined && before !== undefined ? { before, now } : undefined
    return { waiting, running, workers, descriptors }
  }

  #live(name: string, slots: number, running: Running): void {
    const life: Started = { name, slots, running }
    this.#lives.push(life)
    void running.exited.then((exit) => {
      life.exit = exit
    })
  }
}

function nameOf(index: number): string {
  return `w${index + 1}`
}

function startProbeWorker(scope: Scope, probe: Probe, plan: WorkerPlan, port?: number): Promise<Worker> {
  const samePort: Record<string, string> = port === undefined ? {} : { PORT: String(port) }
  return startWorker(scope, {
    folder: probe.folder,
    env: {
      SLOTS: String(plan.slots),
      ...samePort,
      ...(plan.isForeign ? { WEBSOCKET_PORT: '0' } : {}),
      ...plan.env,
    },
    place: plan.place,
  })
}

async function send(balancer: Balancer, body: object, signal?: AbortSignal): Promise<Answer> {
  if (!signal) return postTask(balancer, body)
  return balancer.request('/task', { method: 'POST', body: JSON.stringify(body), signal })
}

function noteAnswer(call: Call, { status, headers, body }: Answer): void {
  const { code, result } = (body ?? {}) as { code?: string; result?: Call['result'] }
  const attempt = headers.get('x-attempt')
  const retryAfter = headers.get('retry-after')
  Object.assign(call, {
    status,
    code,
    result,
    attempt: attempt === null ? undefined : Number(attempt),
    retryAfter: retryAfter === null ? undefined : Number(retryAfter),
  })
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  if (cause instanceof Error) return (cause as NodeJS.ErrnoException).code ?? cause.message
  return String(error)
}

/** Infinity while it cannot be asked. */
async function ownUsed(worker: Worker | undefined): Promise<number> {
  try {
    const body = (await worker?.request('/health'))?.body as { slots?: { used: number } } | undefined
    return body?.slots?.used ?? Infinity
  } catch {
    return Infinity
  }
}

function isEjected({ workers }: Rest): boolean {
  return workers.some(({ status }) => status === 'ejected')
}

function isQuiet({ waiting, running, workers, descriptors }: Rest): boolean {
  const isHeld = workers.some(({ used, ownUsed: own, stuck }) => used + own + stuck > 0)
  const isReady = workers.every(({ status }) => status === 'ready')
  return (
    waiting + running === 0 && !isHeld && isReady && (!descriptors || descriptors.now <= descriptors.before)
  )
}
