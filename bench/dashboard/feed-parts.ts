/**
 * What the feed sends, what log lines cost the balancer, and what a page that hangs costs others. Parts of the
 * scenario `dashboard` that need no browser.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { residentBytesOf } from '../memory.ts'
import { compare, type Finding, median } from '../scenario.ts'
import { against, EVERYTHING, type Part } from './part.ts'
import { coreShare, keepSending, type Site, type Watched, watch } from './site.ts'

/** Pings go out every 15 s; a page that has not answered one when the next is due is gone. */
const HUNG_S = 12
/** What lasts less says nothing of memory. */
const FLAT_BEHIND_S = 300
const KB = 1_000
const MB = 1024 * 1024

export const bytesOfTab: Part = async (site) => {
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

/** Half a minute, or as long as is asked for: ten minutes show whether memory stays. */
export const logIngest: Part = async (site, _browser, { runS }) => {
  const lasting = Math.max(30, runS)
  const without = await coreShare(site, 10)
  const watchers = await watch(site, 5, [EVERYTHING])
  await sleep(3_000)
  const memory: number[] = []
  const shares: number[] = []
  const seconds: Watched[] = []
  watchers.take()
  for (let second = 0; second < lasting; second++) {
    shares.push(await coreShare(site, 1))
    memory.push(residentBytesOf(site.balancer.pid) / MB)
    seconds.push(...watchers.take())
  }
  await watchers.stop()
  const lines = median(seconds.map((second) => second.lines))
  const all = median(seconds.map((second) => second.lines + second.dropped))
  const share = shares.reduce((sum, one) => sum + one, 0) / shares.length
  // The first fifth is for the heap to find its size, which takes longer than half a minute.
  const flat = lasting >= FLAT_BEHIND_S ? { max: 1.1 } : undefined
  const fifth = (at: number) => median(memory.slice((at * lasting) / 5, ((at + 1) * lasting) / 5))
  return [
    against(`share of a core for ${Math.round(all)} lines/s to 5 pages`, share - without, '0.5', 0.5),
    against('lines/s to a page', lines, '2,000', 2_020),
    against('MB of memory of the balancer, most', Math.max(...memory), '300', 300),
    compare(`MB of memory, last fifth of ${lasting} s`, [fifth(4)], 'the second fifth', [fifth(1)], flat),
  ]
}

export const slowTab: Part = async (site: Site): Promise<Finding[]> => {
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
