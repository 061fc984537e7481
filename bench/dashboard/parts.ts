/**
 * What the scenario `dashboard` measures, one part after the other; each begins and ends its own load, so that one
 * can be run by itself.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser } from 'playwright-core'
import { residentBytesOf } from '../memory.ts'
import { compare, type Finding, median, type Settings } from '../scenario.ts'
import { play, record } from './replay.ts'
import { coreShare, keepSending, measureRouting, quantile, type Site, type Watched, watch } from './site.ts'
import { Tab } from './tab.ts'

const PAIRS = 7
/** A page that answers no ping is gone after 30 s. */
const HUNG_S = 25
const EVERYTHING = 'logs?'
const KB = 1_000
const MB = 1024 * 1024

export type Part = (site: Site, browser: Browser, settings: Settings) => Promise<Finding[]>

const against = (what: string, ours: number, goal: string, limit: number): Finding =>
  compare(what, [ours], `the goal of ${goal}`, [limit], { max: 1 })

async function bytesOfTab(site: Site): Promise<Finding[]> {
  const tasks = keepSending(site)
  const watchers = await watch(site, 1, ['workers'])
  await sleep(2_000)
  watchers.take()
  await sleep(8_000)
  const seconds = watchers.take()
  await watchers.stop()
  await tasks.stop()
  const mean = (read: (second: Watched) => number) =>
    seconds.reduce((sum, one) => sum + read(one), 0) / seconds.length
  return [
    against(
      'frames/s',
      mean(({ frames }) => frames),
      '4',
      4.05,
    ),
    against('KB/s of a tab, gzip', mean(({ gzipBytes }) => gzipBytes) / KB, '60', 60),
    compare('KB/s of a tab as sent', [mean(({ bytes }) => bytes) / KB], 'the goal of 60', [60]),
  ]
}

async function logIngest(site: Site): Promise<Finding[]> {
  const without = await coreShare(site, 10)
  const watchers = await watch(site, 5, [EVERYTHING])
  await sleep(3_000)
  watchers.take()
  const withFive = await coreShare(site, 15)
  const seconds = watchers.take()
  const before = residentBytesOf(site.balancer.pid)
  await sleep(15_000)
  const after = residentBytesOf(site.balancer.pid)
  await watchers.stop()
  const lines = median(seconds.map((second) => second.lines))
  const all = median(seconds.map((second) => second.lines + second.dropped))
  return [
    against(`share of a core for ${Math.round(all)} lines/s to 5 pages`, withFive - without, '0.5', 0.5),
    against('lines/s to a page', lines, '2,000', 2_020),
    compare('MB of memory of the balancer', [after / MB], 'the goal of none', [300]),
    compare('MB of memory 15 s later', [after / MB], 'before', [before / MB], { max: 1.1 }),
  ]
}

async function slowTab(site: Site): Promise<Finding[]> {
  const quick = await watch(site, 1, ['workers', EVERYTHING])
  const slow = await watch(site, 1, ['workers', EVERYTHING], { ASLEEP_S: String(HUNG_S) })
  quick.take()
  await sleep((HUNG_S + 6) * 1_000)
  const [others, own] = [quick.take(), slow.take()]
  await Promise.all([quick.stop(), slow.stop()])
  const sum = (seconds: readonly Watched[], read: (second: Watched) => number) =>
    seconds.reduce((total, second) => total + read(second), 0)
  const rate = sum(others, ({ frames }) => frames) / others.length
  // The one that it began with is not counted.
  const again = sum(own, ({ snapshots }) => snapshots) - 1
  return [
    compare(`new snapshots of a tab that hung for ${HUNG_S} s`, [again], 'the goal of none', [1]),
    compare('frames/s of others meanwhile', [rate], '4', [4], { min: 0.95 }),
  ]
}

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

async function heap(site: Site, browser: Browser): Promise<Finding[]> {
  const tasks = keepSending(site)
  const recorded = await record(site.url, ['workers'], 20)
  await tasks.stop()
  const tab = await Tab.open(browser, site.url)
  const { heapBytes } = await play(tab, '/workers', recorded, { minutes: 20, looks: 4 })
  await tab.close()
  const [warm = 1] = heapBytes
  const last = heapBytes.at(-1) ?? warm
  return [compare('MB of heap after 20 min', [last / MB], 'after 5 min', [warm / MB], { max: 1.1 })]
}

/** Once with clients of the feed alone, which is what the balancer does; once with a tab, which takes a processor. */
async function routing(site: Site, browser: Browser, { runS }: Settings): Promise<Finding[]> {
  const seconds = Math.min(8, runS)
  await routingOf(site, 3)
  return [
    await pairs('with five pages', site, seconds, () => fivePages(site, ['workers'])),
    await pairs('with five pages and all logs', site, seconds, () =>
      fivePages(site, ['workers', EVERYTHING]),
    ),
    await pairs('with a tab and four clients', site, seconds, async () => {
      const four = await watch(site, 4, ['workers', EVERYTHING])
      const tab = await Tab.open(browser, site.url)
      await tab.go('/workers')
      await sleep(1_500)
      return async () => {
        await tab.close()
        await four.stop()
      }
    }),
  ]
}

export async function fivePages(site: Site, words: readonly string[]): Promise<() => Promise<void>> {
  const five = await watch(site, 5, words)
  return () => five.stop()
}

/** Once more when a connection broke, which a full machine may bring about. */
async function routingOf(site: Site, seconds: number): Promise<number[]> {
  return measureRouting(site, seconds).catch(() => measureRouting(site, seconds))
}

export async function pairs(
  what: string,
  site: Site,
  seconds: number,
  begin: () => Promise<() => Promise<void>>,
): Promise<Finding> {
  const [ours, alone]: [number[], number[]] = [[], []]
  for (let pair = 0; pair < PAIRS; pair++) {
    alone.push(quantile(await routingOf(site, seconds), 0.99))
    const end = await begin()
    ours.push(quantile(await routingOf(site, seconds), 0.99))
    await end()
    await sleep(1_000)
  }
  return compare(`routing p99 ${what}, ms`, ours, 'without', alone, { max: 1.1 })
}

export const PARTS: readonly Part[] = [
  bytesOfTab,
  logIngest,
  slowTab,
  firstPaint,
  workersPage,
  workerAge,
  logsPage,
  heap,
  routing,
]
