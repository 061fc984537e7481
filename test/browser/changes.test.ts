import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import type { BrowserContext, Page } from 'playwright-core'
import { postTask, startBalancer, writeWorkersFile } from '../harness/berth.ts'
import { createScope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import type { PageWatch } from './page-watch.ts'
import { openSharedDashboard } from './shared-page.ts'
import { type Fleet, LIMIT_MS, revisit, type WorkerName } from './stage.ts'
import { openList, openLog, readIds, rowOf, switchOf, waitForCell } from './workers-page.ts'

/** Chromium notes by itself that a socket or an address did not answer. */
const AWAY = /ERR_CONNECTION|WebSocket connection to|Failed to load resource/

describe('a fleet that changes under the page', () => {
  const scope = createScope()
  let fleet: Fleet
  /** One for all tests here, each of which goes to the list of workers first. */
  let page: Page
  let context: BrowserContext
  let watch: PageWatch
  const entryOf = (name: WorkerName) => ({ name, url: fleet.workers[name].url })
  const list = (...names: WorkerName[]) => writeWorkersFile(fleet.balancer.workersFile, names.map(entryOf))

  before(async () => {
    ;({ fleet, page, context, watch } = await openSharedDashboard(scope, { listed: ['w1', 'w2'] }))
  })
  after(() => scope.end())

  const waitForIds = (ids: string) =>
    until(async () => (await readIds(page)).join() === ids, LIMIT_MS, `the rows ${ids}`)
  const show = async () => {
    await revisit(page, fleet.balancer, '/workers', 'Workers')
    await page.locator('#workers').waitFor()
  }

  test('workers come and go with workers.json', async () => {
    await show()
    await waitForIds('w1,w2')
    await list('w1', 'w2', 'w3')
    await waitForCell(page, 'w3', 'State', /^Ready$/)
    await page.getByText(/3 of 3 workers ready/).waitFor()

    const running = postTask(fleet.balancer, { function: 'probe', input: { id: 'stays', how: 'held' } })
    await waitForCell(page, 'w3', 'Slots', /^1 \//)
    await list('w1', 'w2')
    await waitForCell(page, 'w3', 'State', /^Leaving/)
    await fleet.probe.release('stays')
    assert.equal((await running).status, 200)
    await rowOf(page, 'w3').waitFor({ state: 'detached' })
    await waitForIds('w1,w2')

    await list()
    await page.getByRole('heading', { name: 'No workers yet' }).waitFor()
    await list('w1', 'w2', 'w3')
    for (const name of ['w1', 'w2', 'w3']) await waitForCell(page, name, 'State', /^Ready$/)
    watch.assertClean()
  })

  test('a broken workers.json is told with its place, and the fleet stays', async () => {
    await list('w1', 'w2')
    await show()
    await waitForIds('w1,w2')
    const banner = page.getByRole('region', { name: /workers\.json is not valid/ })
    assert.equal(await banner.count(), 0)

    const { name, url } = entryOf('w1')
    await writeFile(fleet.balancer.workersFile, `[\n  { "name": "${name}",\n    "url": "${url}" };\n]\n`)
    await banner.getByText('The last good fleet stays in place.').waitFor()
    const column = `    "url": "${url}" };`.indexOf(';') + 1
    await banner.getByText(`Line 3, column ${column}`, { exact: true }).waitFor()
    await waitForIds('w1,w2')
    for (const id of ['w1', 'w2']) await waitForCell(page, id, 'State', /^Ready$/)
    const answer = await postTask(fleet.balancer, { function: 'hello' })
    assert.equal(answer.status, 200, answer.text)

    // Another mistake takes the place of the first.
    await writeFile(fleet.balancer.workersFile, '[\n  "ftp://127.0.0.1:21"\n]\n')
    await banner.getByText('Line 2, column 3', { exact: true }).waitFor()
    await list('w1', 'w2', 'w3')
    await banner.waitFor({ state: 'detached' })
    await waitForCell(page, 'w3', 'State', /^Ready$/)
    watch.assertClean()
  })

  test('a worker that dies is shown so', async () => {
    await list('w1', 'w2', 'w3')
    await show()
    await waitForCell(page, 'w2', 'State', /^Ready$/)
    await fleet.workers.w2.kill9()
    await waitForCell(page, 'w2', 'State', /^Unreachable/)
    await page.getByText(/2 of 3 workers ready.*w2 is unreachable/).waitFor()
    watch.assertClean()
  })

  test('a balancer that is killed and comes back needs no reload', async () => {
    await list('w1', 'w3')
    await show()
    await page.evaluate('globalThis.wasNeverReloaded = true')
    const { port, dataDir, workersFile } = fleet.balancer
    await fleet.balancer.kill9()

    const banner = page.getByRole('region', { name: 'Disconnected' })
    await banner.getByText(/Trying again in \d+ s/).waitFor()
    await banner.getByText('What you see is from before the break.').waitFor()
    await switchOf(page, 'w1').and(page.locator('[aria-disabled="true"]')).waitFor()
    const scripted = watch.scripted().filter((one) => one.startsWith('POST')).length
    await switchOf(page, 'w1').click({ force: true })
    await waitForCell(page, 'w1', 'Slots', /^0 \/ 4$/)

    const env = { PORT: String(port), DATA_DIR: dataDir, WORKERS_FILE: workersFile }
    fleet.balancer = await startBalancer(scope, { env })
    const { body } = await fleet.balancer.request('/workers')
    const ids = (body as { items: { id: string }[] }).items.map(({ id }) => id)
    assert.deepEqual(ids, ['w1', 'w3'], 'who can ask is told the whole list')
    await banner.waitFor({ state: 'detached' })
    await page.getByText('Live', { exact: true }).waitFor()
    for (const name of ['w1', 'w3']) await waitForCell(page, name, 'State', /^Ready$/)
    assert.equal(await page.evaluate('globalThis.wasNeverReloaded'), true)
    assert.equal(watch.scripted().filter((one) => one.startsWith('POST')).length, scripted)

    // What the page could do before it can do again: a log's tail, the switch, and the session in a new page.
    const log = await openLog(page, 'w3')
    const said = 'the balancer is back'
    await until(
      async () =>
        (await postTask(fleet.balancer, { function: 'chatter', input: { text: said } })).status === 200,
      LIMIT_MS,
    )
    await log.getByText(said).first().waitFor()
    await openList(page)
    await switchOf(page, 'w1').click()
    // Nobody else has its functions by now.
    await page.getByRole('dialog').getByRole('button', { name: 'Switch maintenance on' }).click()
    await waitForCell(page, 'w1', 'State', /^Maintenance$/)
    const later = await context.newPage()
    await later.goto(`${fleet.balancer.url}/dashboard/workers`)
    await rowOf(later, 'w1').waitFor()
    watch.assertClean([AWAY])
  })
})
