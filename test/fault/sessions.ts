/**
 * Sessions under way while balancer and workers are killed: every turn is handed over at once, in order, and what
 * handlers noted tells whether they had their turns one after another. Used in the small by sessions.test.ts, in the
 * large by the nightly set. `judgeSessions` knows nothing of the store, and of the balancer only what it shows.
 */
import assert from 'node:assert/strict'
import { randomInt, randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Execution } from '../harness/executions.ts'
import type { Scope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { killAtRandom } from './chaos.ts'
import { CALM, Site } from './site.ts'
import type { Fault } from './story.ts'

export type SessionPlan = {
  readonly sessions: number
  readonly turns: number
  readonly workers: number
  /** Of each worker. */
  readonly slots: number
  readonly kills: number
  /** Of a handler, at most. */
  readonly taskMs: number
  /** For all turns to end once nobody is killed any more. */
  readonly limitMs: number
  readonly scope: Scope
}

/** A run as the balancer shows it at the end; its `id` in metadata is `<session>/<turn>`. */
export type ShownTurn = {
  readonly id: string
  readonly status: string
  readonly metadata: { readonly id: string }
}

export type SessionStory = {
  readonly executions: readonly Execution[]
  readonly shown: readonly ShownTurn[]
  readonly faults: readonly Fault[]
  readonly sessions: number
  readonly turns: number
}

export type Played = {
  readonly violations: readonly string[]
  /** Share of turns behind another that ran in the process of the one before. */
  readonly warm: number
  readonly repeats: number
  readonly executions: number
  readonly seconds: number
}

/** Turns that a handler is told of at most. */
const TOLD = 100
const BATCH = 2_000
const ASK_LIMIT = 100
const CLOCK_SLACK_MS = 50

export async function playSessions(plan: SessionPlan): Promise<Played> {
  const workers = Array.from({ length: plan.workers }, () => ({ slots: plan.slots }))
  const site = await Site.start(plan.scope, { workers, env: { ...CALM, LOG_LEVEL: 'info' } })
  const beganAt = performance.now()
  await Promise.all([handOver(site, plan), killAtRandom(site, plan.kills)])
  await until(async () => (await openRuns(site)) === 0, plan.limitMs, 'every turn has ended')
  const seconds = (performance.now() - beganAt) / 1_000
  const { executions, faults } = await site.story(10_000)
  const story = { executions, faults, shown: await listAll(site), sessions: plan.sessions, turns: plan.turns }
  const starts = executions.filter(({ event }) => event === 'started')
  return {
    violations: judgeSessions(story),
    warm: warmShare(story),
    repeats: starts.length - new Set(starts.map(({ runId }) => runId)).size,
    executions: starts.length,
    seconds,
  }
}

/** Turn after turn of all sessions, each batch under a key and again until it is taken: the order is the batch's. */
async function handOver(site: Site, { sessions, turns, taskMs }: SessionPlan): Promise<void> {
  const bodies: string[] = []
  for (let turn = 1; turn <= turns; turn++)
    for (let n = 1; n <= sessions; n++) {
      const session = `s${n}`
      const id = `${session}/${turn}`
      const input = { id, ms: randomInt(0, taskMs + 1) }
      bodies.push(
        JSON.stringify({
          function: 'probe',
          session,
          input,
          metadata: { id },
          attempts: 20,
          idempotent: true,
        }),
      )
    }
  for (let at = 0; at < bodies.length; at += BATCH) await take(site, bodies.slice(at, at + BATCH).join('\n'))
}

async function take(site: Site, body: string): Promise<void> {
  const headers = {
    'content-type': 'application/x-ndjson',
    prefer: 'respond-async',
    'idempotency-key': randomUUID(),
  }
  let last = ''
  for (let tries = 0; tries < ASK_LIMIT; tries++) {
    try {
      const { status, text } = await site.balancer.request('/tasks', { method: 'POST', headers, body })
      if (status === 202) return
      last = `${status} ${text.slice(0, 300)}`
    } catch (error) {
      last = String(error)
    }
    await pause(200)
  }
  assert.fail(`a batch was not taken: ${last}`)
}

async function openRuns(site: Site): Promise<number> {
  try {
    const { body } = await site.balancer.request('/runs?status=scheduled,queued,running&limit=1')
    return (body as { items: unknown[] }).items.length
  } catch {
    return 1
  }
}

async function listAll(site: Site): Promise<ShownTurn[]> {
  const headers = { accept: 'application/x-ndjson' }
  const { text } = await site.balancer.request('/runs', { headers })
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as ShownTurn)
}

