/**
 * Reads the workers page as somebody who looks at it does: a row by its worker, a cell by its heading.
 * Called by the tests in this folder. The text of a cell is what is drawn, not what the document holds.
 */
import type { Locator, Page } from 'playwright-core'

export function rowOf(page: Page, worker: string): Locator {
  return page.locator(`tr[data-row="${worker}"]`)
}

/** The workers of the table, in their order. */
export async function readIds(page: Page): Promise<string[]> {
  // In one step: a row that leaves between two would be waited for.
  return page
    .getByRole('table', { name: 'Workers' })
    .locator('tr[data-row]')
    .evaluateAll((rows) => rows.map((row) => row.getAttribute('data-row') ?? ''))
}

/** The trimmed text below a heading such as `Slots`; line breaks stay. */
export async function readCell(page: Page, worker: string, heading: string): Promise<string> {
  const [text = ''] = await (await cellOf(page, worker, heading)).allInnerTexts()
  return text.trim()
}

/** The browser itself does the waiting, which costs less than asking it again and again. */
export async function waitForCell(page: Page, worker: string, heading: string, text: RegExp): Promise<void> {
  await rowOf(page, worker).waitFor()
  const cell = await cellOf(page, worker, heading)
  try {
    await cell.filter({ hasText: text }).waitFor()
  } catch (cause) {
    const [shown] = await cell.allInnerTexts()
    throw new Error(`${heading} of ${worker} is ${JSON.stringify(shown)}, not like ${text}`, { cause })
  }
}

async function cellOf(page: Page, worker: string, heading: string): Promise<Locator> {
  const table = page.getByRole('table', { name: 'Workers' })
  const headings = await table.getByRole('columnheader').allInnerTexts()
  const at = headings.findIndex((text) => text.trim() === heading)
  if (at < 0) throw new Error(`no column "${heading}" among ${headings.join(', ')}`)
  return rowOf(page, worker).locator('th, td').nth(at)
}

export function switchOf(page: Page, worker: string): Locator {
  return page.getByRole('switch', { name: new RegExp(`Maintenance.*\\b${worker}\\b`) })
}

/** Goes from the list to a worker's page and answers its log. */
export async function openLog(page: Page, worker: string): Promise<Locator> {
  await rowOf(page, worker).getByRole('link', { name: worker, exact: true }).click()
  await page.getByRole('heading', { name: worker, level: 1 }).waitFor()
  const log = page.getByRole('log', { name: `Log of ${worker}` })
  await log.waitFor()
  return log
}

/** Back to the list by the menu. */
export async function openList(page: Page): Promise<void> {
  await page.getByRole('navigation').getByRole('link', { name: 'Workers' }).click()
  await page.getByRole('heading', { name: 'Workers', level: 1 }).waitFor()
}

export async function choose(page: Page, ...workers: string[]): Promise<void> {
  for (const worker of workers)
    await page.getByRole('checkbox', { name: `Select ${worker}`, exact: true }).click()
}
