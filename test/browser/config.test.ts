/**
 * The config page in a real browser: every way of changing workers.json, with a look at the file and at the fleet.
 */
import assert from 'node:assert/strict'
import { chmod, readFile, rename, writeFile } from 'node:fs/promises'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { Locator, Page } from 'playwright-core'
import { waitForWorkers } from '../harness/berth.ts'
import { createScope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { assertAccessible, assertFits, NARROW } from './axe.ts'
import type { PageWatch } from './page-watch.ts'
import { openSharedPage } from './shared-page.ts'
import { type Fleet, holdUndo, LIMIT_MS, NAMES } from './stage.ts'

const KEY = 'a-key-that-no-page-may-show'
type Entry = { name: string; url: string; [field: string]: unknown }

describe('the config page', () => {
  const scope = createScope()
  let fleet: Fleet
  let page: Page
  let watch: PageWatch
  let entries: Entry[]

  before(async () => {
    ;({ fleet, page, watch } = await openSharedPage(scope, '/config', 'Config'))
    entries = NAMES.map((name) => ({ name, url: fleet.workers[name].url }))
    await editor().waitFor()
  })
  beforeEach(async () => {
    await chmod(fleet.balancer.workersFile, 0o600)
    if ((await readFile(fleet.balancer.workersFile, 'utf8')) !== textOf(entries))
      await byHand(textOf(entries))
    await waitForIds(NAMES)
    await waitForWorkers(fleet.balancer, NAMES.length)
    // Whatever a test has left of its own.
    await page.getByRole('tab', { name: /^Editor/ }).click()
    // Not as a hand does it, which would wait for something to discard where there is nothing.
    await page.getByRole('button', { name: 'Discard my changes' }).dispatchEvent('click')
    await waitForText(/"w3"/)
    await page.setViewportSize({ width: 1400, height: 900 })
  })
  after(() => scope.end())

  const editor = (): Locator => page.getByRole('textbox', { name: 'Text of workers.json' })
  const textOf = (list: readonly unknown[]): string => `${JSON.stringify(list, undefined, 2)}\n`
  const dialog = (name: string): Locator => page.getByRole('dialog', { name })
  const notice = (text: string): Locator => page.getByRole('status').filter({ hasText: text })

  async function byHand(text: string): Promise<void> {
    const { workersFile } = fleet.balancer
    await writeFile(`${workersFile}.draft`, text, { mode: 0o600 })
    await rename(`${workersFile}.draft`, workersFile)
  }

  /** As a hand does it; `fill` would leave styles behind that the page's policy complains of. */
  async function write(text: string): Promise<void> {
    await editor().focus()
    await page.keyboard.press('ControlOrMeta+a')
    await page.keyboard.insertText(text)
  }

  async function readShown(): Promise<string> {
    return (await editor().locator('.cm-line').allTextContents()).join('\n')
  }

  async function waitForText(text: RegExp): Promise<void> {
    await until(async () => text.test(await readShown()), LIMIT_MS, `the text shows ${text}`)
  }

  async function readFileList(): Promise<Entry[]> {
    return JSON.parse(await readFile(fleet.balancer.workersFile, 'utf8')) as Entry[]
  }

  async function idsOf(): Promise<string[]> {
    const { body } = await fleet.balancer.request('/workers')
    return (body as { items: { id: string }[] }).items.map(({ id }) => id).sort()
  }

  /** Of the list in force. */
  async function readVersion(): Promise<number> {
    return ((await fleet.balancer.request('/config/workers/state')).body as { version: number }).version
  }

  const waitForIds = (ids: readonly string[]): Promise<unknown> =>
    until(async () => (await idsOf()).join() === ids.join(), LIMIT_MS, `the fleet is ${ids}`)

  test('errors stand on their lines as one types, and lead to their place', async () => {
    await write('[\n  {"url": "http://a:1", "weight": 101, "wieght": 3},\n  "ftp://b"\n]')
    const panel = page.getByRole('region', { name: 'What is wrong' })
    await panel.getByText('3 errors').waitFor()
    await panel.getByText('`wieght` is no field of an entry').waitFor()
    await until(
      async () => (await page.locator('.cm-lint-marker-error').count()) === 2,
      LIMIT_MS,
      'both lines are marked',
    )
    await panel.getByRole('button', { name: 'Line 3, column 3' }).click()
    // Two frames later.
    await editor().and(page.locator(':focus')).waitFor()
    await page.keyboard.press('Home')
    await page.keyboard.press('Shift+End')
    await page.keyboard.type('"http://b:1"')
    await panel.getByText('2 errors').waitFor()
    const apply = page.getByRole('button', { name: 'Apply…' })
    assert.equal(await apply.getAttribute('aria-disabled'), 'true')
    await page.getByText('Mend the errors first.').waitFor({ state: 'attached' })
    assert.deepEqual(await readFileList(), entries)
  })

  test('a change is counted first, asked about, applied with its reason, and taken back', async () => {
    const [w1, w2] = entries
    await write(textOf([{ ...w1, weight: 3 }, w2]))
    const effect = page.getByRole('region', { name: 'What it would do' })
    await effect.getByText('12, 50% of those in service').waitFor()
    await effect.getByText('default@1/probe').waitFor()
    await page.getByRole('button', { name: 'Apply…' }).click()
    const question = dialog('Apply workers.json?')
    await question.getByText('12 (50%)').waitFor()
    await question.getByText('The same from a terminal').click()
    await question.getByText(/-X PUT/).waitFor()
    await question.getByLabel('Reason (optional)').fill('w3 goes to the repair shop')
    await question.getByRole('button', { name: 'Apply', exact: true }).click()
    await notice('workers.json is applied.').getByText('0 added, 1 removed, 1 changed.').waitFor()
    const undo = await holdUndo(page)
    assert.deepEqual(await readFileList(), [{ ...w1, weight: 3 }, w2])
    await waitForIds(['w1', 'w2'])
    const { body } = await fleet.balancer.request('/activity?action=config.change')
    const [noted] = (body as { items: { reason: string; summary: string }[] }).items
    assert.equal(noted?.reason, 'w3 goes to the repair shop')

    await undo.click()
    await waitForIds(NAMES)
    assert.deepEqual(await readFileList(), entries)
    await waitForText(/"w3"/)
    watch.assertClean()
  })

  test('keys are never shown, and stay with their entries', async () => {
    const [w1, ...others] = entries
    // The worker has another key: it is unreachable, and it is the file that counts here.
    await byHand(textOf([{ ...w1, key: KEY }, ...others]))
    await waitForText(/\*\*\*/)
    await write((await readShown()).replace('"w3"', '"renamed"'))
    await page.getByRole('region', { name: 'What it would do' }).getByText('renamed').waitFor()
    await page.getByRole('button', { name: 'Apply…' }).click()
    await dialog('Apply workers.json?').getByRole('button', { name: 'Apply', exact: true }).click()
    // The notice of the test before may still stand there, so the file is asked.
    const isWritten = async () => (await readFileList())[2]?.name === 'renamed'
    await until(isWritten, LIMIT_MS, 'the file has the new name')
    const [first] = await readFileList()
    assert.equal(first?.key, KEY)
    await notice('workers.json is applied.').first().waitFor()
    assert.ok(!(await page.content()).includes(KEY))
    assert.ok(!(await readShown()).includes(KEY))
    watch.assertClean()
  })

  test('a file that changes underneath is a question with three answers', async () => {
    const mine = textOf([...entries, { name: 'mine', url: 'http://127.0.0.1:9' }])
    const theirs = textOf([...entries, { name: 'theirs', url: 'http://127.0.0.1:10' }])
    const question = page.getByRole('region', { name: 'The file was changed while you were editing it.' })
    await write(mine)
    await byHand(theirs)
    await question.waitFor()
    assert.equal(await page.getByRole('button', { name: 'Apply…' }).getAttribute('aria-disabled'), 'true')
    await question.getByRole('button', { name: 'Compare' }).click()
    const left = page.getByRole('textbox', { name: 'On disk' })
    await left.getByText('"theirs"').waitFor()
    await page.getByRole('textbox', { name: 'Your text' }).getByText('"mine"').waitFor()
    await question.waitFor()

    await question.getByRole('button', { name: 'Take theirs' }).click()
    await waitForText(/"theirs"/)
    await page.getByRole('button', { name: 'Undo' }).last().click()
    await waitForText(/"mine"/)

    await question.getByRole('button', { name: 'Keep mine, over theirs' }).click()
    await question.waitFor({ state: 'detached' })
    await left.getByText('"theirs"').waitFor()
    await page.getByRole('button', { name: 'Apply…' }).click()
    await dialog('Apply workers.json?').getByRole('button', { name: 'Apply', exact: true }).click()
    await waitForIds(['mine', ...NAMES])
    watch.assertClean()
  })

  test('a file that is not valid is said, and the list in force brings it back', async () => {
    await byHand('[\n  {"url": "http://a:1"\n')
    const told = page.getByRole('region', { name: 'The file on disk is not valid.' })
    await told.waitFor()
    await told.getByRole('button', { name: 'Go to the line' }).click()
    assert.deepEqual(await idsOf(), NAMES, 'the last good list stays in force')
    await told.getByRole('button', { name: 'Load the list in force' }).click()
    await page.getByRole('textbox', { name: 'On disk' }).waitFor()
    await page.getByRole('textbox', { name: 'Your text' }).getByText('"w3"').waitFor()
    await page.getByRole('button', { name: 'Apply…' }).click()
    await dialog('Apply workers.json?').getByRole('button', { name: 'Apply', exact: true }).click()
    await told.waitFor({ state: 'detached' })
    assert.deepEqual(await readFileList(), entries)
  })

  test('a file that cannot be written says why, and may be tried all the same', async () => {
    await chmod(fleet.balancer.workersFile, 0o444)
    const told = page.getByRole('region', { name: 'This file cannot be written from here.' })
    await told.getByText(/its mode allows nobody to write it/).waitFor()
    await write(textOf(entries.slice(0, 1)))
    await page
      .getByRole('region', { name: 'What it would do' })
      .getByText('20, 83% of those in service')
      .waitFor()
    assert.equal(await page.getByRole('button', { name: 'Apply…' }).getAttribute('aria-disabled'), 'true')
    await page.getByText('The file cannot be written from here.').waitFor({ state: 'attached' })
    await chmod(fleet.balancer.workersFile, 0o600)
    await told.waitFor({ state: 'detached' })
    assert.deepEqual(await idsOf(), NAMES)
  })

  test('the history says who, when and why, and rolls back', async () => {
    const whole = await readVersion()
    await byHand(textOf(entries.slice(0, 2)))
    await waitForIds(['w1', 'w2'])
    await page.getByRole('tab', { name: 'History' }).click()
    const rows = page.getByRole('table', { name: 'Versions of workers.json' }).getByRole('row')
    const cellOf = (version: number) => rows.getByRole('cell', { name: String(version), exact: true }).first()
    await cellOf(whole + 1).waitFor()
    await rows.nth(1).getByText('In force').waitFor()
    await rows.nth(1).getByText('by hand').waitFor()
    await rows.nth(1).getByText('0 added, 1 removed, 0 changed').waitFor({ state: 'attached' })
    await rows.filter({ hasText: 'w3 goes to the repair shop' }).waitFor()
    await cellOf(whole).click()
    await page
      .getByRole('textbox', { name: `Version ${whole}` })
      .getByText('"w3"')
      .waitFor()
    assert.match(page.url(), /view=history/)
    assert.match(page.url(), /version=\d+/)
    await page.getByRole('button', { name: 'Roll back to this…' }).click()
    const question = page.getByRole('dialog', { name: /^Roll back to version/ })
    await question.getByLabel('Reason (optional)').fill('too early')
    await question.getByRole('button', { name: 'Roll back' }).click()
    await waitForIds(NAMES)
    await rows.nth(1).getByText('too early').waitFor()
    await rows
      .nth(1)
      .getByText(/Rollback to/)
      .waitFor()
    watch.assertClean()
  })

  test('what is typed is kept on the way to another page, and Escape then Tab leaves the editor', async () => {
    await write(textOf(entries.slice(0, 1)))
    await editor().focus()
    await page.keyboard.press('m')
    await page.keyboard.press('Escape')
    await page.keyboard.press('Tab')
    assert.notEqual(await page.evaluate('document.activeElement?.className'), 'code-host')
    await page.getByRole('link', { name: 'Workers', exact: true }).click()
    await page.getByRole('heading', { name: 'Workers', level: 1 }).waitFor()
    await page.getByRole('link', { name: 'Config', exact: true }).click()
    await page.getByText('Changed, not applied').first().waitFor()
    await waitForText(/"w1"/)
    assert.doesNotMatch(await readShown(), /"w3"/)
    await editor().focus()
    await page.keyboard.press('Control+f')
    await page.getByRole('textbox', { name: 'Find' }).fill('w1')
    await page.keyboard.press('Escape')
    watch.assertClean()
  })

  test('no rule of accessibility is broken, and nothing scrolls sideways at 320 pixels', async () => {
    await write(textOf(entries.slice(0, 2)))
    await page
      .getByRole('region', { name: 'What it would do' })
      .getByText(/of those in service/)
      .waitFor()
    await assertAccessible(page)
    await page.getByRole('button', { name: 'Apply…' }).click()
    await dialog('Apply workers.json?').getByText('12 (50%)').waitFor()
    await assertAccessible(page)
    await page.keyboard.press('Escape')
    await page.getByRole('tab', { name: 'History' }).click()
    await page.getByRole('row').nth(2).click()
    await page.getByRole('textbox', { name: /^Version/ }).waitFor()
    await assertAccessible(page)
    await page.setViewportSize(NARROW)
    await assertFits(page)
    await page.getByRole('tab', { name: /^Editor/ }).click()
    await editor().waitFor()
    await assertFits(page)
    watch.assertClean()
  })
})
