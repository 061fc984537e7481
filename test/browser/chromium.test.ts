import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { chromium } from 'playwright-core'
import { type Browser, findChromium } from './chromium.ts'

const PAGE = `<!doctype html><title>Loopback</title><link rel="icon" href="data:,">
<button onclick="this.textContent = 'pressed ' + (1 + 1)">Press</button>`

describe('a Chromium for the tests', () => {
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html').end(PAGE)
  })
  let address = ''

  before(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  })
  after(() => new Promise((resolve) => server.close(resolve)))

  async function pressButton(found: Browser): Promise<string> {
    const browser = await chromium.launch(found)
    try {
      // Two contexts in turn: a browser that dies with its first page would be no good to the tests.
      for (const _turn of [1, 2]) {
        const context = await browser.newContext()
        const page = await context.newPage()
        await page.goto(address)
        assert.equal(await page.title(), 'Loopback')
        await page.getByRole('button', { name: 'Press' }).click()
        assert.equal(await page.getByRole('button').textContent(), 'pressed 2')
        const picture = await page.screenshot()
        assert.deepEqual([...picture.subarray(0, 4)], [0x89, 0x50, 0x4e, 0x47])
        await context.close()
      }
      return browser.version()
    } finally {
      await browser.close()
    }
  }

  test('the first one found runs a page served on loopback', async () => {
    assert.match(await pressButton(await findChromium()), /^\d+\./)
  })

  test('the one from npm does so when the machine has none', {
    skip: process.platform !== 'linux' || process.arch !== 'x64' ? 'the package is for Linux on x64' : false,
  }, async () => {
    const { CHROMIUM_PATH: _ignored, ...env } = process.env
    const found = await findChromium({ env, systemPaths: ['/nowhere/chromium'] })
    assert.match(found.executablePath, /node_modules/)
    assert.match(await pressButton(found), /^\d+\./)
  })

  test('a browser that only asks to be installed is passed over', async () => {
    const { CHROMIUM_PATH: _ignored, ...env } = process.env
    const found = await findChromium({ env, systemPaths: ['/bin/false', '/usr/bin/env'] })
    assert.doesNotMatch(found.executablePath, /^\/(usr\/)?bin\/(false|env)$/)
  })

  test('a CHROMIUM_PATH that does not start is said, not replaced by another', async () => {
    await assert.rejects(findChromium({ env: { CHROMIUM_PATH: '/nowhere/chrome' } }), {
      message: 'CHROMIUM_PATH=/nowhere/chrome does not start: not there. Correct it or unset it.',
    })
  })
})
