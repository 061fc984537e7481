/** The catalogue of functions and a function's page in a real browser; what is set is looked at on the balancer. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { type Balancer, postTask } from '../harness/berth.ts'
import { createScope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { assertAccessible, assertFits, NARROW } from './axe.ts'
import { MARKUP, startInvokeFleet } from './invoke-fleet.ts'
import type { PageWatch } from './page-watch.ts'
import { holdUndo, LIMIT_MS, openAt, openPage, startBrowser } from './stage.ts'

const READ_KEY = 'a-key-for-those-who-only-look-1'

type Settings = {
  concurrency: number | null
  rate: { limit: number; perMs: number } | null
  background: boolean | null
  keepWarm: boolean | null
  paused: { until: string | null; reason: string | null } | null
}

describe('functions', () => {
  const scope = createScope()
  let browser: Browser
  let balancer: Balancer
  let page: Page
  let watch: PageWatch

  before(async () => {
    const [started, fleet] = await Promise.all([startBrowser(scope), startInvokeFleet(scope, { READ_KEY })])
    browser = started
    balancer = fleet.balancer
    for (let n = 0; n < 3; n++) await postTask(balancer, { function: 'letter', input: { text: `${n}` } })
    await postTask(balancer, { function: 'probe', input: { how: 'fail' } })
    const schedule = { function: 'letter', input: { text: 'daily' }, type: 'cron', cron: '0 8 * * *' }
    const body = JSON.stringify(schedule)
    const headers = { 'content-type': 'application/json' }
    assert.equal((await balancer.request('/schedules', { method: 'POST', headers, body })).status, 201)
    ;({ page, watch } = await openAt(scope, browser, balancer, '/functions', 'Functions'))
  })
  after(() => scope.end())

  const rows = () => page.getByRole('table', { name: 'Functions' }).locator('tbody tr[data-row]')
  const rowOf = (name: string) => rows().and(page.locator(`[data-row="default/${name}"]`))
  const tab = (name: string) => page.getByRole('tab', { name })
  const settings = async (name: string) =>
    (await balancer.request(`/functions/default/${name}`)).body as Settings
  const visit = async (path: string) => {
    await page.goto(`${balancer.url}/dashboard${path}`)
    await page.getByRole('heading', { level: 1 }).waitFor()
  }

  test('the catalogue shows what there is, what it costs and what is special, filtered in the address', async () => {
    await page.getByText('7 functions, all served.').waitFor()
    await rowOf('letter').getByRole('img', { name: '1 schedule' }).waitFor()
    await rowOf('drip').getByText('streams').waitFor()
    await rowOf('order').getByText(MARKUP).waitFor()
    await until(
      async () => {
        const cells = await rowOf('letter').locator('td').allTextContents()
        return /ms/.test(cells[4] ?? '') && /ms/.test(cells[5] ?? '') && cells[6] === '0%'
      },
      LIMIT_MS,
      'run times and errors are known',
    )
    await rowOf('probe').getByText('100%').waitFor()
    const filter = page.getByRole('searchbox')
    await page.keyboard.press('/')
    await page.keyboard.type('one thing')
    await until(async () => (await rows().count()) === 1, LIMIT_MS, 'one is left')
    await page.waitForURL(/q=one/)
    await filter.fill('nothing of it')
    await page.getByText('No function matches the filter.').waitFor()
    await page.getByRole('button', { name: 'Clear filter' }).click()
    await page.getByRole('combobox', { name: 'Which functions' }).click()
    await page.getByRole('option', { name: 'With schedules' }).click()
    await until(async () => (await rows().count()) === 1, LIMIT_MS, 'one has schedules')
    await page.reload()
    await until(async () => (await rows().count()) === 1, LIMIT_MS, 'and still has')
    assert.equal(watch.canaries(), 0)
    watch.assertClean()
  })

  test('a function shows what it takes, and an example fills its form', async () => {
    await visit('/functions')
    await rowOf('order').getByRole('link').click()
    await page.getByRole('heading', { name: 'order', level: 1 }).waitFor()
    const row = page.getByRole('row').filter({ hasText: 'amount' })
    assert.match((await row.textContent()) ?? '', /whole number\s*≥ 1, ≤ 100/)
    await page.getByRole('link', { name: 'w1' }).waitFor()
    await page.getByRole('button', { name: 'Try it' }).click()
    const customer = page.getByRole('textbox', { name: 'Customer' })
    await until(async () => (await customer.inputValue()) === 'Ada', LIMIT_MS, 'the example in the form')
    await page.getByRole('button', { name: 'Run', exact: true }).click()
    await page.getByText('Completed').waitFor()
    await tab('About').click()
    await page.getByRole('region', { name: 'Recent runs' }).getByText('Completed').waitFor()
    await page.getByRole('figure').first().waitFor()
    await visit('/functions/default/letter')
    await page.getByRole('region', { name: 'Schedules' }).getByText('0 8 * * *').waitFor()
    await visit('/functions/default/nothing')
    await page.getByText('No worker has ever served nothing in group default').waitFor()
    watch.assertClean()
  })

  test('settings are confirmed where they hurt, hold at once, stand in the activity and are taken back', async () => {
    await visit('/functions/default/letter?tab=settings')
    const warm = page.getByRole('group', { name: 'Keep warm' })
    await warm.getByRole('radio', { name: 'yes' }).check({ force: true })
    await page.getByRole('button', { name: 'Save' }).click()
    await page.getByText('The settings hold now.').waitFor()
    assert.equal((await settings('letter')).keepWarm, true)
    await page.getByRole('textbox', { name: 'At once' }).fill('0')
    await page.getByText('must be a whole number from 1').waitFor()
    await page.getByRole('textbox', { name: 'At once' }).fill('2')
    await page.getByRole('textbox', { name: 'Rate' }).fill('5')
    await page
      .getByRole('group', { name: 'Run in the background' })
      .getByRole('radio', { name: 'yes' })
      .check({ force: true })
    await page.getByRole('button', { name: 'Save' }).click()
    const dialog = page.getByRole('dialog', { name: 'Change the settings of letter?' })
    await dialog.getByText('At most 2 run at once; others wait.').waitFor()
    await dialog.getByText('At most 5 start in 60 s; others wait.').waitFor()
    await assertAccessible(page)
    await dialog.getByRole('textbox', { name: /Reason/ }).fill('too many letters')
    await dialog.getByRole('button', { name: 'Save' }).click()
    await page.getByText('2 run now.').or(page.getByText('0 run now.')).waitFor()
    const undo = await holdUndo(page)
    const set = await settings('letter')
    assert.deepEqual([set.concurrency, set.rate, set.background], [2, { limit: 5, perMs: 60_000 }, true])
    assert.equal((await postTask(balancer, { function: 'letter', input: { text: 'x' } })).status, 202)
    await until(
      async () => (await balancer.request('/activity?q=letter')).text.includes('too many letters'),
      LIMIT_MS,
      'the reason stands in the activity',
    )
    await undo.click()
    await until(async () => (await settings('letter')).concurrency === null, LIMIT_MS, 'it is taken back')
    assert.deepEqual(
      await settings('letter').then(({ rate, background, keepWarm }) => [rate, background, keepWarm]),
      [null, null, true],
    )
    await visit('/functions/default/letter?tab=settings')
    await page.getByText('At most 2 run at once').waitFor({ state: 'hidden' })
    assert.equal(await page.getByRole('textbox', { name: 'At once' }).inputValue(), '')
    watch.assertClean()
  })

  test('it is paused with an end and a reason, which the catalogue shows, and resumed; a schedule is made of it', async () => {
    await visit('/functions/default/picture')
    const menu = () => page.getByRole('button', { name: 'More', exact: true }).click()
    await menu()
    await page.getByRole('menuitem', { name: 'Pause…' }).click()
    const dialog = page.getByRole('dialog', { name: 'Pause picture?' })
    await dialog.getByText('Tasks per minute that will wait or be refused').waitFor()
    await dialog.getByRole('textbox', { name: /Reason/ }).fill('the camera is out')
    await dialog.getByRole('button', { name: 'Pause', exact: true }).click()
    await page.getByText('the camera is out').first().waitFor()
    const { paused } = await settings('picture')
    assert.equal(paused?.reason, 'the camera is out')
    assert.ok(Date.parse(paused?.until ?? '') > Date.now() + 3_000_000)
    assert.equal((await postTask(balancer, { function: 'picture', input: {} })).status, 503)
    await visit('/functions?only=paused')
    await rowOf('picture').getByText('Paused').waitFor()
    await visit('/functions/default/picture')
    await page.getByRole('button', { name: 'Resume' }).click()
    await until(async () => (await settings('picture')).paused === null, LIMIT_MS, 'it is resumed')
    await page.getByText('the camera is out').first().waitFor({ state: 'hidden' })
    await menu()
    await page.getByRole('menuitem', { name: 'Schedule…' }).click()
    await page.getByRole('dialog').getByText('picture').first().waitFor()
    await page.keyboard.press('Escape')
    watch.assertClean()
  })

  test('a viewer sees all of it, and calls and changes nothing', async (t) => {
    const visit = await openPage(t, browser, balancer)
    await visit.page.goto(`${balancer.url}/dashboard/functions/default/letter?tab=settings`)
    await visit.page.getByLabel('Key', { exact: true }).fill(READ_KEY)
    await visit.page.keyboard.press('Enter')
    await visit.page.getByRole('heading', { name: 'letter', level: 1 }).waitFor()
    const off = async (name: string) => {
      const button = visit.page.getByRole('button', { name, exact: true })
      await button.waitFor()
      assert.equal(await button.getAttribute('aria-disabled'), 'true', name)
    }
    await off('Save')
    await off('Pause…')
    await visit.page.getByRole('tab', { name: 'Invoke' }).click()
    await off('Run')
    await visit.page.getByRole('textbox', { name: 'text' }).fill('not me')
    await visit.page.keyboard.press('Control+Enter')
    await visit.page.getByText('Your role may look, not call.').waitFor()
    visit.watch.assertClean([/401/, /403/])
  })

  test('the pages keep to WCAG and to a phone', async () => {
    await visit('/functions')
    await rowOf('letter').waitFor()
    await assertAccessible(page)
    await visit('/functions/default/order')
    await page.getByRole('figure').first().waitFor()
    await assertAccessible(page)
    await page.setViewportSize(NARROW)
    await assertFits(page)
    await visit('/functions')
    await rowOf('letter').waitFor()
    await assertFits(page)
    watch.assertClean()
  })
})
