/** Functions called from the page in a real browser; what they did is looked at on the worker and the balancer. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { inflateRawSync } from 'node:zlib'
import type { Browser, Locator, Page } from 'playwright-core'
import type { Balancer } from '../harness/berth.ts'
import type { Probe } from '../harness/executions.ts'
import { createScope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { assertAccessible, assertFits, NARROW } from './axe.ts'
import { MARKUP, PNG, startInvokeFleet } from './invoke-fleet.ts'
import type { PageWatch } from './page-watch.ts'
import { LIMIT_MS, openAt, startBrowser } from './stage.ts'

type RunItem = {
  id: string
  status: string
  mode: string
  trigger: string
  priority: number
  function: string
}

type SavedForm = { form: { cells: { input: { text: string } }[] } }

describe('calling functions from the page', () => {
  const scope = createScope()
  let browser: Browser
  let balancer: Balancer
  let probe: Probe
  let page: Page
  let watch: PageWatch

  before(async () => {
    const [started, fleet] = await Promise.all([startBrowser(scope), startInvokeFleet(scope)])
    browser = started
    ;({ balancer, probe } = fleet)
    ;({ page, watch } = await openAt(scope, browser, balancer, '/invoke', 'Invoke'))
  })
  after(() => scope.end())

  const cell = (id = 'a') => page.locator(`[data-cell="${id}"]`)
  const runIt = (id = 'a') => cell(id).getByRole('button', { name: 'Run', exact: true })
  const result = (id = 'a') => cell(id).getByRole('region', { name: 'Result' })
  const open = async (name: string) => {
    await page.goto(`${balancer.url}/dashboard/invoke?fn=default/${name}`)
    await runIt().waitFor()
  }
  const json = (id = 'a') => cell(id).getByRole('textbox', { name: 'Input as JSON' })
  /** As a hand does it; `fill` would leave styles behind that the page's policy complains of. */
  const writeJson = async (text: string, id = 'a') => {
    await json(id).focus()
    await page.keyboard.press('ControlOrMeta+a')
    await page.keyboard.insertText(text)
  }
  const readJson = async () => {
    await json().waitFor()
    return (await json().locator('.cm-line').allTextContents()).join('\n')
  }
  const waitForValue = (name: string, value: string, id = 'a') =>
    until(
      async () => (await cell(id).getByRole('textbox', { name }).inputValue()) === value,
      LIMIT_MS,
      `${name} is ${value}`,
    )
  const isDone = (status: string, id = 'a') =>
    cell(id).locator(`.invoke-call [data-state="${status}"]`).waitFor()
  const choose = async (within: Locator, label: string, option: string) => {
    await within.getByRole('combobox', { name: label }).click()
    await page.getByRole('option', { name: option }).click()
  }
  const options = async () => {
    await cell().getByText('Options', { exact: true }).click()
    await cell().getByText('matches.').waitFor()
  }
  const runsOf = async (query: string): Promise<RunItem[]> =>
    ((await balancer.request(`/runs?${query}`)).body as { items: RunItem[] }).items
  const started = async (id: string) =>
    (await probe.read()).filter((one) => one.id === id && one.event === 'started')

  test('a form from the schema sends what was entered, and says what is wrong where it is', async () => {
    await page.goto(`${balancer.url}/dashboard/invoke`)
    await page.getByRole('button', { name: /^order/ }).click()
    await runIt().waitFor()
    await page.waitForURL(/fn=default/)
    await cell().getByText(MARKUP).waitFor()
    const form = cell().locator('form')
    await form.getByRole('textbox', { name: 'Customer' }).fill('N')
    await form.getByText('must have at least 2 characters').waitFor()
    await form.getByRole('textbox', { name: 'Customer' }).fill('Nobody')
    await form.getByRole('textbox', { name: 'amount' }).fill('3')
    await choose(form, 'size', 'large')
    await form
      .getByText('Something is missing in the form.')
      .waitFor({ state: 'hidden' })
      .catch(() => undefined)
    await form
      .getByRole('group', { name: 'isGift' })
      .getByRole('radio', { name: 'yes' })
      .check({ force: true })
    await form
      .getByRole('group', { name: /^lines/ })
      .getByRole('button', { name: 'Add item' })
      .click()
    await form.getByRole('textbox', { name: 'item', exact: true }).fill('Tea')
    await choose(form, 'Kind of pay', 'cash')
    await form
      .getByRole('group', { name: /^labels/ })
      .getByRole('button', { name: 'Add entry' })
      .click()
    await form.getByRole('textbox', { name: 'Name', exact: true }).fill('__proto__')
    await form.getByRole('textbox', { name: 'Value' }).fill(MARKUP)
    await runIt().click()
    // The worker's own word, beside the field it is about.
    await form.getByText('nobody pays').waitFor()
    await cell().getByText('INVALID_INPUT').waitFor()
    await form.getByRole('textbox', { name: 'Customer' }).fill(`Ada ${MARKUP}`)
    await page.keyboard.press('Control+Enter')
    await isDone('completed')
    await result().getByRole('radio', { name: 'JSON' }).check({ force: true })
    const [run] = await runsOf('function=order&status=completed')
    assert.equal(run?.trigger, 'ui')
    await result().getByText('large').waitFor()
    await result().getByText(MARKUP).first().waitFor()
    await cell()
      .getByRole('group', { name: 'Input as' })
      .getByRole('radio', { name: 'JSON' })
      .check({ force: true })
    const raw = JSON.parse(await readJson())
    assert.deepEqual(
      { ...raw, labels: Object.entries(raw.labels) },
      {
        name: `Ada ${MARKUP}`,
        amount: 3,
        size: 'large',
        isGift: true,
        note: null,
        lines: [{ item: 'Tea', count: 1 }],
        pay: { by: 'cash' },
        labels: [['__proto__', MARKUP]],
      },
    )
    assert.equal(watch.canaries(), 0)
    watch.assertClean([/422/])
  })

  test('raw JSON and examples fill the same input', async () => {
    await open('order')
    await cell().getByRole('button', { name: 'Example' }).click()
    await waitForValue('Customer', 'Ada')
    await cell()
      .getByRole('group', { name: 'Input as' })
      .getByRole('radio', { name: 'JSON' })
      .check({ force: true })
    await writeJson('{"name": ')
    await cell().getByRole('alert').getByText('This is no JSON object').waitFor()
    await cell().locator('.cm-lint-marker-error').waitFor()
    const input = {
      name: 'Grace',
      amount: 7,
      size: 'small',
      lines: [],
      pay: { by: 'card', number: '1' },
      labels: {},
    }
    await writeJson(JSON.stringify(input))
    await cell()
      .getByRole('group', { name: 'Input as' })
      .getByRole('radio', { name: 'Form' })
      .check({ force: true })
    await waitForValue('Customer', 'Grace')
    await waitForValue('number', '1')
    await cell().getByRole('radio', { name: 'JSON', exact: true }).first().check({ force: true })
    // What does not fit is marked in the text, and Ctrl Enter runs what is written there.
    await writeJson(JSON.stringify({ ...input, name: 'N' }, null, 2))
    await cell().locator('.cm-lint-marker-error').waitFor()
    await cell().getByRole('alert').getByText('/name: ').waitFor()
    await writeJson(JSON.stringify(input))
    await cell().locator('.cm-lint-marker-error').waitFor({ state: 'detached' })
    await page.keyboard.press('Control+Enter')
    await isDone('completed')
    await until(
      async () => JSON.stringify(JSON.parse(await readJson())) === JSON.stringify(input),
      LIMIT_MS,
      'the text is what was written',
    )
    // A list beside other members shows as a table.
    await result().getByRole('columnheader', { name: 'b' }).waitFor()
  })

  test('a stream shows its chunks as they come, and is cancelled on the worker', async () => {
    await open('drip')
    await options()
    await choose(cell(), 'Mode', 'stream')
    await runIt().click()
    await cell().getByText('drop 1 drop 2 drop 3').waitFor()
    await isDone('completed')
    await cell().getByText('3 log lines').waitFor()
    await cell().getByRole('textbox', { name: 'count' }).fill('1000')
    await cell().getByRole('textbox', { name: 'pace' }).fill('200')
    await runIt().click()
    await cell()
      .getByText(/drop 4/)
      .waitFor()
    await cell().getByRole('button', { name: 'Cancel' }).click()
    await isDone('cancelled')
    await until(
      async () => (await runsOf('function=drip&status=running')).length === 0,
      LIMIT_MS,
      'nothing runs',
    )
    await until(
      async () => (await runsOf('function=drip&status=cancelled')).length === 1,
      LIMIT_MS,
      'it is cancelled',
    )
  })

  test('an async run is followed to its end, with priority and tags, and cancelled by its id', async () => {
    await open('probe')
    await options()
    await choose(cell(), 'Mode', 'async')
    await cell().getByRole('textbox', { name: 'Priority' }).fill('7')
    await cell().getByRole('combobox', { name: 'Tag', exact: true }).fill('gpu')
    await cell().getByRole('combobox', { name: 'Value' }).fill('b100')
    await cell().getByRole('button', { name: 'Add tag' }).click()
    await cell().getByText('0 of 1 worker match').waitFor()
    await cell().getByRole('button', { name: 'Remove gpu: b100' }).click()
    await cell().getByRole('combobox', { name: 'Tag', exact: true }).fill('gpu')
    await cell().getByRole('combobox', { name: 'Value' }).fill('h200')
    await page.keyboard.press('Enter')
    await cell().getByText('1 of 1 worker matches').waitFor()
    await cell().locator('.invoke-preview').getByRole('link', { name: 'w1' }).waitFor()
    await cell().getByRole('textbox', { name: 'id', exact: true }).fill('followed')
    await runIt().click()
    await isDone('completed')
    const [run] = await runsOf('function=probe&status=completed')
    assert.deepEqual([run?.mode, run?.priority, run?.trigger], ['async', 7, 'ui'])
    await cell().getByRole('textbox', { name: 'id', exact: true }).fill('long')
    await cell().getByRole('textbox', { name: 'ms', exact: true }).fill('600000')
    await runIt().click()
    await until(async () => (await started('long')).length === 1, LIMIT_MS, 'it has started')
    await cell().getByRole('button', { name: 'Cancel' }).click()
    await until(
      async () => (await probe.read()).some(({ id, event }) => id === 'long' && event === 'aborted'),
      LIMIT_MS,
      'the worker has heard of it',
    )
    await isDone('cancelled')
  })

  test('a binding runs by itself, the newest input wins and the worker is told to drop the older one', async () => {
    await open('probe')
    await cell().getByRole('textbox', { name: 'ms', exact: true }).fill('600000')
    const id = cell().getByRole('textbox', { name: 'id', exact: true })
    // That typing letters is no call each, tells engine.test.ts by a clock of its own.
    await id.fill('first')
    await cell().getByRole('switch', { name: 'Run by itself' }).click()
    await until(async () => (await started('first')).length === 1, LIMIT_MS, 'the first runs')
    await id.pressSequentially('-and-newest')
    await cell().getByRole('textbox', { name: 'ms', exact: true }).fill('0')
    await isDone('completed')
    const finished = (await probe.read()).filter(({ event }) => event === 'finished').map((one) => one.id)
    assert.equal(finished.at(-1), 'first-and-newest')
    await until(
      async () => (await probe.read()).some((one) => one.id === 'first' && one.event === 'aborted'),
      LIMIT_MS,
      'the older one was ended on the worker',
    )
    await result().getByText('first-and-newest').waitFor()
  })

  test('two functions are chained, a circle is refused, a failure stops what is below, and the page is a link', async () => {
    await open('letter')
    await page.getByRole('button', { name: 'Add function' }).click()
    await page.getByRole('textbox', { name: 'Find a function' }).fill('prob')
    await page.getByRole('button', { name: /^probe/ }).click()
    await cell('a').getByRole('textbox', { name: 'text' }).fill('Ada')
    await runIt('a').click()
    await isDone('completed', 'a')
    await cell('b').getByRole('button', { name: 'Take id from another function' }).click()
    await page.getByRole('button', { name: 'Link', exact: true }).click()
    await isDone('completed', 'b')
    assert.equal((await started('Dear Ada')).length, 1)
    await cell('a').getByRole('textbox', { name: 'text' }).fill('Grace')
    await runIt('a').click()
    await until(
      async () => (await started('Dear Grace')).length === 1,
      LIMIT_MS,
      'the second ran again by itself',
    )
    await cell('a').getByRole('button', { name: 'Take text from another function' }).click()
    await page.getByRole('button', { name: 'Link', exact: true }).click()
    await page.getByText('That would lead in a circle.').waitFor()
    await page.keyboard.press('Escape')
    await until(async () => textOf(page.url()).includes('Grace'), LIMIT_MS, 'the address holds the page')
    await page.reload()
    await cell('b').getByText('from A · letter').waitFor()
    await waitForValue('text', 'Grace')
    assert.equal((await started('Dear Grace')).length, 1, 'opening calls nothing')
    // What is needed is called first.
    await runIt('b').click()
    await until(async () => (await started('Dear Grace')).length === 2, LIMIT_MS, 'both ran')
    await isDone('completed', 'b')
    await cell('b')
      .getByRole('group', { name: 'Input as' })
      .getByRole('radio', { name: 'JSON' })
      .check({ force: true })
    await writeJson('{"how": "fail"}', 'b')
    await isDone('failed', 'b')
    await cell('b').getByText('FUNCTION_FAILED').waitFor()
  })

  test('a saved page is opened by a colleague as a form, and nobody loses work', async () => {
    await open('letter')
    await cell().getByRole('textbox', { name: 'text' }).fill('colleague')
    await page.getByRole('button', { name: 'Page', exact: true }).click()
    await page.getByRole('menuitem', { name: 'Save as…' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('textbox', { name: /^Name/ }).fill('a letter')
    await dialog.getByRole('button', { name: 'Save', exact: true }).click()
    await dialog.getByText('Use letters, digits').waitFor()
    await dialog.getByRole('textbox', { name: /^Name/ }).fill('letter')
    await dialog.getByRole('textbox', { name: 'Title' }).fill(`Write a letter ${MARKUP}`)
    await dialog.getByRole('textbox', { name: 'What it is for' }).fill('Fill in whom to greet.')
    await dialog.getByRole('button', { name: 'Save', exact: true }).click()
    await page.getByText('Saved as letter.').waitFor()
    await page.waitForURL(/form=letter/)

    const other = await openAt(scope, browser, balancer, '/invoke?form=letter&view=form', /Write a letter/)
    const theirs = other.page.locator('[data-cell="a"]')
    await other.page.getByText('Fill in whom to greet.').waitFor()
    assert.equal(await other.page.getByText('Options', { exact: true }).count(), 0)
    await theirs.getByRole('textbox', { name: 'text' }).fill('Sir')
    await theirs.getByRole('button', { name: 'Run', exact: true }).click()
    await theirs.getByText('Dear Sir').waitFor()
    await assertAccessible(other.page)
    // They change it while it stands open here.
    await other.page.getByRole('button', { name: 'Show everything' }).click()
    await other.page.getByRole('button', { name: 'Save', exact: true }).click()
    await other.page.getByText('Saved as letter.').waitFor()
    await cell().getByRole('textbox', { name: 'text' }).fill('mine')
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await page.getByText('Somebody has changed letter meanwhile').waitFor()
    await page.getByRole('button', { name: 'Save over it' }).click()
    // What the page said of the first save may still stand there, so the balancer is asked.
    const savedText = async () => {
      const { form } = (await balancer.request('/forms/letter')).body as SavedForm
      return form.cells[0]?.input.text
    }
    await until(async () => (await savedText()) === 'mine', LIMIT_MS, 'what was written here is saved')
    await page.getByRole('button', { name: 'Page', exact: true }).click()
    await page.getByRole('menuitem', { name: 'Remove…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Remove…' }).click()
    await page.getByText('Nothing is saved yet.').waitFor()
    await until(
      async () => (await balancer.request('/forms/letter')).status === 404,
      LIMIT_MS,
      'it is removed',
    )
    assert.equal(other.watch.canaries(), 0)
    other.watch.assertClean()
  })

  test('pictures, texts and files come out, files go in', async () => {
    await open('picture')
    await runIt().click()
    const picture = result().getByRole('img')
    await picture.waitFor()
    await until(
      async () =>
        (await picture.evaluate((img) => (img as unknown as { naturalWidth: number }).naturalWidth)) === 1,
      LIMIT_MS,
      'the picture is drawn',
    )
    const saved = page.waitForEvent('download')
    await result()
      .getByRole('button', { name: /^Download image\/png/ })
      .click()
    assert.equal((await saved).suggestedFilename(), 'picture.png')

    await open('echo')
    await cell()
      .getByRole('group', { name: 'Input as' })
      .getByRole('radio', { name: 'File' })
      .check({ force: true })
    const pixel = { name: 'dot.png', mimeType: 'image/png', buffer: Buffer.from(PNG, 'base64') }
    await cell().getByLabel('Choose a file…').setInputFiles(pixel)
    await runIt().click()
    await result().getByRole('img').waitFor()

    await open('keep')
    await cell().getByRole('textbox', { name: 'name' }).fill('x')
    await options()
    const file = { name: 'in.txt', mimeType: 'text/plain', buffer: Buffer.from('from here') }
    await cell().getByLabel('Add files…').setInputFiles(file)
    await cell()
      .getByRole('button', { name: /^Remove in.txt/ })
      .waitFor()
    await runIt().click()
    await isDone('completed')
    await result().getByText('in.txt=from here').waitFor()
    const written = page.waitForEvent('download')
    await cell().getByRole('link', { name: 'out/x.txt' }).click()
    assert.equal((await written).suggestedFilename(), 'x.txt')
    watch.assertClean([/422/, /412/, /404/, /500/])
  })

  test('in production a call is confirmed, with where it would go', async (t) => {
    const site = await startInvokeFleet(t, { ENVIRONMENT: 'production' })
    const { page: there } = await openAt(t, browser, site.balancer, '/invoke?fn=default/probe', 'probe')
    await there.getByRole('textbox', { name: 'id', exact: true }).fill('asked')
    await there.getByRole('button', { name: 'Run', exact: true }).click()
    const dialog = there.getByRole('dialog', { name: 'Run probe in production?' })
    await dialog.getByRole('link', { name: 'w1' }).waitFor()
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    assert.deepEqual(await site.probe.read(), [])
    await there.getByRole('button', { name: 'Run', exact: true }).click()
    await dialog.getByRole('link', { name: 'w1' }).waitFor()
    await dialog.getByRole('button', { name: 'Run', exact: true }).click()
    await until(async () => (await site.probe.read()).some(({ id }) => id === 'asked'), LIMIT_MS, 'it ran')
  })

  test('the page keeps to WCAG, is as wide as a phone', async () => {
    await open('order')
    await cell().getByRole('button', { name: 'Example' }).click()
    await runIt().click()
    await isDone('completed')
    await options()
    await assertAccessible(page)
    await cell().getByRole('radio', { name: 'JSON', exact: true }).first().check({ force: true })
    await writeJson('{\n  "name": "Ada",\n  "amount": }')
    await cell().locator('.cm-lint-marker-error').waitFor()
    await assertAccessible(page)
    await page.setViewportSize(NARROW)
    await assertFits(page)
    await page.goto(`${balancer.url}/dashboard/invoke`)
    await page.getByRole('button', { name: /^order/ }).waitFor()
    await assertFits(page)
  })
})

/** What stands in the address of a page of functions, as JSON. */
function textOf(address: string): string {
  const doc = new URL(address).searchParams.get('doc') ?? ''
  const bytes = Buffer.from(doc.slice(1), 'base64url')
  return doc.startsWith('z') ? inflateRawSync(bytes).toString() : bytes.toString()
}
