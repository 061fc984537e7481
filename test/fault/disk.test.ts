/**
 * Disks that are full, fail, are locked, go away: section D of the catalogue of faults, with real processes. What
 * was answered with 202 is there afterwards and ends; what could not be kept is refused with 503, and sync tasks go
 * on. Each test has a site of its own and ends with all checkers.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../harness/until.ts'
import {
  BadDisk,
  IO_ERROR,
  NO_QUOTA,
  NO_SPACE,
  READ_ONLY,
  SmallDisk,
  TOO_LARGE,
  whyNoBadDisk,
  whyNoSmallDisk,
} from './bad-disk.ts'
import { type HandedOver, Handover } from './handed-over.ts'
import { LIMIT_MS, PATIENT, Site } from './site.ts'
import type { Call } from './story.ts'

const WORKERS = [{ slots: 4 }, { slots: 4 }]
const MEGABYTE = 1024 * 1024

const noBadDisk = whyNoBadDisk() ?? false
const noSmallDisk = whyNoSmallDisk() ?? false

type Scene = { readonly site: Site; readonly handover: Handover }

async function startOnBadDisk(t: TestContext): Promise<Scene & { readonly disk: BadDisk }> {
  const disk = await BadDisk.make(t)
  const site = await Site.start(t, { workers: WORKERS, env: { ...PATIENT, ...disk.env } })
  return { site, handover: new Handover(site), disk }
}

async function startOnSmallDisk(t: TestContext, bytes: number, reserve: string) {
  const disk = await SmallDisk.make(t, bytes)
  const env = { ...PATIENT, DATA_DIR: join(disk.path, 'data'), DISK_RESERVE: reserve }
  const site = await Site.start(t, { workers: WORKERS, env, place: disk.place })
  return { site, handover: new Handover(site, join(disk.pathHere, 'data')), disk }
}

/** Runs that have begun and go on until the probe is released, so that none ends before its disk is broken. */
async function beginLong({ site, handover }: Scene): Promise<readonly string[]> {
  await site.probe.hold()
  const before = (await site.probe.read()).filter(({ event }) => event === 'started').length
  const runs = await Promise.all([1, 2, 3, 4].map(() => handover.handOver({ how: 'held' })))
  await site.waitForExecutions('started', before + runs.length)
  return runs
}

/** Handed over until it is refused: what was in order until then is a promise. */
async function handUntilRefused({ handover }: Scene, bytes = 0): Promise<HandedOver> {
  return until(
    async () => {
      const handed = await handover.hand({ bytes })
      return handed.status === 202 ? undefined : handed
    },
    LIMIT_MS,
    'a run is refused',
  )
}

function assertRefused({ status, code, headers, text }: HandedOver): void {
  assert.deepEqual([status, code], [503, 'STORE_UNAVAILABLE'], text)
  assert.ok(Number(headers.get('retry-after')) >= 1, 'it says when to come again')
}

async function assertSyncGoesOn(site: Site): Promise<void> {
  const calls = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(() => site.call({ ms: 5 })))
  for (const { status, code } of calls) assert.equal(status, 200, code ?? 'refused')
}

async function storeHealth(site: Site): Promise<{ state: string; error?: string }> {
  return ((await site.balancer.request('/health')).body as { store: { state: string; error?: string } }).store
}

/** The store cannot be written: nothing is promised, everybody else is served, and it is said. */
async function assertClosed({ site, handover }: Scene): Promise<void> {
  const handed = await Promise.all([1, 2, 3].map(() => handover.hand()))
  for (const each of handed) assertRefused(each)
  await assertSyncGoesOn(site)
  assert.equal((await storeHealth(site)).state, 'failed')
  assert.equal((await site.balancer.request('/readyz')).status, 503)
}

/** Nobody has to help. */
async function opensAgain({ handover }: Scene): Promise<void> {
  await until(async () => (await handover.hand()).status === 202, LIMIT_MS, 'runs are accepted again')
}

/** They finish, and nobody is told so: their ends are not on disk. */
async function assertEndsAreKept({ site, handover }: Scene, runs: readonly string[]): Promise<void> {
  await site.probe.release()
  await until(
    async () => {
      const finished = new Set((await site.probe.read()).filter(isFinished).map(({ runId }) => runId))
      return runs.every((run) => finished.has(run))
    },
    LIMIT_MS,
    'the handlers have ended',
  )
  for (const run of runs) assert.equal(await handover.isTold(run), false)
}

function isFinished({ event }: { event: string }): boolean {
  return event === 'finished'
}

