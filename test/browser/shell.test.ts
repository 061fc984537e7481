import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { postTask } from '../harness/berth.ts'
import { createScope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { assertAccessible, assertFits, NARROW } from './axe.ts'
import type { PageWatch } from './page-watch.ts'
import { openSharedPage } from './shared-page.ts'
import { type Fleet, LIMIT_MS, openAt, openPage, revisit, signOut } from './stage.ts'

const READ_KEY = 'reads-only-and-changes-nothing-0123456789abcdef'
const PAGES = [
  ['o', 'Overview', ''],
  ['w', 'Workers', '/workers'],
  ['g', 'Groups and contracts', '/capability'],
  ['t', 'Tasks', '/tasks'],
  ['q', 'Queue', '/queue'],
  ['f', 'Functions', '/functions'],
  ['i', 'Invoke', '/invoke'],
  ['s', 'Schedules', '/schedules'],
  ['l', 'Logs', '/logs'],
  ['c', 'Config', '/config'],
  ['a', 'Activity', '/activity'],
] as const

describe('the shell around every page', () => {
  const scope = createScope()
  let browser: Browser
  let fleet: Fleet
  /** Of an operator; each test goes to its address first. */
  let page: Page
  let watch: PageWatch

  before(async () => {
    const env = { NAME: 'harbour', ENVIRONMENT: 'demo', READ_KEY: READ_KEY }
    ;({ browser, fleet, page, watch } = await openSharedPage(scope, '', 'Overview', { env }))
  })
  after(() => scope.end())

  const show = (path: string, heading: string) => revisit(page, fleet.balancer, path, heading)

  test('two strokes lead to every page, which has its own address, name and place in the rail', async () => {
    await show('/workers?range=6h', 'Workers')
    for (const [key, title, path] of PAGES) {
      // As one, since the second has to come within a second of the first.
      await page.keyboard.type(`g${key}`)
      await headingOf(page, title).waitFor()
      assert.equal(await page.evaluate('location.pathname'), `/dashboard${path}`)
      const current = page.getByRole('navigation', { name: 'Pages' }).locator('[aria-current="page"]')
      await until(async () => (await current.count()) === 1, LIMIT_MS, `one page is current at ${path}`)
      await until(async () => / · harbour · Berth$/.test(await page.title()), LIMIT_MS, 'the title')
      await page.getByText('Environment: demo').waitFor()
      assert.match(String(await page.evaluate('location.search')), /range=6h/, 'the time goes along')
      const isAtItsTop = () =>
        page.evaluate<boolean>('document.activeElement.closest("main") !== null && scrollY === 0')
      await until(isAtItsTop, LIMIT_MS, `the focus is in ${path}, and its top in view`)
      await page.evaluate('scrollTo(0, 200)')
    }
    await page.goBack()
    await headingOf(page, 'Config').waitFor()
    watch.assertClean()
  })

  test('the palette finds pages, workers and functions, does actions, and gives the focus back', async () => {
    await show('', 'Overview')
    await page.getByRole('button', { name: /Search or go to/ }).focus()
    await openPalette(page)
    await assertAccessible(page)
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await page
      .getByRole('button', { name: /Search or go to/ })
      .and(page.locator(':focus'))
      .waitFor()

    await openPalette(page)
    await page.keyboard.type('w2')
    await page.getByRole('option', { name: /^w2/ }).waitFor()
    await page.keyboard.press('Enter')
    await page.waitForURL('**/dashboard/workers/w2')

    await openPalette(page)
    await page.keyboard.type('schedules')
    await page.getByRole('option', { name: /^Schedules/ }).waitFor()
    await page.keyboard.press('Enter')
    await headingOf(page, 'Schedules').waitFor()

    await openPalette(page)
    // At once, while the list may still show what the letters before have found.
    await page.keyboard.type('theme: dark')
    await page.keyboard.press('Enter')
    await until(async () => (await themeOf(page)) === 'dark', LIMIT_MS, 'the theme is dark')

    await openPalette(page)
    await page.keyboard.type('theme: ')
    const chosen = (name: string) =>
      page.locator('[data-active-item]').and(page.getByRole('option', { name, exact: true }))
    await chosen('Theme: System').waitFor()
    await page.keyboard.press('ArrowDown')
    await chosen('Theme: Light').waitFor()
    await page.keyboard.press('Enter')
    await until(async () => (await themeOf(page)) === 'light', LIMIT_MS, 'the theme is light')
    watch.assertClean()
  })

  test('the help shows what works here, binds a key anew, and switches single keys off', async () => {
    await show('', 'Overview')
    await page.keyboard.press('?')
    const help = page.getByRole('dialog', { name: 'Keyboard' })
    await help.getByText('Pause or resume', { exact: true }).waitFor()
    await assertAccessible(page)

    const theme = help.getByRole('button', { name: /Next theme/ })
    await theme.focus()
    await page.keyboard.press('Enter')
    await page.keyboard.press('u')
    await help.getByRole('alert').filter({ hasText: 'u is “Local time or UTC” already.' }).waitFor()
    await page.keyboard.press('Enter')
    await page.keyboard.press('z')
    await help.getByRole('button', { name: 'Default keys' }).waitFor()
    await page.keyboard.press('Escape')
    await help.waitFor({ state: 'detached' })
    await page.keyboard.press('t')
    assert.equal(await themeOf(page), null, 't is free')
    await page.keyboard.press('z')
    assert.equal(await themeOf(page), 'light')

    await page.keyboard.press('?')
    await help.getByRole('checkbox', { name: 'Single-key shortcuts' }).uncheck()
    await page.keyboard.press('Escape')
    await help.waitFor({ state: 'detached' })
    await page.keyboard.press('z')
    assert.equal(await themeOf(page), 'light')
    // What needs no single key still works.
    await openPalette(page)
    watch.assertClean()
  })

  test('paused, the page stands still and says how old it is; resumed, it shows what has come', async () => {
    await show('', 'Overview')
    const ready = page.getByRole('link', { name: /^Workers ready/ })
    await ready.filter({ hasText: '3 of 3' }).waitFor()
    await page.keyboard.press('Space')
    await page.getByText(/Paused, \d+(\.\d)? s old|Paused, \d+ ms old/).waitFor()
    const before = watch.frames().length
    await fleet.balancer.request('/workers/w1/off', { method: 'POST' })
    await until(() => watch.frames().length > before + 4, LIMIT_MS, 'the feed goes on')
    await ready.filter({ hasText: '3 of 3' }).waitFor()
    await page.keyboard.press('Space')
    await ready.filter({ hasText: '2 of 3' }).waitFor()
    await fleet.balancer.request('/workers/w1/on', { method: 'POST' })
    await ready.filter({ hasText: '3 of 3' }).waitFor()
    watch.assertClean()
  })

  test('the overview says what needs a hand, and mends it from there', async () => {
    await show('', 'Overview')
    await page.getByText('Nothing needs a hand now.').waitFor()
    for (const name of ['w1', 'w2', 'w3']) {
      await fleet.balancer.request(`/workers/${name}/off`, { method: 'POST' })
    }
    const trouble = page
      .getByRole('listitem')
      .filter({ hasText: /Every worker of default@\d is in maintenance/ })
    await trouble.waitFor()
    await page.getByText(/1 warning: Every worker of default/).waitFor()
    await assertAccessible(page)
    const wake = trouble.getByRole('button', { name: 'End maintenance of 3 workers' })
    await wake.focus()
    await page.keyboard.press('Enter')
    await page.getByRole('status').filter({ hasText: 'Maintenance of 3 workers ended.' }).waitFor()
    await page.getByText('Nothing needs a hand now.').waitFor()
    // Work that only w3 could take, while w3 rests.
    await fleet.balancer.request('/workers/w3/off', { method: 'POST' })
    const { status } = await postTask(fleet.balancer, {
      function: 'chatter',
      mode: 'async',
      input: { text: 'late' },
    })
    assert.equal(status, 202)
    const waits = page.getByRole('listitem').filter({ hasText: /chatter of default.* has no worker/ })
    await waits.filter({ hasText: '1 task waits' }).waitFor()
    await page
      .getByRole('link', { name: /^Oldest wait/ })
      .filter({ hasText: 'in chatter of default' })
      .waitFor()
    await waits.getByRole('button', { name: 'End maintenance of 1 worker' }).click()
    await waits.waitFor({ state: 'detached' })
    await page.getByText('Nothing needs a hand now.').waitFor()
    await page
      .getByRole('region', { name: 'Recent actions' })
      .getByText('Put 1 worker (w3) back in service.')
      .first()
      .waitFor()

    const { body } = await fleet.balancer.request('/workers')
    const states = (body as { items: { status: string }[] }).items.map(({ status }) => status)
    assert.ok(
      states.every((status) => status !== 'maintenance'),
      states.join(', '),
    )
    watch.assertClean()
  })

  test('every figure of the overview is told in both themes, in high contrast, and at 320 pixels', async () => {
    await show('', 'Overview')
    await page.getByRole('figure', { name: 'Throughput' }).waitFor()
    await page.getByRole('figure', { name: 'Waiting by group' }).waitFor()
    await assertAccessible(page)
    await page.evaluate('document.documentElement.dataset.theme = "contrast"')
    await assertAccessible(page)
    await page.setViewportSize(NARROW)
    await assertFits(page)
    await assertAccessible(page)
    await page.getByRole('button', { name: 'More pages' }).click()
    await page.getByRole('menuitem', { name: 'Activity' }).click()
    await headingOf(page, 'Activity').waitFor()
    await assertFits(page)
    watch.assertClean()
  })

  test('a German browser gets German, and fetches no other language', async (t) => {
    const { page, watch } = await openAt(t, browser, fleet.balancer, '', 'Überblick', { locale: 'de-DE' })
    await page
      .getByRole('link', { name: /^Worker bereit/ })
      .filter({ hasText: '3 von 3' })
      .waitFor()
    assert.equal(await page.evaluate('document.documentElement.lang'), 'de')
    const fetched = 'performance.getEntriesByType("resource").map((one) => one.name).join(" ")'
    assert.doesNotMatch(String(await page.evaluate(fetched)), /assets\/en-/)
    await page.setViewportSize(NARROW)
    await assertFits(page)
    watch.assertClean()
  })

  test('the range of time is chosen once for all, also between two instants', async () => {
    await show('', 'Overview')
    await page.getByRole('button', { name: /Last hour/ }).click()
    await page.getByRole('button', { name: 'Last 24 h' }).click()
    await page.getByRole('button', { name: /Time range: Last 24 h/ }).waitFor()
    await page.keyboard.press('[')
    await page.getByRole('button', { name: /Time range: Last 6 h/ }).waitFor()
    await page.getByRole('button', { name: /Time range: Last 6 h/ }).click()
    await page.getByLabel(/^From/).fill('2026-01-01T10:00:00')
    await page.getByLabel(/^To/).fill('2026-01-01T11:00:00')
    await assertAccessible(page)
    await page.getByRole('button', { name: 'Show', exact: true }).click()
    await page.waitForURL(/from=2026-01-01T/)
    await page.reload()
    await page.getByRole('button', { name: /Time range: .*2026/ }).waitFor()
    watch.assertClean()
  })

  test('a viewer sees the same, and every control that changes something says why it will not', async (t) => {
    const { page, watch } = await openPage(t, browser, fleet.balancer)
    await page.goto(`${fleet.balancer.url}/dashboard`)
    await page.getByLabel('Key', { exact: true }).fill(READ_KEY)
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: /Viewer/ }).waitFor()
    for (const name of ['w1', 'w2', 'w3']) {
      await fleet.balancer.request(`/workers/${name}/off`, { method: 'POST' })
    }
    const wake = page.getByRole('button', { name: 'End maintenance of 3 workers' })
    await wake.and(page.locator('[aria-disabled="true"]')).waitFor()
    await wake.hover()
    await page.getByRole('tooltip').filter({ hasText: 'Needs the role operator' }).waitFor()
    await wake.click({ force: true })
    assert.deepEqual(
      watch.scripted().filter((one) => one.startsWith('POST ') && one !== 'POST /sign-in'),
      [],
    )
    for (const name of ['w1', 'w2', 'w3']) {
      await fleet.balancer.request(`/workers/${name}/on`, { method: 'POST' })
    }
    await signOut(page)
    await page.getByLabel('Key', { exact: true }).waitFor()
    watch.assertClean([/Failed to load resource.* 401/])
  })
})

const headingOf = (page: Page, name: string) => page.getByRole('heading', { name, level: 1 })

async function openPalette(page: Page): Promise<void> {
  await page.keyboard.press('Control+k')
  await page.getByRole('combobox', { name: 'Search or go to…' }).and(page.locator(':focus')).waitFor()
}

const themeOf = (page: Page) => page.evaluate('document.documentElement.dataset.theme ?? null')
