import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import sharp from 'sharp'
import { ROOT, writeWorkersFile } from '../harness/berth.ts'
import { createScope } from '../harness/scope.ts'
import { assertAccessible, assertFits, NARROW } from './axe.ts'
import type { PageWatch } from './page-watch.ts'
import { PICTURE_LIMIT_BYTES, PICTURE_SIZE, takePictures } from './pictures.ts'
import { openSharedDashboard } from './shared-page.ts'
import { type Fleet, keepBusy, NAMES, openPage, revisit } from './stage.ts'
import { choose, rowOf, switchOf } from './workers-page.ts'

const TAGS = {
  w1: 'region=eu,gpu=none',
  w2: 'region=eu,gpu=l4,vram=24',
  w3: 'region=us,gpu=h200,vram=141',
}
const LONG_TAGS = { note: 'a-value-without-any-place-to-break-'.repeat(3), zone: ['a', 'b', 'c'] }
const REFUSED = /Failed to load resource.* 401/

describe('the dashboard for everybody', () => {
  const scope = createScope()
  let browser: Browser
  let fleet: Fleet
  /** Of an operator; each test goes to the list of workers first. */
  let page: Page
  let watch: PageWatch

  before(async () => {
    const env = { NAME: 'harbour', ENVIRONMENT: 'demo' }
    ;({ browser, fleet, page, watch } = await openSharedDashboard(scope, { env, tags: TAGS }))
  })
  after(() => scope.end())

  const show = () => revisit(page, fleet.balancer, '/workers', 'Workers')

  test('pictures of a fleet at work, and the README shows one', async () => {
    await show()
    await takePictures(page, fleet.balancer)
    watch.assertClean()
    const [, path = ''] =
      /!\[[^\]]+\]\(([^)]+\.png)\)/.exec(await readFile(join(ROOT, 'README.md'), 'utf8')) ?? []
    const shown = await readFile(join(ROOT, path))
    assert.equal((await sharp(shown).metadata()).width, PICTURE_SIZE.width)
    assert.ok(shown.length < PICTURE_LIMIT_BYTES)
  })

  test('the sign-in page, with a refusal', async (t) => {
    const { page, watch } = await openPage(t, browser, fleet.balancer)
    await page.goto(`${fleet.balancer.url}/dashboard`)
    await page.getByLabel('Key', { exact: true }).fill('wrong')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').waitFor()
    await assertAccessible(page)
    await page.setViewportSize(NARROW)
    await assertFits(page)
    watch.assertClean([REFUSED])
  })

  test('the workers page, with all that it can open', async (t) => {
    await list(fleet)
    await show()
    await rowOf(page, 'w3').waitFor()
    await assertAccessible(page)

    const load = keepBusy(fleet.balancer, 6)
    t.after(() => load.stop())
    await page.getByRole('button', { name: 'Tags' }).click()
    await page.getByRole('checkbox', { name: /^l4/ }).waitFor()
    await assertAccessible(page)
    await page.keyboard.press('Escape')
    await switchOf(page, 'w1').click()
    await page.getByRole('status').filter({ hasText: 'w1 goes into maintenance.' }).waitFor()
    await choose(page, 'w1', 'w2')
    await breakList(fleet)
    await page.getByRole('region', { name: /workers\.json is not valid/ }).waitFor()
    await assertAccessible(page)
    await page.setViewportSize(NARROW)
    await assertFits(page)
    await assertAccessible(page)
    await page.getByRole('radio', { name: 'Grid' }).check({ force: true })
    await page.getByRole('application').focus()
    await assertFits(page)
    await assertAccessible(page)
    await list(fleet)
    await fleet.balancer.request('/workers/w1/on', { method: 'POST' })
    watch.assertClean()
  })

  test('the dialogs', async () => {
    for (const name of ['w1', 'w2']) await fleet.balancer.request(`/workers/${name}/off`, { method: 'POST' })
    await show()
    await page.getByText(/1 of 3 workers ready/).waitFor()
    await switchOf(page, 'w3').click()
    const question = page.getByRole('dialog', { name: 'Put w3 into maintenance?' })
    await question.getByText(/0 free stay/).waitFor()
    await assertAccessible(page)
    await page.setViewportSize(NARROW)
    await assertFits(page)
    await page.keyboard.press('Escape')
    await question.waitFor({ state: 'detached' })
    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keyboard' }).waitFor()
    await assertAccessible(page)
    await assertFits(page)
    for (const name of ['w1', 'w2']) await fleet.balancer.request(`/workers/${name}/on`, { method: 'POST' })
    watch.assertClean()
  })

  test('a fleet that is empty, and a balancer that is away', async () => {
    await show()
    await writeWorkersFile(fleet.balancer.workersFile, [])
    await page.getByRole('heading', { name: 'No workers yet' }).waitFor()
    await assertAccessible(page)
    await page.setViewportSize(NARROW)
    await assertFits(page)
    await list(fleet)
    await switchOf(page, 'w1').waitFor()
    await fleet.balancer.kill9()
    await page.getByRole('region', { name: 'Disconnected' }).waitFor()
    await assertFits(page)
    await page.setViewportSize({ width: 1400, height: 900 })
    await assertAccessible(page)
  })
})

/** The whole fleet, with tags that are hard to place. */
async function list({ balancer, workers }: Fleet): Promise<void> {
  const entries = NAMES.map((name) => ({ name, url: workers[name].url, tags: LONG_TAGS }))
  await writeWorkersFile(balancer.workersFile, entries)
}

async function breakList({ balancer }: Fleet): Promise<void> {
  await writeFile(balancer.workersFile, '[{"url": "http://127.0.0.1:1",}]')
}