describe('a disk', { concurrency: 3, timeout: 500_000 }, () => {
  test('D1: full: refused with 503, ends wait for room, all goes on by itself', {
    skip: noBadDisk,
  }, async (t) => {
    const scene = await startOnBadDisk(t)
    const { site, handover, disk } = scene
    const long = await beginLong(scene)
    await disk.fail('write', NO_SPACE)
    assertRefused(await handover.hand())
    await assertClosed(scene)
    assert.match((await storeHealth(site)).error ?? '', /full/)
    await assertEndsAreKept(scene, long)
    await assertClosed(scene)
    const said = site.balancer.logLines().map(({ text }) => text)
    assert.ok(!said.includes('the store can be written again'), 'what writes nothing is no sign of room')
    await disk.heal()
    await opensAgain(scene)
    for (const run of long) await handover.completed(run)
    assert.equal((await handover.judge()).repeats, 0)
    assert.equal((await storeHealth(site)).state, 'ok')
  })

  test('D1: a small disk, filled twice, and a balancer that is killed on it', {
    skip: noSmallDisk,
  }, async (t) => {
    const scene = await startOnSmallDisk(t, 8 * MEGABYTE, '0')
    const { site, handover, disk } = scene
    for (const isKilled of [false, true]) {
      await beginLong(scene)
      await disk.fill()
      await site.probe.release()
      assertRefused(await handUntilRefused(scene, 50_000))
      const rest = await Promise.all(Array.from({ length: 20 }, () => handover.hand({ bytes: 50_000 })))
      for (const each of rest) if (each.status !== 202) assertRefused(each)
      await assertSyncGoesOn(site)
      if (isKilled) await site.killBalancer()
      await disk.empty()
      if (isKilled) await site.restartBalancer()
      await opensAgain(scene)
      await handover.allEnded()
    }
    const { repeats, shown } = await handover.judge()
    assert.equal(repeats, 0)
    t.diagnostic(`${shown.length} runs on disk, ${handover.wanted.length} were wanted`)
  })

  test('DISK_RESERVE: what is left is for ends', { skip: noSmallDisk }, async (t) => {
    const scene = await startOnSmallDisk(t, 64 * MEGABYTE, '32mb')
    const { site, handover, disk } = scene
    const long = await beginLong(scene)
    await disk.fill(16 * MEGABYTE)
    const refused = await handUntilRefused(scene)
    assertRefused(refused)
    assert.match(refused.text, /DISK_RESERVE/)
    await site.probe.release()
    for (const run of long) await handover.completed(run)
    assertRefused(await handover.hand())
    await assertSyncGoesOn(site)
    assert.equal((await storeHealth(site)).state, 'ok')
    await disk.empty()
    await opensAgain(scene)
    assert.equal((await handover.judge()).repeats, 0)
  })

  for (const [title, error] of [
    ['D1: no quota left', NO_QUOTA],
    ['D1: a file that may not grow', TOO_LARGE],
    ['D8: read-only all at once', READ_ONLY],
  ] as const)
    test(`${title}: refused with 503 and said, and all goes on by itself`, { skip: noBadDisk }, async (t) => {
      const scene = await startOnBadDisk(t)
      const { site, handover, disk } = scene
      const long = await beginLong(scene)
      await disk.fail('write', error)
      assertRefused(await handover.hand())
      await assertClosed(scene)
      assert.match((await storeHealth(site)).error ?? '', /check its room, its quota/)
      await assertEndsAreKept(scene, long)
      await assertClosed(scene)
      await disk.heal()
      await opensAgain(scene)
      for (const run of long) await handover.completed(run)
      assert.equal((await handover.judge()).repeats, 0)
      assert.equal((await storeHealth(site)).state, 'ok')
    })

  test('D2: EIO from fsync: nothing is relied on before a restart, then all is there', {
    skip: noBadDisk,
  }, async (t) => {
    const scene = await startOnBadDisk(t)
    const { site, handover, disk } = scene
    const long = await beginLong(scene)
    await disk.fail('sync', IO_ERROR)
    assertRefused(await handover.hand())
    await assertClosed(scene)
    await assertEndsAreKept(scene, long)
    await disk.heal()
    await assertClosed(scene)
    assert.match((await storeHealth(site)).error ?? '', /restart the balancer/)
    site.fault('balancer-ended')
    await site.balancer.stop()
    await site.restartBalancer()
    await opensAgain(scene)
    for (const run of long) await handover.completed(run)
    assert.equal((await handover.judge()).repeats, 0)
  })

  test('D4: locked by another process: refused, nobody else waits for it', async (t) => {
    const site = await Site.start(t, { workers: WORKERS, env: PATIENT })
    const scene = { site, handover: new Handover(site) }
    const { handover } = scene
    const long = await beginLong(scene)
    const rival = new DatabaseSync(join(site.balancer.dataDir, 'berth.db'), { timeout: LIMIT_MS })
    t.after(() => rival.close())
    rival.exec('BEGIN EXCLUSIVE')
    const beganAt = performance.now()
    let waitedMs = Number.POSITIVE_INFINITY
    const handed = handover.hand().finally(() => {
      waitedMs = performance.now() - beganAt
    })
    const good: Call[] = []
    while (good.length < 50 || waitedMs === Number.POSITIVE_INFINITY) {
      good.push(await site.call({ kind: 'good' }))
      await pause(20)
    }
    assertRefused(await handed)
    const slowestMs = Math.max(
      ...good.map(({ submittedAtMs, endedAtMs = Number.POSITIVE_INFINITY }) => endedAtMs - submittedAtMs),
    )
    t.diagnostic(`${good.length} calls, the slowest ${slowestMs} ms, while one run waited ${waitedMs} ms`)
    assert.ok(slowestMs < waitedMs / 2, `a call took ${slowestMs} ms`)
    await assertClosed(scene)
    assert.match((await storeHealth(site)).error ?? '', /locked/)
    await assertEndsAreKept(scene, long)
    rival.exec('ROLLBACK')
    await opensAgain(scene)
    assert.equal((await handover.judge()).repeats, 0)
  })

  for (const [title, damage] of [
    ['moved', (file: string) => rename(file, `${file}.elsewhere`)],
    ['without its log', (file: string) => rm(`${file}-wal`)],
  ] as const)
    test(`D6: ${title} while in use: seen at once, and nothing is lost`, async (t) => {
      const site = await Site.start(t, { workers: WORKERS, env: PATIENT })
      const scene = { site, handover: new Handover(site) }
      const long = await beginLong(scene)
      const file = join(site.balancer.dataDir, 'berth.db')
      await damage(file)
      assertRefused(await scene.handover.hand())
      await assertClosed(scene)
      assert.match((await storeHealth(site)).error ?? '', /moved or removed while in use/)
      await assertEndsAreKept(scene, long)
      site.fault('balancer-ended')
      await site.balancer.stop()
      await rename(`${file}.elsewhere`, file).catch(() => {})
      await site.restartBalancer()
      await opensAgain(scene)
      assert.equal((await scene.handover.judge()).repeats, 0)
    })

  test('D10: a long reader pins the log: nobody waits for it, and the log is of use again behind it', async (t) => {
    const site = await Site.start(t, { workers: WORKERS, env: PATIENT })
    const handover = new Handover(site)
    const file = join(site.balancer.dataDir, 'berth.db')
    const bytes = 100_000
    const hand = (count: number) =>
      Promise.all(Array.from({ length: count }, () => handover.handOver({ bytes })))
    const reader = new DatabaseSync(file, { readOnly: true })
    t.after(() => reader.close())
    reader.exec('BEGIN')
    reader.prepare('SELECT count(*) FROM runs_live').get()
    await hand(100)
    await handover.allEnded()
    reader.exec('COMMIT')
    const sizes = [statSync(`${file}-wal`).size]
    assert.ok(sizes[0] && sizes[0] > 100 * bytes, 'it was pinned')
    // It begins anew with a write that finds nobody reading in it.
    await until(
      async () => {
        await until(() => isMoved(file), LIMIT_MS, 'the log is in the file')
        await hand(10)
        await handover.allEnded()
        const [before, now] = [sizes.at(-1) ?? 0, statSync(`${file}-wal`).size]
        sizes.push(now)
        return now <= before
      },
      LIMIT_MS,
      'what comes later goes over what is in the file',
    )
    t.diagnostic(`${sizes[0]} bytes of log under the reader, then ${sizes.slice(1).join(', ')}`)
    assert.equal((await handover.judge()).repeats, 0)
  })

  test('D20: no descriptor left for callers: it lives, what was promised ends, all goes on later', async (t) => {
    const place = { host: '127.0.0.1', within: ['prlimit', '--nofile=128', '--'] }
    const site = await Site.start(t, { workers: WORKERS, env: PATIENT, place })
    const handover = new Handover(site)
    const runs = await Promise.all(Array.from({ length: 20 }, () => handover.handOver({ ms: 300 })))
    const sockets = await occupy(site.balancer.port, 300)
    const leave = () => {
      for (const socket of sockets) socket.destroy()
    }
    t.after(leave)
    for (const run of runs) await handover.completed(run)
    assert.equal((await site.balancer.request('/health')).status, 200)
    leave()
    await opensAgain({ site, handover })
    await assertSyncGoesOn(site)
    assert.equal((await handover.judge()).repeats, 0)
  })
})

/**
 * Whether nothing of the log is left to bring into the file. A checkpoint that takes long speaks of the log as it was
 * when it began, so a second one has to say the same; while another is under way nobody can tell.
 */
function isMoved(file: string): boolean {
  const database = new DatabaseSync(file)
  try {
    const look = () => database.prepare('PRAGMA wal_checkpoint(PASSIVE)').get()
    const [first, second] = [look(), look()]
    return second?.busy === 0 && second.log === second.checkpointed && second.log === first?.log
  } finally {
    database.close()
  }
}

/** Connections that say something now and then nothing more; some may be turned away. */
async function occupy(port: number, count: number): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => connect(port, '127.0.0.1'))
  await Promise.all(
    sockets.map(async (socket) => {
      socket.on('error', () => {})
      await once(socket, 'connect')
      socket.write('GET /livez HTTP/1.1\r\nHost: balancer\r\n\r\n')
    }),
  )
  return sockets
}
