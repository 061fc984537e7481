/**
 * Judges a page by the rules of WCAG 2.2 AA that a machine can judge, on light ground and dark, and whether
 * it fits its window. Called by the tests of this folder, for every page and whatever it can open. The
 * invariant: a page is judged as it stands, nothing on it is pressed.
 */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { AxeResults } from 'axe-core'
import type { Page } from 'playwright-core'
import { until } from '../harness/until.ts'
import { LIMIT_MS } from './stage.ts'

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']
/** The narrowest page that WCAG 1.4.10 asks for, in CSS pixels. */
export const NARROW = { width: 320, height: 640 }
export const SCHEMES = ['light', 'dark'] as const

/** Half the length of the package's main file, and read anew by each page that is loaded. */
const AXE = await readFile(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8')

/** What is wrong with the page as it stands: `rule: element` and how to mend it, a violation each. */
export async function findViolations(page: Page): Promise<string[]> {
  // Not by a script tag, which the page's policy refuses.
  if (!(await page.evaluate('"axe" in globalThis'))) await page.evaluate(AXE)
  const options = JSON.stringify({ runOnly: { type: 'tag', values: RULES }, resultTypes: ['violations'] })
  const results = (await page.evaluate(`axe.run(document, ${options})`)) as AxeResults
  assert.ok(results.passes.length > 10, 'the rules were applied')
  return results.violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`),
  )
}

/** No rule is broken, on light ground or dark. */
export async function assertAccessible(page: Page): Promise<void> {
  for (const colorScheme of SCHEMES) {
    await page.emulateMedia({ colorScheme })
    await assertScheme(page, colorScheme)
    const found = await findViolations(page)
    assert.deepEqual(
      found.map((one) => `${colorScheme} ${one}`),
      [],
    )
  }
}

/** Nothing makes the page itself scroll sideways. */
export async function assertFits(page: Page): Promise<void> {
  const script = `({
    inner: innerWidth,
    width: document.documentElement.scrollWidth,
    wide: [...document.querySelectorAll('body *')]
      .filter((one) => one.getBoundingClientRect().right > innerWidth + 1)
      .slice(0, 5)
      .map((one) => one.outerHTML.slice(0, 120)),
  })`
  const isFit = async (): Promise<boolean> => {
    const { inner, width, wide } = (await page.evaluate(script)) as {
      inner: number
      width: number
      wide: string[]
    }
    if (width <= inner) return true
    throw new Error(`${width} pixels in ${inner}: ${wide.join('\n')}`)
  }
  await until(isFit, LIMIT_MS / 4, 'the page is as wide as its window')
}

async function assertScheme(page: Page, scheme: 'light' | 'dark'): Promise<void> {
  const color = String(await page.evaluate('getComputedStyle(document.body).backgroundColor'))
  const [red = 0, green = 0, blue = 0] = (color.match(/\d+/g) ?? []).map(Number)
  assert.equal(red + green + blue > 3 * 128, scheme === 'light', `the page's ground is ${color}`)
}
