/** The pages of schedules: every action of theirs, and what it does on the balancer. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { createScope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { assertAccessible, assertFits, NARROW } from './axe.ts'
import type { PageWatch } from './page-watch.ts'
import { openSharedPage } from './shared-page.ts'
import { type Fleet, holdUndo, LIMIT_MS, revisit } from './stage.ts'

type Schedule = {
  id: string
  enabled: boolean
  cron?: string
  timezone?: string | null
  intervalSeconds?: number
  overlap: string
  input?: unknown
  nextRuns: string[]
}

describe('the pages of schedules', () => {
  const scope = createScope()
  let fleet: Fleet
  /** One for all tests here, each of which goes to its address first. */
  let page: Page
  let watch: PageWatch

  before(async () => {
    ;({ fleet, page, watch } = await openSharedPage(scope, '/schedules', 'Schedules'))
  })
  after(() => scope.end())

  const show = (path: string, heading: string) => revisit(page, fleet.balancer, path, heading)

  const make = async (body: object): Promise<Schedule> => {
    const answer = await fleet.balancer.request('/schedules', { method: 'POST', body: JSON.stringify(body) })
    assert.equal(answer.status, 201, answer.text)
    return answer.body as Schedule
  }
  const read = async (id: string): Promise<Schedule | undefined> => {
    const { status, body } = await fleet.balancer.request(`/schedules/${id}`)
    return status === 200 ? (body as Schedule) : undefined
  }
  const list = async (): Promise<readonly Schedule[]> =>
    ((await fleet.balancer.request('/schedules')).body as { items: Schedule[] }).items
  const rowOf = (words: string) =>
    page.getByRole('table', { name: 'Schedules' }).getByRole('row').filter({ hasText: words })
  const menuOf = async (words: string, item: string) => {
    await rowOf(words)
      .getByRole('button', { name: /^Actions/ })
      .click()
    await page.getByRole('menuitem', { name: item }).click()
  }

  it('teaches where there is none, and makes one with the picker', async () => {
    await show('/schedules', 'Schedules')
    await page.getByText('There are no schedules yet').waitFor()
    await page.getByRole('button', { name: 'New schedule' }).first().click()
    const dialog = page.getByRole('dialog', { name: 'New schedule' })
    await dialog.getByLabel('Function').fill('hello')
    await dialog.getByRole('radio', { name: 'Weekly' }).check({ force: true })
    for (const day of ['Tuesday', 'Wednesday', 'Thursday', 'Friday'])
      await dialog.getByRole('checkbox', { name: day }).uncheck()
    await dialog.getByLabel('At', { exact: true }).fill('17:45')
    await dialog.getByLabel('Time zone').fill('Europe/Vienna')
    await dialog.getByText('Monday at 17:45').waitFor()
    await dialog.getByText('45 17 * * MON', { exact: true }).waitFor()
    await until(
      async () => (await dialog.getByRole('list', { name: 'Next runs' }).getByRole('listitem').count()) === 5,
      LIMIT_MS,
      'the next five runs',
    )
    await dialog.getByLabel('Input').fill('[1]')
    await dialog.getByText('This is no object in JSON.').waitFor()
    await dialog.getByLabel('Input').fill('{"name": "<b>Ada</b>"}')
    await dialog.getByLabel('Reason').fill('a reminder')
    await assertAccessible(page)
    await dialog.getByRole('button', { name: 'New schedule' }).click()
    await rowOf('Monday at 17:45').waitFor()
    const [made] = await list()
    assert.deepEqual([made?.cron, made?.timezone, made?.overlap], ['45 17 * * MON', 'Europe/Vienna', 'skip'])
    assert.deepEqual((await read(made?.id ?? ''))?.input, { name: '<b>Ada</b>' })
    const { body } = await fleet.balancer.request('/activity?action=schedule.created')
    assert.equal((body as { items: { reason: string }[] }).items[0]?.reason, 'a reminder')
    await assertAccessible(page)
    watch.assertClean()
  })

  it('says what the balancer says of an expression that is none', async () => {
    await show('/schedules?make=1', 'Schedules')
    const dialog = page.getByRole('dialog', { name: 'New schedule' })
    await dialog.getByRole('radio', { name: 'Cron' }).check({ force: true })
    await dialog.getByLabel('Cron', { exact: true }).last().fill('61 * * * *')
    await dialog.getByRole('alert').filter({ hasText: 'minute' }).waitFor()
    await dialog.getByLabel('Cron', { exact: true }).last().fill('0 0 13 * FRI')
    await dialog.getByRole('list', { name: 'Next runs' }).waitFor()
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
  })

  it('runs one now, pauses it with a way back, and resumes it', async () => {
    const { id } = await make({
      function: 'sleep',
      input: { ms: 1 },
      type: 'interval',
      intervalSeconds: 86_000,
    })
    await show('/schedules', 'Schedules')
    await menuOf('sleep', 'Run now')
    await page.getByText('sleep runs now').waitFor()
    const runs = async () =>
      ((await fleet.balancer.request(`/runs?schedule=${id}`)).body as { items: { trigger: string }[] }).items
    await until(async () => (await runs()).length === 1, LIMIT_MS, 'the run')
    assert.equal((await runs())[0]?.trigger, 'ui')
    await menuOf('sleep', 'Pause')
    const undo = await holdUndo(page, 'The schedule of sleep is paused')
    await until(async () => (await read(id))?.enabled === false, LIMIT_MS, 'the pause')
    await rowOf('sleep').getByText('Paused').waitFor()
    await undo.click()
    await until(async () => (await read(id))?.enabled === true, LIMIT_MS, 'the undoing')
    await menuOf('sleep', 'Pause')
    await until(async () => (await read(id))?.enabled === false, LIMIT_MS, 'the second pause')
    await page.getByRole('radio', { name: 'Paused' }).check({ force: true })
    await page.waitForURL(/show=paused/)
    await rowOf('Monday').waitFor({ state: 'detached' })
    await menuOf('sleep', 'Resume')
    await until(async () => (await read(id))?.enabled === true, LIMIT_MS, 'the resuming')
  })

  it('changes one, with its next runs before and after, and takes that back', async () => {
    const before = await make({ function: 'hello', type: 'cron', cron: '0 3 * * *', timezone: 'UTC' })
    await show(`/schedules/${before.id}`, 'Schedule of hello')
    await page.getByText('Every day at 03:00').first().waitFor()
    await page.getByRole('button', { name: 'More', exact: true }).click()
    await page.getByRole('menuitem', { name: 'Edit' }).click()
    const dialog = page.getByRole('dialog', { name: /^Change the schedule/ })
    const itemsOf = (name: string) => dialog.getByRole('list', { name }).getByRole('listitem')
    await until(async () => (await itemsOf('Next runs now').count()) === 5, LIMIT_MS, 'the runs before')
    await dialog.getByLabel('At', { exact: true }).fill('04:15')
    await until(
      async () => (await itemsOf('Next runs then').first().textContent())?.includes('04:15') ?? false,
      LIMIT_MS,
      'the runs after',
    )
    await dialog.getByRole('combobox', { name: 'While an earlier run goes on' }).click()
    await page.getByRole('option', { name: 'wait for its end' }).click()
    await dialog.getByRole('button', { name: 'Save' }).click()
    const undo = await holdUndo(page)
    await until(async () => (await read(before.id))?.cron === '15 4 * * *', LIMIT_MS, 'the change')
    assert.equal((await read(before.id))?.overlap, 'queue')
    await page.getByText('Every day at 04:15').first().waitFor()
    await undo.click()
    await until(async () => (await read(before.id))?.cron === '0 3 * * *', LIMIT_MS, 'the undoing')
    assert.equal((await read(before.id))?.overlap, 'skip')
  })

  it('shows how one went, and deletes it behind its name', async () => {
    const { id } = await make({ function: 'sleep', input: { ms: 1_400 }, type: 'cron', cron: '* * * * * *' })
    const path = `/schedules/${id}`
    await show(path, 'Schedule of sleep')
    await page
      .getByText(/Last \d+: .*completed.*skipped/)
      .first()
      .waitFor()
    await page.getByRole('table', { name: 'Runs' }).getByText('Completed').first().waitFor()
    await assertAccessible(page)
    await page.getByRole('button', { name: 'More', exact: true }).click()
    await page.getByRole('menuitem', { name: 'Delete' }).click()
    const dialog = page.getByRole('dialog', { name: /^Delete the schedule/ })
    const confirm = dialog.getByRole('button', { name: 'Delete' })
    assert.equal(await confirm.getAttribute('aria-disabled'), 'true')
    await confirm.click({ force: true })
    assert.ok(await read(id), 'nothing was confirmed')
    await dialog.getByLabel('Reason').fill('too loud')
    await dialog.getByLabel(/sleep/).fill('sleep')
    await confirm.click()
    await until(async () => (await read(id)) === undefined, LIMIT_MS, 'the deletion')
    await page.getByRole('heading', { name: 'Schedules', level: 1 }).waitFor()
    await page.goto(`${fleet.balancer.url}/dashboard${path}`)
    await page.getByText(`There is no schedule ${id}`).waitFor()
  })

  it('is made from the menu of a function, too', async () => {
    await show('/functions/default/probe', 'probe')
    await page.getByRole('button', { name: 'More', exact: true }).click()
    await page.getByRole('menuitem', { name: 'Schedule…' }).click()
    const dialog = page.getByRole('dialog', { name: 'Schedule probe' })
    await dialog.getByRole('radio', { name: 'Once' }).check({ force: true })
    await dialog.getByLabel('At', { exact: true }).fill('2030-01-02T03:04')
    await dialog.getByLabel('Input').fill('{"id": "later"}')
    await dialog.getByRole('button', { name: 'New schedule' }).click()
    await dialog.waitFor({ state: 'detached' })
    const { body } = await fleet.balancer.request('/schedules?function=probe')
    const [made] = (body as { items: (Schedule & { date: string })[] }).items
    assert.equal(made?.date.slice(0, 4), '2030')
  })

  it('draws the next day, and fits a narrow page', async () => {
    await show('/schedules', 'Schedules')
    await page.getByRole('heading', { name: 'Next 24 hours' }).waitFor()
    await page
      .getByText(/1 run, first /)
      .first()
      .waitFor({ state: 'attached' })
    await page.setViewportSize(NARROW)
    await assertFits(page)
  })
})
