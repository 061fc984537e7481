import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { Browser, Locator, Page } from 'playwright-core'
import { postTask } from '../harness/berth.ts'
import { createScope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { assertAccessible, assertFits, NARROW } from './axe.ts'
import { type Fleet, LIMIT_MS, openAt, startBrowser, startFleet, type Visit } from './stage.ts'

type Chatter = {
  text: string
  level?: 'info' | 'warn' | 'error'
  count?: number
  fields?: Record<string, unknown>
}

describe('the logs page', () => {
  const scope = createScope()
  let browser: Browser
  let fleet: Fleet
  let visit: Visit
  let page: Page
  let log: Locator

  before(async () => {
    ;[browser, fleet] = await Promise.all([startBrowser(scope), startFleet(scope)])
    visit = await openAt(scope, browser, fleet.balancer, '/logs', 'Logs')
    page = visit.page
    log = page.getByRole('log', { name: 'Logs' })
  })
  after(() => scope.end())
  beforeEach(async () => {
    await page.goto(`${fleet.balancer.url}/dashboard/logs`)
    await log.waitFor()
  })

  /** Has w3 say something; answers the id of the run. */
  async function say(said: Chatter): Promise<string> {
    const answer = await postTask(fleet.balancer, { function: 'chatter', input: said })
    assert.equal(answer.status, 200, answer.text)
    return answer.headers.get('x-run-id') ?? ''
  }
  const lineOf = (text: string) => log.locator('.log-line', { hasText: text })
  const clear = async () => {
    await page.getByRole('search').getByRole('button', { name: 'Clear filter' }).click()
    await until(
      () => !/[?&](text|regex|level|worker|tag|task|source)=/.test(page.url()),
      LIMIT_MS,
      'no filter',
    )
  }

  test('has the lines of the balancer and of every worker, as they are written', async () => {
    await lineOf('balancer ready').first().waitFor()
    for (const name of ['w1', 'w2', 'w3'])
      await log
        .locator('.log-line', { has: page.getByRole('link', { name, exact: true }) })
        .first()
        .waitFor()
    const said = `the tide turns ${randomUUID()}`
    const run = await say({ text: said, fields: { knots: 7 } })
    await lineOf(said)
      .getByText(/knots=7/)
      .waitFor()
    assert.match(
      (await lineOf(said).getByRole('link').last().getAttribute('href')) ?? '',
      new RegExp(`${run}$`),
    )
    visit.watch.assertClean()
  })

  test('a filter is the balancer’s, stands in the address, and survives a reload', async () => {
    const [quiet, loud] = [`quiet ${randomUUID()}`, `loud ${randomUUID()}`]
    await page.getByRole('combobox', { name: 'Level' }).click()
    await page.getByRole('option', { name: 'Warnings and errors' }).click()
    await until(() => page.url().includes('level=warn'), LIMIT_MS, 'the level in the address')
    // The balancer tells of a word that it follows, be there lines or not.
    const isFollowed = () => visit.watch.frames().some(({ text }) => text.includes('"logs?level=warn":'))
    await until(isFollowed, LIMIT_MS, 'the new filter at the balancer')
    const since = visit.watch.frames().length
    await say({ text: quiet })
    await say({ text: loud, level: 'warn' })
    await lineOf(loud).waitFor()
    const sent = visit.watch.frames().slice(since)
    assert.ok(!sent.some(({ text }) => text.includes(quiet)), 'what is filtered out is not sent')
    await page.reload()
    await lineOf(loud).waitFor()
    assert.equal(await lineOf(quiet).count(), 0)
    await clear()
    await lineOf(quiet).waitFor()
  })

  test('finds text whatever its case, patterns, workers, tags and tasks', async () => {
    const mark = randomUUID()
    const run = await say({ text: `Alpha ${mark} 17` })
    await say({ text: `beta ${mark} 18` })
    const search = page.getByRole('search')
    await search.getByRole('searchbox', { name: 'Text' }).fill(`ALPHA ${mark}`)
    await until(async () => (await log.locator('.log-line').count()) === 1, LIMIT_MS, 'one line by its text')
    await lineOf(`Alpha ${mark}`).waitFor()

    await search.getByRole('button', { name: 'Regex' }).click()
    await search.getByRole('searchbox', { name: 'Regular expression' }).fill(`^(Alpha|beta) ${mark} 1[78]$`)
    await lineOf(`beta ${mark} 18`).waitFor()
    await until(async () => (await log.locator('.log-line').count()) === 2, LIMIT_MS, 'two by a pattern')
    await search.getByRole('searchbox', { name: 'Regular expression' }).fill('(')
    await page.getByRole('alert').filter({ hasText: 'missing closing )' }).waitFor()
    await clear()

    await search.getByRole('combobox', { name: 'Worker' }).fill('w1')
    await until(async () => (await lineOf(mark).count()) === 0, LIMIT_MS, 'nothing of another worker')
    await lineOf('worker ready').first().waitFor()
    await search.getByRole('combobox', { name: 'Worker' }).fill('')
    await search.getByRole('combobox', { name: 'Tag' }).fill('berth=quay-w3')
    await lineOf(`beta ${mark} 18`).waitFor()
    await until(
      async () => (await lineOf('balancer ready').count()) === 0,
      LIMIT_MS,
      'nothing of the balancer',
    )
    await clear()
    // The lines of another filter replace these, and with them what stands open.
    await lineOf('balancer ready').first().waitFor()

    await lineOf(`Alpha ${mark}`).getByRole('button').click()
    await log.getByRole('button', { name: 'Only this task' }).click()
    await until(() => page.url().includes(`task=${run}`), LIMIT_MS, 'the task in the address')
    await until(async () => (await log.locator('.log-line').count()) === 1, LIMIT_MS, 'lines of one task')
    await clear()
    visit.watch.assertClean()
  })

  test('a line leads to its worker and its task', async () => {
    const said = `where from ${randomUUID()}`
    const run = await say({ text: said })
    await lineOf(said).getByRole('button').click()
    await log.getByRole('link', { name: 'Open task' }).click()
    await until(() => page.url().includes(`/dashboard/tasks/${run}`), LIMIT_MS, 'the task’s page')
    await page.goBack()
    await lineOf(said).getByRole('button').click()
    await log.getByRole('link', { name: 'Open worker' }).click()
    await until(() => page.url().includes('/dashboard/workers/w3'), LIMIT_MS, 'the worker’s page')
    await page.goBack()
    await log.waitFor()
  })

  test('follows until somebody scrolls up; paused, it counts on', async () => {
    // Only the lines of this test, and all of the first before the reader leaves them: more would be counted as new.
    const mark = randomUUID()
    await page.goto(`${fleet.balancer.url}/dashboard/logs?text=${mark}`)
    await say({ text: `first ${mark}` })
    await lineOf('first').waitFor()
    await say({ text: `fill ${mark}`, count: 200 })
    await page.getByText('201 lines', { exact: true }).waitFor()
    await lineOf('fill').nth(20).waitFor()
    const box = page.locator('.log-box')
    await box.hover()
    await page.mouse.wheel(0, -1_500)
    const pill = page.getByRole('button', { name: /new lines?$/ })
    await pill.waitFor()
    const readTop = () => page.evaluate(`document.querySelector('.log-box').scrollTop`)
    const top = await readRestingTop(page)
    assert.ok(top > 0)
    const said = `below ${mark}`
    await say({ text: said, count: 3 })
    await page.getByRole('button', { name: '3 new lines', exact: true }).waitFor()
    assert.equal(await readTop(), top, 'the place stays')
    assert.equal(await lineOf(said).count(), 0)
    await pill.click()
    await lineOf(said).nth(2).waitFor()

    await page.getByRole('region', { name: 'Logs' }).getByRole('button', { name: 'Pause' }).click()
    const held = `held ${mark}`
    await say({ text: held, count: 5 })
    await page.getByText('Paused. 5 new lines', { exact: true }).waitFor()
    assert.equal(await lineOf(held).count(), 0)
    await page.getByRole('region', { name: 'Logs' }).getByRole('button', { name: 'Resume' }).click()
    await lineOf(held).nth(4).waitFor()
  })

  test('says what was skipped when there is too much', async () => {
    // What was said before the worker is followed is not skipped, but was there before.
    const followed = `followed ${randomUUID()}`
    await say({ text: followed })
    await lineOf(followed).waitFor()
    // Too many for one message of the worker, which sends none while the handler writes them: a limit of lines a
    // second would leave out none where it takes the handler some seconds.
    await say({ text: 'too much '.repeat(100), count: 6_000 })
    const tally = page.getByRole('region', { name: 'Logs' }).getByText(/^[\d,]+ lines, [\d,]+ skipped$/)
    await tally.waitFor()
    // They come over several frames.
    const isTold = async () => {
      const [shown = 0, skipped = 0] = ((await tally.textContent()) ?? '')
        .split(', ')
        .map((part) => Number(part.replace(/\D/g, '')))
      if (skipped >= 1_000 && shown <= 5_000) return true
      throw new Error(`${shown} shown, ${skipped} skipped`)
    }
    await until(isTold, LIMIT_MS, 'a thousand are skipped')
    const row = log.getByText(/[\d,]+ lines skipped.*narrow the filter/).first()
    // Some thousand lines up, of which only those in view are in the document.
    const climb = `(async () => {
      const box = document.querySelector('.log-box')
      for (let step = 0; step < 50 && !/lines skipped/.test(box.textContent); step++) {
        box.scrollTop -= box.clientHeight - 40
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))
      }
    })()`
    const isFound = async () => {
      await page.evaluate(climb)
      return row.isVisible()
    }
    await until(isFound, LIMIT_MS, 'the row that says so')
  })

  test('is downloaded as a line of JSON each', async () => {
    const said = `kept ${randomUUID()}`
    await say({ text: said, fields: { knots: 9 } })
    await lineOf(said).waitFor()
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download' }).click(),
    ])
    assert.equal(download.suggestedFilename(), 'berth-logs.ndjson')
    const lines = (await readFile(await download.path(), 'utf8')).trim().split('\n')
    const found = lines.map((line) => JSON.parse(line)).filter(({ text }) => text === said)
    assert.equal(found.length, 1)
    assert.deepEqual([found[0].worker, found[0].fields], ['w3', { knots: 9 }])
  })

  test('is worked by keys alone, and looks as one likes', async () => {
    const said = `by keys ${randomUUID()}`
    // Alone in the list: whatever else a process says at this moment would be its last line.
    await page.goto(`${fleet.balancer.url}/dashboard/logs?${new URLSearchParams({ text: said })}`)
    await say({ text: said })
    await lineOf(said).waitFor()
    await log.focus()
    await page.keyboard.press('k')
    await page.keyboard.press('Enter')
    await log.getByRole('tree', { name: 'Line' }).getByText(said).waitFor()
    await page.keyboard.press('Enter')
    await log.getByRole('tree').waitFor({ state: 'detached' })
    for (const [key, name] of [
      ['w', 'Wrap'],
      ['s', 'Times'],
      ['o', 'Colours'],
    ] as const) {
      const button = page.getByRole('button', { name, exact: true })
      const before = await button.getAttribute('aria-pressed')
      await page.keyboard.press(key)
      await until(
        async () => (await button.getAttribute('aria-pressed')) !== before,
        LIMIT_MS,
        `${name} switched`,
      )
      await page.keyboard.press(key)
    }
  })

  test('is for everybody: light, dark, narrow', async () => {
    await say({ text: 'something bad', level: 'error' })
    await lineOf('something bad').first().getByRole('button').click()
    await log.getByRole('tree', { name: 'Line' }).waitFor()
    await assertAccessible(page)
    await page.setViewportSize(NARROW)
    await assertFits(page)
    visit.watch.assertClean()
  })
})

/** Where the list stands once it has stood still for ten frames: a turn of the wheel may glide. */
function readRestingTop(page: Page): Promise<number> {
  return page.evaluate<number>(`new Promise((resolve) => {
    const box = document.querySelector('.log-box')
    let [last, still] = [box.scrollTop, 0]
    const look = () => {
      still = box.scrollTop === last ? still + 1 : 0
      last = box.scrollTop
      if (still >= 10) resolve(last)
      else requestAnimationFrame(look)
    }
    requestAnimationFrame(look)
  })`)
}
