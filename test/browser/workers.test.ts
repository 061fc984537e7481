/**
 * The workers page on a real fleet: what it shows, how it is narrowed, and what is done to many workers at once,
 * with a look at the fleet after each.
 */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { postTask, waitForWorkers, writeWorkersFile } from '../harness/berth.ts'
import { createScope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { assertAccessible } from './axe.ts'
import type { PageWatch } from './page-watch.ts'
import { openSharedDashboard } from './shared-page.ts'
import { type Fleet, holdUndo, LIMIT_MS, NAMES, openAt, SLOTS } from './stage.ts'
import { choose, openList, readCell, readIds, rowOf, waitForCell } from './workers-page.ts'

const MARKUP = '<img src=x onerror=canary()><script>canary()</script>'
const TAGS = { w1: 'zone=eu,gpu=none', w2: 'zone=eu,gpu=l4', w3: 'zone=us,gpu=h200' }

type Shown = {
  id: string
  status: string
  tags: Record<string, unknown>
  system: { memoryUsed: number }
  maintenance: { reason: string | null; deadline: string | null } | null
}

describe('the workers page', () => {
  const scope = createScope()
  let browser: Browser
  let fleet: Fleet
  /** One for all tests here, which leave it as they find it: loading it takes longer than most of them. */
  let page: Page
  let watch: PageWatch

  before(async () => {
    ;({ browser, fleet, page, watch } = await openSharedDashboard(scope, { tags: TAGS }))
  })
  beforeEach(async () => {
    await fleet.balancer.request('/fleet/on', {
      method: 'POST',
      body: JSON.stringify({ select: { workers: NAMES } }),
    })
    await waitForWorkers(fleet.balancer, NAMES.length)
    await page.getByText(/3 of 3 workers ready/).waitFor()
  })
  after(() => scope.end())

  const readFleet = async (): Promise<Map<string, Shown>> => {
    const { body } = await fleet.balancer.request('/workers')
    return new Map((body as { items: Shown[] }).items.map((worker) => [worker.id, worker]))
  }
  const waitForFleet = (isSo: (workers: Map<string, Shown>) => boolean, what: string) =>
    until(async () => isSo(await readFleet()), LIMIT_MS, what)
  const waitForIds = (ids: string) =>
    until(async () => (await readIds(page)).join() === ids, LIMIT_MS, `the rows ${ids}`)
  const statusOf = (workers: Map<string, Shown>) => NAMES.map((name) => workers.get(name)?.status).join()

  test('shows each worker with its state, slots, tags, CPU and memory', async () => {
    assert.deepEqual([...(await readFleet()).keys()].sort(), NAMES)
    for (const id of NAMES) {
      await waitForCell(page, id, 'State', /^Ready$/)
      await waitForCell(page, id, 'Slots', new RegExp(`^0 / ${SLOTS[id]}$`))
      await waitForCell(page, id, 'CPU', /^\d{1,3}%$/)
      await waitForCell(page, id, 'Group', /^default@1$/)
      await waitForCell(page, id, 'Breaker', /^closed$/)
      // Both as they are now: whoever else starts on this machine changes it.
      await until(
        async () => {
          const memory = Number.parseInt(await readCell(page, id, 'Memory'), 10)
          const { memoryUsed = Number.NaN } = (await readFleet()).get(id)?.system ?? {}
          if (Math.abs(memory - memoryUsed * 100) < 5) return true
          throw new Error(`${memory} % is not near ${memoryUsed}`)
        },
        LIMIT_MS,
        `the memory of ${id}`,
      )
    }
    await rowOf(page, 'w3').getByRole('button', { name: 'gpu h200' }).waitFor()
    await page.getByText('3 of 3 workers ready. 0 of 24 slots used, nothing waits.').waitFor()
    await assertAccessible(page)
    watch.assertClean()
  })

  test('all columns are in view in a small window, in English and in German', async (t) => {
    const [small, usual] = [{ width: 1366, height: 768 }, page.viewportSize()]
    if (usual) t.after(() => page.setViewportSize(usual))
    await fleet.balancer.request('/workers/w2/off', { method: 'POST', body: '{}' })
    await page.setViewportSize(small)
    await waitForCell(page, 'w2', 'State', /^Maintenance$/)
    await waitForWholeWidth(page)
    const german = await openAt(t, browser, fleet.balancer, '/workers', 'Worker', {
      locale: 'de-DE',
      viewport: small,
    })
    await rowOf(german.page, 'w2').getByText('Wartung', { exact: true }).waitFor()
    await waitForWholeWidth(german.page)
    watch.assertClean()
  })

  test('words and facets narrow the list, the address keeps them, and tags become a selector', async () => {
    const search = page.getByRole('searchbox', { name: 'Filter workers' })
    await search.fill('gpu=l4')
    await page.getByText('1 of 3 workers', { exact: true }).waitFor()
    await waitForIds('w2')
    await page.waitForURL(/q=gpu/)
    await search.fill('')

    await page.getByRole('button', { name: 'Tags' }).click()
    await page.getByRole('checkbox', { name: /^eu/ }).check()
    await page.keyboard.press('Escape')
    await page.getByText('2 of 3 workers', { exact: true }).waitFor()
    await page.getByText('matches 2 workers, 2 in service with 12 slots free').waitFor()
    const written = await page.locator('.selector-strip code').textContent()
    assert.deepEqual(JSON.parse(written ?? ''), { tags: { zone: 'eu' } })
    // What it writes is what the balancer obeys.
    const answers = await Promise.all(
      Array.from({ length: 6 }, () =>
        postTask(fleet.balancer, { function: 'sleep', input: { ms: 60 }, ...JSON.parse(written ?? '') }),
      ),
    )
    for (const { status, headers } of answers) {
      assert.equal(status, 200)
      assert.match(headers.get('x-worker') ?? '', /^w[12]$/)
    }

    await page.reload()
    await waitForIds('w1,w2')
    await page.getByRole('button', { name: 'Remove zone: eu' }).click()
    await rowOf(page, 'w3').waitFor()
    watch.assertClean()
  })

  test('a box is ticked when its worker is chosen, by a click and by Space', async () => {
    const boxOf = (worker: string) => page.getByRole('checkbox', { name: `Select ${worker}`, exact: true })
    const waitForChoice = (worker: string, isChosen: boolean) =>
      page.locator(`tr[data-row="${worker}"][aria-selected="${isChosen}"]`).waitFor()
    await boxOf('w1').click()
    await waitForChoice('w1', true)
    assert.equal(await boxOf('w1').isChecked(), true, 'after a click')
    await boxOf('w3').focus()
    await page.keyboard.press('Space')
    await waitForChoice('w3', true)
    assert.equal(await boxOf('w3').isChecked(), true, 'after Space')
    await boxOf('w1').click({ modifiers: ['Shift'] })
    await waitForChoice('w2', true)
    for (const worker of NAMES) assert.equal(await boxOf(worker).isChecked(), true, `${worker} of the range`)
    await boxOf('w2').click()
    await waitForChoice('w2', false)
    assert.equal(await boxOf('w2').isChecked(), false, 'after a second click')
    await page.getByRole('button', { name: 'Clear selection' }).click()
    await waitForChoice('w1', false)
    assert.equal(await boxOf('w1').isChecked(), false, 'after the selection was cleared')
    watch.assertClean()
  })

  test('many go into maintenance with the effect in numbers; undone, each has what it had', async () => {
    await fleet.balancer.request('/workers/w2/off', {
      method: 'POST',
      body: JSON.stringify({ reason: 'disk' }),
    })
    await waitForCell(page, 'w2', 'State', /^Maintenance$/)
    await choose(page, 'w1', 'w2')
    const bar = page.getByRole('region', { name: 'Selected workers' })
    await bar.getByText('2 workers selected').waitFor()
    await bar.getByRole('button', { name: 'Maintenance…' }).click()
    const question = page.getByRole('dialog', { name: 'Put 2 workers into maintenance?' })
    await question.getByText('1, 1 out of service already').waitFor()
    await question.getByText('−4 of 16 (25%); 12 free stay').waitFor()
    await question.getByText(/functions?: agent, thumbnail, word-count/).waitFor()
    await assertAccessible(page)
    await question.getByLabel('Reason').fill('racks move')
    await question.getByRole('button', { name: 'Switch maintenance on' }).click()
    const undo = await holdUndo(page)
    await waitForFleet(
      (workers) =>
        statusOf(workers) === 'maintenance,maintenance,ready' &&
        workers.get('w2')?.maintenance?.reason === 'racks move',
      'two in maintenance',
    )
    await undo.click()
    await waitForFleet(
      (workers) =>
        statusOf(workers) === 'ready,maintenance,ready' && workers.get('w2')?.maintenance?.reason === 'disk',
      'as it was before',
    )
    await bar.getByRole('button', { name: 'End maintenance (1)' }).click()
    await waitForFleet((workers) => statusOf(workers) === 'ready,ready,ready', 'all in service')
    await bar.getByRole('button', { name: 'Clear selection' }).click()
    watch.assertClean()
  })

  test('many are drained by a deadline in words', async () => {
    const running = postTask(fleet.balancer, { function: 'probe', input: { id: 'drained', how: 'held' } })
    await waitForCell(page, 'w3', 'Slots', /^1 \//)
    await choose(page, 'w2', 'w3')
    await page.getByRole('button', { name: 'Drain…' }).click()
    const question = page.getByRole('dialog', { name: 'Drain 2 workers?' })
    await question.getByText(/^1 task/).waitFor()
    await question.getByRole('radio', { name: 'Other' }).check({ force: true })
    await question.getByLabel('Span').fill('soon')
    await question.getByRole('alert').getByText('“soon” is no span. Units are s, m, h and d.').waitFor()
    await question.getByLabel('Span').fill('1h30m')
    await question.getByRole('alert').waitFor({ state: 'detached' })
    await question.getByRole('button', { name: 'Start draining' }).click()
    await waitForFleet((workers) => workers.get('w3')?.status === 'draining', 'w3 drains')
    await fleet.probe.release('drained')
    const { maintenance } = (await readFleet()).get('w2') ?? {}
    const spanMs = Date.parse(maintenance?.deadline ?? '') - Date.now()
    assert.ok(Math.abs(spanMs - 5_400_000) < 60_000, `the deadline is in ${spanMs} ms`)
    assert.equal((await running).status, 200)
    await waitForFleet((workers) => statusOf(workers) === 'ready,maintenance,maintenance', 'drained')
    await page.getByRole('button', { name: 'Clear selection' }).click()
    watch.assertClean()
  })

  test('the grid is walked by keys, and its keys reach the fleet', async () => {
    await page.getByRole('radio', { name: 'Grid' }).check({ force: true })
    const grid = page.getByRole('application', { name: '3 workers as squares' })
    await grid.focus()
    await page.keyboard.press('ArrowRight')
    await page.getByText(/^w2, Ready, 0 of 8 slots used$/).waitFor({ state: 'attached' })
    await page.keyboard.press('m')
    await waitForFleet((workers) => statusOf(workers) === 'ready,maintenance,ready', 'w2 in maintenance')
    await page.getByText(/^w2, Maintenance/).waitFor({ state: 'attached' })
    await until(() => hasPaint(page), LIMIT_MS, 'something is drawn')
    await assertAccessible(page)
    await page.keyboard.press('m')
    await waitForFleet((workers) => statusOf(workers) === 'ready,ready,ready', 'w2 back')
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'w2', level: 1 }).waitFor()
    await openList(page)
    await rowOf(page, 'w1').waitFor()
    watch.assertClean()
  })

  test('markup in tags is text, in cells, facets and the selector', async (t) => {
    const { balancer, workers } = fleet
    const entries = NAMES.map((name) => ({ name, url: workers[name].url }))
    const marked = entries.map((entry) =>
      entry.name === 'w3' ? { ...entry, tags: { note: MARKUP } } : entry,
    )
    await writeWorkersFile(balancer.workersFile, marked)
    t.after(() => writeWorkersFile(balancer.workersFile, entries))
    await page.getByRole('searchbox', { name: 'Filter workers' }).fill(MARKUP)
    await page.getByText('1 of 3 workers', { exact: true }).waitFor()
    await page.getByRole('button', { name: 'Tags' }).click()
    await page.getByRole('checkbox', { name: MARKUP }).check()
    await page.keyboard.press('Escape')
    await page.locator('.selector-strip').getByText(MARKUP.slice(0, 20)).waitFor()
    assert.equal(await page.locator('img, script:not([src])').count(), 0)
    assert.equal(watch.canaries(), 0)
    await page.getByRole('button', { name: 'Clear all' }).click()
    await page.getByRole('searchbox', { name: 'Filter workers' }).fill('')
    watch.assertClean()
  })
})

/** Nothing of the table's width is to be scrolled to. */
async function waitForWholeWidth(page: Page): Promise<void> {
  const script = `(() => {
    const { scrollWidth, clientWidth } = document.querySelector('.workers-panel .data-box')
    return scrollWidth - clientWidth
  })()`
  const isWhole = async (): Promise<boolean> => {
    const hidden = Number(await page.evaluate(script))
    if (hidden === 0) return true
    throw new Error(`${hidden} pixels are hidden`)
  }
  await until(isWhole, LIMIT_MS, 'the whole table is in view')
}

/** Whether the canvas holds more than one colour. */
async function hasPaint(page: Page): Promise<boolean> {
  return page.evaluate(`(() => {
    const canvas = document.querySelector('canvas')
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
    const colours = new Set()
    for (let at = 0; at < data.length; at += 4) if (data[at + 3] > 0) colours.add(data.slice(at, at + 3).join())
    return colours.size > 3
  })()`)
}
