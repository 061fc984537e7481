/**
 * The pages below `/dashboard` and how an address finds one. A new page is one entry here and one
 * folder in `pages/`; all but the first are best made `lazy`.
 */
import type { ComponentType } from 'react'
import { WorkersPage } from './pages/workers/workers-page.tsx'

export const BASE = '/dashboard'
export const HOME = `${BASE}/workers`

export interface Route {
  readonly path: string
  readonly page: ComponentType
}

export const routes: readonly Route[] = [{ path: HOME, page: WorkersPage }]

/** The address to show instead, for `/dashboard` itself and trailing slashes; null when it is fine. */
export function redirectOf(pathname: string): string | null {
  const bare = pathname.replace(/\/+$/, '')
  if (bare === BASE || bare === '') return HOME
  return bare === pathname ? null : bare
}

export function findRoute(pathname: string): Route | null {
  return routes.find((route) => route.path === pathname) ?? null
}
