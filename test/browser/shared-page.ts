/**
 * A fleet of its own and one signed-in page that all tests of a file share: to load it takes longer than most of
 * them. Called once a file, by its `before`; a test goes to its address first, or leaves the page as it found it.
 * The invariant: whoever shares a page has looked at its heading, and all of it ends with the scope.
 */
import type { Browser } from 'playwright-core'
import type { Scope } from '../harness/scope.ts'
import {
  type Fleet,
  type FleetOptions,
  openAt,
  openDashboard,
  startBrowser,
  startFleet,
  type Visit,
} from './stage.ts'

export type SharedPage = Visit & { browser: Browser; fleet: Fleet }

export type SharedPageOptions = FleetOptions & {
  /** What is to be there before the page is opened. */
  prepare?: (fleet: Fleet) => Promise<void>
}

/** `openSharedPage(scope, '/schedules', 'Schedules')`. */
export async function openSharedPage(
  scope: Scope,
  path: string,
  heading: string | RegExp,
  options: SharedPageOptions = {},
): Promise<SharedPage> {
  const { browser, fleet } = await start(scope, options)
  return { browser, fleet, ...(await openAt(scope, browser, fleet.balancer, path, heading)) }
}

/** The page that shows the workers. */
export async function openSharedDashboard(
  scope: Scope,
  options: SharedPageOptions = {},
): Promise<SharedPage> {
  const { browser, fleet } = await start(scope, options)
  return { browser, fleet, ...(await openDashboard(scope, browser, fleet.balancer)) }
}

async function start(
  scope: Scope,
  { prepare, ...options }: SharedPageOptions,
): Promise<Pick<SharedPage, 'browser' | 'fleet'>> {
  const [browser, fleet] = await Promise.all([startBrowser(scope), startFleet(scope, options)])
  await prepare?.(fleet)
  return { browser, fleet }
}
