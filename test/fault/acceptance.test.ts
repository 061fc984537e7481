/**
 * The moment of a promise: balancers that are killed before a run is on disk (A4) and between that and the answer
 * (A5), among callers of both kinds (A7), and whose machine loses its power (D3). Each test ends with all checkers.
 */
import assert from 'node:assert/strict'
import { copyFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, type TestContext, test } from 'node:test'
import { keepCalling } from '../end-to-end/load.ts'
import { makeFolder } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { BadDisk, whyNoBadDisk } from './bad-disk.ts'
import { type HandedOver, Handover, readRuns } from './handed-over.ts'
import { countUnsynced, cutPower } from './power-cut.ts'
import { LIMIT_MS, PATIENT, Site } from './site.ts'

const WORKERS = [{ slots: 4 }, { slots: 4 }]
const LONG_BYTES = 50_000

const skip = whyNoBadDisk() ?? false

async function start(t: TestContext) {
  const disk = await BadDisk.make(t)
  const site = await Site.start(t, { workers: WORKERS, env: { ...PATIENT, ...disk.env } })
  return { disk, site, handover: new Handover(site) }
}

describe('a promise', { concurrency: 3, timeout: 500_000 }, () => {
  test('A4: killed before it is stored: no answer, and nothing of it ever runs', { skip }, async (t) => {
    const { disk, site, handover } = await start(t)
    await disk.hold('write')
    const handed = [handover.hand(), handover.hand({ key: 'again' })]
    const answers = Promise.allSettled(handed)
    await disk.isHeld()
    await site.killBalancer()
    for (const { status } of await answers) assert.equal(status, 'rejected', 'a broken connection, no 202')
    await disk.heal()
    assert.deepEqual(handover.readDisk(), [])
    await site.restartBalancer()
    await handover.handOver({ key: 'again' })
    await handover.handOver({ key: 'again' })
    const { shown } = await handover.judge()
    assert.deepEqual(
      shown.map(({ metadata }) => metadata.id),
      ['again'],
    )
  })

  test('A5: killed between the disk and the answer: it is there, and its key finds it', {
    skip,
  }, async (t) => {
    const { disk, site, handover } = await start(t)
    const { key, handed } = await holdOnDisk({ disk, site, handover })
    const told = assert.rejects(handed)
    await site.killBalancer()
    await told
    await disk.heal()
    const [run] = handover.readDisk().filter(({ metadata }) => metadata.id === key)
    assert.ok(run, 'it is on disk')
    await site.restartBalancer()
    assert.equal(await handover.handOver({ key, bytes: LONG_BYTES }), run.id)
    assert.equal((await handover.judge()).repeats, 0)
  })

  test('A7: killed among callers of both kinds: who waits is told, who was promised is served', async (t) => {
    const site = await Site.start(t, { workers: WORKERS, env: PATIENT })
    const handover = new Handover(site)
    const running = await Promise.all([1, 2, 3, 4].map(() => handover.handOver({ ms: 1_500 })))
    await site.waitForExecutions('started', running.length)
    const callers = Array.from({ length: 100 }, () => site.call({ ms: 30_000 }))
    await site.waitForExecutions('started', 8)
    const waiting = await Promise.all(Array.from({ length: 50 }, () => handover.handOver({ ms: 10 })))
    await site.killBalancer()
    const calls = await Promise.all(callers)
    assert.ok(calls.every(({ failure }) => failure !== undefined))
    await site.waitForExecutions('aborted', 4)
    await site.restartBalancer()
    const { repeats, shown } = await handover.judge()
    assert.equal(repeats, 0, 'what ran goes on where it is')
    assert.equal(shown.length, running.length + waiting.length)
    assert.ok(shown.every(({ status, attempt }) => status === 'completed' && attempt === 1))
  })

  test('D3: the power is cut: what was promised is there, whatever was not synced', { skip }, async (t) => {
    const { disk, site, handover } = await start(t)
    const { dataDir } = site.balancer
    site.fault('balancer-ended')
    await site.balancer.stop()
    const before = join(await makeFolder(t, 'before'), 'berth.db')
    copyFileSync(join(dataDir, 'berth.db'), before)
    writeFileSync(disk.journalFile, '')
    await site.restartBalancer()
    const load = keepCalling(6, () => handover.hand({ ms: 20 }).catch(() => undefined))
    await until(() => handover.promised.length >= 100, LIMIT_MS, 'it is under load')
    await holdUnsynced(disk)
    await site.killBalancer()
    await load.end()
    await disk.heal()
    for (let tries = 0; tries < 8; tries++) await assertPromised(t, handover, before, disk.journalFile)

    for (const name of ['berth.db-wal', 'berth.db-shm']) rmSync(join(dataDir, name))
    copyFileSync(before, join(dataDir, 'berth.db'))
    const lost = cutPower(dataDir, disk.journalFile, () => false)
    rmSync(disk.journalFile)
    assert.ok(lost > 0, 'something was not synced')
    await site.restartBalancer()
    const { repeats } = await handover.judge()
    t.diagnostic(`${handover.promised.length} promised, ${lost} writes lost, ${repeats} repeats`)
  })
})

/**
 * Its caller waits, and the run is on disk, as a copy of the files tells. What is held may be another touch of the
 * store, even as large a one (the end of the run before): then once more.
 */
async function holdOnDisk({ disk, handover }: Awaited<ReturnType<typeof start>>) {
  for (let tries = 1; tries <= 10; tries++) {
    const key = `try-${tries}`
    await disk.hold('synced')
    const handed: Promise<HandedOver> = handover.hand({ key, bytes: LONG_BYTES })
    handed.catch(() => {})
    await disk.isHeld()
    if (handover.readCopy().some(({ metadata }) => metadata.id === key)) return { key, handed }
    await disk.heal()
    await handed
    await handover.allEnded()
  }
  return assert.fail('no run was held')
}

/** A sync is held behind which something would be lost. What is held may have nothing left to do: then once more. */
async function holdUnsynced(disk: BadDisk): Promise<void> {
  for (let tries = 1; tries <= 10; tries++) {
    await disk.hold('sync')
    await disk.isHeld()
    if (countUnsynced(disk.journalFile) > 0) return
    await disk.heal()
  }
  assert.fail('every sync had nothing to do')
}

/** The cut may have left any of what was not synced. */
async function assertPromised(t: TestContext, handover: Handover, before: string, journal: string) {
  const folder = await makeFolder(t, 'cut')
  copyFileSync(before, join(folder, 'berth.db'))
  cutPower(folder, journal, () => Math.random() < 0.5)
  const database = new DatabaseSync(join(folder, 'berth.db'))
  const [check] = database.prepare('PRAGMA integrity_check').all()
  database.close()
  assert.equal(check?.integrity_check, 'ok')
  const there = new Set(readRuns(folder).map(({ id }) => id))
  assert.deepEqual(
    handover.promised.filter((run) => !there.has(run)),
    [],
  )
}
