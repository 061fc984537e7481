/** The page Activity: who did what, when and why, and what happened by itself, as the balancer has it. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { createScope } from '../harness/scope.ts'
import { assertAccessible, assertFits, NARROW } from './axe.ts'
import type { PageWatch } from './page-watch.ts'
import { openSharedPage } from './shared-page.ts'
import { type Fleet, revisit } from './stage.ts'

const MARKUP = '<img src=x onerror=canary()> & <b>why</b>'

describe('the page Activity', () => {
  const scope = createScope()
  let fleet: Fleet
  /** One for all tests here, each of which goes to its address first. */
  let page: Page
  let watch: PageWatch

  before(async () => {
    const headers = { 'x-reason': encodeURIComponent(MARKUP) }
    const prepare = async ({ balancer }: Fleet) => {
      const post = (path: string, body: unknown, method = 'POST') =>
        balancer.request(path, { method, headers, body: JSON.stringify(body) })
      assert.equal((await post('/workers/w1/off', {})).status, 200)
      assert.equal((await post('/workers/w1/on', {})).status, 200)
      assert.equal((await post('/groups/default', { concurrency: 7 }, 'PATCH')).status, 200)
    }
    ;({ fleet, page, watch } = await openSharedPage(scope, '/activity', 'Activity', { prepare }))
  })

  after(() => scope.end())

  const show = (query = '') => revisit(page, fleet.balancer, `/activity${query}`, 'Activity')
  const rowOf = (words: string | RegExp) =>
    page.getByRole('table', { name: 'Activity' }).getByRole('row').filter({ hasText: words })

  it('shows what was done with who, why and what differs, as text', async () => {
    await show()
    const row = rowOf('Took "w1" out of service.')
    await row.waitFor()
    const words = (await row.textContent()) ?? ''
    for (const word of ['Operator key', 'Maintenance on', MARKUP]) assert.ok(words.includes(word), words)
    await rowOf('Changed the settings of group "default".').getByRole('button').click()
    const dialog = page.getByRole('dialog', { name: 'Settings changed' })
    await dialog.getByText(MARKUP).waitFor()
    const cells = dialog.getByRole('table', { name: 'What differs' }).locator('th, td')
    assert.deepEqual(await cells.allTextContents(), [
      'Member',
      'Before',
      'After',
      'concurrency',
      'not set',
      '7',
    ])
    assert.match(page.url(), /[?&]entry=a_[0-9a-z]{26}/)
    await assertAccessible(page)
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
    assert.doesNotMatch(page.url(), /entry=/)
    await assertAccessible(page)

    watch.assertClean()
  })

  it('narrows by kind, subject and words, keeps that in the address, and leads to the target', async () => {
    await show()
    await page.getByRole('radio', { name: 'Operators' }).check({ force: true })
    await page.waitForURL(/kind=operator/)
    await rowOf('Balancer started').waitFor({ state: 'detached' })
    await page.getByRole('combobox', { name: 'About' }).click()
    await page.getByRole('option', { name: 'one worker' }).click()
    await rowOf('Changed the settings').waitFor({ state: 'detached' })
    await page.keyboard.press('/')
    await page.keyboard.type('back in')
    await page.waitForURL(/q=back/)
    await rowOf('Took "w1" out').waitFor({ state: 'detached' })
    await rowOf('Put "w1" back in service.').waitFor()
    await page.reload()
    await rowOf('Put "w1" back in service.').waitFor()
    assert.equal(await page.getByRole('searchbox').inputValue(), 'back in')
    await rowOf('Put "w1"').getByRole('link', { name: /w1/ }).click()
    await page.waitForURL(/\/dashboard\/workers\/w1/)
    await page.goBack()
    await page.getByRole('searchbox').fill('nothing like it')
    await page.getByText('Nothing matches in this time').waitFor()
    await page.getByRole('button', { name: /Clear/ }).click()
    await rowOf('Balancer').first().waitFor()
  })

  it('comes by itself when something is done elsewhere, and by a permalink', async () => {
    await show()
    await rowOf('Put "w1"').waitFor()
    await fleet.balancer.request('/workers/w2/off', { method: 'POST', body: '{"reason":"new disk"}' })
    await rowOf('new disk').waitFor()
    const { body } = await fleet.balancer.request('/activity?target=worker:w2&action=worker.off')
    const [entry] = (body as { items: { id: string; reason: string }[] }).items
    assert.equal(entry?.reason, 'new disk')
    await page.goto(`${fleet.balancer.url}/dashboard/activity?q=w1&entry=${entry?.id}`)
    await page.getByRole('dialog').getByText('new disk').first().waitFor()
    await page.goto(`${fleet.balancer.url}/dashboard/activity?entry=a_00000000000000000000000000`)
    await page.getByText('There is no such entry').waitFor()
  })

  it('exports what it shows, a line an entry', async () => {
    await show('?action=worker')
    await rowOf('Put "w1"').waitFor()
    const download = page.waitForEvent('download')
    await page.getByRole('button', { name: 'Export' }).click()
    const file = await (await download).path()
    const lines = (await readFile(file, 'utf8')).trim().split('\n')
    const actions = lines.map((line) => (JSON.parse(line) as { action: string }).action)
    assert.ok(actions.length >= 2 && actions.every((action) => action.startsWith('worker.')), `${actions}`)
  })

  it('fits a narrow page', async () => {
    await show()
    await page.setViewportSize(NARROW)
    await rowOf('Put "w1"').waitFor()
    await assertFits(page)
  })
})
