/** The page of one task in a real browser: what it shows of a task, and every action, looked at on the balancer. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { type Balancer, postTask } from '../harness/berth.ts'
import { createScope, type Scope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { assertAccessible, assertFits, NARROW } from './axe.ts'
import type { PageWatch } from './page-watch.ts'
import { holdUndo, LIMIT_MS, openAt, startBrowser } from './stage.ts'
import { accept, listRuns, readRun, SLOTS, startTaskFleet, waitForStatus } from './task-fleet.ts'

const MARKUP = '<img src=x onerror=canary()>'

describe('the page of a task', () => {
  const scope = createScope()
  let balancer: Balancer
  let page: Page
  let watch: PageWatch

  before(async () => {
    const [browser, started] = await Promise.all([startBrowser(scope), startTaskFleet(scope)])
    balancer = started
    ;({ page, watch } = await openAt(scope, browser, balancer, '/tasks', 'Tasks'))
  })
  after(() => scope.end())
  // What a test left running takes the slots of the next.
  beforeEach(async () => {
    for (const { id } of await listRuns(balancer, 'status=queued,running'))
      await balancer.request(`/runs/${id}/cancel`, { method: 'POST' })
  })

  const show = async (id: string, heading: string) => {
    await page.goto(`${balancer.url}/dashboard/tasks/${id}`)
    await page.getByRole('heading', { name: heading, level: 1 }).waitFor()
  }
  const panel = (name: string) => page.getByRole('region', { name, exact: true })
  const button = (name: string) => page.getByRole('button', { name, exact: true })
  const more = async (item: string) => {
    await button('More').click()
    await page.getByRole('menuitem', { name: item }).click()
  }
  const shownId = () => decodeURIComponent(new URL(page.url()).pathname.split('/').at(-1) ?? '')
  const waitForPicture = (selector: string) =>
    until(
      async () => (await page.evaluate(`document.querySelector('${selector}')?.naturalWidth`)) === 1,
      LIMIT_MS,
      'the picture is drawn',
    )
  const waitForOther = async (id: string) => {
    await until(() => shownId() !== id && shownId().startsWith('r_'), LIMIT_MS, 'another task shows')
    return shownId()
  }

  test('one that waits says why, takes another priority and back, and is cancelled', async () => {
    const running: string[] = []
    for (let n = 0; n < SLOTS; n++) running.push(await accept(balancer, { function: 'wait' }))
    for (const id of running) await waitForStatus(balancer, id, 'running')
    const first = await accept(balancer, { function: 'wait' })
    const id = await accept(balancer, { function: 'wait' })
    await show(id, 'wait@1')
    const why = panel('Why it is where it is')
    await why.getByText(/Waiting .*\d+ s\. 0 of 1 worker can take it now\./).waitFor()
    await why.getByText('Adds up to the 1 workers of the fleet.').waitFor()
    await why.getByText('1 task before it').waitFor()
    await why.getByText('w1: full').waitFor()

    await more('Change priority')
    const dialog = page.getByRole('dialog', { name: 'Change priority' })
    await dialog.getByLabel('Priority', { exact: true }).fill('0')
    await dialog
      .getByRole('alert')
      .getByText(/A whole number from 1/)
      .waitFor()
    await dialog.getByLabel('Priority', { exact: true }).fill('7')
    await dialog.getByRole('button', { name: 'Set the priority' }).click()
    await page.getByText('The priority is 7 now.').waitFor()
    const undo = await holdUndo(page)
    assert.equal((await readRun(balancer, id)).priority, 7)
    await why.getByText('next in line').waitFor()
    await undo.click()
    await until(async () => (await readRun(balancer, id)).priority === 100, LIMIT_MS, 'set back')

    await page.locator('body').press('c')
    const question = page.getByRole('dialog', { name: 'Cancel this task?' })
    await question.getByText('It has not begun, and will not begin.').waitFor()
    await question.getByLabel(/Reason/).fill('a test')
    await question.getByRole('button', { name: 'Cancel the task' }).click()
    await page.locator('.page-title').getByText('Cancelled').waitFor()
    assert.equal((await readRun(balancer, id)).status, 'cancelled')

    await show(running[0] ?? '', 'wait@1')
    await why.getByText(/Running on w1 for .*\d+ s\./).waitFor()
    await button('Cancel').click()
    await page
      .getByRole('dialog')
      .getByText(/Its handler gets the signal/)
      .waitFor()
    await page.getByRole('button', { name: 'Cancel the task' }).click()
    await page.locator('.page-title').getByText('Cancelled').waitFor()
    for (const one of [...running.slice(1), first])
      await balancer.request(`/runs/${one}/cancel`, { method: 'POST' })
    watch.assertClean()
  })

  test('is followed while it runs, until its result is there', async () => {
    const id = await accept(balancer, { function: 'wait', input: { ms: 1_500 }, metadata: { note: MARKUP } })
    await show(id, 'wait@1')
    await page.locator('.page-title').getByText('Completed').waitFor()
    await panel('Result').getByText('waited:').waitFor()
    await panel('Timeline')
      .getByText(/Attempt 1/)
      .waitFor()
    await panel('Facts').getByText(MARKUP).waitFor()
    assert.equal(watch.canaries(), 0)
    watch.assertClean()
  })

  test('shows stream, log, progress, usage, sources, files and what it called, as text', async () => {
    const input = { text: `say ${MARKUP}`, key: '***' }
    const id = await accept(balancer, { function: 'show', input })
    await waitForStatus(balancer, id, 'completed')
    await show(id, 'show@1')
    await panel('Stream').getByText(`streamed say ${MARKUP}`).waitFor()
    await panel('Log of the task').getByText(`say ${MARKUP}`).waitFor()
    await panel('Input').getByText('hidden').waitFor()
    await panel('Usage').getByText('$0.25').first().waitFor()
    await panel('Usage').getByRole('link', { name: 'A page' }).waitFor()
    const file = panel('Files').getByRole('link', { name: 'pictures/dot.png' })
    const [download] = await Promise.all([page.waitForEvent('download'), file.click()])
    assert.equal(download.suggestedFilename(), 'dot.png')
    await panel('Files').getByRole('img', { name: 'pictures/dot.png' }).waitFor()
    await waitForPicture('.pictures img')
    await panel('Kin').getByRole('link', { name: 'quick@1' }).click()
    await page.getByRole('heading', { name: 'quick@1', level: 1 }).waitFor()
    await panel('Kin').getByRole('link', { name: id }).waitFor()

    const bytes = await accept(balancer, { function: 'picture' })
    await waitForStatus(balancer, bytes, 'completed')
    await show(bytes, 'picture@1')
    await panel('Result').getByRole('img', { name: 'Result' }).waitFor()
    await waitForPicture('.content-bytes img')
    assert.equal(watch.canaries(), 0)
    watch.assertClean()
  })

  test('is retried as it was, and with another input and priority', async () => {
    const id = await accept(balancer, { function: 'fail', input: { text: MARKUP } })
    await waitForStatus(balancer, id, 'failed')
    await show(id, 'fail@1')
    await page.getByRole('note').getByText(`FUNCTION_FAILED ${MARKUP}`).waitFor()
    await page.locator('body').press('r')
    const again = await waitForOther(id)
    const retried = await readRun(balancer, again)
    assert.deepEqual([retried.retryOf, retried.trigger], [id, 'ui'])
    await panel('Kin').getByRole('link', { name: id }).waitFor()

    await show(id, 'fail@1')
    await more('Retry with edits')
    const dialog = page.getByRole('dialog', { name: 'Retry with edits' })
    await dialog.getByLabel('Input (JSON)').fill('{"text": ')
    await dialog
      .getByRole('alert')
      .getByText(/This is no JSON/)
      .waitFor()
    await dialog.getByLabel('Input (JSON)').fill('{"text": "edited"}')
    await dialog.getByLabel('Priority', { exact: true }).fill('3')
    await dialog.getByRole('button', { name: 'Retry', exact: true }).click()
    const edited = await readRun(balancer, await waitForOther(id))
    assert.deepEqual([edited.input, edited.priority, edited.retryOf], [{ text: 'edited' }, 3, id])
    watch.assertClean()
  })

  test('is continued by another turn, and its session shows both', async () => {
    const id = await accept(balancer, { function: 'quick', input: { name: 'one' } })
    await waitForStatus(balancer, id, 'completed')
    await show(id, 'quick@1')
    await more('Continue')
    const dialog = page.getByRole('dialog', { name: 'Continue' })
    await dialog.getByLabel('Input (JSON)').fill('{"name": "two"}')
    await dialog.getByRole('button', { name: 'Begin the next turn' }).click()
    const next = await waitForOther(id)
    assert.deepEqual((await readRun(balancer, next)).session, id)
    await panel('Kin').getByText('2 turns').waitFor()
    await waitForStatus(balancer, next, 'completed')
    watch.assertClean()
  })

  test('is deleted, and then unknown, with the date of its id', async () => {
    const id = await accept(balancer, { function: 'quick' })
    await waitForStatus(balancer, id, 'completed')
    await show(id, 'quick@1')
    await more('Delete')
    await page.getByRole('button', { name: 'Delete the task' }).click()
    await page.getByRole('heading', { name: 'Tasks', level: 1 }).waitFor()
    assert.equal((await balancer.request(`/runs/${id}`)).status, 404)
    await page.goto(`${balancer.url}/dashboard/tasks/${id}`)
    await page.getByText('This task is not known any more.').waitFor()
    await page.getByText(/By its id it was accepted .*\d\d:\d\d/).waitFor()
    await page.goto(`${balancer.url}/dashboard/tasks/nonsense`)
    await page.getByText('This is no id of a task.').waitFor()
    watch.assertClean([/404/])
  })

  test('a task in memory says what cannot be done with it', async () => {
    const { headers } = await postTask(balancer, { function: 'fail' })
    await show(headers.get('x-run-id') ?? '', 'fail@1')
    const retry = button('Retry')
    await retry.and(page.locator('[aria-disabled="true"]')).waitFor()
    await retry.hover()
    await page
      .getByRole('tooltip')
      .getByText(/lived in memory/)
      .waitFor()
  })

  test('its webhook shows every try, and goes out again', async () => {
    const receiver = await startReceiver(scope)
    const id = await accept(balancer, { function: 'quick', mode: 'webhook', webhook: { url: receiver.url } })
    await until(() => receiver.ids.length === 1, LIMIT_MS, 'the message has come')
    await show(id, 'quick@1')
    const hook = panel('Webhook')
    await hook.getByText('Delivered').waitFor()
    await hook.getByText(receiver.url).waitFor()
    await hook.getByRole('cell', { name: '200' }).waitFor()
    await panel('Timeline').getByText('Delivered').waitFor()
    await hook.getByRole('button', { name: 'Redeliver' }).click()
    await page.getByText('It is on its way again.').waitFor()
    await until(() => receiver.ids.length === 2, LIMIT_MS, 'it has come again')
    assert.equal(receiver.ids[1], receiver.ids[0])
    await hook.getByText('2 tries').waitFor()
  })

  test('breaks no rule of accessibility, in either theme, and fits a narrow window', async () => {
    const [shown] = await listRuns(balancer, 'function=show')
    await show(shown?.id ?? '', 'show@1')
    await panel('Stream').waitFor()
    await panel('Files').getByRole('img').waitFor()
    await assertAccessible(page)
    await page.setViewportSize(NARROW)
    await assertFits(page)
  })
})

/** Takes whatever comes; remembers the ids of the messages. */
async function startReceiver(scope: Scope): Promise<{ url: string; ids: string[] }> {
  const ids: string[] = []
  const server = createServer((req, res) => {
    ids.push(String(req.headers['webhook-id']))
    req.resume().on('end', () => res.end())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  scope.after(() => new Promise<void>((resolve) => server.close(() => resolve())))
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, ids }
}
