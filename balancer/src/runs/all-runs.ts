/**
 * All runs as their routes see them: tasks in memory, durable runs that the core has, and those on disk only. Called
 * by `http/` and by whatever goes through lists. Invariants: a run is listed once; what the core knows of a run goes
 * before its row; a page ends only where nothing older is left out, so that cursors hold over both kinds.
 */
import { type ExplanationView, isFinal, type RunView, timeOfRun } from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import type { FleetPort } from '../ports/fleet.ts'
import type { RunFilter } from '../ports/run-filter.ts'
import { joinParts } from '../ports/run-parts.ts'
import type { RunParts, RunReads, RunTally } from '../ports/run-reads.ts'
import type {
  Changed,
  DurableRunsPort,
  Removed,
  RunSelectorPort,
  RunsPort,
  SteerRunsPort,
} from '../ports/runs.ts'
import { fileAddress, shownFiles } from '../ports/shown-files.ts'
import type { LiveRun, StoredRun } from '../ports/stored-run.ts'
import type { Submission } from '../ports/submission.ts'
import type { TaskLookPort } from '../ports/task-look.ts'
import type { ToldItem } from '../ports/told.ts'
import { HeldRun } from './held-run.ts'
import type { MemoryRuns } from './memory-runs.ts'
import { explainStored, instantsOf, toExplanationView } from './run-explanation.ts'
import type { EndedRun } from './run-sample.ts'
import { joinTallies } from './run-tallies.ts'
import { toContent, toStoredView } from './stored-run-view.ts'
import { type ShownOutput, showOutput } from './usage/told-items.ts'

export interface AllRunsOptions {
  readonly memory: MemoryRuns
  readonly durable: SteerRunsPort & {
    held(id: string): HeldRun | undefined
    /** As the port's `outcome`, but let go as soon as the balancer drains. */
    readonly watch: DurableRunsPort['outcome']
  }
  readonly reads: RunReads
  readonly scheduler: Pick<TaskLookPort, 'explainDry'>
  readonly fleet: Pick<FleetPort, 'workers'>
  readonly clock: Clock
  /** What a live durable run last said of its progress. */
  readonly progressOf: (id: string) => RunView['progress']
  /** What a live run put out and the disk does not know yet. */
  readonly outputOf: (id: string) => LiveOutput | undefined
  /** Resolves when a task in memory that has ended with files is on disk; nobody has any unless given. */
  readonly whenRecorded?: (id: string) => Promise<unknown>
  /** Whether ended tasks in memory of that status are on disk as well. */
  readonly isRecorded: (status: RunView['status']) => boolean
}

/** Messages that were said in all, those that are not kept included. */
interface LiveOutput {
  readonly unwritten: readonly ToldItem[]
  readonly messages: number
}

const NO_PAYLOAD = { mediaType: '', bytes: new Uint8Array(0), head: null }

export class AllRuns implements RunsPort, RunSelectorPort {
  readonly #options: AllRunsOptions

  constructor(options: AllRunsOptions) {
    this.#options = options
  }

  /** Reads as far down the disk as it must: what the core has, and what is meant of it, may be much. */
  async list(filter: RunFilter, count: number, before?: string): Promise<readonly RunView[]> {
    const stored: StoredRun[] = []
    for (let last = before; ; ) {
      const page = await this.#options.reads.list(filter, count, last ?? null)
      stored.push(...page)
      last = page.at(-1)?.run.id
      const isEnd = page.length < count
      const newest = this.#merge(stored, filter, count, before, isEnd ? undefined : last)
      if (isEnd || newest.length === count) return this.#withFiles(newest)
    }
  }

