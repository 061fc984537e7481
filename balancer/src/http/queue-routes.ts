/**
 * What waits, for the queue's page: `GET /queue` (docs/contract-additions.md). Lanes in figures, beside them what
 * limits them, and the next tasks in the order in which they will go. Changes nothing.
 */
import { isName, NAME_RULE, type TaskError } from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import type { FleetPort } from '../ports/fleet.ts'
import type { LimitTarget, OperatorPort } from '../ports/operator.ts'
import type { LanePicture, QueueLookPort, WaitingPicture } from '../ports/queue-look.ts'
import type { TalliesPort } from '../ports/tallies.ts'
import type { BodyRead } from './body.ts'
import { readQuery } from './lists.ts'
import { problem } from './problem.ts'
import { QueueRates, type Rates } from './queue-rates.ts'
import type { Route, RouteContext } from './routes.ts'
import type { Settings } from './settings.ts'

export interface QueueRouteDeps {
  readonly core: QueueLookPort & Pick<TalliesPort, 'tallies'> & Pick<OperatorPort, 'limits'>
  readonly settings: Pick<Settings, 'pauseOf'>
  readonly fleet: Pick<FleetPort, 'functions'>
  readonly clock: Clock
}

const HEAD = 200
const MAX_HEAD = 500
/** Functions of the fleet that have no lane, because nobody has asked for them yet, are shown up to this many. */
const MAX_QUIET = 500

export function queueRoutes(deps: QueueRouteDeps): readonly Route[] {
  const rates = new QueueRates(deps.core, deps.clock)
  return [{ method: 'GET', path: '/queue', policy: 'read', handle: (c) => show(c, deps, rates) }]
}

function show(c: RouteContext, deps: QueueRouteDeps, rates: QueueRates): Response {
  const query = readQuery(c.req.url, ['group', 'limit'])
  if (!query.ok) return problem(query.error)
  const limit = readHead(query.value.limit)
  if (!limit.ok) return problem(limit.error)
  const { group } = query.value
  if (group !== undefined && !isName(group)) return problem(refuse(`\`group\` must be a name: ${NAME_RULE}.`))
  const now = { wallMs: deps.clock.wallMs(), monoMs: deps.clock.monoMs() }
  const picture = deps.core.queue(group, limit.value, now.monoMs)
  const rateOf = rates.measure()
  const backlog = backlogOf(picture.lanes)
  const lanes = [...picture.lanes, ...quietLanes(picture.lanes, group, deps.fleet)]
  return c.json(
    {
      at: new Date(now.wallMs).toISOString(),
      waiting: picture.waiting,
      lanes: lanes.map((lane) =>
        laneView(lane, deps, now, rateOf(lane), backlog.get(functionKey(lane)) ?? 0),
      ),
      head: picture.head.map((task) => headView(task, now.monoMs)),
    },
    200,
    { 'cache-control': 'no-store' },
  )
}

interface Now {
  readonly wallMs: number
  readonly monoMs: number
}

function laneView(
  lane: LanePicture,
  { core, settings }: QueueRouteDeps,
  now: Now,
  rates: Rates | undefined,
  backlog: number,
) {
  const {
    group,
    contract,
    function: name,
    selector,
    waiting,
    hasMore,
    oldestAt,
    capable,
    free,
    fairness,
  } = lane
  const limitsOf = (target: LimitTarget, of: 'group' | 'function') => limitViews(core, target, of, now.monoMs)
  return {
    group,
    contract,
    function: name,
    tags: selector === '' ? null : selector,
    waiting,
    hasMore,
    oldestAt: oldestAt === undefined ? null : new Date(now.wallMs - (now.monoMs - oldestAt)).toISOString(),
    arrivalPerSecond: rates?.arrivalPerSecond ?? null,
    servicePerSecond: rates?.servicePerSecond ?? null,
    clearMs: clearMs(backlog, rates, hasMore),
    capable,
    free,
    limits: [...limitsOf({ group }, 'group'), ...limitsOf({ group, function: name }, 'function')],
    paused: settings.pauseOf(group, name),
    fairness,
  }
}

/** All that waits for the function at the present rates; null when it does not get less, or nobody knows. */
function clearMs(backlog: number, rates: Rates | undefined, hasMore: boolean): number | null {
  if (backlog === 0) return 0
  if (!rates || hasMore || rates.servicePerSecond <= rates.arrivalPerSecond) return null
  return Math.round((backlog * 1_000) / (rates.servicePerSecond - rates.arrivalPerSecond))
}

function limitViews(
  core: Pick<OperatorPort, 'limits'>,
  target: LimitTarget,
  of: 'group' | 'function',
  now: number,
) {
  const { concurrency, rate } = core.limits(target, now)
  return [
    ...(concurrency.limit === undefined
      ? []
      : [
          { of, kind: 'concurrency' as const, used: concurrency.used, limit: concurrency.limit, perMs: null },
        ]),
    ...(rate ? [{ of, kind: 'rate' as const, used: rate.used, limit: rate.limit, perMs: rate.perMs }] : []),
  ]
}

function headView({ run, waitsSinceAt, ...rest }: WaitingPicture, now: number) {
  return {
    id: run,
    ...rest,
    fairnessKey: rest.fairnessKey ?? null,
    waitedMs: Math.max(0, Math.round(now - waitsSinceAt)),
  }
}

function functionKey({
  group,
  contract,
  function: name,
}: Pick<LanePicture, 'group' | 'contract' | 'function'>): string {
  return `${group}\n${contract}\n${name}`
}

function backlogOf(lanes: readonly LanePicture[]): ReadonlyMap<string, number> {
  const backlog = new Map<string, number>()
  for (const lane of lanes)
    backlog.set(functionKey(lane), (backlog.get(functionKey(lane)) ?? 0) + lane.waiting)
  return backlog
}

/** What the fleet serves and nobody has asked for: it can be paused all the same. */
function quietLanes(
  lanes: readonly LanePicture[],
  group: string | undefined,
  fleet: QueueRouteDeps['fleet'],
): LanePicture[] {
  const known = new Set(lanes.map(functionKey))
  const quiet: LanePicture[] = []
  for (const served of fleet.functions()) {
    if (quiet.length >= MAX_QUIET) break
    if (group !== undefined && served.group !== group) continue
    const lane = { group: served.group, contract: served.contract, function: served.name }
    if (known.has(functionKey(lane))) continue
    quiet.push({
      ...lane,
      selector: '',
      waiting: 0,
      hasMore: false,
      oldestAt: undefined,
      capable: served.workers.length,
      free: 0,
      fairness: [],
    })
  }
  return quiet
}

function readHead(text: string | undefined): BodyRead<number> {
  if (text === undefined) return { ok: true, value: HEAD }
  const limit = Number(text)
  if (/^\d{1,3}$/.test(text) && limit >= 1 && limit <= MAX_HEAD) return { ok: true, value: limit }
  return { ok: false, error: refuse(`\`limit\` must be a whole number from 1 to ${MAX_HEAD}.`) }
}

function refuse(detail: string): TaskError {
  return { code: 'INVALID_REQUEST', detail }
}
