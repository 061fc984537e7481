/**
 * Groups and contracts on a real fleet of two contracts: who can do what, what differs between them, the default
 * contract and the pause of a group, with a look at the balancer after each.
 */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { postTask, startWorker, waitForWorkers, writeWorkersFile } from '../harness/berth.ts'
import { createScope, makeFolder } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { assertAccessible, assertFits, NARROW } from './axe.ts'
import type { PageWatch } from './page-watch.ts'
import { type Fleet, holdUndo, LIMIT_MS, NAMES, openAt, startBrowser, startFleet } from './stage.ts'

type Settings = {
  defaultContract: number | null
  paused: { until: string | null; reason: string | null } | null
}

describe('groups and contracts', () => {
  const scope = createScope()
  let fleet: Fleet
  /** One for all tests here, which leave it as they find it. */
  let page: Page
  let watch: PageWatch

  before(async () => {
    const folder = join(await makeFolder(scope, 'next'), 'functions')
    await mkdir(folder, { recursive: true })
    await writeFile(
      join(folder, 'hello.ts'),
      `import { defineFunction } from '@berth/worker'
import { z } from 'zod'

export default defineFunction({
  input: z.object({ name: z.string().default('World'), tone: z.string().optional() }),
  async handler({ name }) { return { message: 'Hello ' + name } },
})
`,
    )
    const [browser, started, next] = await Promise.all([
      startBrowser(scope),
      startFleet(scope),
      startWorker(scope, { folder: join(folder, '..'), env: { NAME: 'w4', CONTRACT: '2', SLOTS: '2' } }),
    ])
    fleet = started
    const entries = NAMES.map((name) => ({ name, url: fleet.workers[name].url }))
    await writeWorkersFile(fleet.balancer.workersFile, [...entries, { name: 'w4', url: next.url }])
    await waitForWorkers(fleet.balancer, 4)
    ;({ page, watch } = await openAt(scope, browser, fleet.balancer, '/capability', 'Groups and contracts'))
  })
  after(() => scope.end())

  const readGroup = async (): Promise<Settings> =>
    (await fleet.balancer.request('/groups/default')).body as Settings
  const takerOfHello = async (): Promise<string> =>
    (await postTask(fleet.balancer, { function: 'hello' })).headers.get('x-worker') ?? ''
  const cell = (name: string, at: string) =>
    page.getByRole('button', { name: new RegExp(`^${name} of ${at}: `) })

  test('shows who can do what, with free slots', async () => {
    await cell('hello', 'default@1')
      .and(page.getByRole('button', { name: /3 workers in service, 24 free slots/ }))
      .waitFor()
    await cell('hello', 'default@2')
      .and(page.getByRole('button', { name: /1 worker in service, 2 free slots/ }))
      .waitFor()
    assert.equal(await cell('probe', 'default@2').count(), 0)
    const readHeadings = async () => {
      const headings = await page.getByRole('columnheader').allInnerTexts()
      return headings.map((text) => text.split('\n')[0]).join()
    }
    const expected = 'Function,default@2,default@1'
    await until(async () => (await readHeadings()) === expected, LIMIT_MS, 'the newest contract first')
    await assertAccessible(page)

    // Out of service, nobody can: said by colour, shape and words.
    await fleet.balancer.request('/workers/w4/off', { method: 'POST' })
    await cell('hello', 'default@2')
      .and(page.getByRole('button', { name: /0 workers in service/ }))
      .waitFor()
    await fleet.balancer.request('/workers/w4/on', { method: 'POST' })
    await cell('hello', 'default@2')
      .and(page.getByRole('button', { name: /1 worker in service/ }))
      .waitFor()
    watch.assertClean()
  })

  test('a cell opens its schema and how it differs from another contract’s; the address keeps it', async () => {
    await cell('hello', 'default@2').click()
    const panel = page.getByRole('region', { name: 'hello · default@2' })
    await panel.getByText('tone').first().waitFor()
    await panel.getByRole('link', { name: '1 of 1' }).waitFor()
    await page.reload()
    await panel.getByText('tone').first().waitFor()
    await panel.getByRole('tab', { name: 'Difference' }).click()
    await panel.getByText('default@1').first().waitFor()
    await assertAccessible(page)
    await panel.getByRole('button', { name: 'Close' }).click()
    await panel.waitFor({ state: 'detached' })
    watch.assertClean()
  })

  test('the default contract is set with a look at the traffic, obeyed, and taken back', async () => {
    assert.match(await takerOfHello(), /^w[123]$/)
    await page.getByRole('button', { name: /^default@2/ }).click()
    const panel = page.getByRole('region', { name: 'Group default' })
    await panel.getByRole('combobox', { name: 'Default contract' }).click()
    await page.getByRole('option', { name: '2', exact: true }).click()
    const question = page.getByRole('dialog', { name: 'Default contract of default: 2?' })
    await question.getByText('Workers of the new one').waitFor()
    await question.getByRole('button', { name: 'Set the default' }).click()
    const undo = await holdUndo(page)
    await until(async () => (await readGroup()).defaultContract === 2, LIMIT_MS, 'the default is 2')
    assert.equal(await takerOfHello(), 'w4')
    await undo.click()
    await until(async () => (await readGroup()).defaultContract === null, LIMIT_MS, 'no default')
    await panel.getByRole('figure').first().waitFor()
    await assertAccessible(page)
    watch.assertClean()
  })

  test('a group is paused for a while and resumed', async () => {
    const panel = page.getByRole('region', { name: 'Group default' })
    await panel.getByRole('button', { name: 'Pause the group…' }).click()
    const question = page.getByRole('dialog', { name: 'Pause the group default?' })
    await question.getByRole('radio', { name: 'Other' }).check({ force: true })
    await question.getByLabel('Span').fill('2h')
    await question.getByLabel(/^Reason/).fill('stocktaking')
    await question.getByRole('button', { name: 'Pause the group' }).click()
    await until(async () => (await readGroup()).paused !== null, LIMIT_MS, 'it is paused')
    const { paused } = await readGroup()
    const spanMs = Date.parse(paused?.until ?? '') - Date.now()
    assert.ok(Math.abs(spanMs - 7_200_000) < 60_000, `until in ${spanMs} ms`)
    assert.equal(paused?.reason, 'stocktaking')
    assert.equal((await postTask(fleet.balancer, { function: 'hello' })).status, 503)
    await panel.getByText('stocktaking').waitFor()
    await panel.getByRole('button', { name: 'Resume' }).click()
    await until(async () => (await readGroup()).paused === null, LIMIT_MS, 'it goes on')
    assert.equal((await postTask(fleet.balancer, { function: 'hello' })).status, 200)
    watch.assertClean()
  })

  test('demand that nobody can take is red and named, and fits a narrow window', async () => {
    for (const name of NAMES) await fleet.balancer.request(`/workers/${name}/off`, { method: 'POST' })
    const body = JSON.stringify({ function: 'probe', input: { id: 'starved' }, mode: 'async' })
    const headers = { 'content-type': 'application/json' }
    const accepted = await fleet.balancer.request('/task', { method: 'POST', headers, body })
    assert.equal(accepted.status, 202, accepted.text)
    await cell('probe', 'default@1')
      .and(page.getByRole('button', { name: /0 workers in service/ }))
      .waitFor()
    await page.getByText(/1 task waits for probe of default@1, which nobody in service has/).waitFor()
    await page.setViewportSize(NARROW)
    await assertFits(page)
    await assertAccessible(page)
    for (const name of NAMES) await fleet.balancer.request(`/workers/${name}/on`, { method: 'POST' })
    await page.getByText(/whatever waits can be taken/).waitFor()
    watch.assertClean()
  })
})