  /**
   * The newest of disk and memory, in one turn: what the core has is left to it, whether it is still meant or not.
   * Below `last` the disk has not been read.
   */
  #merge(
    stored: readonly StoredRun[],
    filter: RunFilter,
    count: number,
    before: string | undefined,
    last: string | undefined,
  ): readonly RunView[] {
    const found = new Map<string, RunView>()
    for (const one of stored) if (!this.#isInCore(one)) found.set(one.run.id, toStoredView(one))
    for (const view of this.#options.memory.listNow(filter, count, before))
      if (!found.has(view.id) && (last === undefined || view.id >= last)) found.set(view.id, view)
    const newest = [...found.values()].sort((a, b) => (a.id < b.id ? 1 : -1)).slice(0, count)
    return newest.map((view) => this.#withProgress(view))
  }

  async #withFiles(views: readonly RunView[]): Promise<readonly RunView[]> {
    const ids = views.filter(({ durable }) => durable).map(({ id }) => id)
    if (ids.length === 0) return views
    const found = new Map((await this.#options.reads.files(ids)).map((one) => [one.run, one]))
    if (found.size === 0) return views
    return views.map((view) => {
      const has = found.get(view.id)
      return has ? { ...view, files: shownFiles(has).map((file) => toFileView(view.id, file)) } : view
    })
  }

  async #withOwnFiles(view: RunView): Promise<RunView> {
    const [shown = view] = await this.#withFiles([view])
    return shown
  }

  async count(filter: RunFilter, atMost: number): Promise<number> {
    const { memory, reads, isRecorded } = this.#options
    const stored = await reads.count(filter, atMost)
    return Math.min(
      atMost,
      stored + memory.countOwn(filter, atMost, (run) => run.isKept || isRecorded(run.status)),
    )
  }

  async tally(filter: RunFilter, edgesMs: readonly number[], atMost: number): Promise<RunTally> {
    const { memory, reads, isRecorded } = this.#options
    const stored = await reads.tally(filter, edgesMs, atMost)
    const isOnDisk = (run: EndedRun) => run.isKept || isRecorded(run.status)
    return joinTallies(memory.tallyOwn(filter, edgesMs, isOnDisk), stored)
  }

  async parts(filter: RunFilter): Promise<RunParts> {
    const { memory, reads, isRecorded } = this.#options
    const stored = await reads.parts(filter)
    return joinParts(
      memory.ownParts(filter, (run) => run.isKept || isRecorded(run.status)),
      stored,
    )
  }

  find(id: string): Promise<RunView | undefined> {
    return this.#find(id, true)
  }

  glance(id: string): Promise<RunView | undefined> {
    return this.#find(id, false)
  }

  async selectorOf(id: string): ReturnType<RunSelectorPort['selectorOf']> {
    const { durable, reads } = this.#options
    const held = durable.held(id)
    if (held) return held.row.tags
    return timeOfRun(id) === undefined ? undefined : (await reads.find(id))?.run.tags
  }

  async #find(id: string, withContent: boolean): Promise<RunView | undefined> {
    const { memory, durable, reads } = this.#options
    const held = durable.held(id)
    const view = await memory.find(id)
    if (view && (view.durable === false || held))
      return held ? this.#withOwnFiles(await this.#withOutput(held, view, withContent)) : view
    // What is no id is not asked of the disk.
    if (timeOfRun(id) === undefined) return view
    await this.#options.whenRecorded?.(id)
    const found = await reads.find(id)
    if (!found) return memory.find(id)
    const said = found.kind === 'done' ? found.run.messages : undefined
    const [input, result, output] = await Promise.all([
      withContent ? reads.payload(id) : null,
      withContent && found.kind === 'done' ? reads.result(id) : null,
      this.#output(found.run, said),
    ])
    const content = { input: toContent(input), result: toContent(result) }
    return this.#withOwnFiles(this.#withProgress({ ...toStoredView(found), ...content, ...output }))
  }

  async #withOutput({ source, row }: HeldRun, view: RunView, withContent: boolean): Promise<RunView> {
    const input = withContent ? toContent(source) : null
    return this.#withProgress({ ...view, input, ...(await this.#output(row)) })
  }

  /** What it put out, as far as the disk knows it and beyond. Most runs put out nothing. */
  async #output(run: Pick<LiveRun, 'id' | 'used'>, atEnd?: number): Promise<ShownOutput | undefined> {
    const { reads, outputOf } = this.#options
    const { id } = run
    const live = outputOf(id)
    const said = atEnd ?? live?.messages ?? run.used?.messages
    if (said === undefined) return undefined
    const stored = await reads.told(id)
    const known = new Set(stored.map(({ n }) => n))
    const items = [...stored, ...(live?.unwritten ?? []).filter(({ n }) => !known.has(n))]
    return items.length === 0 ? undefined : showOutput(id, items, said)
  }

  #withProgress(view: RunView): RunView {
    if (!view.durable || isFinal(view.status)) return view
    const progress = this.#options.progressOf(view.id)
    return progress === null ? view : { ...view, progress }
  }

  async waitFor(id: string, ms: number, signal: AbortSignal): Promise<Changed | undefined> {
    const { memory, durable } = this.#options
    const view = await memory.find(id)
    if (view && !view.durable) return this.#orRecorded(id, await memory.waitFor(id, ms, signal))
    if (ms > 0 && timeOfRun(id) !== undefined) await durable.watch(id, ms, signal)
    const run = await this.find(id)
    return run && { ok: true, run }
  }

  async cancel(id: string): Promise<Changed | undefined> {
    const { memory, durable } = this.#options
    const view = await memory.find(id)
    if (view && !view.durable) return this.#orRecorded(id, await memory.cancel(id))
    return this.#changed(id, timeOfRun(id) === undefined ? undefined : await durable.cancel(id))
  }

  /** A task in memory that has written files is on disk once it has ended. */
  async #orRecorded(id: string, seen: Changed | undefined): Promise<Changed | undefined> {
    const hasEnded = !seen || (seen.ok && isFinal(seen.run.status))
    if (!hasEnded || (await this.#options.memory.find(id))) return seen
    const run = await this.find(id)
    return run ? { ok: true, run } : seen
  }

  async reprioritise(id: string, priority: number): Promise<Changed | undefined> {
    const { memory, durable } = this.#options
    const view = await memory.find(id)
    if (view && !view.durable) return memory.reprioritise(id, priority)
    const changed = timeOfRun(id) === undefined ? undefined : await durable.reprioritise(id, priority)
    return this.#changed(id, changed)
  }

  async explain(id: string): Promise<ExplanationView | undefined> {
    const { memory, reads } = this.#options
    const explained = await memory.explain(id)
    if (explained || timeOfRun(id) === undefined) return explained
    const found = await reads.find(id)
    if (!found) return undefined
    const view = toStoredView(found)
    if (found.kind === 'done' || isFinal(view.status)) return explainStored(view)
    const turn = found.run.session === null ? null : await reads.turnOf(id)
    const waiting = this.#explainWaiting(found.run)
    if (!turn) return waiting
    return { ...waiting, ...heldBehind(turn.head, turn.before) }
  }

  async explainTask(submission: Submission): Promise<ExplanationView> {
    const { memory, reads } = this.#options
    const session = submission.extras?.session
    if (session === undefined) return memory.explainTask(submission)
    const { head, open, worker } = await reads.lineOf(session)
    const view = await memory.explainTask({ ...submission, prefer: worker ?? undefined })
    if (head === null || view.verdict === 'refuse') return view
    return { ...view, ...heldBehind(head, open), verdict: 'wait' }
  }

  /** Waits on disk behind those that the core has, or is not due yet. */
  #explainWaiting(run: LiveRun): ExplanationView {
    const { scheduler, fleet, clock } = this.#options
    const submission = new HeldRun(run, NO_PAYLOAD, 'away', clock, () => {})
    const dry = scheduler.explainDry(submission, clock.monoMs())
    const listed = fleet.workers().length
    const view = toExplanationView({ ...dry, position: undefined }, 'wait', listed, instantsOf(clock))
    if (run.status !== 'scheduled' || run.dueMs === null) return view
    const until = new Date(run.dueMs).toISOString()
    return { ...view, worker: null, heldBy: `not due before ${until}`, hold: { kind: 'not_due', until } }
  }

  async #changed(id: string, changed: Removed | undefined): Promise<Changed | undefined> {
    if (changed && !changed.ok) return changed
    const run = await this.find(id)
    return run && { ok: true, run }
  }

  #isInCore({ kind, run }: StoredRun): boolean {
    return kind === 'live' && this.#options.memory.isLive(run.id)
  }
}

function toFileView(
  run: string,
  { path, mediaType, size }: ReturnType<typeof shownFiles>[number],
): RunView['files'][number] {
  return { path, mediaType, size, url: fileAddress(run, path) }
}

/** It waits for the turns of its session before it, wherever there is a slot. */
function heldBehind(
  head: string,
  before: number,
): Pick<ExplanationView, 'worker' | 'position' | 'heldBy' | 'hold'> {
  const hold = { kind: 'session', until: null } as const
  return { worker: null, position: before, heldBy: `waits for its turn behind ${head}`, hold }
}
