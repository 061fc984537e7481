/**
 * The runs of tasks in memory: what waits and runs is asked of the core, what has ended of the sample.
 * Called by the routes through ports/runs.ts. Invariants: no run is in both at once; whoever waits for
 * one is answered when it ends, when its time is up, when it leaves or when the balancer drains.
 */
import type { ExplanationView, RunView, TaskError, Usage } from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import type { FleetPort } from '../ports/fleet.ts'
import type { RunFilter } from '../ports/run-filter.ts'
import { joinParts, type PartOf } from '../ports/run-parts.ts'
import type { RunParts, RunTally } from '../ports/run-reads.ts'
import type { Changed, RunsPort } from '../ports/runs.ts'
import type { LiveRun } from '../ports/stored-run.ts'
import type { Submission, SubmitPort } from '../ports/submission.ts'
import type { TaskLookPort, TaskPicture } from '../ports/task-look.ts'
import { explainEnded, explainRunning, instantsOf, toExplanationView } from './run-explanation.ts'
import { createdMs, isoOf, toChoiceView, toRunView } from './run-facts.ts'
import { type ListedFacts, toMatcher } from './run-filter.ts'
import type { EndedRun, RunSample } from './run-sample.ts'
import { joinTallies, type OwnTally } from './run-tallies.ts'
import { toHeldView } from './stored-run-view.ts'

const MAX_WAITS = 1_000

type Shown = ListedFacts & { readonly task?: TaskPicture }

export interface MemoryRunsOptions {
  readonly scheduler: TaskLookPort & Pick<SubmitPort, 'cancel'>
  readonly sample: RunSample
  readonly fleet: Pick<FleetPort, 'workers'>
  readonly clock: Clock
  /** The row of a durable run that the core has. */
  readonly rowOf?: (id: string) => LiveRun | undefined
  /** What a live run has used so far. */
  readonly usageOf?: (id: string) => Usage | null
}

export class MemoryRuns implements RunsPort {
  readonly #options: MemoryRunsOptions
  /** One for each that waits: answers it with the run as it is. */
  readonly #waits = new Set<() => void>()
  #isDraining = false

  constructor(options: MemoryRunsOptions) {
    this.#options = options
  }

  async list(filter: RunFilter, count: number, before?: string): Promise<readonly RunView[]> {
    return this.listNow(filter, count, before)
  }

