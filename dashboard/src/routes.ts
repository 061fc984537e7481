/**
 * The pages below `/dashboard` and how an address finds one. A page is one entry here and one folder in
 * `pages/`; all are loaded when first shown. Segments are decoded here, each once, so that an id may hold
 * a slash or a percent sign.
 */
import { type ComponentType, type LazyExoticComponent, lazy } from 'react'
import { BASE } from './paths.ts'

export { BASE } from './paths.ts'

export type PathParams = Readonly<Record<string, string>>

/** What every page gets. */
export interface PageProps {
  readonly params: PathParams
}

export type PageName =
  | 'overview'
  | 'workers'
  | 'worker'
  | 'capability'
  | 'tasks'
  | 'task'
  | 'queue'
  | 'functions'
  | 'function'
  | 'invoke'
  | 'schedules'
  | 'schedule'
  | 'logs'
  | 'config'
  | 'activity'

type Page = ComponentType<PageProps>

export interface Route {
  readonly name: PageName
  /** Relative to `/dashboard`; `:name` is a parameter. */
  readonly path: string
  readonly page: LazyExoticComponent<Page>
  /** Fetches the page's code ahead of its first drawing. */
  load(): Promise<unknown>
  /** The page itself, once its code is here; it needs nothing to stand for it. */
  loaded(): Page | null
}

function page(fetchPage: () => Promise<Page>): Pick<Route, 'page' | 'load' | 'loaded'> {
  let known: Page | null = null
  const load = async () => {
    known = await fetchPage()
    return known
  }
  return { page: lazy(async () => ({ default: await load() })), load, loaded: () => known }
}

export const routes: readonly Route[] = [
  {
    name: 'overview',
    path: '/',
    ...page(async () => (await import('./pages/overview/overview-page.tsx')).OverviewPage),
  },
  {
    name: 'workers',
    path: '/workers',
    ...page(async () => (await import('./pages/workers/workers-page.tsx')).WorkersPage),
  },
  {
    name: 'worker',
    path: '/workers/:id',
    ...page(async () => (await import('./pages/worker/worker-page.tsx')).WorkerPage),
  },
  {
    name: 'capability',
    path: '/capability',
    ...page(async () => (await import('./pages/capability/capability-page.tsx')).CapabilityPage),
  },
  {
    name: 'tasks',
    path: '/tasks',
    ...page(async () => (await import('./pages/tasks/tasks-page.tsx')).TasksPage),
  },
  {
    name: 'task',
    path: '/tasks/:id',
    ...page(async () => (await import('./pages/task/task-page.tsx')).TaskPage),
  },
  {
    name: 'queue',
    path: '/queue',
    ...page(async () => (await import('./pages/queue/queue-page.tsx')).QueuePage),
  },
  {
    name: 'functions',
    path: '/functions',
    ...page(async () => (await import('./pages/functions/functions-page.tsx')).FunctionsPage),
  },
  {
    name: 'function',
    path: '/functions/:group/:name',
    ...page(async () => (await import('./pages/functions/function-page.tsx')).FunctionPage),
  },
  {
    name: 'invoke',
    path: '/invoke',
    ...page(async () => (await import('./pages/invoke/invoke-page.tsx')).InvokePage),
  },
  {
    name: 'schedules',
    path: '/schedules',
    ...page(async () => (await import('./pages/schedules/schedules-page.tsx')).SchedulesPage),
  },
  {
    name: 'schedule',
    path: '/schedules/:id',
    ...page(async () => (await import('./pages/schedules/schedule-page.tsx')).SchedulePage),
  },
  {
    name: 'logs',
    path: '/logs',
    ...page(async () => (await import('./pages/logs/logs-page.tsx')).LogsPage),
  },
  {
    name: 'config',
    path: '/config',
    ...page(async () => (await import('./pages/config/config-page.tsx')).ConfigPage),
  },
  {
    name: 'activity',
    path: '/activity',
    ...page(async () => (await import('./pages/activity/activity-page.tsx')).ActivityPage),
  },
]

export interface Found {
  readonly route: Route
  readonly params: PathParams
}

/** The page of a raw pathname (as `location.pathname` has it); null when there is none. */
export function findRoute(pathname: string): Found | null {
  const segments = segmentsOf(pathname)
  if (segments === null) return null
  for (const route of routes) {
    const params = match(route.path, segments)
    if (params) return { route, params }
  }
  return null
}

function segmentsOf(pathname: string): readonly string[] | null {
  if (pathname !== BASE && !pathname.startsWith(`${BASE}/`)) return null
  const parts = pathname.slice(BASE.length).split('/').filter(Boolean)
  try {
    return parts.map(decodeURIComponent)
  } catch {
    return null
  }
}

function match(pattern: string, segments: readonly string[]): PathParams | null {
  const parts = pattern.split('/').filter(Boolean)
  if (parts.length !== segments.length) return null
  const params: Record<string, string> = {}
  for (const [i, part] of parts.entries()) {
    const value = segments[i] ?? ''
    if (part.startsWith(':')) params[part.slice(1)] = value
    else if (part !== value) return null
  }
  return params
}
