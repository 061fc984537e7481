/**
 * Listens to a page from its first byte: what it asks for, what its feed brings, what it complains of.
 * Called by stage.ts for every page. The invariant: nothing a page does over the network or says on its
 * console goes unseen, from before its own scripts run.
 */
import assert from 'node:assert/strict'
import type { Page, Request } from 'playwright-core'

export type Frame = { atMs: number; text: string }

export type PageWatch = {
  /** Method and path of every request that a script of the page made, in order. */
  scripted(): string[]
  /** Text frames that feeds have brought, the page's whole life. */
  frames(): readonly Frame[]
  /** Feeds that are open now. */
  openFeeds(): number
  /** How often markup that must stay text was run. */
  canaries(): number
  /**
   * Fails when the page asked another host, broke its policy or complained; `expected` are complaints that
   * the browser itself makes of what the test did, such as a refused key.
   */
  assertClean(expected?: readonly RegExp[]): void
}

export async function watchPage(page: Page, origin: string): Promise<PageWatch> {
  const requests: Request[] = []
  const complaints: string[] = []
  const frames: Frame[] = []
  const sockets: string[] = []
  let openFeeds = 0
  let canaries = 0
  page.on('request', (request) => requests.push(request))
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('websocket', (socket) => {
    sockets.push(socket.url())
    openFeeds += 1
    socket.on('close', () => {
      openFeeds -= 1
    })
    socket.on('framereceived', ({ payload }) => {
      frames.push({ atMs: performance.now(), text: String(payload) })
    })
  })
  await page.exposeFunction('reportViolation', (what: string) => complaints.push(`policy: ${what}`))
  await page.exposeFunction('canary', () => {
    canaries += 1
  })
  await page.addInitScript(`addEventListener('securitypolicyviolation', (event) => {
    reportViolation(event.violatedDirective + ' ' + event.blockedURI + ' ' + event.sample)
  })`)
  return {
    scripted: () => {
      const made = requests.filter((request) =>
        ['fetch', 'xhr', 'eventsource'].includes(request.resourceType()),
      )
      return made.map((request) => `${request.method()} ${new URL(request.url()).pathname}`)
    },
    frames: () => frames,
    openFeeds: () => openFeeds,
    canaries: () => canaries,
    assertClean(expected = []) {
      const own = new URL(origin)
      const strange = [
        ...requests.map((request) => request.url()).filter((url) => !isOf(url, own.origin)),
        ...sockets.filter((url) => !isOf(url, `ws://${own.host}`)),
      ]
      assert.deepEqual(strange, [], 'requests to another host')
      const left = complaints.filter((text) => !expected.some((one) => one.test(text)))
      assert.deepEqual(left, [], 'complaints on the console')
      assert.equal(canaries, 0, 'markup was run')
    },
  }
}

function isOf(url: string, origin: string): boolean {
  return url.startsWith('data:') || new URL(url).origin === origin
}
