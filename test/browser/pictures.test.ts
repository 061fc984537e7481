import assert from 'node:assert/strict'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Browser } from 'playwright-core'
import sharp from 'sharp'
import { type Balancer, ROOT } from '../harness/berth.ts'
import { createScope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { type Fleet, keepBusy, LIMIT_MS, openDashboard, startBrowser, startFleet } from './stage.ts'

/** `UPDATE_IMAGES=1 npx -y pnpm@12 test test/browser/pictures` writes them; otherwise they are only taken. */
const FOLDER = join(ROOT, 'docs/images')
const isUpdating = process.env.UPDATE_IMAGES === '1'
const SIZE = { width: 1400, height: 900 }
const LIMIT_BYTES = 200_000
/** How much of the charts shows the load; the range is a minute. */
const ALIVE_SECONDS = isUpdating ? 58 : 3
const TAGS = {
  w1: 'region=eu,gpu=none',
  w2: 'region=eu,gpu=l4,vram=24',
  w3: 'region=us,gpu=h200,vram=141',
}

describe('the pictures of the workers page', () => {
  const scope = createScope()
  let browser: Browser
  let fleet: Fleet

  before(async () => {
    const env = { NAME: 'harbour', ENVIRONMENT: 'demo' }
    ;[browser, fleet] = await Promise.all([startBrowser(scope), startFleet(scope, { env, tags: TAGS })])
  })
  after(() => scope.end())

  test('a fleet at work, light and dark', async (t) => {
    const { page, watch } = await openDashboard(t, browser, fleet.balancer, { viewport: SIZE })
    await page.getByRole('radio', { name: '1 min', exact: true }).check({ force: true })
    const load = workInWaves(fleet.balancer)
    t.after(() => load.stop())
    const throughput = page.getByRole('figure', { name: 'Throughput' })
    await throughput.getByText(/, [1-9]\d* completed, 0 failed/).waitFor()
    await until(
      () => load.seconds() >= ALIVE_SECONDS,
      ALIVE_SECONDS * 1_000 + LIMIT_MS,
      'charts full of load',
    )
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      const taken = await page.screenshot({ animations: 'disabled' })
      const picture = await sharp(taken).png({ compressionLevel: 9, palette: true, quality: 100 }).toBuffer()
      const { width, height } = await sharp(picture).metadata()
      assert.deepEqual({ width, height }, SIZE)
      assert.ok(picture.length < LIMIT_BYTES, `${picture.length} bytes`)
      const { channels } = await sharp(picture).removeAlpha().toColourspace('b-w').stats()
      assert.equal((channels[0]?.mean ?? 0) > 128, colorScheme === 'light')
      if (isUpdating) {
        await mkdir(FOLDER, { recursive: true })
        await writeFile(join(FOLDER, `workers-${colorScheme}.png`), picture)
      }
    }
    watch.assertClean()
  })

  test('the README shows one that is there', async () => {
    const [, path = ''] =
      /!\[[^\]]+\]\(([^)]+\.png)\)/.exec(await readFile(join(ROOT, 'README.md'), 'utf8')) ?? []
    const picture = await readFile(join(ROOT, path))
    assert.deepEqual((await sharp(picture).metadata()).width, SIZE.width)
    assert.ok(picture.length < LIMIT_BYTES)
  })
})

/** A load that rises and falls, as days do. */
function workInWaves(balancer: Balancer): { seconds(): number; stop(): Promise<void> } {
  const startedAt = performance.now()
  const seconds = (): number => (performance.now() - startedAt) / 1_000
  const loads = [keepBusy(balancer, 7, 600)]
  let isOver = false
  const change = setInterval(() => {
    const isHigh = Math.floor(seconds() / 9) % 2 === 1
    if (isHigh && loads.length < 4) loads.push(keepBusy(balancer, 3, 350 + 90 * loads.length))
    else if (!isHigh && loads.length > 1) void loads.pop()?.stop()
  }, 1_700)
  return {
    seconds,
    async stop() {
      if (isOver) return
      isOver = true
      clearInterval(change)
      await Promise.all(loads.map((load) => load.stop()))
    },
  }
}
