/**
 * What the scenario `dashboard` measures, one part after the other; each begins and ends its own load, so that one
 * can be run by itself.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser } from 'playwright-core'
import { compare, type Finding, median } from '../scenario.ts'
import { bytesOfTab, logIngest, slowTab } from './feed-parts.ts'
import { against, EVERYTHING, type Part } from './part.ts'
import { play, record } from './replay.ts'
import { routing, routingTab } from './routing.ts'
import { keepSending, quantile, type Site, watch } from './site.ts'
import { Tab } from './tab.ts'

const KB = 1_000
const MB = 1024 * 1024

/** The four other clients, and tasks if they are asked for, for as long as `run` takes. */
async function underLoad(
  site: Site,
  { hasTasks }: { readonly hasTasks: boolean },
  run: () => Promise<Finding[]>,
): Promise<Finding[]> {
  const crowd = await watch(site, 4, ['workers', EVERYTHING])
  const tasks = hasTasks ? keepSending(site) : undefined
  try {
    return await run()
  } finally {
    await tasks?.stop()
    await crowd.stop()
  }
}

const firstPaint: Part = (site, browser) =>
  underLoad(site, { hasTasks: true }, () => paintOverview(site, browser))

async function paintOverview(site: Site, browser: Browser): Promise<Finding[]> {
  const cold: number[] = []
  const warm: number[] = []
  let scriptBytes = 0
  for (let turn = 0; turn < 3; turn++) {
    const tab = await Tab.open(browser, site.url)
    const first = await tab.load('', true)
    cold.push(first.lcpMs)
    scriptBytes = first.scriptBytes
    warm.push((await tab.load('', false)).lcpMs)
    await tab.close()
  }
  return [
    against('LCP of the overview, cold, ms', median(cold), '1,500', 1_500),
    against('LCP of the overview, warm, ms', median(warm), '500', 500),
    against('KB of script for the overview, gzip', scriptBytes / KB, '250', 250),
  ]
}

/** Typing into the filter, sorting, opening a worker, with everything else going on. */
const workersPage: Part = (site, browser) =>
  underLoad(site, { hasTasks: true }, () => useWorkers(site, browser))

async function useWorkers(site: Site, browser: Browser): Promise<Finding[]> {
  const tab = await Tab.open(browser, site.url)
  await tab.go('/workers')
  await sleep(4_000)
  const settled = (await tab.accounts()).longTasks.length
  const traced = await tab.trace(8)
  const idle = (await tab.accounts()).longTasks.slice(settled)
  const { page } = tab
  const filter = page.getByRole('searchbox').first()
  await filter.click()
  await filter.pressSequentially('worker-00', { delay: 120 })
  for (let index = 0; index < 9; index++) await filter.press('Backspace', { delay: 60 })
  const sorting = page.getByRole('columnheader').getByRole('button')
  for (const at of [1, 2, 1]) await sorting.nth(at).click()
  await page
    .getByRole('link', { name: /worker-0/ })
    .first()
    .click()
  await page.getByRole('heading', { level: 1, name: /worker-0/ }).waitFor()
  await sleep(1_000)
  const accounts = await tab.accounts()
  await tab.close()
  const keys = accounts.events.filter(({ name }) => name === 'keydown').map(({ ms }) => ms)
  const worst = Math.max(16, ...accounts.events.map(({ ms }) => ms))
  return [
    against('script and layout of a frame, workers, p95, ms', quantile(traced.frameMs, 0.95), '8', 8),
    compare('frames/s, workers', [traced.framesPerSecond], 'the goal of none', [60]),
    against('longest task, workers, ms', Math.max(1, ...idle), '100', 100),
    against('INP: typing, sorting, opening a worker, ms', worst, '200', 200),
    against('filter keystroke to paint, median, ms', median(keys.length > 0 ? keys : [16]), '50', 50),
  ]
}

const workerAge: Part = (site, browser) =>
  underLoad(site, { hasTasks: true }, () => watchOneWorker(site, browser))

async function watchOneWorker(site: Site, browser: Browser): Promise<Finding[]> {
  const tab = await Tab.open(browser, site.url)
  await tab.go('/workers')
  await tab.page.getByText('worker-0000').first().waitFor()
  await tab.noteAges('told\\D{0,3}(\\d{13})')
  await sleep(20_000)
  const { ages } = await tab.accounts()
  await tab.close()
  if (ages.length < 20) throw new Error('the tag of the first worker was not on screen')
  return [
    against(`worker change to screen, p95 of ${ages.length}, ms`, quantile(ages, 0.95), '500', 500),
    against('worker change to screen, p99, ms', quantile(ages, 0.99), '1,000', 1_000),
  ]
}

const logsPage: Part = (site, browser) => underLoad(site, { hasTasks: false }, () => readLogs(site, browser))

async function readLogs(site: Site, browser: Browser): Promise<Finding[]> {
  const tab = await Tab.open(browser, site.url)
  await tab.go('/logs')
  await sleep(36_000)
  const before = (await tab.accounts()).longTasks.length
  const full = await tab.heapBytes()
  const traced = await tab.trace(8)
  const long = (await tab.accounts()).longTasks.slice(before)
  await sleep(15_000)
  const later = await tab.heapBytes()
  await tab.close()
  return [
    against('MB of heap of the tab at 50,000 lines', later / MB, '300', 300),
    compare('MB of heap 20 s later', [later / MB], 'before', [full / MB], { max: 1.1 }),
    against('script and layout of a frame, logs, p95, ms', quantile(traced.frameMs, 0.95), '8', 8),
    compare('frames/s, logs', [traced.framesPerSecond], 'the goal of none', [60]),
    against('longest task, logs, ms', Math.max(1, ...long), '100', 100),
  ]
}

/** Until then the page's quarter of an hour of points fills, and V8 compiles what runs often; neither grows further. */
const WARM_UP_MINUTES = 15

async function heap(site: Site, browser: Browser): Promise<Finding[]> {
  const tasks = keepSending(site)
  const recorded = await record(site.url, ['workers'], 20)
  await tasks.stop()
  const tab = await Tab.open(browser, site.url)
  const length = { warmUpMinutes: WARM_UP_MINUTES, minutes: 20, looks: 4 }
  const { heapBytes } = await play(tab, '/workers', recorded, length)
  await tab.close()
  const [warm = 1] = heapBytes
  const last = heapBytes.at(-1) ?? warm
  return [compare('MB of heap 20 min later', [last / MB], 'after 15 min', [warm / MB], { max: 1.1 })]
}

/** In the order in which they run. */
export const PARTS: Readonly<Record<string, Part>> = {
  bytesOfTab,
  logIngest,
  slowTab,
  firstPaint,
  workersPage,
  workerAge,
  logsPage,
  heap,
  routing,
  routingTab,
}
