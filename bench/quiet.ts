/**
 * Whether the machine has nothing else to do. Asked before a scenario starts anything: what is measured on a busy
 * machine is printed and not kept, or later runs would be laid beside chance.
 */
import { cpus } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'

const SAMPLE_MS = 1_000
/** Of all processors together. */
const MOST_BUSY = 0.15

/** The share of its processors' time that others use, 0 … 1. */
export async function readBusyShare(): Promise<number> {
  const before = readTimes()
  await sleep(SAMPLE_MS)
  const after = readTimes()
  const all = after.all - before.all
  return all > 0 ? 1 - (after.idle - before.idle) / all : 0
}

export function isQuiet(busyShare: number): boolean {
  return busyShare <= MOST_BUSY
}

/** Of all processors since the machine started, ms. */
export function readTimes(): { idle: number; all: number } {
  let idle = 0
  let all = 0
  for (const { times } of cpus()) {
    idle += times.idle
    all += times.idle + times.user + times.nice + times.sys + times.irq
  }
  return { idle, all }
}
