/**
 * The page of one worker on a real fleet: what it tells, its log, what runs, and each action, with a look at the
 * fleet after each.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { postTask } from '../harness/berth.ts'
import { createScope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { assertAccessible, assertFits, NARROW } from './axe.ts'
import type { PageWatch } from './page-watch.ts'
import { openSharedPage } from './shared-page.ts'
import { type Fleet, holdUndo, LIMIT_MS } from './stage.ts'

const MARKUP = '<img src=x onerror=canary()><script>canary()</script>'

type Shown = { status: string; maintenance: { deadline: string | null; reason: string | null } | null }

describe('the page of a worker', () => {
  const scope = createScope()
  let fleet: Fleet
  /** One for all tests here, which leave it as they find it. */
  let page: Page
  let watch: PageWatch

  before(async () => {
    ;({ fleet, page, watch } = await openSharedPage(scope, '/workers/w3', 'w3'))
  })
  after(() => scope.end())

  const readWorker = async (): Promise<Shown> => (await fleet.balancer.request('/workers/w3')).body as Shown
  const waitForStatus = (status: string) =>
    until(async () => (await readWorker()).status === status, LIMIT_MS, `w3 is ${status}`)

  test('tells its slots, machine, tags, functions and line', async () => {
    const panel = (title: string) => page.getByRole('region', { name: title, exact: true })
    await panel('Slots').getByText('0 / 12').waitFor()
    await panel('Slots').getByText('default@1').waitFor()
    await panel('Process and machine').getByText(fleet.workers.w3.url).waitFor()
    await panel('Process and machine').getByText('clock').waitFor()
    await panel('Tags').getByText('quay-w3').waitFor()
    const functions = panel('Functions')
    for (const name of ['chatter', 'hello', 'probe', 'sleep'])
      await functions.getByRole('link', { name, exact: true }).waitFor()
    const { body } = await fleet.balancer.request('/workers/w3')
    const { hash } = (body as { interface: { hash: string } }).interface
    await functions.getByText(hash.slice(0, 8)).first().waitFor()
    const line = panel('Connection')
    await line.getByRole('cell', { name: 'state', exact: true }).first().waitFor()
    const rows = line.getByRole('row')
    await rows.nth(2).waitFor()
    const count = await rows.count()
    assert.ok(count <= 11, `a heading and at most ten messages, not ${count}`)
    await assertAccessible(page)
    watch.assertClean()
  })

  test('follows its log, and only its own', async () => {
    const log = page.getByRole('log', { name: 'Log of w3' })
    await log.getByText('worker ready').first().waitFor()
    const said = `${MARKUP} the tide turns ${randomUUID()} \u202egnp.exe`
    const answer = await postTask(fleet.balancer, { function: 'chatter', input: { text: said } })
    assert.equal(answer.status, 200, answer.text)
    await log.getByText(said.slice(0, -9)).waitFor()
    assert.ok(!(await log.textContent())?.includes('\u202e'), 'a change of direction is shown as an escape')
    assert.equal(await page.locator('img, script:not([src])').count(), 0)
    assert.equal(watch.canaries(), 0)
    watch.assertClean()
  })

  test('shows what runs now and cancels it', async () => {
    const running = postTask(fleet.balancer, { function: 'probe', input: { id: 'cancelled', how: 'held' } })
    const table = page.getByRole('table', { name: 'Running now' })
    const row = table.getByRole('row').filter({ hasText: 'probe' })
    await row.waitFor()
    await row.getByRole('button', { name: /Cancel r_/ }).click()
    const question = page.getByRole('dialog', { name: 'Cancel this run of probe?' })
    await question.getByRole('button', { name: 'Cancel the task' }).click()
    assert.notEqual((await running).status, 200)
    await until(
      async () =>
        (await fleet.probe.read()).some(({ id, event }) => id === 'cancelled' && event === 'aborted'),
      LIMIT_MS,
      'the handler got its signal',
    )
    await row.waitFor({ state: 'detached' })
    watch.assertClean()
  })

  test('maintenance is asked about where it is the last, and is taken back', async () => {
    await page.getByRole('button', { name: 'Start maintenance' }).click()
    // Nobody else has `chatter` and `probe`.
    const question = page.getByRole('dialog', { name: 'Put w3 into maintenance?' })
    await question.getByText('w3 is the last ready worker that has 2 of its functions.').waitFor()
    await question.getByText('2 functions: chatter, probe').waitFor()
    await question.getByLabel('Reason').fill('new kernel')
    await question.getByRole('button', { name: 'Switch maintenance on' }).click()
    const undo = await holdUndo(page)
    await waitForStatus('maintenance')
    await page.getByText(/In maintenance by an operator.*Reason: new kernel/).waitFor()
    await page
      .getByRole('region', { name: 'Events' })
      .getByText(/new kernel/)
      .first()
      .waitFor()
    await undo.click()
    await waitForStatus('ready')

    // The same by keys.
    await page.getByRole('button', { name: 'Start maintenance' }).waitFor()
    await page.keyboard.press('m')
    await question.getByText('2 functions: chatter, probe').waitFor()
    await question.getByRole('button', { name: 'Switch maintenance on' }).click()
    await waitForStatus('maintenance')
    await question.waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'End maintenance' }).waitFor()
    await page.keyboard.press('m')
    await waitForStatus('ready')
    watch.assertClean()
  })

  test('a drain shows its progress, is stopped, and is forced by typing the name', async () => {
    const running = postTask(fleet.balancer, { function: 'probe', input: { id: 'forced', how: 'held' } })
    await page.getByRole('table', { name: 'Running now' }).getByText('probe').waitFor()
    await page.getByRole('button', { name: 'Drain…' }).click()
    const question = page.getByRole('dialog', { name: 'Drain w3?' })
    await question.getByText(/^1 task/).waitFor()
    await question.getByRole('radio', { name: '5 min', exact: true }).check({ force: true })
    await question.getByRole('button', { name: 'Start draining' }).click()
    await waitForStatus('draining')
    const drain = page.getByRole('region', { name: 'Draining' })
    await drain.getByText(/in [34] min \d+ s/).waitFor()
    await assertAccessible(page)

    await drain.getByRole('button', { name: 'Stop drain' }).click()
    await until(async () => (await readWorker()).maintenance?.deadline === null, LIMIT_MS, 'no deadline')
    assert.equal((await readWorker()).status, 'draining')

    await drain.getByRole('button', { name: 'Force drain…' }).click()
    const force = page.getByRole('dialog', { name: 'End everything that runs on w3?' })
    await force.getByText('Tasks ended').waitFor()
    const confirm = force.getByRole('button', { name: 'End them now' })
    // It needs a reason and the name.
    await confirm.and(page.locator('[aria-disabled="true"]')).waitFor()
    await force.getByLabel(/^Reason/).fill('the disk dies')
    await force.getByLabel('Type w3 to confirm').fill('w3')
    await assertAccessible(page)
    await confirm.click()
    assert.equal((await running).status, 502)
    await waitForStatus('maintenance')
    await page.getByRole('button', { name: 'End maintenance' }).click()
    await waitForStatus('ready')
    watch.assertClean([/502/])
  })

  test('fits a narrow window, is copied as curl, and a worker that is not there says so', async () => {
    await page.setViewportSize(NARROW)
    await assertFits(page)
    await page.setViewportSize({ width: 1400, height: 900 })
    await page.getByRole('button', { name: 'Copy', exact: true }).click()
    await page.getByRole('menuitem', { name: 'Copy as curl' }).waitFor()
    await page.keyboard.press('Escape')

    await page.goto(`${fleet.balancer.url}/dashboard/workers/${encodeURIComponent('no/such <b>')}`)
    await page.getByRole('heading', { name: 'There is no worker no/such <b>' }).waitFor()
    await page.getByRole('link', { name: 'To the workers' }).click()
    await page.getByRole('heading', { name: 'Workers', level: 1 }).waitFor()
    // Chromium itself notes the worker that is not there.
    watch.assertClean([/404/])
  })
})