// --- Checkers --------------------------------------------------------------------------------------

/** Sentences; none is the verdict "right". */
export function judgeSessions(story: SessionStory): string[] {
  const said: string[] = []
  const say = (detail: string): void => void said.push(detail)
  judgeEnds(story, say)
  for (const [session, executions] of bySession(story)) judgeOrder(session, executions, story.faults, say)
  return said
}

/** Every turn of every session is there once, and has completed. */
function judgeEnds({ shown, sessions, turns }: SessionStory, say: (detail: string) => void): void {
  const byId = Map.groupBy(shown, ({ metadata }) => metadata.id)
  for (let n = 1; n <= sessions; n++)
    for (let turn = 1; turn <= turns; turn++) {
      const found = byId.get(`s${n}/${turn}`) ?? []
      if (found.length !== 1) say(`s${n}/${turn} is shown ${found.length} times`)
      for (const { id, status } of found)
        if (status !== 'completed') say(`${id}, which is s${n}/${turn}, is ${status}`)
    }
}

/** In the order of the notes: a turn begins when the one before is through, and again only where its worker died. */
function judgeOrder(
  session: string,
  executions: readonly Execution[],
  faults: readonly Fault[],
  say: (detail: string) => void,
): void {
  let last: Execution | undefined
  let isThrough = true
  for (const execution of executions) {
    const turn = turnOf(execution)
    if (execution.event !== 'started') {
      if (execution.runId !== last?.runId || execution.pid !== last.pid)
        say(`${execution.id} ended in ${execution.pid} while ${last?.id} was under way`)
      isThrough = true
      continue
    }
    const before = last ? turnOf(last) : 0
    if (turn === before && last) {
      if (!hasDied(faults, last, execution))
        say(`${execution.id} ran again, and its first worker had not died`)
    } else if (turn !== before + 1) say(`${execution.id} began behind turn ${before}`)
    else if (!isThrough) say(`${execution.id} began before ${last?.id} was through`)
    if (execution.session !== session) say(`${execution.id} was told of the session ${execution.session}`)
    const told = Math.min(turn - 1, TOLD)
    const latest = turn > 1 ? `${session}/${turn - 1}` : undefined
    if (execution.turns !== told || execution.lastTurn !== latest)
      say(`${execution.id} was told of ${execution.turns} turns, the last one ${execution.lastTurn}`)
    last = execution
    isThrough = false
  }
}

function hasDied(faults: readonly Fault[], before: Execution, again: Execution): boolean {
  return faults.some(
    ({ kind, pid, beganAtMs }) =>
      kind === 'worker-killed' &&
      pid === before.pid &&
      beganAtMs >= before.atMs - CLOCK_SLACK_MS &&
      beganAtMs <= again.atMs + CLOCK_SLACK_MS,
  )
}

function warmShare(story: SessionStory): number {
  let [warm, all] = [0, 0]
  for (const executions of bySession(story).values()) {
    const starts = executions.filter(({ event }) => event === 'started')
    for (const [at, { pid }] of starts.entries()) {
      if (at === 0) continue
      all++
      if (starts[at - 1]?.pid === pid) warm++
    }
  }
  return all === 0 ? 1 : warm / all
}

function bySession({ executions }: SessionStory): Map<string, Execution[]> {
  return Map.groupBy(executions, ({ id }) => id.split('/')[0] ?? '')
}

function turnOf({ id }: Execution): number {
  return Number(id.split('/')[1])
}
