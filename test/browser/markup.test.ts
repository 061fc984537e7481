import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { postTask, writeWorkersFile } from '../harness/berth.ts'
import { createScope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { everyPage, markedFunction, type Seeds, seedFleet, visitPage } from './pages.ts'
import { type Fleet, LIMIT_MS, NAMES, openAt, startBrowser, startFleet } from './stage.ts'

const MARKUP = '<img src=x onerror=canary()><svg onload=canary()>'
/** What a terminal or the direction of text would act upon. */
const ACTING = ['\u001b', '\u202e']
const ESCAPES = ACTING.join('[31m')
/** What of a page would be alive had any markup been taken as such. */
const ALIVE = `img, script:not([src]), iframe, object, embed, [onerror], [onload], a[href^="javascript" i]`
/** Pages that say some of what the fleet was given, besides the environment that stands on all of them. */
const TOLD = [
  'worker',
  'task',
  'task-failed',
  'logs',
  'functions',
  'function',
  'invoke',
  'config',
  'activity',
]

describe('markup in whatever a fleet may say', () => {
  const scope = createScope()
  let browser: Browser
  let fleet: Fleet
  let seeds: Seeds

  before(async () => {
    const env = { NAME: `b ${MARKUP}`, ENVIRONMENT: MARKUP }
    const functions = { marked: markedFunction(`${MARKUP}${ESCAPES}`) }
    ;[browser, fleet] = await Promise.all([startBrowser(scope), startFleet(scope, { env, functions })])
    const { balancer, workers } = fleet
    const entries = NAMES.map((name) => ({
      name,
      url: workers[name].url,
      tags: { note: MARKUP, list: [MARKUP] },
    }))
    await writeWorkersFile(balancer.workersFile, entries)
    const isTold = async () => (await balancer.request('/workers/w3')).text.includes('onerror')
    await until(isTold, LIMIT_MS, 'the tags of the file')
    seeds = await seedFleet(balancer, { name: 'marked', words: MARKUP, reason: MARKUP })
  })
  after(() => scope.end())

  test('is text on every page, and nothing runs', async (t) => {
    const { page, watch } = await openAt(t, browser, fleet.balancer, '/logs', 'Logs')
    const silent: string[] = []
    for (const { name, path } of everyPage(seeds)) {
      await visitPage(page, fleet.balancer, path)
      await page.getByText(MARKUP).first().waitFor({ state: 'attached' })
      await postTask(fleet.balancer, { function: 'chatter', input: { text: `${MARKUP}${ESCAPES}` } })
      const main = page.locator('main')
      if (TOLD.includes(name)) await main.getByText('onerror=canary()').first().waitFor({ state: 'attached' })
      else if (!(await main.textContent())?.includes('onerror=canary()')) silent.push(name)
      assert.equal(await page.locator(ALIVE).count(), 0, `${name} holds live markup`)
      const shown = await textOf(page)
      for (const one of ACTING) assert.ok(!shown.includes(one), `${name} shows a character that acts`)
    }
    assert.equal(watch.canaries(), 0)
    watch.assertClean()
    t.diagnostic(`no markup to show on: ${silent.join(', ')}`)
  })

  test('is one line of JSON in the logs that processes write, with nothing that acts', async () => {
    const { balancer, workers } = fleet
    await postTask(balancer, {
      function: 'chatter',
      input: { text: `${MARKUP}\r\n{"forged": 1}${ESCAPES}\u2028` },
    })
    const lines = [balancer, ...Object.values(workers)].flatMap((one) => one.output().split('\n'))
    const told = lines.filter((line) => line.includes('canary') || line.includes('forged'))
    assert.ok(told.length >= 3, `${told.length} lines`)
    for (const line of told) {
      assert.ok(typeof JSON.parse(line) === 'object' && !line.startsWith('{"forged'), line)
      for (const one of [...ACTING, '\r', '\u2028']) assert.ok(!line.includes(one), line)
    }
  })

  test('is refused where a name is meant', async () => {
    const { balancer } = fleet
    const ask = (path: string, body: unknown, method = 'POST') =>
      balancer.request(path, {
        method,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    const refused: [string, unknown][] = [
      ['/task', { function: MARKUP }],
      ['/task', { function: 'hello', group: MARKUP }],
      ['/task', { function: 'hello', session: MARKUP }],
      ['/task', { function: 'hello', tags: { [MARKUP]: 1 } }],
      ['/fleet/off', { select: { group: MARKUP } }],
      ['/fleet/off', { select: { workers: [MARKUP] } }],
      ['/config/workers/dry-run', [{ url: 'http://127.0.0.1:1', name: MARKUP }]],
    ]
    for (const [path, body] of refused) {
      const { status, body: answer } = await ask(path, body)
      const isRefused = status >= 400 || (answer as { ok?: boolean }).ok === false
      assert.ok(isRefused, `${path} ${JSON.stringify(body)} was answered ${status}`)
    }
  })

  test('is text in what the browser itself says: the title, an error, a toast', async (t) => {
    const { page, watch } = await openAt(t, browser, fleet.balancer, '/workers/w3', /w3/)
    await until(async () => (await page.title()).includes(MARKUP), LIMIT_MS, 'the title')
    await page.goto(`${fleet.balancer.url}/dashboard/workers/${encodeURIComponent(MARKUP)}`)
    await page.locator('main').getByText('onerror=canary()').first().waitFor()
    await page.goto(`${fleet.balancer.url}/dashboard/tasks?${new URLSearchParams({ q: MARKUP })}`)
    await page.getByRole('heading', { level: 1 }).first().waitFor()
    await page.goto(`${fleet.balancer.url}/dashboard/logs?${new URLSearchParams({ text: MARKUP })}`)
    await page.getByRole('log').waitFor()
    assert.equal(await page.locator(ALIVE).count(), 0)
    assert.equal(watch.canaries(), 0)
    watch.assertClean([/404/])
  })
})

/** All that is shown but what is being edited: a field holds what it is given as it is, or it would send something else. */
function textOf(page: Page): Promise<string> {
  return page.evaluate<string>(`(() => {
    const body = document.body.cloneNode(true)
    for (const field of body.querySelectorAll('textarea')) field.remove()
    return body.textContent
  })()`)
}
