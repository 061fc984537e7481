/**
 * Files of what handlers call: kept with the called run before its caller hears of it, for callers in memory and on
 * disk, over a restart and until they are deleted; and while a process dies in the middle of one.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { RunView } from '@berth/protocol'
import { postTask } from '../harness/berth.ts'
import { createScope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { FileSite, LIMIT_MS, type WantedFile } from './file-site.ts'

const MB = 1024 * 1024
const SMALL: readonly WantedFile[] = [
  { path: 'a/one.bin', size: 300_000, seed: 'one' },
  { path: 'two.bin', size: 10, seed: 'two' },
]
const LARGE: readonly WantedFile[] = [
  { path: 'before.bin', size: MB, seed: 'before' },
  { path: 'large.bin', size: 24 * MB, seed: 'large' },
]

describe('files of what a handler calls', { timeout: 5 * LIMIT_MS }, () => {
  const scope = createScope()
  let site: FileSite
  before(async () => {
    // One: whatever is called dies with its caller.
    site = await FileSite.start(scope, 1)
    site.pace()
  })
  after(() => scope.end())

  const below = async (parent: string): Promise<RunView[]> =>
    ((await site.balancer.request(`/runs?parent=${parent}`)).body as { items: RunView[] }).items

  const callSync = (files: readonly WantedFile[]) =>
    postTask(site.balancer, { function: 'order', input: { files } })

  const callAsync = (files: readonly WantedFile[]) => site.beginWriting(files, { function: 'order' })

  /** The one that runs below it; below whatever runs `order` unless told. */
  const untilRuns = (parent?: string): Promise<RunView> =>
    until(
      async () => {
        const { items } = (await site.balancer.request('/runs?function=write&status=running')).body as {
          items: RunView[]
        }
        return items.find((run) => parent === undefined || run.parent === parent)
      },
      LIMIT_MS,
      'the called function runs',
    )

  const remove = async (run: string) =>
    (await site.balancer.request(`/runs/${run}`, { method: 'DELETE' })).status

  const untilFiles = (count: number) =>
    until(async () => (await site.filesOnDisk()).length === count, LIMIT_MS, `${count} files are on the disk`)

  async function restartBalancer(): Promise<void> {
    await site.balancer.kill9()
    site.goOn()
    await site.restartBalancer()
  }

  /** Of the called run, as its caller has just been answered. */
  async function assertKept(parent: string): Promise<RunView> {
    const [listed, ...others] = await below(parent)
    assert.deepEqual(others, [])
    const { body, status } = await site.balancer.request(`/runs/${listed?.id}`)
    assert.equal(status, 200)
    const child = body as RunView
    assert.deepEqual([child.durable, child.trigger, child.parent], [true, 'call', parent])
    await site.assertAll(child, SMALL)
    return child
  }

  test('of a caller in memory', async () => {
    const answer = await callSync(SMALL)
    assert.equal(answer.status, 200, answer.text)
    const said = (answer.body as { result: { ordered: { said: string[] } } }).result.ordered.said
    assert.deepEqual(said, ['kept', 'kept'])
    const parent = answer.headers.get('x-run-id') ?? ''
    const child = await assertKept(parent)
    await restartBalancer()
    assert.deepEqual(await assertKept(parent), child)
    assert.equal(await remove(child.id), 204)
    await untilFiles(0)
  })

  test('of a run on disk, with which they go', async () => {
    const parent = await callAsync(SMALL)
    const view = await site.ended(parent)
    assert.deepEqual([view.status, view.files], ['completed', []])
    const child = await assertKept(parent)
    await restartBalancer()
    assert.deepEqual(await assertKept(parent), child)
    assert.equal(await remove(parent), 204)
    assert.equal((await site.balancer.request(`/runs/${child.id}`)).status, 404)
    await untilFiles(0)
  })

  test('a caller in memory whose worker is killed in the middle: what was whole is there', async () => {
    const asked = callSync(LARGE)
    const { id, parent } = await untilRuns()
    await site.holdMidway(4 * MB)
    await site.killWorkerOf(id)
    const answer = await asked
    assert.equal(answer.status, 502, answer.text)
    assert.equal(answer.headers.get('x-run-id'), parent)
    const child = await site.ended(id)
    assert.deepEqual([child.durable, child.status], [true, 'cancelled'])
    assert.deepEqual(
      child.files.map(({ path }) => path),
      ['before.bin'],
    )
    await site.assertWhole(child, LARGE)
    await site.assertNothingLeft()
  })

  test('a run on disk whose worker is killed in the middle: it calls again, and that is whole', async () => {
    const parent = await callAsync(LARGE)
    const { id } = await untilRuns(parent)
    await site.holdMidway(4 * MB)
    await site.killWorkerOf(id)
    const view = await site.ended(parent)
    assert.deepEqual([view.status, view.attempt], ['completed', 2])
    const [second, first, ...others] = await below(parent)
    assert.deepEqual([first?.id, others], [id, []])
    for (const child of [first, second]) await site.assertWhole(child as RunView, LARGE)
    await site.assertAll(second as RunView, LARGE)
    assert.equal(first?.files.length, 1)
    await site.assertNothingLeft()
  })

  test('a run on disk whose balancer is killed in the middle: it calls again, and nothing else is left', async () => {
    const parent = await callAsync(LARGE)
    const { id } = await untilRuns(parent)
    await site.holdMidway(4 * MB)
    await restartBalancer()
    const view = await site.ended(parent)
    assert.deepEqual([view.status, view.attempt], ['completed', 1], JSON.stringify(view.error))
    const children = await below(parent)
    assert.ok(!children.some((child) => child.id === id))
    assert.equal(children.length, 1)
    await site.assertAll(children[0] as RunView, LARGE)
    await site.assertNothingLeft()
  })
})
