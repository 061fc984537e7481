/**
 * The queue page in a real browser: what waits is shown in its order, and every way of changing that is looked at on
 * the balancer and the fleet.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Locator, Page } from 'playwright-core'
import { postTask } from '../harness/berth.ts'
import { createScope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { assertAccessible, assertFits, NARROW } from './axe.ts'
import type { PageWatch } from './page-watch.ts'
import { type Fleet, LIMIT_MS, openAt, startBrowser, startFleet } from './stage.ts'

const SLEEP = '/functions/default/sleep'

describe('the queue page', () => {
  const scope = createScope()
  let fleet: Fleet
  let page: Page
  let watch: PageWatch
  /** By the order in which they came; priorities 300, 200, 100, so that they go the other way round. */
  const runs: string[] = []

  before(async () => {
    const [browser, started] = await Promise.all([startBrowser(scope), startFleet(scope)])
    fleet = started
    // One starts and holds the only permit for as long as the tests last; the others wait behind it.
    await patch(SLEEP, { concurrency: 1 })
    await send(1, 'blocker', 600_000)
    await until(async () => (await statusOf(runs[0])) === 'running', LIMIT_MS, 'the first runs')
    for (const [at, key] of ['ada', 'bob', 'ada'].entries()) await send(300 - 100 * at, key)
    ;({ page, watch } = await openAt(scope, browser, fleet.balancer, '/queue', 'Queue'))
  })
  after(async () => {
    for (const id of runs) await fleet.balancer.request(`/runs/${id}/cancel`, { method: 'POST' })
    await scope.end()
  })

  async function patch(path: string, body: object): Promise<void> {
    const answer = await fleet.balancer.request(path, { method: 'PATCH', body: JSON.stringify(body) })
    assert.equal(answer.status, 200, answer.text)
  }

  async function settingsOf(
    path: string,
  ): Promise<{ paused: { reason: string | null; until: string | null } | null }> {
    return (await fleet.balancer.request(path)).body as Awaited<ReturnType<typeof settingsOf>>
  }

  async function send(priority: number, fairnessKey: string, ms = 10): Promise<void> {
    const answer = await postTask(fleet.balancer, {
      function: 'sleep',
      mode: 'async',
      input: { ms },
      priority,
      fairnessKey,
    })
    assert.equal(answer.status, 202, answer.text)
    runs.push((answer.body as { runId: string }).runId)
  }

  async function statusOf(id: string | undefined): Promise<string> {
    return ((await fleet.balancer.request(`/runs/${id}`)).body as { status: string }).status
  }

  const lanes = (): Locator => page.getByRole('table', { name: 'Functions' })
  const laneOf = (name: string): Locator =>
    lanes()
      .getByRole('row')
      .filter({ has: page.getByRole('link', { name, exact: true }) })
  const line = (): Locator => page.getByRole('table', { name: 'Next in line' })
  const notice = (words: string): Locator => page.getByRole('status').filter({ hasText: words })

  async function choose(name: string, item: string): Promise<void> {
    await laneOf(name)
      .getByRole('button', { name: /^Actions for/ })
      .click()
    await page.getByRole('menuitem', { name: item }).click()
  }

  async function readLine(): Promise<string[]> {
    return line().getByRole('link').allTextContents()
  }

  const waitForLine = (ids: readonly (string | undefined)[]): Promise<unknown> =>
    until(async () => (await readLine()).join() === ids.join(), LIMIT_MS, `the line is ${ids}`)

  test('shows who waits, in order, why, and what limits them', async () => {
    await page.getByText('3 tasks wait for 1 function.').waitFor()
    await waitForLine([runs[3], runs[2], runs[1]])
    await until(
      async () => (await line().getByText('limit of concurrency').count()) === 3,
      LIMIT_MS,
      'each says why it waits',
    )
    const row = laneOf('sleep')
    await row.getByText('1 / 1').waitFor()
    await row.getByRole('img', { name: /ada 67%, bob 33%/ }).waitFor()
    assert.equal(await laneOf('hello').count(), 0, 'only functions with a queue')
    await page.getByRole('radio', { name: 'All', exact: true }).check()
    await laneOf('hello').getByText('flows').waitFor()
    await page.getByRole('radio', { name: 'With a queue' }).check()
    await page.getByRole('heading', { name: 'Arrivals and completions' }).waitFor()
    await page.getByRole('heading', { name: 'Waiting by group' }).waitFor()
    watch.assertClean()
  })

  test('another priority says its new place first, and can be taken back', async () => {
    const [, first] = runs
    await line()
      .getByRole('row')
      .filter({ hasText: first ?? '' })
      .getByRole('button')
      .click()
    await page.getByRole('menuitem', { name: 'Change priority…' }).click()
    const question = page.getByRole('dialog', { name: 'Change the priority?' })
    await question.getByText('3, priority 300').waitFor()
    await question.getByLabel('Priority', { exact: true }).fill('0')
    await question.getByText('A whole number from 1 to 2,097,152.').first().waitFor()
    await question.getByLabel('Priority', { exact: true }).fill('50')
    await question.getByText('about 1').waitFor()
    await question.getByLabel('Reason (optional)').fill('it is urgent now')
    await question.getByRole('button', { name: 'Set priority' }).click()
    await waitForLine([runs[1], runs[3], runs[2]])
    const { body } = await fleet.balancer.request(`/runs/${first}`)
    assert.equal((body as { priority: number }).priority, 50)
    await notice('Its priority is 50 now.').getByRole('button', { name: 'Undo' }).click()
    await waitForLine([runs[3], runs[2], runs[1]])
    watch.assertClean()
  })

  test('a function is paused with its numbers told, until an instant, and resumed', async () => {
    await choose('sleep', 'Pause this function…')
    const question = page.getByRole('dialog', { name: 'Pause default/sleep?' })
    await question.getByText('Waiting now').waitFor()
    await question.getByRole('radio', { name: '8 hours' }).check()
    await question.getByLabel('Reason (optional)').fill('the disk is full')
    await question.getByRole('button', { name: 'Pause', exact: true }).click()
    await laneOf('sleep').getByText('Paused').waitFor()
    await until(
      async () => (await line().getByText('paused').count()) === 3,
      LIMIT_MS,
      'all three are paused',
    )
    const { paused } = await settingsOf(SLEEP)
    assert.equal(paused?.reason, 'the disk is full')
    const leftMs = Date.parse(paused?.until ?? '') - Date.now()
    assert.ok(leftMs > 7.9 * 3_600_000 && leftMs <= 8 * 3_600_000, `${leftMs} ms are left`)

    await choose('sleep', 'Resume this function')
    await notice('default/sleep goes on.').waitFor()
    assert.equal((await settingsOf(SLEEP)).paused, null)
    await notice('default/sleep goes on.').getByRole('button', { name: 'Undo' }).click()
    // The lane may still show the pause before, so the balancer is asked.
    await until(
      async () => (await settingsOf(SLEEP)).paused?.reason === 'the disk is full',
      LIMIT_MS,
      'it is paused again',
    )
    await choose('sleep', 'Resume this function')
    await laneOf('sleep').getByText('flows').waitFor()
    watch.assertClean()
  })

  test('a whole group is paused, which its functions say, and nothing of it starts', async () => {
    await choose('sleep', 'Pause group default…')
    const question = page.getByRole('dialog', { name: 'Pause group default?' })
    await question.getByRole('radio', { name: 'Until somebody resumes it' }).check()
    await question.getByRole('button', { name: 'Pause', exact: true }).click()
    await laneOf('hello').getByText('the whole group').waitFor()
    const refused = await postTask(fleet.balancer, { function: 'hello' })
    assert.deepEqual([refused.status, (refused.body as { code: string }).code], [503, 'PAUSED'])
    await notice('group default is paused.').getByRole('button', { name: 'Undo' }).click()
    await until(
      async () => (await postTask(fleet.balancer, { function: 'hello' })).status === 200,
      LIMIT_MS,
      'it goes on',
    )
    watch.assertClean()
  })

  test('a task that waits is cancelled after a question, and the others move up', async () => {
    const cancelled = runs[3]
    // Notices of the tests before may lie over the last rows.
    await page.evaluate(
      "document.querySelectorAll('.toast > button:last-child').forEach((one) => one.click())",
    )
    await line()
      .getByRole('row')
      .filter({ hasText: cancelled ?? '' })
      .getByRole('button')
      .click()
    await page.getByRole('menuitem', { name: 'Cancel…' }).click()
    const question = page.getByRole('dialog', { name: 'Cancel this task?' })
    await question.getByRole('button', { name: 'Cancel the task' }).click()
    await waitForLine([runs[2], runs[1]])
    assert.equal(await statusOf(cancelled), 'cancelled')
    watch.assertClean()
  })

  test('what is let go leaves the line', async () => {
    await fleet.balancer.request(`/runs/${runs[0]}/cancel`, { method: 'POST' })
    await page.getByText('Nothing waits.').first().waitFor()
    for (const id of [runs[1], runs[2]])
      await until(async () => (await statusOf(id)) === 'completed', LIMIT_MS, `${id} has run`)
  })

  test('no rule of accessibility is broken, and nothing scrolls sideways at 320 pixels', async () => {
    await patch(SLEEP, { paused: { reason: 'for the picture' } })
    for (const key of ['ada', 'bob']) await send(5, key)
    await until(async () => (await readLine()).length === 2, LIMIT_MS, 'both stand in line')
    await assertAccessible(page)
    await choose('sleep', 'Pause group default…')
    await page.getByRole('dialog', { name: 'Pause group default?' }).waitFor()
    await assertAccessible(page)
    await page.keyboard.press('Escape')
    await page.setViewportSize(NARROW)
    await assertFits(page)
    watch.assertClean()
  })
})
