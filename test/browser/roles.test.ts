/** A viewer: sees every page and changes nothing, neither by the page nor past it. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Page } from 'playwright-core'
import { createScope } from '../harness/scope.ts'
import type { PageWatch } from './page-watch.ts'
import { type Fleet, openPage, startBrowser, startFleet } from './stage.ts'

const READ_KEY = 'the-key-of-the-viewers-0123456789'
const PAGES = [
  '',
  '/workers',
  '/workers/w1',
  '/capability',
  '/tasks',
  '/queue',
  '/functions',
  '/schedules',
  '/logs',
  '/config',
  '/activity',
]

describe('a viewer', () => {
  const scope = createScope()
  let fleet: Fleet
  let schedule: string
  /** Signed in with the key of the viewers; each test goes to its address first. */
  let page: Page
  let watch: PageWatch

  before(async () => {
    const [browser, started] = await Promise.all([
      startBrowser(scope),
      startFleet(scope, { env: { READ_KEY } }),
    ])
    fleet = started
    const body = JSON.stringify({ function: 'hello', type: 'interval', intervalSeconds: 86_400 })
    const made = await fleet.balancer.request('/schedules', { method: 'POST', body })
    schedule = (made.body as { id: string }).id
    ;({ page, watch } = await openPage(scope, browser, fleet.balancer))
    await page.goto(`${fleet.balancer.url}/dashboard`)
    await page.locator('input[type=password]').fill(READ_KEY)
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: /Viewer/ }).waitFor()
  })
  after(() => scope.end())

  const ask = (method: string, path: string, body: unknown = {}) =>
    page.evaluate(
      async ([how, where, what]) => {
        const answer = await fetch(where as string, {
          method: how as string,
          headers: { 'content-type': 'application/json' },
          body: how === 'GET' ? null : JSON.stringify(what),
        })
        const said = (await answer.json().catch(() => ({}))) as { code?: string; detail?: string }
        return { status: answer.status, code: said.code ?? '', detail: said.detail ?? '' }
      },
      [method, path, body] as const,
    )

  it('sees every page, with its heading and without a refusal', async () => {
    for (const path of [...PAGES, `/schedules/${schedule}`]) {
      await page.goto(`${fleet.balancer.url}/dashboard${path}`)
      await page.getByRole('heading', { level: 1 }).waitFor()
      assert.equal(await page.locator('.error-state').count(), 0, path)
    }
    // Before the sign-in the page has asked who it is.
    watch.assertClean([/status of 401/])
  })

  it('has controls that say who may use them, and do nothing', async () => {
    await page.goto(`${fleet.balancer.url}/dashboard/schedules/${schedule}`)
    const run = page.getByRole('button', { name: 'Run now' })
    await run.waitFor()
    assert.equal(await run.getAttribute('aria-disabled'), 'true')
    await run.hover()
    await page
      .getByRole('tooltip')
      .filter({ hasText: /operator/i })
      .waitFor()
    await run.click({ force: true })
    await page.getByRole('button', { name: 'More', exact: true }).click()
    for (const name of ['Pause', 'Edit', 'Delete'])
      assert.equal(await page.getByRole('menuitem', { name }).getAttribute('aria-disabled'), 'true', name)
    const { body } = await fleet.balancer.request(`/runs?schedule=${schedule}`)
    assert.deepEqual((body as { items: unknown[] }).items, [])
  })

  it('is refused by the balancer whatever the page sends', async () => {
    for (const [method, path, body] of [
      ['POST', '/workers/w1/off', {}],
      ['POST', '/fleet/off', { select: { workers: ['w1'] } }],
      ['POST', '/task', { function: 'hello' }],
      ['POST', '/task/default/hello', {}],
      ['POST', '/tasks', [{ function: 'hello' }]],
      ['PATCH', `/schedules/${schedule}`, { enabled: false }],
      ['DELETE', `/schedules/${schedule}`, {}],
      ['PATCH', '/groups/default', { concurrency: 1 }],
      ['PUT', '/config/workers', []],
      ['POST', '/bulk', { action: 'cancel', filter: { q: 'x' } }],
      ['POST', '/sign-in/tokens', {}],
    ] as const) {
      const { status, code, detail } = await ask(method, path, body)
      assert.deepEqual([status, code], [403, 'FORBIDDEN'], `${method} ${path}`)
      assert.match(detail, /role viewer .* role operator/)
    }
    const explained = await ask('POST', '/explain', { function: 'hello' })
    assert.equal(explained.status, 200)
    const { body } = await fleet.balancer.request('/workers/w1')
    assert.equal((body as { maintenance: unknown }).maintenance, null)
    const { body: notes } = await fleet.balancer.request('/activity?kind=operator')
    const { items } = notes as { items: { role: string; action: string }[] }
    assert.ok(items.every(({ role, action }) => role === 'operator' || action.startsWith('session.')))
  })
})
