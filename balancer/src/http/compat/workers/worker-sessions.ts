/**
 * Workers of the workers API as they stand: sessions whose turns the agent function runs (`AGENT_FUNCTION`, group
 * `default`). Reads ports/runs.ts and the store's session reads; begins nothing. Called by the routes beside it.
 * Invariant: a session of any other function is none of these workers, and is answered as unknown.
 */
import { isFinal, isName, type RunItem, type RunView, UsageSum } from '@berth/protocol'
import type { RunReads } from '../../../ports/run-reads.ts'
import type { RunsPort } from '../../../ports/runs.ts'
import type { SessionReads } from '../../../ports/session-store.ts'
import { currentOf, type EarlierTurn, toWorker, type WorkerObject } from './worker-object.ts'

export interface WorkerSessionsDeps {
  readonly runs: Pick<RunsPort, 'list' | 'find'>
  readonly reads: Pick<RunReads, 'usageTotals'> & Pick<SessionReads, 'turns'>
  /** `AGENT_FUNCTION`. */
  readonly agentFunction: string
}

export const AGENT_GROUP = 'default'

/** Turns of one worker that are looked at; files of older ones are not listed. */
const MOST_TURNS = 500
/** How far back a call may be the same one again, and how many calls are compared. */
const TWIN_MS = 10 * 60_000
const MOST_TWINS = 2_000
const PAGE = 100

export class WorkerSessions {
  readonly #deps: WorkerSessionsDeps

  constructor(deps: WorkerSessionsDeps) {
    this.#deps = deps
  }

  /** The newest first; empty for what is no worker. */
  async runsOf(id: string): Promise<readonly RunItem[]> {
    if (!isName(id)) return []
    const { runs, agentFunction } = this.#deps
    return runs.list({ session: id, group: AGENT_GROUP, function: agentFunction }, MOST_TURNS)
  }

  async find(id: string): Promise<WorkerObject | undefined> {
    const { runs } = this.#deps
    const list = await this.runsOf(id)
    const newest = currentOf(list)
    const current = newest && (await runs.find(newest.id))
    if (!current) return undefined
    const [before, usage] = await Promise.all([this.#before(id, current), this.#usage(id, list)])
    return toWorker({ id, runs: list, current, before, usage })
  }

  /** The store's turns hold those that completed, the current one included once it has. */
  async #before(id: string, current: RunView): Promise<readonly EarlierTurn[]> {
    const bytes = await this.#deps.reads.turns(id)
    const turns: readonly EarlierTurn[] = JSON.parse(Buffer.from(bytes).toString() || '[]')
    return current.status === 'completed' ? turns.slice(0, -1) : turns
  }

  /** Totals of what has ended, and what the others have told so far. */
  async #usage(id: string, list: readonly RunItem[]) {
    const totals = await this.#deps.reads.usageTotals({ kind: 'session', name: id })
    const sum = new UsageSum(totals?.usage ?? null)
    for (const { status, usage } of list) if (!isFinal(status) && usage) sum.add(usage)
    return sum.toUsage()
  }

  /**
   * The run that an equal call has begun within the last ten minutes: of that worker, or, without one, of any first
   * turn. Clients of this API repeat by themselves what was not answered in time, and bring no key.
   */
  async findTwin(worker: string | undefined, asked: Asked, nowMs: number): Promise<RunItem | undefined> {
    const { runs, agentFunction } = this.#deps
    const filter = { session: worker, group: AGENT_GROUP, function: agentFunction, fromMs: nowMs - TWIN_MS }
    let before: string | undefined
    for (let seen = 0; seen < MOST_TWINS; seen += PAGE) {
      const page = await runs.list(filter, PAGE, before)
      for (const item of page)
        if (item.budget === asked.budget && item.schedule === null && (await this.#isAsked(item, asked)))
          if (worker !== undefined || (await this.#isFirst(item))) return item
      before = page.at(-1)?.id
      if (page.length < PAGE) return undefined
    }
    return undefined
  }

  async #isAsked({ id }: RunItem, { input }: Asked): Promise<boolean> {
    const run = await this.#deps.runs.find(id)
    const given = run?.input
    return typeof given === 'object' && given !== null && 'input' in given && given.input === input
  }

  async #isFirst({ id, session }: RunItem): Promise<boolean> {
    const list = session === null ? [] : await this.runsOf(session)
    return list.at(-1)?.id === id
  }
}

export interface Asked {
  readonly input: string
  readonly budget: string
}
