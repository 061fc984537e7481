/**
 * Puts the balancer's HTTP together: every route of the table behind its guard, and what answers when none
 * matches. Constructed by compose from ports; a test asks it in memory.
 * Invariants: deny by default (an address that is not in the table says nothing without a key); every answer
 * carries the security headers; what goes wrong inside is logged and never answered.
 */
import type { BalancerView, TaskError } from '@berth/protocol'
import type { Clock, Log } from '@berth/runtime'
import { Hono } from 'hono'
import type { ActivityPort } from '../ports/activity.ts'
import type { FleetPort } from '../ports/fleet.ts'
import type { KeepPort } from '../ports/store.ts'
import type { TrafficPort } from '../ports/traffic.ts'
import { activityRoutes } from './activity-routes.ts'
import { type Gate, UNAUTHORIZED } from './auth.ts'
import { type Dashboard, dashboardRoutes } from './dashboard-routes.ts'
import { drainRoutes } from './drain-routes.ts'
import { fleetRoutes } from './fleet-routes.ts'
import { INTERNAL_ERROR, problem } from './problem.ts'
import { type AppEnv, guard, type Route, type RouteContext, readRequestHead } from './routes.ts'
import { applySecurityHeaders } from './security-headers.ts'
import { sessionRoutes } from './session-routes.ts'
import type { Sessions } from './sessions.ts'
import type { Settings } from './settings.ts'
import { settingsRoutes } from './settings-routes.ts'
import { statusRoutes } from './status-routes.ts'
import { Turns } from './turns.ts'
import { workerRoutes } from './worker-routes.ts'

export interface AppDeps {
  readonly gate: Gate
  /** Takes notes of what operators do, and shows them. */
  readonly activity?: ActivityPort | undefined
  readonly sessions: Sessions
  readonly fleet: FleetPort
  readonly keeper: KeepPort
  readonly settings: Settings
  readonly traffic: TrafficPort
  readonly log: Log
  readonly clock: Clock
  readonly balancer: () => BalancerView
  readonly dashboard: Dashboard
  /** Whether HOST is a loopback address. */
  readonly isLoopbackHost: boolean
  /** Routes that others own, such as `POST /task`. */
  readonly routes?: readonly Route[]
}

/** The whole table. */
export function listRoutes(deps: AppDeps): readonly Route[] {
  const maintenance = { ...deps, turns: new Turns() }
  return [
    ...(deps.routes ?? []),
    ...sessionRoutes(deps),
    ...statusRoutes(deps),
    ...workerRoutes(maintenance),
    ...drainRoutes(maintenance),
    ...fleetRoutes(maintenance),
    ...settingsRoutes(deps),
    ...(deps.activity ? activityRoutes(deps.activity) : []),
    ...dashboardRoutes(deps.dashboard),
  ]
}

export function createApp(deps: AppDeps): Hono<AppEnv> {
  const app = new Hono<AppEnv>()
  const routes = listRoutes(deps)
  app.use(async (c, next) => {
    await next()
    applySecurityHeaders(c.res.headers)
  })
  for (const route of routes) app.on(route.method, route.path, guard(route, deps), (c) => route.handle(c))
  for (const [path, group] of groupByPath(routes)) app.all(path, (c) => refuseMethod(c, deps, group))
  app.notFound((c) => refusePath(c, deps))
  app.onError((error, c) => {
    if (error.name === 'StoreError') return problem(unread(error.message))
    deps.log.error('a request failed inside', { method: c.req.method, path: c.req.path, error })
    return problem(INTERNAL_ERROR)
  })
  return app
}

/** Runs on disk cannot be read now: nobody's mistake in the code. */
function unread(reason: string): TaskError {
  return { code: 'STORE_UNAVAILABLE', detail: `The store cannot be read: ${reason}.`, retryAfterMs: 1_000 }
}

/** The routes of each path. */
function groupByPath(routes: readonly Route[]): ReadonlyMap<string, readonly Route[]> {
  return Map.groupBy(routes, (route) => route.path)
}

function refuseMethod(c: RouteContext, deps: AppDeps, routes: readonly Route[]): Response {
  const isPublic = routes.every((route) => route.policy === 'public')
  if (!isPublic && isAnonymous(c, deps)) return problem(UNAUTHORIZED)
  const allow = routes.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ')
  const detail = `${c.req.path} takes ${allow}, not ${c.req.method}.`
  return problem({ code: 'METHOD_NOT_ALLOWED', detail }, { headers: { allow } })
}

function refusePath(c: RouteContext, deps: AppDeps): Response {
  if (isAnonymous(c, deps)) return problem(UNAUTHORIZED)
  return problem({
    code: 'NOT_FOUND',
    detail: 'There is nothing at this address; docs/contract.md lists all.',
  })
}

function isAnonymous(c: RouteContext, deps: AppDeps): boolean {
  return deps.gate.authorise(readRequestHead(c)).kind === 'none'
}
