/**
 * The pages of a worker in a real browser: Swagger UI under its policy, a function tried from the page, and the
 * key as a password where others can reach the worker.
 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Browser } from 'playwright-core'
import { KEYS, startWorker, type Worker } from '../harness/berth.ts'
import { createScope } from '../harness/scope.ts'
import { openPage, startBrowser } from './stage.ts'

describe('/docs of a worker', () => {
  const scope = createScope()
  let browser: Browser
  let worker: Worker
  before(async () => {
    ;[browser, worker] = await Promise.all([startBrowser(scope), startWorker(scope)])
  })
  after(() => scope.end())

  test('shows every function, breaks no policy and asks nobody else', async (t) => {
    const { page, watch } = await openPage(t, browser, worker)
    await page.goto(`${worker.url}/docs`)
    for (const name of ['hello', 'sleep', 'thumbnail', 'word-count'])
      await page.locator(`[data-path="/task/default/${name}"]`).first().waitFor()
    assert.deepEqual(watch.scripted(), ['GET /openapi'])
    watch.assertClean()
  })

  test('runs a function from the page with the key', async (t) => {
    const { page, watch } = await openPage(t, browser, worker)
    await page.goto(`${worker.url}/docs`)
    await page.getByRole('button', { name: 'Authorize' }).click()
    const dialog = page.locator('.modal-ux')
    await dialog.locator('input').fill(KEYS.worker)
    await dialog.getByRole('button', { name: 'Apply credentials' }).click()
    await dialog.getByRole('button', { name: 'Close' }).click()
    const hello = page.locator('#operations-functions-runHello')
    await hello.locator('.opblock-summary').click()
    await hello.locator('textarea').fill('{"name": "Ada"}')
    await hello.getByRole('button', { name: 'Execute' }).click()
    await hello.locator('.live-responses-table .microlight', { hasText: 'Hello Ada!' }).first().waitFor()
    watch.assertClean()
  })

  test('asks for the key as a password where others can reach the worker', async (t) => {
    const exposed = await startWorker(t, { env: { HOST: '0.0.0.0' } })
    const { page } = await openPage(t, browser, exposed)
    // A browser without a person to ask gives up.
    await assert.rejects(page.goto(`${exposed.url}/docs`), /INVALID_AUTH_CREDENTIALS/)
    const httpCredentials = { username: 'anyone', password: KEYS.worker }
    const visit = await openPage(t, browser, exposed, { httpCredentials })
    await visit.page.goto(`${exposed.url}/docs`)
    await visit.page.locator('[data-path="/task/default/hello"]').first().waitFor()
  })
})
