/**
 * Serves the dashboard from the map that was read at start: files by their exact address, and the one page for
 * every other address below `/dashboard`, since its router works on the address. Public: it holds no data.
 */
import { extname } from 'node:path'
import { type Asset, type Assets, MEDIA_TYPES } from './dashboard-assets.ts'
import { problem } from './problem.ts'
import type { Route, RouteContext } from './routes.ts'

/** `off`: DASHBOARD_ENABLED is false · undefined: it has not been built. */
export type Dashboard = Assets | 'off' | undefined

const NOT_BUILT = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Berth: the dashboard is not built</title></head>
<body>
<h1>The dashboard is not built</h1>
<p>Run <code>npx -y pnpm@12 build</code> in the repository, then start the balancer again.</p>
</body>
</html>
`

export function dashboardRoutes(dashboard: Dashboard): readonly Route[] {
  const serve = (c: RouteContext) => serveDashboard(c, dashboard)
  return [
    { method: 'GET', path: '/', policy: 'public', handle: (c) => redirect(c, dashboard) },
    { method: 'GET', path: '/dashboard', policy: 'public', handle: serve },
    { method: 'GET', path: '/dashboard/*', policy: 'public', handle: serve },
  ]
}

function redirect(c: RouteContext, dashboard: Dashboard): Response {
  return dashboard === 'off' ? turnedOff() : c.redirect('/dashboard')
}

function serveDashboard(c: RouteContext, dashboard: Dashboard): Response {
  if (dashboard === 'off') return turnedOff()
  const address = readAddress(new URL(c.req.url).pathname)
  if (address === undefined) return missing()
  if (dashboard === undefined) return c.html(NOT_BUILT)
  const asset = dashboard.get(address)
  if (asset !== undefined && address !== 'index.html') return sendAsset(asset)
  const index = dashboard.get('index.html')
  return index === undefined || isFileName(address) ? missing() : sendPage(index)
}

/** What stands after `/dashboard/`, decoded; undefined when no page or file can be called that. */
function readAddress(path: string): string | undefined {
  if (path !== '/dashboard' && !path.startsWith('/dashboard/')) return undefined
  try {
    const address = decodeURIComponent(path.slice('/dashboard/'.length))
    const isOdd = /[\p{Cc}\\]/u.test(address) || address.split('/').some((part) => /^\.{1,2}$/.test(part))
    return isOdd ? undefined : address
  } catch {
    return undefined
  }
}

/** Below these stand ids, which may end in anything. */
const ENTITIES = /^(workers|tasks|functions|schedules)\//

/** Workers and functions have dots in their names too, so only what a build can hold counts as a file. */
function isFileName(address: string): boolean {
  if (address === 'index.html' || ENTITIES.test(address)) return false
  return address.startsWith('assets/') || extname(address).toLowerCase() in MEDIA_TYPES
}

function sendPage(index: Asset): Response {
  return new Response(index.bytes, {
    headers: { 'content-type': index.mediaType, 'cache-control': 'no-store' },
  })
}

function sendAsset(asset: Asset): Response {
  const cacheControl = asset.isImmutable ? 'public, max-age=31536000, immutable' : 'no-cache'
  return new Response(asset.bytes, {
    headers: { 'content-type': asset.mediaType, 'cache-control': cacheControl },
  })
}

function turnedOff(): Response {
  return problem({ code: 'NOT_FOUND', detail: 'The dashboard is switched off (DASHBOARD_ENABLED).' })
}

function missing(): Response {
  return problem({ code: 'NOT_FOUND', detail: 'The dashboard has no such file.' })
}
