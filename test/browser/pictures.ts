/**
 * The pictures of the workers page that the README and the docs show, taken from a fleet at work.
 * Called by accessibility.test.ts. They are only written with `UPDATE_IMAGES=1`, so that an ordinary run
 * changes no file: `UPDATE_IMAGES=1 npx -y pnpm@12 test test/browser/accessibility`.
 */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import sharp from 'sharp'
import { type Balancer, ROOT } from '../harness/berth.ts'
import { until } from '../harness/until.ts'
import { type PageAddress, visitPage } from './pages.ts'
import { keepBusy, LIMIT_MS } from './stage.ts'

const FOLDER = join(ROOT, 'docs/images')
export const isUpdating = process.env.UPDATE_IMAGES === '1'
export const PICTURE_SIZE = { width: 1400, height: 900 }
export const PICTURE_LIMIT_BYTES = 200_000
/** How long the fleet is at work before; and before all pages are taken. */
const ALIVE_SECONDS = isUpdating ? 10 : 2
const GALLERY_SECONDS = 75

/** Of a page that shows the workers; ends when the load has ended. */
export async function takePictures(page: Page, balancer: Balancer): Promise<void> {
  await page.setViewportSize(PICTURE_SIZE)
  const load = workInWaves(balancer)
  try {
    await page.getByText(/[1-9]\d* of 24 slots used/).waitFor()
    await until(() => load.seconds() >= ALIVE_SECONDS, ALIVE_SECONDS * 1_000 + LIMIT_MS, 'a fleet at work')
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      await takePicture(page, colorScheme)
    }
  } finally {
    await load.stop()
  }
}

async function takePicture(page: Page, colorScheme: 'light' | 'dark'): Promise<void> {
  const picture = await shoot(page, colorScheme)
  if (!isUpdating) return
  await keepPicture(`workers-${colorScheme}`, picture)
}

/** Every page in both schemes, from a fleet that has worked for a while; only called when pictures are renewed. */
export async function takeGallery(
  page: Page,
  balancer: Balancer,
  pages: readonly PageAddress[],
): Promise<void> {
  await page.setViewportSize(PICTURE_SIZE)
  const load = workInWaves(balancer)
  try {
    await until(
      () => load.seconds() > GALLERY_SECONDS,
      GALLERY_SECONDS * 1_000 + LIMIT_MS,
      'charts with something in them',
    )
    for (const { name, path } of pages) {
      await page.emulateMedia({ colorScheme: 'light' })
      await visitPage(page, balancer, `${path}${path.includes('?') ? '&' : '?'}range=5m`)
      // Charts and figures of the last second come behind the page.
      await page.evaluate('new Promise((resolve) => setTimeout(resolve, 1_500))')
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        await keepPicture(`${name}-${colorScheme}`, await shoot(page, colorScheme))
      }
    }
  } finally {
    await load.stop()
  }
}

/** Small enough to be kept, and as light or dark as it says. */
async function shoot(page: Page, colorScheme: 'light' | 'dark'): Promise<Buffer> {
  const taken = await page.screenshot({ animations: 'disabled' })
  const picture = await sharp(taken).png({ compressionLevel: 9, palette: true, quality: 100 }).toBuffer()
  const { width, height } = await sharp(picture).metadata()
  assert.deepEqual({ width, height }, PICTURE_SIZE)
  assert.ok(picture.length < PICTURE_LIMIT_BYTES, `${picture.length} bytes`)
  const { channels } = await sharp(picture).removeAlpha().toColourspace('b-w').stats()
  assert.equal((channels[0]?.mean ?? 0) > 128, colorScheme === 'light')
  return picture
}

async function keepPicture(name: string, picture: Buffer): Promise<void> {
  await mkdir(FOLDER, { recursive: true })
  await writeFile(join(FOLDER, `${name}.png`), picture)
}

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
