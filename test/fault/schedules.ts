/**
 * Fifty schedules of all kinds while balancer and workers are killed at random moments, and the checker of what they
 * fired (C16): the instants of each are listed by brute force, apart from the balancer's own calendar, and each must
 * have been fired once, or passed as its `overlap` says. Used in the small by schedules.test.ts, in the large by the
 * nightly set.
 */
import assert from 'node:assert/strict'
import { firesBetween, offsetsOf, oracleOf } from '../../balancer/src/runs/schedules/testing/cron-oracle.ts'
import type { Scope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { killAtRandom } from './chaos.ts'
import { CALM, Site } from './site.ts'

export type Time =
  | { readonly type: 'cron'; readonly cron: string; readonly timezone: string }
  | { readonly type: 'interval'; readonly intervalSeconds: number }
  | { readonly type: 'delayed'; readonly delayInSeconds: number }
  | { readonly type: 'scheduled'; readonly date: string }

/** One schedule and all that is known of it at the end. */
export type ScheduleStory = {
  readonly label: string
  readonly time: Time
  readonly overlap: 'skip' | 'queue' | 'allow'
  /** Its first instant as it was told, and when it was made and switched off; Unix milliseconds. */
  readonly firstMs: number
  readonly madeMs: number
  readonly endedMs: number
  /** The instants of its runs, in the order of acceptance. */
  readonly firedMs: readonly number[]
  readonly skipped: number
  /** Instants that still waited, and those missed or refused. */
  readonly waiting: number
  readonly lost: number
  /** Of its runs. */
  readonly statuses: readonly string[]
}

type View = {
  id: string
  nextRunAt: string | null
  lastInstant: string | null
  createdAt: string
  updatedAt: string
  waiting: number
  counts: { fired: number; skipped: number; missed: number; refused: number }
}

type Shown = { id: string; status: string; scheduledFor: string; metadata: { label: string } }

/** An instant may be told to be due so long before it is fired, on a busy machine. */
const LATE_MS = 60_000
const SETTLE_MS = 90_000
const WORKERS = [{ slots: 16 }, { slots: 16 }, { slots: 16 }]

/** Sentences; none is the verdict "right". */
export function judgeSchedule(story: ScheduleStory): string[] {
  const { label, overlap, firedMs, skipped, waiting, lost, statuses } = story
  const says: string[] = []
  const say = (text: string) => void says.push(`C16: ${label}: ${text}`)
  const due = instantsOf(story)
  const known = new Set(due)
  const seen = new Set<number>()
  for (const at of firedMs) {
    if (seen.has(at)) say(`fired twice for ${iso(at)}`)
    if (!known.has(at)) say(`fired for ${iso(at)}, which is none of its instants`)
    seen.add(at)
  }
  if (lost > 0) say(`${lost} instants were missed or refused`)
  const passed = due.filter((at) => !seen.has(at))
  if (overlap === 'allow') for (const at of passed) say(`never fired for ${iso(at)}`)
  else if (passed.length !== skipped + waiting)
    say(`${passed.length} of ${due.length} instants were not fired, ${skipped} skipped, ${waiting} wait`)
  if (overlap === 'queue') {
    for (const [at, instant] of firedMs.entries())
      if (instant < (firedMs[at - 1] ?? 0)) say(`fired for ${iso(instant)} after a later instant`)
  }
  for (const status of statuses) if (status !== 'completed') say(`a run of it is ${status}`)
  return says
}

/** All of them until it was switched off, by a walk over every second. */
function instantsOf({ time, firstMs, madeMs, endedMs }: ScheduleStory): number[] {
  switch (time.type) {
    case 'cron': {
      const from = Math.floor(madeMs / 1_000) * 1_000 + 1_000
      const offsetAt = offsetsOf(time.timezone, from - 3 * 86_400_000, endedMs + 86_400_000)
      return firesBetween([oracleOf(time.cron)], offsetAt, from, endedMs + 1, 1_000)[0] ?? []
    }
    case 'interval': {
      const instants: number[] = []
      for (let at = madeMs + 1; at <= endedMs; at++)
        if ((at - madeMs) % (time.intervalSeconds * 1_000) === 0) instants.push(at)
      return instants
    }
    case 'delayed':
      return [madeMs + time.delayInSeconds * 1_000]
    case 'scheduled':
      return [Math.max(firstMs, Date.parse(time.date))]
  }
}

export async function killAmongSchedules(plan: {
  readonly schedules: number
  readonly kills: number
  readonly scope: Scope
}): Promise<{ readonly stories: readonly ScheduleStory[]; readonly violations: readonly string[] }> {
  const site = await Site.start(plan.scope, { workers: WORKERS, env: { ...CALM, LOG_LEVEL: 'info' } })
  const made = await Promise.all(
    Array.from({ length: plan.schedules }, (_, index) => makeSchedule(site, index, plan.kills)),
  )
  await killAtRandom(site, plan.kills)
  const stories = await endAll(site, made)
  return { stories, violations: stories.flatMap(judgeSchedule) }
}

const ZONES = ['UTC', 'America/New_York', 'Europe/Vienna', 'Australia/Lord_Howe', 'Asia/Kathmandu']
const CRONS = ['* * * * * *', '*/2 * * * * *', '1-59/3 * * * * *', '0,7,20-40,55 * * * * *', '*/5 * * * * *']

/** Cron, interval, delay and date in turn; one in ten skips, one in ten queues, the others allow. */
function timeOf(index: number, kills: number): Time {
  const turn = Math.floor(index / 4)
  // Within the time that the kills take, about two seconds each.
  const delayInSeconds = 1 + (index % (kills + 1))
  switch (index % 4) {
    case 0: {
      const timezone = ZONES[turn % ZONES.length] ?? 'UTC'
      return { type: 'cron', cron: CRONS[turn % CRONS.length] ?? '', timezone }
    }
    case 1:
      return { type: 'interval', intervalSeconds: 1 + (turn % 4) }
    case 2:
      return { type: 'delayed', delayInSeconds }
    default:
      return { type: 'scheduled', date: new Date(Date.now() + delayInSeconds * 1_000).toISOString() }
  }
}

type Made = { readonly id: string } & Pick<ScheduleStory, 'label' | 'time' | 'overlap' | 'firstMs' | 'madeMs'>

async function makeSchedule(site: Site, index: number, kills: number): Promise<Made> {
  const time = timeOf(index, kills)
  const overlap = index % 10 === 1 ? 'skip' : index % 10 === 5 ? 'queue' : 'allow'
  const label = `s${index} ${JSON.stringify(time)} ${overlap}`
  // What overlaps takes longer than its interval, now and then.
  const ms = overlap === 'allow' ? 5 : 700
  const task = { function: 'probe', input: { id: `s${index}`, ms }, metadata: { label }, idempotent: true }
  const answer = await site.balancer.request('/schedules', {
    method: 'POST',
    body: JSON.stringify({ ...task, ...time, overlap, attempts: 50 }),
  })
  assert.equal(answer.status, 201, answer.text)
  const { id, nextRunAt, createdAt } = answer.body as View
  const [firstMs, madeMs] = [Date.parse(nextRunAt ?? ''), Date.parse(createdAt)]
  return { id, label, time, overlap, firstMs, madeMs }
}

/** Switches them off at a moment at which all that was due has fired, and reads what there is. */
async function endAll(site: Site, made: readonly Made[]): Promise<ScheduleStory[]> {
  const ask = async (path: string, body?: object) => {
    const init = body ? { method: 'PATCH', body: JSON.stringify(body) } : {}
    const answer = await site.balancer.request(path, init)
    assert.equal(answer.status, 200, answer.text)
    return answer.body
  }
  const show = async (id: string) => (await ask(`/schedules/${id}`)) as View
  const isOnTime = async ({ id }: Made) => {
    const view = await show(id)
    return view.nextRunAt === null || Date.parse(view.nextRunAt) > Date.now() ? view : undefined
  }
  const ended = new Map<string, number>()
  for (const one of made) {
    const before = await until(() => isOnTime(one), LATE_MS, `${one.label} has fired all that was due`)
    const off = await switchOff(one, ask, show)
    ended.set(one.id, off.counts.fired === 0 ? Date.now() : endOf(before, off))
  }
  const runsOf = async (id: string) => {
    const runs: Shown[] = []
    for (let cursor = ''; ; ) {
      const page = (await ask(`/runs?schedule=${id}&limit=500${cursor}`)) as {
        items: Shown[]
        cursor: string | null
      }
      runs.push(...page.items)
      if (page.cursor === null) return runs.toReversed()
      cursor = `&cursor=${page.cursor}`
    }
  }
  return Promise.all(
    made.map(async ({ id, ...story }) => {
      const isOver = (run: Shown) => !['queued', 'running', 'scheduled'].includes(run.status)
      const runs = await until(
        async () => {
          const found = await runsOf(id)
          return found.every(isOver) ? found : undefined
        },
        SETTLE_MS,
        `all runs of ${story.label} have ended`,
      )
      const { counts, waiting } = await show(id)
      return {
        ...story,
        endedMs: ended.get(id) ?? 0,
        firedMs: runs.map(({ scheduledFor }) => Date.parse(scheduledFor)),
        skipped: counts.skipped,
        waiting,
        lost: counts.missed + counts.refused,
        statuses: runs.map(({ status }) => status),
      }
    }),
  )
}

/**
 * The last moment of which every instant must have fired. Whoever switches one off just as it is due may come first,
 * and then it does not fire: the next one that was told before is none of its instants, unless it was claimed.
 */
export function endOf(
  { nextRunAt }: Pick<View, 'nextRunAt'>,
  { updatedAt, lastInstant }: Pick<View, 'updatedAt' | 'lastInstant'>,
): number {
  const updatedMs = Date.parse(updatedAt)
  if (nextRunAt === null) return updatedMs
  const nextMs = Date.parse(nextRunAt)
  const isClaimed = lastInstant !== null && Date.parse(lastInstant) >= nextMs
  return isClaimed ? updatedMs : Math.min(updatedMs, nextMs - 1)
}

/** What fires once is off by itself, and must have fired. */
async function switchOff(
  { id, time, label }: Made,
  ask: (path: string, body?: object) => Promise<unknown>,
  show: (id: string) => Promise<View>,
): Promise<View> {
  if (time.type === 'cron' || time.type === 'interval')
    return (await ask(`/schedules/${id}`, { enabled: false })) as View
  return until(
    async () => {
      const view = await show(id)
      return view.counts.fired > 0 ? view : undefined
    },
    LATE_MS,
    `${label} has fired`,
  )
}

function iso(ms: number): string {
  return new Date(ms).toISOString()
}
