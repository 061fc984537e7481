/**
 * How much of the processors the balancer and its pages have used, by the kernel's accounts. Read by `routing.ts` at
 * both ends of a half of a pair.
 */
import { existsSync, readFileSync } from 'node:fs'
import { cpuUsOf } from '../cpu.ts'
import type { Site } from './site.ts'

/** µs; of `cpuOf`, shares of a core. */
export interface CpuReading {
  readonly atMs: number
  readonly balancer: number
  /** Clients of the feed, and the browser with all that it started. */
  readonly pages: number
}

/** Once more where a process of the browser has ended in the middle of it. */
export function readCpu(site: Site): CpuReading {
  try {
    return readOnce(site)
  } catch {
    return readOnce(site)
  }
}

function readOnce({ stage, balancer }: Site): CpuReading {
  const alive = stage.running.filter(({ pid }) => existsSync(`/proc/${pid}`))
  const own = new Set(alive.map(({ pid }) => pid))
  const children = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8')
  const browsers = children.split(' ').filter((pid) => pid !== '' && !own.has(Number(pid)))
  const watchers = alive.filter(({ name }) => name === 'watchers')
  const pages = [...browsers.map(Number), ...watchers.map(({ pid }) => pid)]
  return {
    atMs: performance.now(),
    balancer: cpuUsOf(balancer.pid),
    pages: pages.reduce((sum, pid) => sum + cpuUsOf(pid), 0),
  }
}

/** What was used in between; never nothing at all, so that it can be laid beside another. */
export function cpuOf(before: CpuReading, after: CpuReading): CpuReading {
  const us = (after.atMs - before.atMs) * 1_000
  const share = (used: number) => Math.max(0.001, used / us)
  return {
    atMs: after.atMs - before.atMs,
    balancer: share(after.balancer - before.balancer),
    pages: share(after.pages - before.pages),
  }
}
