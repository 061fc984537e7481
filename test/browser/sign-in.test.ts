import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { type Balancer, KEYS, startBalancer } from '../harness/berth.ts'
import { createScope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { LIMIT_MS, makeSignInAddress, openDashboard, openPage, signOut, startBrowser } from './stage.ts'

/** Chromium itself notes every answer of 4xx and 5xx to a script. */
const REFUSED = /Failed to load resource.* 401/

describe('the way into the dashboard', () => {
  const scope = createScope()
  let browser: Browser
  let balancer: Balancer

  before(async () => {
    ;[browser, balancer] = await Promise.all([startBrowser(scope), startBalancer(scope)])
  })
  after(() => scope.end())

  test('a one-time address signs in and leaves no token in the address', async (t) => {
    const { page, context, watch } = await openPage(t, browser, balancer)
    const address = await makeSignInAddress(balancer)
    const token = new URLSearchParams(new URL(address).hash.slice(1)).get('token') ?? ''
    const seen: unknown[] = []
    await page.route('**/sign-in', async (route) => {
      seen.push(await page.evaluate('location.href'))
      await route.continue()
    })
    const answer = await page.goto(address)
    await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()

    assert.deepEqual(seen, [`${balancer.url}/dashboard`], 'it left the address before it was used')
    assert.equal(page.url(), `${balancer.url}/dashboard`)
    assert.ok(!(await page.content()).includes(token), 'the token is nowhere in the page')
    const stored = String(await page.evaluate('JSON.stringify([{ ...localStorage }, { ...sessionStorage }])'))
    assert.ok(!stored.includes(token), 'nor in what the page keeps')
    const [cookie] = await context.cookies()
    assert.partialDeepStrictEqual(cookie, { httpOnly: true, sameSite: 'Strict' })
    assertPolicy((await answer?.headerValue('content-security-policy')) ?? '')
    watch.assertClean()

    // The session carries on where the token is long gone.
    await page.reload()
    await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
    const [first, ...later] = watch.scripted()
    assert.equal(first, 'POST /sign-in')
    assert.ok(
      later.every((one) => one.startsWith('GET ')),
      later.join(', '),
    )
  })

  test('a second use of the address is refused in plain words', async (t) => {
    const address = await makeSignInAddress(balancer)
    const first = await openPage(t, browser, balancer)
    await first.page.goto(address)
    await first.page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()

    const second = await openPage(t, browser, balancer)
    await second.page.goto(address)
    await second.page
      .getByRole('alert')
      .filter({ hasText: /no longer works.*once/ })
      .waitFor()
    await second.page.getByLabel('Key', { exact: true }).waitFor()
    assert.ok(!second.page.url().includes('token'))
    assert.equal(second.watch.frames().length, 0)
    second.watch.assertClean([REFUSED])
  })

  test('a fresh address in a tab that shows the sign-in is used, though only the hash is another', async (t) => {
    const { page, watch } = await openPage(t, browser, balancer)
    await page.goto(`${balancer.url}/dashboard`)
    await page.getByLabel('Key', { exact: true }).waitFor()
    await page.goto(`${balancer.url}/dashboard#token=spent`)
    await page.getByRole('alert').filter({ hasText: 'no longer works' }).waitFor()
    assert.equal(page.url(), `${balancer.url}/dashboard`)
    await page.goto(await makeSignInAddress(balancer))
    await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
    assert.equal(page.url(), `${balancer.url}/dashboard`)
    const signIns = watch.scripted().filter((one) => one === 'POST /sign-in')
    assert.equal(signIns.length, 2, 'each token is presented once')
    watch.assertClean([REFUSED])
  })

  test('an address that is pasted where somebody is signed in is used, or it is said why not', async (t) => {
    const { page, context, watch } = await openDashboard(t, browser, balancer)
    const cookies = async () => (await context.cookies()).map(({ value }) => value)
    const before = await cookies()
    await page.goto(`${balancer.url}/dashboard/workers#token=spent`)
    await page
      .getByRole('status')
      .filter({ hasText: /stay signed in.*no longer works/ })
      .waitFor()
    assert.equal(page.url(), `${balancer.url}/dashboard/workers`)
    assert.deepEqual(await cookies(), before)

    const loaded = page.waitForEvent('load')
    await page.goto(await makeSignInAddress(balancer, '/workers'))
    await loaded
    await page.getByRole('heading', { name: 'Workers', level: 1 }).waitFor()
    await page.getByText('Live', { exact: true }).waitFor()
    assert.equal(page.url(), `${balancer.url}/dashboard/workers`)
    assert.notDeepEqual(await cookies(), before)
    watch.assertClean([REFUSED])
  })

  test('without a session a page shows the sign-in and nothing of the fleet', async (t) => {
    const { page, watch } = await openPage(t, browser, balancer)
    await page.goto(`${balancer.url}/dashboard/workers`)
    const field = page.getByLabel('Key', { exact: true })
    await field.waitFor()
    assert.equal(await field.getAttribute('type'), 'password')
    assert.equal(await page.getByRole('heading', { name: 'Workers' }).count(), 0)
    assert.equal(watch.frames().length, 0)
    assert.deepEqual(watch.scripted(), ['GET /me'])
    watch.assertClean([REFUSED])
  })

  test('the key signs in, a wrong one is told, and the keyboard is enough', async (t) => {
    const { page, watch } = await openPage(t, browser, balancer)
    await page.goto(`${balancer.url}/dashboard`)
    const field = page.getByLabel('Key', { exact: true })
    await field.waitFor()
    // The field has the focus from the start.
    await field.and(page.locator(':focus')).waitFor()
    await page.keyboard.type('not-the-key-of-this-balancer')
    await page.keyboard.press('Enter')
    await page.getByRole('alert').filter({ hasText: 'This key is not the right one.' }).waitFor()

    // The wrong key is selected, so that typing replaces it.
    await page.keyboard.type(KEYS.caller)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor()
    assert.ok(!(await page.content()).includes(KEYS.caller))
    watch.assertClean([REFUSED])
  })

  test('signing out ends the session, its feed, and every page of it', async (t) => {
    const { page, context, watch } = await openDashboard(t, browser, balancer)
    const other = await context.newPage()
    await other.goto(`${balancer.url}/dashboard`)
    await other.getByText('Live', { exact: true }).waitFor()
    await until(() => watch.openFeeds() === 1, LIMIT_MS, 'the feed is open')
    const [cookie] = await context.cookies()
    const ask = (): Promise<number> =>
      fetch(`${balancer.url}/me`, { headers: { cookie: `${cookie?.name}=${cookie?.value}` } }).then(
        ({ status }) => status,
      )
    assert.equal(await ask(), 200)

    await signOut(page)
    await page.getByLabel('Key', { exact: true }).waitFor()
    await until(() => watch.openFeeds() === 0, LIMIT_MS, 'the feed has ended')
    assert.equal(await ask(), 401, 'the old cookie opens nothing')
    await other.getByRole('alert').filter({ hasText: 'The session has ended.' }).waitFor()
    await page.reload()
    await page.getByLabel('Key', { exact: true }).waitFor()
    watch.assertClean([REFUSED])
  })
})

/** Scripts and styles from this host alone, no inline ones, and no other site may frame or be sent a form. */
function assertPolicy(policy: string): void {
  const directives = new Map(
    policy.split(';').map((part) => {
      const [name = '', ...sources] = part.trim().split(/\s+/)
      return [name, sources.join(' ')]
    }),
  )
  assert.equal(directives.get('default-src'), "'self'")
  for (const name of ['script-src', 'style-src', 'connect-src']) {
    assert.equal(directives.get(name) ?? "'self'", "'self'")
  }
  assert.equal(directives.get('frame-ancestors'), "'none'")
  assert.equal(directives.get('base-uri'), "'none'")
  assert.equal(directives.get('object-src'), "'none'")
  assert.equal(directives.get('form-action'), "'self'")
}
