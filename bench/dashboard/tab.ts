/**
 * One tab of a real Chromium that looks at the dashboard, and what can be measured in it: how soon it is usable, how
 * quickly it answers, how old what it shows is, how long it works. Used by the scenario `dashboard`.
 * Invariant: figures come from the browser's own accounts (Performance APIs, its profiler), never from how long a
 * call of the driver took.
 */
import { access } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { type Browser, type BrowserContext, type CDPSession, chromium, type Page } from 'playwright-core'
import { KEY } from '../peers/berth.ts'
import { readTrace, type TraceFigures } from './trace.ts'

const PATHS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
/** Collects what the browser tells of paints, input and long tasks, from before the page's own scripts. */
const ACCOUNTS = `
  globalThis.berthAccounts = { lcp: 0, lcpOf: '', events: [], longTasks: [], ages: [] }
  const observe = (options, take) => new PerformanceObserver((list) => list.getEntries().forEach(take)).observe(options)
  observe({ type: 'largest-contentful-paint', buffered: true }, (entry) => {
    berthAccounts.lcp = entry.startTime
    berthAccounts.lcpOf = entry.element?.closest('section, header, figure')?.innerText.slice(0, 40) ?? ''
  })
  observe({ type: 'event', durationThreshold: 16, buffered: true }, (entry) => {
    if (entry.interactionId) berthAccounts.events.push({ name: entry.name, ms: entry.duration })
  })
  observe({ type: 'longtask', buffered: true }, (entry) => berthAccounts.longTasks.push(entry.duration))`

export interface Accounts {
  readonly lcp: number
  /** How the block begins that was painted then. */
  readonly lcpOf: string
  readonly events: readonly { readonly name: string; readonly ms: number }[]
  readonly longTasks: readonly number[]
  readonly ages: readonly number[]
}

/** Undefined when there is none here. */
export async function findBrowser(): Promise<string | undefined> {
  for (const path of [process.env.CHROMIUM_PATH, ...PATHS]) {
    if (path === undefined) continue
    const isThere = await access(path).then(
      () => true,
      () => false,
    )
    if (isThere) return path
  }
  return undefined
}

export function launch(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
}

export class Tab {
  readonly page: Page
  readonly context: BrowserContext
  readonly #cdp: CDPSession
  readonly #url: string
  readonly #complaints: string[] = []

  private constructor(page: Page, context: BrowserContext, cdp: CDPSession, url: string) {
    this.page = page
    this.context = context
    this.#cdp = cdp
    this.#url = url
    page.on('pageerror', (error) => this.#complaints.push(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error') this.#complaints.push(message.text())
    })
  }

  /** Signed in, and nowhere yet. */
  static async open(browser: Browser, url: string): Promise<Tab> {
    const context = await browser.newContext({ viewport: { width: 1400, height: 900 } })
    const page = await context.newPage()
    await page.addInitScript(ACCOUNTS)
    const token = await makeToken(url)
    await page.goto(`${url}/dashboard#token=${token}`)
    await page.getByRole('navigation').first().waitFor()
    await page.goto('about:blank')
    return new Tab(page, context, await context.newCDPSession(page), url)
  }

  /** Milliseconds to the largest paint; without a cache when `isCold`. */
  async load(
    path: string,
    isCold: boolean,
  ): Promise<{ readonly lcpMs: number; readonly lcpOf: string; readonly scriptBytes: number }> {
    await this.page.goto('about:blank')
    if (isCold) await this.#cdp.send('Network.clearBrowserCache')
    const scripts: Promise<number>[] = []
    const weigh = (response: import('playwright-core').Response) => {
      if (response.request().resourceType() !== 'script') return
      scripts.push(
        response.body().then(
          (body) => gzipSync(body, { level: 9 }).length,
          () => 0,
        ),
      )
    }
    this.page.on('response', weigh)
    await this.page.goto(`${this.#url}/dashboard${path}`)
    await this.page.getByRole('heading', { level: 1 }).waitFor()
    // Charts come behind it.
    this.page.off('response', weigh)
    await sleep(2_500)
    const { lcp, lcpOf } = await this.accounts()
    return { lcpMs: lcp, lcpOf, scriptBytes: (await Promise.all(scripts)).reduce((sum, one) => sum + one, 0) }
  }

  /** Says what there was instead when no page came. */
  async go(path: string): Promise<void> {
    await this.page.goto(`${this.#url}/dashboard${path}`)
    try {
      await this.page.getByRole('heading', { level: 1 }).waitFor()
    } catch (cause) {
      const shown = await this.page.evaluate('document.body.innerText.slice(0, 500)')
      throw new Error(`${path} did not open; it shows: ${shown}; ${this.#complaints.join('; ')}`, { cause })
    }
  }

  accounts(): Promise<Accounts> {
    return this.page.evaluate('berthAccounts') as Promise<Accounts>
  }

  /** Notes how old a text like `pattern`, whose first group is Unix ms, is when it is drawn. */
  async noteAges(pattern: string): Promise<void> {
    await this.page.evaluate(`{
      const pattern = new RegExp(${JSON.stringify(pattern)})
      let last = ''
      const look = () => {
        const found = pattern.exec(document.querySelector('main')?.textContent ?? '')?.[1]
        if (found !== undefined && found !== last) {
          last = found
          berthAccounts.ages.push(Date.now() - Number(found))
        }
        requestAnimationFrame(look)
      }
      look()
    }`)
  }

  /** What the page does in so many seconds, from the browser's own trace. */
  async trace(seconds: number): Promise<TraceFigures> {
    const cdp = await this.context.browser()?.newBrowserCDPSession()
    if (cdp === undefined) throw new Error('the browser is gone')
    const events: object[] = []
    cdp.on('Tracing.dataCollected', ({ value }) => events.push(...value))
    const complete = new Promise((resolve) => cdp.once('Tracing.tracingComplete', resolve))
    const includedCategories = [
      'devtools.timeline',
      'devtools.timeline.frame',
      'disabled-by-default-devtools.timeline.frame',
      'disabled-by-default-devtools.timeline',
      'toplevel',
      '__metadata',
    ]
    await cdp.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { includedCategories } })
    await sleep(seconds * 1_000)
    await cdp.send('Tracing.end')
    await complete
    await cdp.detach()
    return readTrace(events)
  }

  /** Bytes of the heap when all garbage is gone. */
  async heapBytes(): Promise<number> {
    await this.#cdp.send('HeapProfiler.collectGarbage')
    await sleep(300)
    await this.#cdp.send('HeapProfiler.collectGarbage')
    const { usedSize } = await this.#cdp.send('Runtime.getHeapUsage')
    return usedSize
  }

  close(): Promise<void> {
    return this.context.close()
  }
}

async function makeToken(url: string): Promise<string> {
  const response = await fetch(`${url}/sign-in/tokens`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}` },
  })
  const { token } = (await response.json()) as { token: string }
  return token
}
