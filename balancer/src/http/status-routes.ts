/**
 * How the balancer is: probes for those who run it, its log, and the functions its fleet serves.
 * Invariant: without a key only one word is said, the status.
 */
import { type BalancerView, type WorkerState, workerStateSchema } from '@berth/protocol'
import type { Log } from '@berth/runtime'
import type { FleetPort, FunctionView } from '../ports/fleet.ts'
import type { KeepPort } from '../ports/store.ts'
import type { TrafficPort } from '../ports/traffic.ts'
import { cutPage, readQuery } from './lists.ts'
import { problem } from './problem.ts'
import type { Route, RouteContext } from './routes.ts'
import type { Settings } from './settings.ts'

export interface StatusRouteDeps {
  readonly fleet: FleetPort
  readonly keeper: Pick<KeepPort, 'health'>
  readonly settings: Pick<Settings, 'backgroundOf' | 'keepWarmOf' | 'pauseOf'>
  readonly traffic: TrafficPort
  readonly log: Log
  readonly balancer: () => BalancerView
}

export function statusRoutes(deps: StatusRouteDeps): readonly Route[] {
  return [
    { method: 'GET', path: '/health', policy: 'public', handle: (c) => showHealth(c, deps) },
    { method: 'GET', path: '/livez', policy: 'public', handle: (c) => c.json({ status: 'ok' }) },
    { method: 'GET', path: '/readyz', policy: 'public', handle: (c) => showReadiness(c, deps) },
    { method: 'GET', path: '/logs', policy: 'read', handle: (c) => showLogs(c, deps) },
    { method: 'GET', path: '/functions', policy: 'read', handle: (c) => listFunctions(c, deps) },
    { method: 'GET', path: '/feed', policy: 'read', handle: explainFeed },
  ]
}

function showHealth(c: RouteContext, { fleet, keeper, traffic, balancer }: StatusRouteDeps): Response {
  const { status, version } = balancer()
  if (c.get('access').kind === 'none') return c.json({ status })
  const { waiting, running } = traffic.traffic()
  const workers = countStates(fleet)
  const queue = { waiting, running }
  return c.json({ status, workers, queue, version, config: fleet.config(), store: keeper.health() })
}

/** Every state with its count, also where it is zero. */
function countStates(fleet: FleetPort): Record<WorkerState, number> {
  const counts = new Map<WorkerState, number>(workerStateSchema.options.map((state) => [state, 0]))
  for (const { status } of fleet.gauges()) counts.set(status, (counts.get(status) ?? 0) + 1)
  return Object.fromEntries(counts) as Record<WorkerState, number>
}

/** Ready is who can take tasks and keep what it promises: from the first answer on, whatever its workers do. */
function showReadiness(c: RouteContext, { balancer, keeper }: StatusRouteDeps): Response {
  const obstacle = keeper.health().state === 'ok' ? undefined : 'store-unavailable'
  const status = obstacle ?? (balancer().status === 'draining' ? 'draining' : 'ready')
  if (status === 'ready') return c.json({ status })
  return c.json({ status }, 503, { 'retry-after': '1' })
}

function showLogs(c: RouteContext, { log }: StatusRouteDeps): Response {
  const query = readQuery(c.req.url, [])
  return query.ok ? c.json({ logs: log.lines() }) : problem(query.error)
}

function listFunctions(c: RouteContext, { fleet, settings }: StatusRouteDeps): Response {
  const query = readQuery(c.req.url, ['group', 'limit', 'cursor'])
  if (!query.ok) return problem(query.error)
  const { group } = query.value
  const meant = fleet.functions().filter((item) => group === undefined || item.group === group)
  const page = cutPage(meant, query.value, keyOf)
  if (!page.ok) return problem(page.error)
  const { items, cursor } = page.value
  const shown = items.map((item) => ({
    ...item,
    background: settings.backgroundOf(item.group, item.name) ?? item.background,
    keepWarm: settings.keepWarmOf(item.group, item.name) ?? item.keepWarm,
    paused: settings.pauseOf(item.group, item.name),
  }))
  return c.json({ items: shown, cursor })
}

function keyOf({ group, name, contract }: FunctionView): string {
  return `${group}/${name}/${contract}`
}

/** The feed itself begins with an upgrade, which does not come through the router. */
function explainFeed(): Response {
  const detail = 'The feed is a WebSocket; ask for an upgrade.'
  return problem({ code: 'INVALID_REQUEST', detail }, { status: 426, headers: { upgrade: 'websocket' } })
}
