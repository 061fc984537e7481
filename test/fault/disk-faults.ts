/**
 * Disks that fail at random moments under callers that hand work over, and balancers that are killed meanwhile: no
 * promise is broken. Used by nightly/disk.nightly.ts.
 */
import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as pause } from 'node:timers/promises'
import { keepCalling } from '../end-to-end/load.ts'
import type { Scope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { BadDisk, IO_ERROR, NO_SPACE } from './bad-disk.ts'
import { Handover } from './handed-over.ts'
import { LIMIT_MS, PATIENT, Site } from './site.ts'

const WORKERS = [{ slots: 8 }, { slots: 8 }]
const CALLERS = 6
/** Between two faults. */
const QUIET_MS = 300

type Scene = { readonly site: Site; readonly disk: BadDisk; readonly handover: Handover }

const FAULTS: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  async full({ disk }) {
    await disk.fail('write', NO_SPACE)
    await pause(randomInt(0, 2_000))
    await disk.heal()
  },
  async 'full, and killed'({ disk, site }) {
    await disk.fail('write', NO_SPACE)
    await pause(randomInt(0, 1_000))
    await site.killBalancer()
    await disk.heal()
    await site.restartBalancer()
  },
  async 'EIO from fsync, and killed'({ disk, site }) {
    await disk.fail('sync', IO_ERROR)
    await pause(randomInt(0, 1_000))
    await disk.heal()
    await pause(randomInt(0, 500))
    await site.killBalancer()
    await site.restartBalancer()
  },
  async 'slow, and killed'({ disk, site }) {
    await disk.hold(randomInt(0, 2) === 0 ? 'sync' : 'synced')
    await pause(randomInt(0, 1_000))
    await site.killBalancer()
    await disk.heal()
    await site.restartBalancer()
  },
  async locked({ site }) {
    const rival = new DatabaseSync(join(site.balancer.dataDir, 'berth.db'), { timeout: LIMIT_MS })
    rival.exec('BEGIN EXCLUSIVE')
    await pause(randomInt(0, 8_000))
    rival.close()
  },
  async killed({ site }) {
    await site.killBalancer()
    await site.restartBalancer()
  },
}

export type DiskFaults = {
  readonly promised: number
  readonly refused: number
  readonly repeats: number
  readonly kinds: string
}

/** So many faults, one after the other. */
export async function spreadDiskFaults(scope: Scope, times: number): Promise<DiskFaults> {
  const disk = await BadDisk.make(scope)
  const env = { ...PATIENT, ...disk.env, LOG_LEVEL: 'info' }
  const site = await Site.start(scope, { workers: WORKERS, env })
  const handover = new Handover(site)
  const load = keepCalling(CALLERS, (index) => handOne(handover, index))
  const names = Object.keys(FAULTS)
  const done: string[] = []
  try {
    for (let round = 0; round < times; round++) {
      await pause(randomInt(0, 2 * QUIET_MS))
      const name = names[round % names.length] ?? ''
      await FAULTS[name]?.({ site, disk, handover })
      done.push(name)
    }
    await until(async () => (await handover.hand()).status === 202, LIMIT_MS, 'runs are accepted at the end')
  } finally {
    await load.end()
  }
  const { repeats } = await handover.judge(10_000)
  const { wanted, promised } = handover
  const refused = wanted.filter(({ promised: runs }) => runs.length === 0).length
  const kinds = [...Map.groupBy(done, (name) => name)].map(([name, { length }]) => `${length} × ${name}`)
  return { promised: promised.length, refused, repeats, kinds: kinds.join(', ') }
}

/** Every second one with a key, and then again until it is promised; the others once. */
async function handOne(handover: Handover, index: number): Promise<void> {
  const order = { ms: randomInt(0, 60), key: index % 2 === 0 ? `k${index}` : undefined }
  for (let tries = 0; tries < (order.key === undefined ? 1 : 100); tries++) {
    const handed = await handover.hand(order).catch(() => undefined)
    if (handed?.status === 202) break
    await pause(randomInt(20, 300))
  }
  await pause(randomInt(0, 60))
}
