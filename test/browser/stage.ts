/**
 * What every test of the dashboard stands on: a real fleet, a real browser, and a way to a signed-in page.
 * Called by the tests in this folder. The invariant: whatever the scope of a test began ends with it; each
 * page lives in a browser context of its own, so that no test sees another's session or settings.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Locator,
  type Page,
} from 'playwright-core'
import {
  type Balancer,
  type BalancerOptions,
  EXAMPLE_FLEET,
  postTask,
  startBalancer,
  startWorker,
  type Worker,
  waitForWorkers,
} from '../harness/berth.ts'
import { type Probe, writeProbe } from '../harness/executions.ts'
import { findFreePort } from '../harness/ports.ts'
import { makeFolder, type Scope } from '../harness/scope.ts'
import { findChromium } from './chromium.ts'
import { type PageWatch, watchPage } from './page-watch.ts'

/** How long anything that is no measurement may take before a test gives up. */
export const LIMIT_MS = 45_000

/** Longer than a file of tests may take: how long a function may run that a test holds. */
export const HELD_MS = 600_000

/** Of every page, unless it says otherwise. */
const WINDOW = { width: 1400, height: 900 }

/** Slots of the three workers. */
export const SLOTS = { w1: 4, w2: 8, w3: 12 } as const
export type WorkerName = keyof typeof SLOTS
export const NAMES = Object.keys(SLOTS) as WorkerName[]

export type Fleet = {
  balancer: Balancer
  workers: Record<WorkerName, Worker>
  /** Function `probe` and `chatter` are on w3 only. */
  probe: Probe
}

export type FleetOptions = BalancerOptions & {
  /** The workers that stand in workers.json from the start; default all. */
  listed?: readonly WorkerName[]
  /** `TAGS` of each worker. */
  tags?: Readonly<Record<WorkerName, string>>
  /** Sources of further functions of w3, by name. */
  functions?: Readonly<Record<string, string>>
}

export async function startBrowser(scope: Scope): Promise<Browser> {
  const browser = await chromium.launch(await findChromium())
  scope.after(() => browser.close())
  return browser
}

/** Three workers of the example fleet; answers when the listed ones are in service. */
export async function startFleet(
  scope: Scope,
  { listed = NAMES, tags, functions = {}, ...options }: FleetOptions = {},
): Promise<Fleet> {
  const probe = await writeThirdProject(await makeFolder(scope, 'project'))
  for (const [name, source] of Object.entries(functions))
    await writeFile(join(probe.folder, 'functions', `${name}.ts`), source)
  const ports = { w1: await findFreePort(), w2: await findFreePort(), w3: await findFreePort() }
  const start = (name: WorkerName, folder: string): Promise<Worker> => {
    const TAGS = tags?.[name] ?? `berth=quay-${name},region=eu`
    const env = { PORT: String(ports[name]), NAME: name, SLOTS: String(SLOTS[name]), TAGS }
    return startWorker(scope, { env, folder })
  }
  const entries = listed.map((name) => ({ name, url: `http://127.0.0.1:${ports[name]}` }))
  // All at once: the balancer dials until a worker is there.
  const [w1, w2, w3, balancer] = await Promise.all([
    start('w1', EXAMPLE_FLEET),
    start('w2', EXAMPLE_FLEET),
    start('w3', probe.folder),
    startBalancer(scope, { workers: entries, ...options }),
  ])
  const workers = { w1, w2, w3 }
  await waitForWorkers(balancer, listed.length)
  return { balancer, workers, probe }
}

/** The example fleet's functions, and two that tests steer: one notes when it ran, one logs what it is told. */
async function writeThirdProject(folder: string): Promise<Probe> {
  // What is held is ended by its test, not by the 30 s that a function has otherwise.
  const probe = await writeProbe(folder, { timeout: HELD_MS })
  for (const name of ['services', 'tags']) await mkdir(join(folder, name), { recursive: true })
  for (const path of ['functions/hello.ts', 'functions/sleep.ts', 'services/clock.ts']) {
    await writeFile(
      join(folder, path),
      `export { default } from ${JSON.stringify(join(EXAMPLE_FLEET, path))}\n`,
    )
  }
  const machine = JSON.stringify(join(EXAMPLE_FLEET, 'tags/machine.ts'))
  await writeFile(join(folder, 'tags', 'machine.ts'), `export { tags } from ${machine}\n`)
  const chatter = `import { defineFunction } from '@berth/worker'
import { z } from 'zod'

export default defineFunction({
  input: z.object({
    text: z.string(),
    level: z.enum(['info', 'warn', 'error']).default('info'),
    count: z.number().default(1),
    fields: z.record(z.string(), z.unknown()).optional(),
  }),
  async handler({ text, level, count, fields }, { log }) {
    for (let i = 0; i < count; i++) log[level](text, fields)
    return {}
  },
})
`
  await writeFile(join(folder, 'functions', 'chatter.ts'), chatter)
  return probe
}

