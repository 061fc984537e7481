/**
 * Whether open pages cost tasks time: p99 of what a task takes beyond its attempt, alternately with and without the
 * five. Parts of the scenario `dashboard`.
 * Invariant: beside the five nothing differs between the halves of a pair. Workers send lines only while somebody
 * follows them, so where the five follow all logs one more client follows them in both halves, with a filter that
 * no line passes: ten thousand lines a second come in either way, and the five are the difference. How much of the
 * processors the balancer and the pages used is said beside it, and what strangers do to tasks who use as much.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { compare, type Finding, median, type Settings } from '../scenario.ts'
import { type CpuReading, cpuOf, readCpu } from './accounts.ts'
import { EVERYTHING, type Part } from './part.ts'
import { latenessOf, measureRouting, othersDuring, quantile, type Site, watch } from './site.ts'
import { Tab } from './tab.ts'

const NOTHING = 'logs?task=nobody'
/** They leave the processors to what is measured. */
const COUNTS = { COUNTS: '1' }

/** Starts what differs, and answers what ends it. */
type Begin = () => Promise<() => Promise<void>>

interface Paired {
  readonly findings: Finding[]
  /** Of a core, what the pages used beside what is there without them. */
  readonly pagesShare: number
}

/** With clients of the feed alone, which is what the balancer does. */
export const routing: Part = async (site, _browser, settings) => {
  await routingOf(site, 3)
  const findings: Finding[] = []
  const add = async (pairs: Promise<Paired>) => findings.push(...(await pairs).findings)
  await add(pairs('with five pages', site, settings, pages(site, 5, ['workers'])))
  const follow = pages(site, 5, ['workers', EVERYTHING])
  const endLines = await pages(site, 1, [NOTHING])()
  // What follows nothing yet is told to send once a second.
  await sleep(2_000)
  await add(pairs('with five pages that follow all logs', site, settings, follow))
  await endLines()
  const both = 'with five pages that follow all logs, and without any line sent'
  await add(pairs(both, site, settings, follow, false))
  return findings
}

/**
 * With a tab, which takes a processor of the machine that is measured; and with two strangers in its place who use
 * as much of the processors and ask nothing of the balancer.
 */
export const routingTab: Part = async (site, browser, settings) => {
  await routingOf(site, 3)
  const endLines = await pages(site, 1, [NOTHING])()
  const tabbed = await pairs('with a tab and four clients', site, settings, async () => {
    const endFour = await pages(site, 4, ['workers', EVERYTHING])()
    const tab = await Tab.open(browser, site.url)
    await tab.go('/workers')
    await sleep(1_500)
    return async () => {
      await tab.close()
      await endFour()
    }
  })
  const share = tabbed.pagesShare
  const what = `with strangers that use ${share.toPrecision(2)} of a core`
  const strange = await pairs(what, site, settings, () => eat(site, share), false)
  await endLines()
  return [...tabbed.findings, ...strange.findings]
}

async function eat({ stage }: Site, share: number): Promise<() => Promise<void>> {
  const main = join(import.meta.dirname, '../peers/eater.ts')
  const args = [main, String(Math.min(0.95, share / 2))]
  const launch = { name: 'stranger', command: process.execPath, args }
  const isReady = async ({ output }: { output(): string }) => output().includes('eating')
  const two = [await stage.start(launch, isReady), await stage.start(launch, isReady)]
  return async () => {
    for (const stranger of two) await stranger.stop()
  }
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
): Promise<Paired> {
  const halves = { ours: [] as number[], alone: [] as number[] }
  const late = { ours: [] as number[], alone: [] as number[] }
  const others = { ours: [] as number[], alone: [] as number[] }
  const cpu = { ours: [] as CpuReading[], alone: [] as CpuReading[] }
  const measure = async (half: 'ours' | 'alone') => {
    const before = readCpu(site)
    const { value, share } = await othersDuring(site, () => routingOf(site, runS))
    cpu[half].push(cpuOf(before, readCpu(site)))
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
  const coreOf = (who: keyof CpuReading) => ({
    ours: cpu.ours.map((reading) => reading[who]),
    alone: cpu.alone.map((reading) => reading[who]),
  })
  const pagesOf = coreOf('pages')
  const findings = [
    compare(`routing p99 ${what}, ms`, halves.ours, 'without', halves.alone, goal),
    besides("p99 of the answering process's loop, ms", late),
    besides('share of the machine that others used', others),
    besides('share of a core that the balancer used', coreOf('balancer')),
    besides('share of a core that pages used', pagesOf),
  ]
  return { findings, pagesShare: Math.max(0.01, median(pagesOf.ours) - median(pagesOf.alone)) }
}
