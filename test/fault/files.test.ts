/**
 * Files of runs while processes die in the middle of one, and disks are full: a file is there as a whole or not at
 * all, and what was promised is there. `nightly/files.nightly.ts` does it for longer and larger.
 */
import assert from 'node:assert/strict'
import { symlink, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createScope, makeFolder } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { SmallDisk, whyNoSmallDisk } from './bad-disk.ts'
import { FileSite, LIMIT_MS } from './file-site.ts'

const MB = 1024 * 1024
const noSmallDisk = whyNoSmallDisk() ?? false

describe('a file in the middle of which', { timeout: 5 * LIMIT_MS }, () => {
  const scope = createScope()
  let site: FileSite
  before(async () => {
    site = await FileSite.start(scope, 2)
    site.pace()
  })
  after(() => scope.end())

  test('the balancer is killed: its worker sends it again, in the same attempt', async () => {
    const wanted = [
      { path: 'before.bin', size: MB, seed: 'before' },
      { path: 'a/large.bin', size: 24 * MB, seed: 'large' },
      { path: 'z.bin', size: 70_000, seed: 'after' },
    ]
    const run = await site.beginWriting(wanted)
    await site.holdMidway(4 * MB)
    await site.balancer.kill9()
    site.goOn()
    await site.restartBalancer()
    const view = await site.ended(run)
    assert.equal(view.attempt, 1)
    await site.assertAll(view, wanted)
    await site.assertNothingLeft()
  })

  test('the worker is killed: the next attempt writes it, and nothing is left of the first', async () => {
    const wanted = [
      { path: 'before.bin', size: MB, seed: 'before' },
      { path: 'large.bin', size: 24 * MB, seed: 'large' },
    ]
    const run = await site.beginWriting(wanted)
    await site.holdMidway(4 * MB)
    await site.killWorkerOf(run)
    const view = await site.ended(run)
    assert.equal(view.attempt, 2)
    await site.assertAll(view, wanted)
    await site.assertNothingLeft()
  })

  test('the balancer is killed while a caller sends it: no run, no file', async () => {
    const answered = site.upload({ path: 'large.png', size: 8 * MB, seed: 'up' }, { stopsAt: 5 * MB })
    await site.midway(4 * MB)
    await site.balancer.kill9()
    assert.equal(await answered, undefined)
    await site.restartBalancer()
    assert.deepEqual(await site.filesOnDisk(), [])
    assert.deepEqual(((await site.balancer.request('/runs')).body as { items: unknown[] }).items, [])
  })

  test('somebody cancels the run: what was whole is there, the rest is not', async () => {
    const wanted = [
      { path: 'before.bin', size: MB, seed: 'before' },
      { path: 'large.bin', size: 24 * MB, seed: 'large' },
    ]
    const run = await site.beginWriting(wanted)
    await site.holdMidway(4 * MB)
    const { status } = await site.balancer.request(`/runs/${run}/cancel`, { method: 'POST' })
    assert.equal(status, 200)
    site.goOn()
    const view = await site.ended(run)
    assert.equal(view.status, 'cancelled')
    await site.assertWhole(view, wanted)
    assert.deepEqual(
      view.files.map(({ path }) => path),
      ['before.bin'],
    )
    await site.assertNothingLeft()
  })

  test('its link is cut, again and again: it is sent from its start, in the same attempt', async () => {
    const wanted = [
      { path: 'large.bin', size: 24 * MB, seed: 'cut' },
      { path: 'small.bin', size: 1000, seed: 'cut' },
    ]
    let run = ''
    for (const bytes of [4 * MB, 9 * MB]) {
      const cuts = site.proxies.map((proxy) => proxy.cutAfter('up', bytes))
      if (bytes === 4 * MB) run = await site.beginWriting(wanted)
      await Promise.race(cuts)
    }
    site.goOn()
    const view = await site.ended(run)
    assert.equal(view.attempt, 1)
    await site.assertAll(view, wanted)
    await site.assertNothingLeft()
  })

  test('the balancer is told to stop: the run goes on at its worker, and so does its file', async () => {
    const wanted = [{ path: 'large.bin', size: 24 * MB, seed: 'large' }]
    const run = await site.beginWriting(wanted)
    await site.holdMidway(4 * MB)
    const stopped = site.balancer.stop()
    site.goOn()
    await stopped
    await site.restartBalancer()
    const view = await site.ended(run)
    assert.equal(view.attempt, 1)
    await site.assertAll(view, wanted)
    await site.assertNothingLeft()
  })

  test('its caller goes away: no run, no file', async () => {
    const leaving = new AbortController()
    const file = { path: 'large.png', size: 8 * MB, seed: 'up' }
    const answered = site.upload(file, { stopsAt: 5 * MB, signal: leaving.signal })
    await site.midway(4 * MB)
    leaving.abort()
    assert.equal(await answered, undefined)
    await site.assertNothingLeft()
  })

  test('nobody follows a link that lies in its place', async (t) => {
    const view = await site.ended(await site.beginWriting([{ path: 'a', size: 10, seed: 'a' }]))
    const [name = ''] = await site.filesOnDisk()
    const secret = join(await makeFolder(t, 'secret'), 'secret')
    await writeFile(secret, 'a secret!!')
    const place = join(site.balancer.dataDir, 'files', name)
    await unlink(place)
    await symlink(secret, place)
    const answer = await site.balancer.request(`/runs/${view.id}/files/a`)
    assert.equal(answer.status, 404, answer.text)
    await site.assertNothingLeft()
  })
})

test('a full disk: the handler hears it, goes on, and what did not fit leaves nothing', {
  skip: noSmallDisk,
  timeout: 3 * LIMIT_MS,
}, async (t) => {
  const disk = await SmallDisk.make(t, 24 * MB)
  const env = { DATA_DIR: join(disk.path, 'data'), DISK_RESERVE: '0' }
  const site = await FileSite.start(t, 1, env, disk.place)
  const wanted = [
    { path: 'fits', size: 4 * MB, seed: 'fits' },
    { path: 'large', size: 40 * MB, seed: 'large' },
    { path: 'small', size: 1000, seed: 'small' },
  ]
  const view = await site.ended(await site.beginWriting([], { input: { files: wanted, catches: true } }))
  assert.deepEqual((view.result as { said: string[] }).said, ['kept', 'STORE_UNAVAILABLE', 'kept'])
  await site.assertAll(
    view,
    wanted.filter(({ path }) => path !== 'large'),
  )
  const refused = await site.upload({ path: 'large.png', size: 40 * MB, seed: 'up' })
  assert.equal(refused?.status, 503)
  const kept = () => site.filesOnDisk(join(disk.pathHere, 'data'))
  await until(async () => (await kept()).length === 2, LIMIT_MS, 'what was refused has gone')
})
