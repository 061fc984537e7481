/** The list of tasks in a real browser: what it shows is what the balancer has, what it does is done there. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import type { Locator, Page } from 'playwright-core'
import { type Balancer, postTask } from '../harness/berth.ts'
import { createScope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { assertAccessible, assertFits, NARROW } from './axe.ts'
import type { PageWatch } from './page-watch.ts'
import { LIMIT_MS, openAt, startBrowser } from './stage.ts'
import { accept, listRuns, readRun, SLOTS, startTaskFleet, waitForStatus } from './task-fleet.ts'

const MANY = 1_001
/** How long so many may take, to run and to be deleted. */
const MANY_LIMIT_MS = 120_000
const MARKUP = '<img src=x onerror=canary()>'

describe('the list of tasks', () => {
  const scope = createScope()
  let balancer: Balancer
  let page: Page
  let watch: PageWatch

  before(async () => {
    const [browser, started] = await Promise.all([startBrowser(scope), startTaskFleet(scope)])
    balancer = started
    const done = [
      postTask(balancer, { function: 'quick' }),
      postTask(balancer, { function: 'quick', mode: 'stream', input: { name: 'stream' } }),
      accept(balancer, { function: 'quick', metadata: { order: MARKUP } }),
    ]
    await Promise.all(done)
    for (let n = 0; n < 3; n++) await accept(balancer, { function: 'fail', input: { text: `fault ${n}` } })
    await until(
      async () => (await listRuns(balancer, 'status=failed')).length === 3,
      LIMIT_MS,
      'three have failed',
    )
    ;({ page, watch } = await openAt(scope, browser, balancer, '/tasks', 'Tasks'))
  })
  after(() => scope.end())

  const table = () => page.getByRole('table', { name: 'Tasks' })
  const rows = () => table().locator('tbody tr[data-row]')
  const rowOf = (id: string) => table().locator(`tr[data-row="${id}"]`)
  const search = () => page.getByRole('combobox', { name: 'Search tasks' })
  const tab = (name: string) => page.getByRole('tab', { name })
  const fresh = async () => {
    await page.goto(`${balancer.url}/dashboard/tasks`)
    await rows().first().waitFor()
  }

  test('shows every mode alike, counts states, and follows what changes', async () => {
    for (const mode of ['sync', 'stream', 'async']) await rows().filter({ hasText: mode }).first().waitFor()
    await rows().filter({ hasText: 'on disk' }).filter({ hasText: MARKUP }).waitFor()
    await tab('Failed').filter({ hasText: '3' }).waitFor()
    const id = await accept(balancer, { function: 'wait' })
    await rowOf(id).filter({ hasText: 'Running' }).waitFor()
    await balancer.request(`/runs/${id}/cancel`, { method: 'POST' })
    await rowOf(id).filter({ hasText: 'Cancelled' }).waitFor()
    assert.equal(watch.canaries(), 0)
    watch.assertClean()
  })

  test('is narrowed by qualifiers with completion, by tabs, and says what cannot be searched', async () => {
    await search().click()
    await page.keyboard.type('fn:fa')
    await page.getByRole('option', { name: /fn:fail/ }).click()
    await expectRows(rows(), 3)
    await page.waitForURL(/function=fail/)
    await search().fill('fault 1')
    await page.keyboard.press('Enter')
    await expectRows(rows(), 1)
    await page.reload()
    await expectRows(rows(), 1)
    await search().click()
    await page.keyboard.press('Backspace')
    await expectRows(rows(), 3)

    await search().fill('wait>5s')
    await page.keyboard.press('Enter')
    await page.getByText(/Not understood: wait>.*no index has them/).waitFor()
    await search().fill('')
    await page.keyboard.press('Escape')
    await tab('Completed').click()
    await page.getByText(/No task matches “fn:fail state:completed”/).waitFor()
    await page.getByRole('button', { name: /Look in 24 h \(0\)/ }).waitFor()
    await page.getByRole('button', { name: 'Clear filter' }).click()
    await rows().nth(5).waitFor()
    watch.assertClean()
  })

  test('a view is saved, opened again and removed', async () => {
    await fresh()
    await tab('Failed').click()
    await page.getByRole('button', { name: 'Views' }).click()
    await page.getByRole('menuitem', { name: 'Save this view' }).click()
    await page.getByRole('textbox', { name: /Name/ }).fill('My faults')
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await fresh()
    await page.getByRole('button', { name: 'Views' }).click()
    await page.getByRole('menuitem', { name: 'My faults' }).click()
    await expectRows(rows(), 3)
    await page.getByRole('button', { name: 'Views' }).click()
    await page.getByRole('menuitem', { name: 'Remove a view' }).click()
    await page.getByRole('button', { name: 'Remove My faults' }).click()
    await page.getByRole('button', { name: 'Close' }).click()
    watch.assertClean()
  })

  test('the histogram zooms by pointer and by keys, and back', async () => {
    await fresh()
    const chart = page.getByRole('slider', { name: /Stretches of time/ })
    const box = await chart.boundingBox()
    assert.ok(box)
    await page.mouse.move(box.x + box.width * 0.5, box.y + 40)
    await page.mouse.down()
    await page.mouse.move(box.x + box.width - 2, box.y + 40, { steps: 4 })
    await page.mouse.up()
    await page.waitForURL(/from=.*&to=/)
    await rows().nth(5).waitFor()
    await page.getByRole('button', { name: 'Zoom out' }).click()
    await page.waitForURL((url) => !url.searchParams.has('from'))
    await chart.focus()
    await page.keyboard.press('End')
    await page.keyboard.press('Shift+ArrowLeft')
    await page.keyboard.press('Enter')
    await page.waitForURL(/from=.*&to=/)
    await page.getByText('View as table').click()
    await page.getByRole('table', { name: 'Task volume' }).waitFor()
    watch.assertClean()
  })

  test('those that are chosen are cancelled, after the count by state was said', async () => {
    await fresh()
    const ids: string[] = []
    for (let n = 0; n < SLOTS + 2; n++) ids.push(await accept(balancer, { function: 'wait' }))
    for (const id of ids) {
      await rowOf(id).waitFor()
      await rowOf(id).getByRole('checkbox').click()
    }
    await page.getByRole('button', { name: 'Cancel', exact: true }).click()
    const dialog = page.getByRole('dialog', { name: 'Cancel tasks' })
    await dialog.getByText('Exactly 4 tasks will be cancelled.').waitFor()
    const said = await dialog.getByRole('row').allInnerTexts()
    const facts = said.map((row) => row.replaceAll(/\s+/g, ' ').trim())
    assert.deepEqual(facts.slice(0, 1), ['By state'])
    assert.deepEqual(facts.slice(1, 3).toSorted(), ['Running 2', 'Waiting 2'])
    assert.deepEqual(facts.slice(3), ['By function', 'wait 4'])
    assert.equal((await readRun(balancer, ids[0] ?? '')).status, 'running', 'nothing happens before')
    await dialog.getByRole('button', { name: 'Cancel 4 tasks' }).click()
    await page.getByText('4 of 4 cancelled.').waitFor()
    for (const id of ids) await waitForStatus(balancer, id, 'cancelled')
    await page.getByRole('button', { name: 'Close' }).click()
    await dialog.waitFor({ state: 'detached' })

    // By keys alone: the newest row, then c.
    const one = await accept(balancer, { function: 'wait' })
    await rowOf(one).waitFor()
    await page.keyboard.press('j')
    await rowOf(one).and(page.locator(':focus')).waitFor()
    await page.keyboard.press('c')
    await page.getByRole('button', { name: 'Cancel 1 task' }).click()
    await waitForStatus(balancer, one, 'cancelled')
    watch.assertClean()
  })

  test('all that match are retried by the balancer', async () => {
    await fresh()
    await tab('Failed').click()
    await expectRows(rows(), 3)
    await rows().first().getByRole('checkbox').click()
    await page.getByRole('button', { name: 'Choose all that match' }).click()
    await page.getByRole('button', { name: 'Retry', exact: true }).click()
    const dialog = page.getByRole('dialog', { name: 'Retry tasks' })
    await dialog.getByRole('button', { name: 'Retry 3 tasks' }).click()
    await page.getByText('3 of 3 retried.').waitFor()
    const retried = await until(
      async () => {
        const found = (await listRuns(balancer, 'function=fail')).filter(({ retryOf }) => retryOf !== null)
        return found.length === 3 ? found : undefined
      },
      LIMIT_MS,
      'three retries',
    )
    assert.equal(new Set(retried.map(({ retryOf }) => retryOf)).size, 3)
    await expectRows(rows(), 6)
    watch.assertClean()
  })

  test('a thousand and one are deleted only when their number is typed', async () => {
    const tasks = Array.from({ length: MANY }, (_, n) => ({
      function: 'quick',
      mode: 'async',
      input: { name: `many ${n}` },
      metadata: { batch: 'many' },
    }))
    const accepted = await balancer.request('/tasks', {
      method: 'POST',
      headers: { 'content-type': 'application/json', prefer: 'respond-async' },
      body: JSON.stringify(tasks),
    })
    assert.equal(accepted.status, 202, accepted.text)
    const countLeft = async (action = 'delete') => {
      const { body } = await balancer.request('/bulk', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ action, filter: { q: 'many' }, dryRun: true }),
      })
      return (body as { matched: number }).matched
    }
    await until(async () => (await countLeft()) === MANY, MANY_LIMIT_MS, 'all are done')
    await page.goto(`${balancer.url}/dashboard/tasks?q=many`)
    await rows().first().getByRole('checkbox').click()
    await page.getByRole('button', { name: 'Choose all that match' }).click()
    await page.getByRole('button', { name: 'Delete', exact: true }).click()
    const dialog = page.getByRole('dialog', { name: 'Delete tasks' })
    const confirm = dialog.getByRole('button', { name: `Delete ${MANY} tasks` })
    await confirm.waitFor()
    await confirm.and(page.locator('[aria-disabled="true"]')).waitFor()
    await dialog.getByLabel(/Reason/).fill('made by a test')
    await dialog.getByLabel(`Type ${MANY} to confirm`).fill(String(MANY))
    await confirm.click()
    await page.getByText(`${MANY} of ${MANY} deleted.`).waitFor({ timeout: MANY_LIMIT_MS })
    assert.equal(await countLeft(), 0)
    await page.getByText(/No task matches “many”/).waitFor()
    watch.assertClean()
  })

  test('what matches is exported, a line each', async () => {
    await page.goto(`${balancer.url}/dashboard/tasks?function=fail`)
    await expectRows(rows(), 6)
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Export' }).click(),
    ])
    const lines = (await readFile(await download.path(), 'utf8')).trim().split('\n')
    assert.equal(lines.length, 6)
    assert.ok(lines.every((line) => (JSON.parse(line) as { function: string }).function === 'fail'))
  })

  test('breaks no rule of accessibility, in either theme, and fits a narrow window', async () => {
    await fresh()
    await rows().first().getByRole('checkbox').click()
    await assertAccessible(page)
    await page.setViewportSize(NARROW)
    await assertFits(page)
  })
})

async function expectRows(rows: Locator, count: number): Promise<void> {
  await until(
    async () => {
      const found = await rows.count()
      if (found === count) return true
      throw new Error(`${found} rows`)
    },
    LIMIT_MS,
    `${count} rows`,
  )
}
