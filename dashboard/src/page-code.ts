/**
 * The pages below `/dashboard`, where the code of each is, and how an address finds one. A page is one entry here and
 * one folder in `pages/`; all are loaded when first shown. Segments are decoded here, each once, so that an id may
 * hold a slash or a percent sign. Called by `begin.ts`, which fetches a page's code ahead of everything else.
 * Invariant: nothing but addresses is needed to find a page.
 */
import type { ComponentType } from 'react'
import { BASE } from './paths.ts'

export type PathParams = Readonly<Record<string, string>>

/** What every page gets. */
export interface PageProps {
  readonly params: PathParams
}

export type Page = ComponentType<PageProps>

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

/** A page's code, which is fetched once. */
export interface PageCode {
  fetch(): Promise<Page>
  /** The page itself, once its code is here. */
  fetched(): Page | null
}

export interface PageEntry {
  readonly name: PageName
  /** Relative to `/dashboard`; `:name` is a parameter. */
  readonly path: string
  readonly page: PageCode
}

function code(fetchPage: () => Promise<Page>): PageCode {
  let known: Page | null = null
  const fetch = async () => {
    known = await fetchPage()
    return known
  }
  return { fetch, fetched: () => known }
}

export const pages: readonly PageEntry[] = [
  {
    name: 'overview',
    path: '/',
    page: code(async () => (await import('./pages/overview/overview-page.tsx')).OverviewPage),
  },
  {
    name: 'workers',
    path: '/workers',
    page: code(async () => (await import('./pages/workers/workers-page.tsx')).WorkersPage),
  },
  {
    name: 'worker',
    path: '/workers/:id',
    page: code(async () => (await import('./pages/worker/worker-page.tsx')).WorkerPage),
  },
  {
    name: 'capability',
    path: '/capability',
    page: code(async () => (await import('./pages/capability/capability-page.tsx')).CapabilityPage),
  },
  {
    name: 'tasks',
    path: '/tasks',
    page: code(async () => (await import('./pages/tasks/tasks-page.tsx')).TasksPage),
  },
  {
    name: 'task',
    path: '/tasks/:id',
    page: code(async () => (await import('./pages/task/task-page.tsx')).TaskPage),
  },
  {
    name: 'queue',
    path: '/queue',
    page: code(async () => (await import('./pages/queue/queue-page.tsx')).QueuePage),
  },
  {
    name: 'functions',
    path: '/functions',
    page: code(async () => (await import('./pages/functions/functions-page.tsx')).FunctionsPage),
  },
  {
    name: 'function',
    path: '/functions/:group/:name',
    page: code(async () => (await import('./pages/functions/function-page.tsx')).FunctionPage),
  },
  {
    name: 'invoke',
    path: '/invoke',
    page: code(async () => (await import('./pages/invoke/invoke-page.tsx')).InvokePage),
  },
  {
    name: 'schedules',
    path: '/schedules',
    page: code(async () => (await import('./pages/schedules/schedules-page.tsx')).SchedulesPage),
  },
  {
    name: 'schedule',
    path: '/schedules/:id',
    page: code(async () => (await import('./pages/schedules/schedule-page.tsx')).SchedulePage),
  },
  {
    name: 'logs',
    path: '/logs',
    page: code(async () => (await import('./pages/logs/logs-page.tsx')).LogsPage),
  },
  {
    name: 'config',
    path: '/config',
    page: code(async () => (await import('./pages/config/config-page.tsx')).ConfigPage),
  },
  {
    name: 'activity',
    path: '/activity',
    page: code(async () => (await import('./pages/activity/activity-page.tsx')).ActivityPage),
  },
]

/** The page of a raw pathname (as `location.pathname` has it); null when there is none. */
export function findPage(
  pathname: string,
): { readonly entry: PageEntry; readonly params: PathParams } | null {
  const segments = segmentsOf(pathname)
  if (segments === null) return null
  for (const entry of pages) {
    const params = match(entry.path, segments)
    if (params) return { entry, params }
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