export type Visit = { page: Page; context: BrowserContext; watch: PageWatch }

/** A page that has gone nowhere yet, in a context of its own. */
export async function openPage(
  scope: Scope,
  browser: Browser,
  balancer: Pick<Balancer, 'url'>,
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const context = await browser.newContext({
    viewport: WINDOW,
    // What moves is not at rest when a picture or a contrast is taken.
    reducedMotion: 'reduce',
    // Times on a page are compared with those of the balancer, wherever the tests run.
    timezoneId: 'UTC',
    ...options,
  })
  scope.after(() => context.close())
  context.setDefaultTimeout(LIMIT_MS)
  const page = await context.newPage()
  return { page, context, watch: await watchPage(page, balancer.url) }
}

/** The address that `pnpm berth token` prints, or the same at a page below `/dashboard`. */
export async function makeSignInAddress(balancer: Balancer, path = ''): Promise<string> {
  const { body } = await balancer.request('/sign-in/tokens', { method: 'POST' })
  return `${balancer.url}/dashboard${path}#token=${(body as { token: string }).token}`
}

/** Any page below `/dashboard`, signed in, when its heading stands: `openAt(t, browser, balancer, '/tasks', 'Tasks')`. */
export async function openAt(
  scope: Scope,
  browser: Browser,
  balancer: Balancer,
  path: string,
  heading: string | RegExp,
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const visit = await openPage(scope, browser, balancer, options)
  await visit.page.goto(await makeSignInAddress(balancer, path))
  await visit.page.getByRole('heading', { name: heading, level: 1 }).waitFor()
  return visit
}

/**
 * The same page somewhere else, as a new one would find it: loaded from its address, as large and as light as at
 * first, with none of the settings that were made on it. A new context costs seven times as much.
 */
export async function revisit(
  page: Page,
  balancer: Pick<Balancer, 'url'>,
  path: string,
  heading: string | RegExp,
): Promise<void> {
  if (page.viewportSize()?.width !== WINDOW.width) await page.setViewportSize(WINDOW)
  await page.emulateMedia({ colorScheme: 'light' })
  await page.evaluate('localStorage.clear(); sessionStorage.clear()')
  await page.goto(`${balancer.url}/dashboard${path}`)
  await page.getByRole('heading', { name: heading, level: 1 }).waitFor()
}

/** The page that shows the workers. */
export async function openDashboard(
  scope: Scope,
  browser: Browser,
  balancer: Balancer,
  options: BrowserContextOptions = {},
): Promise<Visit> {
  const visit = await openAt(scope, browser, balancer, '/workers', 'Workers', options)
  // Rows, or what teaches how to get some.
  await visit.page.locator('#workers').waitFor()
  return visit
}

/** A notice that can be taken back goes after ten seconds, unless the pointer is on it: there it is put until the press. */
export async function holdUndo(page: Page, words: string | RegExp = /./): Promise<Locator> {
  const notice = page.getByRole('status').filter({ hasText: words })
  const undo = notice.getByRole('button', { name: 'Undo' }).last()
  await undo.hover()
  return undo
}

/** By the menu of the person, as a hand does it. */
export async function signOut(page: Page): Promise<void> {
  await page.getByRole('button', { name: /Operator|Viewer/ }).click()
  await page.getByRole('button', { name: 'Sign out' }).click()
}

/** Keeps so many short tasks under way until it is stopped; the stop answers how many were done. */
export function keepBusy(balancer: Balancer, width: number, ms = 40): { stop(): Promise<number> } {
  let isStopped = false
  let done = 0
  const work = async (): Promise<void> => {
    while (!isStopped) {
      const { status, text } = await postTask(balancer, { function: 'sleep', input: { ms } })
      if (status !== 200) throw new Error(`a task of the load was answered ${status}: ${text}`)
      done += 1
    }
  }
  const working = Promise.all(Array.from({ length: width }, work))
  working.catch(() => undefined)
  return {
    async stop() {
      isStopped = true
      await working
      return done
    },
  }
}
