/**
 * Stores that no balancer can begin with: full, read-only, damaged, in use (D1, D5, D7, D8 of the catalogue). Each
 * start ends at once, says which file and what to do, and leaves what it found as it was.
 */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { type Balancer, type BalancerOptions, startBalancer } from '../harness/berth.ts'
import { SmallDisk, whyNoSmallDisk } from './bad-disk.ts'

const MEGABYTE = 1024 * 1024
const PAGE_BYTES = 4_096
const skip = whyNoSmallDisk() ?? false

const again = ({ dataDir, port }: Balancer): BalancerOptions => ({
  env: { DATA_DIR: dataDir, PORT: String(port) },
})

/** It ends by itself, by the exit code of what is set wrong, and says so. */
async function assertRefuses(t: TestContext, options: BalancerOptions, ...says: RegExp[]): Promise<void> {
  await assert.rejects(startBalancer(t, options), ({ message }: Error) => {
    for (const text of [/ended with exit code 78/, ...says]) assert.match(message, text)
    return true
  })
}

describe('a store to begin with', { concurrency: 3, timeout: 400_000 }, () => {
  test('D1: no room: it ends and names the file; with room it begins', { skip }, async (t) => {
    const disk = await SmallDisk.make(t, 2 * MEGABYTE)
    const options = { env: { DATA_DIR: join(disk.path, 'data') }, place: disk.place }
    const first = await startBalancer(t, options)
    await first.kill9()
    await disk.fill()
    await assertRefuses(t, options, /small-disk/)
    await disk.empty()
    const second = await startBalancer(t, options)
    assert.equal((await second.request('/readyz')).status, 200)
  })

  test('D8: read-only: it ends and names the folder', { skip }, async (t) => {
    const disk = await SmallDisk.make(t, MEGABYTE, ',ro')
    const options = { env: { DATA_DIR: join(disk.path, 'data') }, place: disk.place }
    await assertRefuses(t, options, /small-disk-\w+\/data/, /read-only/i)
  })

  test('D5: damaged: it ends, says what to do, and touches nothing', async (t) => {
    const balancer = await startBalancer(t)
    await balancer.stop()
    const file = join(balancer.dataDir, 'berth.db')
    const whole = readFileSync(file)
    const scribbled = Buffer.from(whole).fill(0xa5, 8 * PAGE_BYTES, 10 * PAGE_BYTES)
    for (const bytes of [scribbled, whole.subarray(0, 5 * PAGE_BYTES), Buffer.alloc(0)]) {
      writeFileSync(file, bytes)
      await assertRefuses(t, again(balancer), /berth\.db is damaged/, /Restore it from a backup/)
      assert.deepEqual(readFileSync(file), bytes)
    }
    writeFileSync(file, whole)
    await startBalancer(t, again(balancer))
  })

  test('D7: in use: the second one ends and names the first; a dead one holds nothing', async (t) => {
    const first = await startBalancer(t)
    const second = { env: { DATA_DIR: first.dataDir } }
    await assertRefuses(t, second, new RegExp(`in use by another balancer \\(pid ${first.pid}, started`))
    assert.equal((await first.request('/readyz')).status, 200)
    await first.kill9()
    await startBalancer(t, second)
  })
})
