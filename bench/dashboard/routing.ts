/**
 * Whether open pages cost tasks time: p99 of what a task takes beyond its attempt, alternately with and without the
 * five. Parts of the scenario `dashboard`.
 * Invariant: beside the five nothing differs between the halves of a pair. Workers send lines only while somebody
 * follows them, so where the five follow all logs one more client follows them in both halves, with a filter that
 * no line passes: ten thousand lines a second come in either way, and the five are the difference.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { compare, type Finding, median, type Settings } from '../scenario.ts'
import { EVERYTHING, type Part } from './part.ts'
import { latenessOf, measureRouting, othersDuring, quantile, type Site, watch } from './site.ts'
import { Tab } from './tab.ts'

const NOTHING = 'logs?task=nobody'
/** They leave the processors to what is measured. */
const COUNTS = { COUNTS: '1' }

type Begin = () => Promise<() => Promise<void>>

/** With clients of the feed alone, which is what the balancer does. */
export const routing: Part = async (site, _browser, settings) => {
  await routingOf(site, 3)
  const findings = await pairs('with five pages', site, settings, pages(site, 5, ['workers']))
  const follow = pages(site, 5, ['workers', EVERYTHING])
  const endLines = await pages(site, 1, [NOTHING])()
  // What follows nothing yet is told to send once a second.
  await sleep(2_000)
  findings.push(...(await pairs('with five pages that follow all logs', site, settings, follow)))
  await endLines()
  const both = 'with five pages that follow all logs, and without any line sent'
  findings.push(...(await pairs(both, site, settings, follow, false)))
  return findings
}

/** With a tab, which takes a processor of the machine that is measured. */
export const routingTab: Part = async (site, browser, settings) => {
  await routingOf(site, 3)
  const endLines = await pages(site, 1, [NOTHING])()
  const findings = await pairs('with a tab and four clients', site, settings, async () => {
    const endFour = await pages(site, 4, ['workers', EVERYTHING])()
    const tab = await Tab.open(browser, site.url)
    await tab.go('/workers')
    await sleep(1_500)
    return async () => {
      await tab.close()
      await endFour()
    }
  })
  await endLines()
  return findings
}

function pages(site: Site, count: number, words: readonly string[]): Begin {
  return async () => {
    const watchers = await watch(site, count, words, COUNTS)
    return () => watchers.stop()
  }
}

/** Once more when a connection broke, which a full machine may bring about. */
async function routingOf(site: Site, seconds: number): Promise<number[]> {
  return measureRouting(site, seconds).catch(() => measureRouting(site, seconds))
}

async function pairs(
  what: string,
  site: Site,
  { rounds, runS }: Settings,
  begin: Begin,
  isJudged = true,
): Promise<Finding[]> {
  const halves = { ours: [] as number[], alone: [] as number[] }
  const late = { ours: [] as number[], alone: [] as number[] }
  const others = { ours: [] as number[], alone: [] as number[] }
  const measure = async (half: 'ours' | 'alone') => {
    const { value, share } = await othersDuring(site, () => routingOf(site, runS))
    halves[half].push(quantile(value, 0.99))
    others[half].push(share)
    late[half].push(latenessOf(site, Math.max(1, runS - 1)))
  }
  for (let pair = 0; pair < rounds; pair++) {
    // By turns, so that whatever grows with time favours neither.
    if (pair % 2 === 0) await measure('alone')
    const end = await begin()
    await measure('ours')
    await end()
    await sleep(1_000)
    if (pair % 2 === 1) await measure('alone')
  }
  const goal = isJudged ? { max: 1.1 } : undefined
  const besides = (of: string, { ours, alone }: typeof late) =>
    compare(`${of}, ${what}`, [median(ours)], 'without', [median(alone)])
  return [
    compare(`routing p99 ${what}, ms`, halves.ours, 'without', halves.alone, goal),
    besides("p99 of the answering process's loop, ms", late),
    besides('share of the machine that others used', others),
  ]
}
