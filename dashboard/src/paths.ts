/**
 * Every page's and entity's permalink, relative to `/dashboard` as the router takes it. Ids may hold any
 * character: each is one encoded segment. `addressOf` makes the whole address for copying.
 */
export const BASE = '/dashboard'

const segment = (id: string): string => encodeURIComponent(id)

export const paths = {
  overview: () => '/',
  workers: () => '/workers',
  worker: (id: string) => `/workers/${segment(id)}`,
  capability: () => '/capability',
  runs: () => '/tasks',
  run: (id: string) => `/tasks/${segment(id)}`,
  queue: () => '/queue',
  functions: () => '/functions',
  function: (group: string, name: string) => `/functions/${segment(group)}/${segment(name)}`,
  invoke: () => '/invoke',
  schedules: () => '/schedules',
  schedule: (id: string) => `/schedules/${segment(id)}`,
  logs: () => '/logs',
  config: () => '/config',
  activity: () => '/activity',
} as const

/** A path with search parameters; members that are null or undefined are left out. */
export function withQuery(
  path: string,
  query: Readonly<Record<string, string | number | boolean | null | undefined>>,
): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined) params.set(name, String(value))
  }
  const search = params.toString()
  if (search === '') return path
  return `${path}${path.includes('?') ? '&' : '?'}${search}`
}

/** The whole address of a path, for a link that is copied. */
export function addressOf(path: string, origin = window.location.origin): string {
  return `${origin}${BASE}${path === '/' ? '' : path}`
}
