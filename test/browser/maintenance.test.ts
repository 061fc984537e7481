import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { Page } from 'playwright-core'
import { postTask, waitForWorkers, writeWorkersFile } from '../harness/berth.ts'
import { createScope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import type { PageWatch } from './page-watch.ts'
import { openSharedDashboard } from './shared-page.ts'
import { type Fleet, holdUndo, LIMIT_MS, NAMES, type WorkerName } from './stage.ts'
import { rowOf, switchOf, waitForCell } from './workers-page.ts'

/** More Tabs than the page has stops. */
const MAX_TABS = 80

describe('the maintenance switch', () => {
  const scope = createScope()
  let fleet: Fleet
  /** One for all tests here, which leave it as they find it: loading it takes longer than most of them. */
  let page: Page
  let watch: PageWatch

  before(async () => {
    ;({ fleet, page, watch } = await openSharedDashboard(scope))
  })
  beforeEach(async () => {
    for (const name of NAMES) await fleet.balancer.request(`/workers/${name}/on`, { method: 'POST' })
    await waitForWorkers(fleet.balancer, NAMES.length)
    await page.getByText(/3 of 3 workers ready/).waitFor()
  })
  after(() => scope.end())

  test('takes a worker out of service on the whole fleet, and back', async () => {
    const control = switchOf(page, 'w2')
    assert.equal(await control.getAttribute('aria-checked'), 'false')
    await control.click()
    await waitForMaintenance(fleet, page, 'w2')
    await waitForTakers(fleet, ['w1', 'w3'])

    await control.click()
    await waitForService(fleet, page, 'w2')
    await waitForTakers(fleet, NAMES)
    assert.deepEqual(readPosts(watch).slice(-2), ['POST /workers/w2/off', 'POST /workers/w2/on'])
    watch.assertClean()
  })

  test('a running task finishes, and the notice takes the change back', async () => {
    const running = postTask(fleet.balancer, { function: 'probe', input: { id: 'finishes', how: 'held' } })
    await waitForCell(page, 'w3', 'Slots', /^1 \//)
    await switchOf(page, 'w3').click()
    // Nobody else has `probe`, so it asks.
    await page.getByRole('dialog').getByRole('button', { name: 'Switch maintenance on' }).click()
    const notice = page.getByRole('status').filter({ hasText: 'w3 goes into maintenance.' })
    await notice.getByText('1 task running finishes first.').waitFor()
    const undo = await holdUndo(page)
    await fleet.probe.release('finishes')
    await waitForMaintenance(fleet, page, 'w3')
    assert.equal((await running).status, 200)

    await undo.click()
    await waitForService(fleet, page, 'w3')
    await notice.waitFor({ state: 'detached' })
    watch.assertClean()
  })

  test('the last ready worker of a group is asked about first', async () => {
    for (const name of ['w1', 'w2']) await fleet.balancer.request(`/workers/${name}/off`, { method: 'POST' })
    await page.getByText(/1 of 3 workers ready/).waitFor()
    await switchOf(page, 'w3').click()
    const question = page.getByRole('dialog', { name: 'Put w3 into maintenance?' })
    await question.getByText(/w3 is the last ready worker of default/).waitFor()
    await question.getByText('−12 of 12 (100%); 0 free stay').waitFor()
    await question.getByText(/functions: chatter, hello, probe, sleep/).waitFor()
    await page.keyboard.press('Escape')
    await question.waitFor({ state: 'detached' })
    assert.equal((await postTask(fleet.balancer, { function: 'hello' })).headers.get('x-worker'), 'w3')

    await switchOf(page, 'w3').click()
    await question.getByText('−12 of 12 (100%); 0 free stay').waitFor()
    await question.getByLabel('Reason').fill('the last one')
    await question.getByRole('button', { name: 'Switch maintenance on' }).click()
    await waitForMaintenance(fleet, page, 'w3')
    await waitForCell(page, 'w3', 'Maintenance', /Reason: the last one/)
    await page.getByText(/0 of 3 workers ready/).waitFor()
    assert.equal((await postTask(fleet.balancer, { function: 'hello' })).status, 503)
    watch.assertClean()
  })

  test('the keyboard alone is enough', async () => {
    const scripted = readPosts(watch).length
    await tabTo(page, 'w1')
    await page.keyboard.press('Space')
    await waitForMaintenance(fleet, page, 'w1')
    await switchOf(page, 'w1').and(page.locator(':focus')).waitFor()
    await page.keyboard.press('Space')
    await waitForService(fleet, page, 'w1')

    // Row by row with j and k; m is the switch of the row in focus, on the row itself or within it.
    await page.keyboard.press('j')
    await page.keyboard.press('j')
    await page.keyboard.press('k')
    await rowOf(page, 'w2').and(page.locator(':focus')).waitFor()
    await page.keyboard.press('m')
    await waitForMaintenance(fleet, page, 'w2')
    await waitForCell(page, 'w1', 'State', /^Ready$/)
    await page.keyboard.press('m')
    await waitForService(fleet, page, 'w2')

    // A letter typed into a field is a letter.
    await page.keyboard.press('/')
    await page.keyboard.type('m')
    assert.equal(await page.getByRole('searchbox', { name: 'Filter workers' }).inputValue(), 'm')
    await page.keyboard.press('Escape')
    assert.equal(readPosts(watch).length - scripted, 4)
    watch.assertClean()
  })

  test('what others decide is seen, and what the file says cannot be switched', async (t) => {
    const answer = await fleet.workers.w1.request('/off', { method: 'POST' })
    assert.equal(answer.status, 200, answer.text)
    await switchOf(page, 'w1')
      .and(page.getByRole('switch', { checked: true }))
      .waitFor()
    await waitForCell(page, 'w1', 'Maintenance', /by the worker itself/)
    await switchOf(page, 'w1').click()
    await waitForService(fleet, page, 'w1')

    const { balancer, workers } = fleet
    const entries = NAMES.map((name) => ({ name, url: workers[name].url }))
    const held = entries.map((entry) => (entry.name === 'w2' ? { ...entry, maintenance: true } : entry))
    t.after(() => writeWorkersFile(balancer.workersFile, entries))
    await writeWorkersFile(balancer.workersFile, held)
    await waitForMaintenance(fleet, page, 'w2')
    const control = switchOf(page, 'w2')
    const scripted = readPosts(watch).length
    await control.and(page.locator('[aria-disabled="true"]')).waitFor()
    await control.hover()
    await page.getByRole('tooltip').getByText('Set in workers.json. Change the entry there.').waitFor()
    await control.click({ force: true })
    await writeWorkersFile(balancer.workersFile, entries)
    await waitForService(fleet, page, 'w2')
    assert.equal(readPosts(watch).length, scripted)
    watch.assertClean()
  })
})

function readPosts(watch: PageWatch): string[] {
  return watch.scripted().filter((one) => one.startsWith('POST /workers/'))
}

/** The page, the balancer and the worker itself agree. */
async function waitForMaintenance(fleet: Fleet, page: Page, name: WorkerName): Promise<void> {
  await switchOf(page, name)
    .and(page.getByRole('switch', { checked: true }))
    .waitFor()
  await waitForCell(page, name, 'State', /^Maintenance$/)
  await waitForAgreement(fleet, name, 'maintenance')
}

async function waitForService(fleet: Fleet, page: Page, name: WorkerName): Promise<void> {
  await switchOf(page, name)
    .and(page.getByRole('switch', { checked: false }))
    .waitFor()
  await waitForCell(page, name, 'State', /^Ready$/)
  await waitForAgreement(fleet, name, 'ready')
}

async function waitForAgreement(
  { balancer, workers }: Fleet,
  name: WorkerName,
  status: string,
): Promise<void> {
  const isAgreed = async (): Promise<boolean> => {
    const answers = await Promise.all([
      balancer.request(`/workers/${name}`),
      workers[name].request('/health'),
    ])
    const said = answers.map(({ body }) => (body as { status: string }).status)
    if (said.every((one) => one === status)) return true
    throw new Error(`the balancer says ${said[0]}, the worker ${said[1]}`)
  }
  await until(isAgreed, LIMIT_MS, `${name} is ${status} everywhere`)
}

/**
 * Gives the fleet work until each of these has taken some, and nobody else has. How many tasks are under way at once
 * is the machine's affair: where they come one after the other, one worker may take a whole round.
 */
async function waitForTakers({ balancer }: Fleet, names: readonly string[]): Promise<void> {
  const takers = new Set<string>()
  const giveWork = async (): Promise<boolean> => {
    const tasks = Array.from({ length: 16 }, () =>
      postTask(balancer, { function: 'sleep', input: { ms: 150 } }),
    )
    for (const { status, headers } of await Promise.all(tasks))
      takers.add(status === 200 ? (headers.get('x-worker') ?? 'nobody') : `status ${status}`)
    return names.every((name) => takers.has(name))
  }
  await until(giveWork, LIMIT_MS, `${names} take part`)
  assert.deepEqual([...takers].sort(), names)
}

async function tabTo(page: Page, worker: string): Promise<void> {
  const focused = switchOf(page, worker).and(page.locator(':focus'))
  for (let tabs = 0; tabs < MAX_TABS; tabs++) {
    if ((await focused.count()) > 0) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`${MAX_TABS} Tabs did not reach the switch of ${worker}`)
}
