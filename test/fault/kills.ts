/**
 * Kills workers one after the other under load, at random moments of tasks of 200 ms, each replaced by a new
 * process before its turn comes again. Used in the small by processes.test.ts, in the large by the nightly set.
 */
import { randomInt } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { keepCalling } from '../end-to-end/load.ts'
import { until } from '../harness/until.ts'
import { LIMIT_MS, type Site } from './site.ts'

const TASK_MS = 200

export type Kills = {
  /** For each caller who was told of a loss: how long after the kill, ms. */
  readonly detectionMs: readonly number[]
}

/** Of three workers one always works, one may be starting and one is dying; every second caller declares its task idempotent. */
export async function killWorkersInTurn(site: Site, times: number): Promise<Kills> {
  let next = 0
  const load = keepCalling(10, () => site.call({ ms: TASK_MS, idempotent: ++next % 2 === 0 || undefined }))
  try {
    await killInTurn(site, times)
  } finally {
    await load.end()
  }
  return { detectionMs: detectionTimes(site) }
}

async function killInTurn(site: Site, times: number): Promise<void> {
  let before: Promise<void> | undefined
  let last: Promise<void> | undefined
  for (let done = 0; done < times; done++) {
    const index = done % site.workers.length
    await before
    await site.waitForStatus(index, 'ready', 'saturated')
    await until(() => hasWork(site, index), LIMIT_MS, 'work at the next victim')
    await pause(randomInt(0, TASK_MS))
    await site.killWorker(index)
    before = last
    last = site.restartWorker(index)
  }
  await Promise.all([before, last])
}

function detectionTimes(site: Site): number[] {
  const kills = site.faults.filter(({ kind }) => kind === 'worker-killed')
  return site.calls
    .filter(({ code }) => code === 'WORKER_LOST')
    .map(({ endedAtMs = Infinity }) => {
      const before = kills.filter(({ beganAtMs }) => beganAtMs <= endedAtMs).at(-1)
      return endedAtMs - (before?.beganAtMs ?? 0)
    })
}

async function hasWork(site: Site, index: number): Promise<boolean> {
  const { pid } = site.worker(index)
  if ((await site.probe.read()).some((execution) => execution.pid === pid)) return true
  // Part of the message when it never comes.
  throw new Error(`none in ${pid}: ${JSON.stringify(await site.lines())}`)
}
