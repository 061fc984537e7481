/**
 * Reads the workers page as somebody who looks at it does: a row by its worker, a cell by its heading.
 * Called by the tests in this folder. The text of a cell is what is drawn, not what the document holds.
 */
import type { Locator, Page } from 'playwright-core'
import { until } from '../harness/until.ts'
import { LIMIT_MS } from './stage.ts'

export function rowOf(page: Page, worker: string): Locator {
  const header = page.getByRole('rowheader').filter({ has: page.getByText(worker, { exact: true }) })
  return page.getByRole('row').filter({ has: header })
}

/** The trimmed text below a heading such as `Slots`; line breaks stay. */
export async function readCell(page: Page, worker: string, heading: string): Promise<string> {
  const headings = await page
    .getByRole('table', { name: 'Workers' })
    .getByRole('columnheader')
    .allInnerTexts()
  const at = headings.findIndex((text) => text.trim() === heading)
  if (at < 0) throw new Error(`no column "${heading}" among ${headings.join(', ')}`)
  const cells = await rowOf(page, worker).locator('th, td').allInnerTexts()
  return cells[at]?.trim() ?? ''
}

export async function waitForCell(page: Page, worker: string, heading: string, text: RegExp): Promise<void> {
  const isThere = async (): Promise<string | false> => {
    const shown = await readCell(page, worker, heading)
    if (text.test(shown)) return shown
    throw new Error(`${worker} shows ${JSON.stringify(shown)} below ${heading}`)
  }
  await until(isThere, LIMIT_MS, `${heading} of ${worker} is like ${text}`)
}

export function switchOf(page: Page, worker: string): Locator {
  return page.getByRole('switch', { name: new RegExp(`Maintenance.*\\b${worker}\\b`) })
}

/** Opens a worker's details and answers its log. */
export async function openLog(page: Page, worker: string): Promise<Locator> {
  await page.getByRole('button', { name: `Details of ${worker}` }).click()
  const log = page.getByRole('log', { name: `Log of ${worker}` })
  await log.waitFor()
  return log
}