  /** What the core and the sample have at this moment. */
  listNow(filter: RunFilter, count: number, before?: string): readonly RunView[] {
    const { scheduler, sample } = this.#options
    const isMeant = toMatcher(filter)
    const live = scheduler.newest(count, before, (task) => isMeant(task.run, this.#factsOf(task)))
    const found: Shown[] = live.map((task) => this.#factsOf(task))
    for (const run of sample.all())
      if ((before === undefined || run.id < before) && isMeant(run.id, run)) found.push(run)
    found.sort((a, b) => (a.id < b.id ? 1 : -1))
    return found.slice(0, count).map(viewOf)
  }

  async count(filter: RunFilter, atMost: number): Promise<number> {
    return (await this.list(filter, atMost)).length
  }

  /** Whether the core has it: it waits or runs, and may be durable. */
  isLive(id: string): boolean {
    return this.#options.scheduler.find(id) !== undefined
  }

  /** Tasks that are in memory only, at most `atMost`; `isOnDisk` tells ended ones that are counted there. */
  countOwn(filter: RunFilter, atMost: number, isOnDisk: (run: EndedRun) => boolean): number {
    const { scheduler, sample } = this.#options
    const isMeant = toMatcher(filter)
    const isOwn = (task: TaskPicture) => !task.isDurable && isMeant(task.run, task)
    let count = scheduler.newest(atMost, undefined, isOwn).length
    for (const run of sample.all()) if (!isOnDisk(run) && isMeant(run.id, run)) count++
    return Math.min(count, atMost)
  }

  async tally(filter: RunFilter, edgesMs: readonly number[]): Promise<RunTally> {
    return joinTallies(this.tallyOwn(filter, edgesMs, () => false))
  }

  /** Tasks that are in memory only, one by one; `isOnDisk` as in `countOwn`. */
  tallyOwn(filter: RunFilter, edgesMs: readonly number[], isOnDisk: (run: EndedRun) => boolean): OwnTally[] {
    return this.ownParts(filter, isOnDisk).flatMap(({ atMs, status }) => {
      const bucket = edgesMs.findLastIndex((edge) => atMs >= edge)
      return bucket < 0 || bucket >= edgesMs.length - 1 ? [] : [{ atMs, bucket, status }]
    })
  }

  async parts(filter: RunFilter): Promise<RunParts> {
    return joinParts(this.ownParts(filter, () => false))
  }

  /** Tasks that are in memory only, one by one; `isOnDisk` as in `countOwn`. */
  ownParts(filter: RunFilter, isOnDisk: (run: EndedRun) => boolean): PartOf[] {
    const { scheduler, sample } = this.#options
    const isMeant = toMatcher(filter)
    const isOwn = (task: TaskPicture) => !task.isDurable && isMeant(task.run, task)
    const live = scheduler.newest(Number.MAX_SAFE_INTEGER, undefined, isOwn)
    const ended = [...sample.all()].filter((run) => !isOnDisk(run) && isMeant(run.id, run))
    return [
      ...live.map((task) => ({ ...task, atMs: createdMs(task.run, task) })),
      ...ended.map((run) => ({ ...run, atMs: createdMs(run.id, run) })),
    ]
  }

  async find(id: string): Promise<RunView | undefined> {
    return this.#find(id)
  }

  /** Nothing in memory has an input or a result to leave out. */
  async glance(id: string): Promise<RunView | undefined> {
    return this.#find(id)
  }

  async waitFor(id: string, ms: number, signal: AbortSignal): Promise<Changed | undefined> {
    const live = this.#options.scheduler.find(id)
    if (live && ms > 0 && !this.#isDraining && !signal.aborted) {
      if (this.#waits.size >= MAX_WAITS) return { ok: false, error: TOO_MANY_WAITS }
      const ended = await this.#waitForEnd(id, ms, signal)
      if (ended) return { ok: true, run: toRunView(ended) }
    }
    const run = this.#find(id)
    return run && { ok: true, run }
  }

  async cancel(id: string): Promise<Changed | undefined> {
    const { scheduler, sample, clock } = this.#options
    let ended: EndedRun | undefined
    const leave = sample.watch(id, (run) => {
      ended = run
    })
    scheduler.cancel(id, 'operator', clock.monoMs())
    leave()
    const run = ended ? toRunView(ended) : this.#find(id)
    return run && { ok: true, run }
  }

  async reprioritise(id: string, priority: number): Promise<Changed | undefined> {
    const { scheduler, clock } = this.#options
    const isChanged = scheduler.reprioritise(id, priority, clock.monoMs())
    const run = this.#find(id)
    if (!run) return undefined
    return isChanged ? { ok: true, run } : { ok: false, error: waitsNoMore(run) }
  }

  async explain(id: string): Promise<ExplanationView | undefined> {
    const { scheduler, sample, fleet, clock } = this.#options
    const explained = scheduler.explain(id, clock.monoMs())
    const ended = sample.find(id)
    if (!explained) return ended && explainEnded(ended)
    const live = scheduler.find(id)
    const isRunning = live?.status === 'running'
    const view = isRunning
      ? explainRunning(explained)
      : toExplanationView(explained, 'wait', fleet.workers().length, instantsOf(clock))
    return live?.choice ? { ...view, choice: toChoiceView(live.choice, isoOf(this.#factsOf(live))) } : view
  }

  async explainTask(submission: Submission): Promise<ExplanationView> {
    const { scheduler, fleet, clock } = this.#options
    const dry = scheduler.explainDry(submission, clock.monoMs())
    const accepted = dry.worker === undefined ? 'wait' : 'start'
    const verdict = dry.refusal ? 'refuse' : accepted
    return toExplanationView(dry, verdict, fleet.workers().length, instantsOf(clock), dry.refusal)
  }

  /** Answers all who wait, with what they wait for as it is; later ones are answered at once. */
  drain(): void {
    this.#isDraining = true
    for (const end of this.#waits) end()
  }

  #find(id: string): RunView | undefined {
    const live = this.#options.scheduler.find(id)
    const facts = live ? this.#factsOf(live) : this.#options.sample.find(id)
    return facts && viewOf(facts)
  }

  #factsOf(task: TaskPicture): Shown {
    const row = task.isDurable ? this.#options.rowOf?.(task.run) : undefined
    return { ...task, id: task.run, row, task, usage: this.#options.usageOf?.(task.run) }
  }

  /** The end of a run that has not ended; undefined when it does not come in time. */
  async #waitForEnd(id: string, ms: number, signal: AbortSignal): Promise<EndedRun | undefined> {
    const done = Promise.withResolvers<EndedRun | undefined>()
    const giveUp = () => done.resolve(undefined)
    const leave = this.#options.sample.watch(id, done.resolve)
    const timer = setTimeout(giveUp, ms)
    signal.addEventListener('abort', giveUp, { once: true })
    this.#waits.add(giveUp)
    try {
      return await done.promise
    } finally {
      this.#waits.delete(giveUp)
      signal.removeEventListener('abort', giveUp)
      clearTimeout(timer)
      leave()
    }
  }
}

const TOO_MANY_WAITS: TaskError = {
  code: 'RATE_LIMITED',
  detail: `${MAX_WAITS} requests wait for runs already, which is the limit. Ask without \`wait\`, or again in a moment.`,
  retryAfterMs: 1_000,
}

function viewOf(facts: Shown): RunView {
  return facts.row && facts.task ? toHeldView(facts.row, facts.task, facts.usage) : toRunView(facts)
}

function waitsNoMore({ id, status, worker }: RunView): TaskError {
  const where = worker === null ? '' : ` at "${worker}"`
  const how = status === 'queued' ? `is on its way${where}` : `is ${status}${where}`
  return {
    code: 'CONFLICT',
    detail: `The run ${id} ${how}; its priority can change only while it waits.`,
  }
}
