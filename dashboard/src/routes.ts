/**
 * The pages below `/dashboard` as React draws them. Which there are, and how an address finds one, stands in
 * `page-code.ts`.
 */
import { type LazyExoticComponent, lazy } from 'react'
import { findPage, type Page, type PageEntry, type PageName, type PathParams, pages } from './page-code.ts'

export type { PageName, PageProps, PathParams } from './page-code.ts'
export { BASE } from './paths.ts'

export interface Route {
  readonly name: PageName
  readonly page: LazyExoticComponent<Page>
  /** Fetches the page's code ahead of its first drawing. */
  load(): Promise<unknown>
  /** The page itself, once its code is here; it needs nothing to stand for it. */
  loaded(): Page | null
}

const routes: ReadonlyMap<PageEntry, Route> = new Map(
  pages.map((entry) => {
    const { fetch, fetched } = entry.page
    const page = lazy(async () => ({ default: await fetch() }))
    return [entry, { name: entry.name, page, load: fetch, loaded: fetched }]
  }),
)

export interface Found {
  readonly route: Route
  readonly params: PathParams
}

/** The page of a raw pathname (as `location.pathname` has it); null when there is none. */
export function findRoute(pathname: string): Found | null {
  const found = findPage(pathname)
  const route = found && routes.get(found.entry)
  return route ? { route, params: found.params } : null
}
