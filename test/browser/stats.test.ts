import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import type { StatsAnswer } from '@berth/protocol'
import type { Browser } from 'playwright-core'
import { postTask, startBalancer, waitForWorkers } from '../harness/berth.ts'
import { createScope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { type Fleet, LIMIT_MS, NAMES, openAt, startBrowser, startFleet } from './stage.ts'

const TASKS = 30

describe('figures over time', () => {
  const scope = createScope()
  let fleet: Fleet
  let browser: Browser
  /** A range that stands still: the last minutes, up to a second after the tasks were counted. */
  let span: { from: string; to: string }

  before(async () => {
    ;[browser, fleet] = await Promise.all([startBrowser(scope), startFleet(scope)])
    const instant = (ms: number) => new Date(Math.floor(ms / 1_000) * 1_000).toISOString()
    const from = instant(Date.now() - 120_000)
    span = { from, to: instant(Date.now() + 180_000) }
    const calls = Array.from({ length: TASKS }, (_, at) =>
      postTask(fleet.balancer, { function: 'hello', input: { name: `n${at}` } }),
    )
    for (const { status } of await Promise.all(calls)) assert.equal(status, 200)
    await until(async () => (await completed()) >= TASKS, LIMIT_MS, 'the second of the tasks to be counted')
    const known = async () =>
      (await ask({ metric: 'waiting', step: '1' })).series[0]?.values.filter(isNumber).length
    await until(async () => ((await known()) ?? 0) >= 5, LIMIT_MS, 'five seconds to be known')
    span = { from, to: instant(Date.now()) }
  })
  after(() => scope.end())

  async function ask(query: Record<string, string>): Promise<StatsAnswer> {
    const search = new URLSearchParams({ ...span, ...query })
    const { status, body, text } = await fleet.balancer.request(`/stats?${search}`)
    assert.equal(status, 200, text)
    return body as StatsAnswer
  }

  /** What has completed within the span, from a rate a second and how many seconds of each bucket are known. */
  async function completed(): Promise<number> {
    const { series } = await ask({ metric: 'completed', step: '1' })
    return Math.round(sumOf(series[0]?.values ?? []))
  }

  test('are there after a restart of the balancer, with its start marked', async () => {
    const before = await ask({ metric: 'completed,slots.used', step: '1' })
    const { port, dataDir, workersFile } = fleet.balancer
    await fleet.balancer.stop()
    const env = { PORT: String(port), DATA_DIR: dataDir, WORKERS_FILE: workersFile }
    fleet = { ...fleet, balancer: await startBalancer(scope, { env }) }
    await waitForWorkers(fleet.balancer, NAMES.length)
    const now = await ask({ metric: 'completed,slots.used', step: '1' })
    assert.equal(await completed(), TASKS)
    before.series.forEach(({ values }, at) => {
      // The last second of a process is not over when it is told to end.
      const whole = values.slice(0, -2)
      assert.deepEqual(now.series[at]?.values.slice(0, whole.length), whole)
    })
    await until(
      async () =>
        (await ask({ metric: 'waiting', to: new Date().toISOString() })).markers.filter(
          ({ kind }) => kind === 'start',
        ).length > 1,
      LIMIT_MS,
      'both starts to be marked',
    )
  })

  test('are the same in a chart, in its table and in its file', async () => {
    const { page, watch } = await openAt(
      scope,
      browser,
      fleet.balancer,
      `/?from=${span.from}&to=${span.to}`,
      'Overview',
      { acceptDownloads: true },
    )
    const chart = page.getByRole('figure', { name: 'Throughput' })
    await chart.locator('.recharts-surface').waitFor({ state: 'attached' })
    await chart.getByText(`${TASKS} completed`).waitFor()
    await chart.getByRole('button', { name: 'View as table' }).click()
    const answered = await ask({ metric: 'completed,failed,expired,cancelled,submitted', step: '1' })
    const heads = await chart.getByRole('columnheader').allTextContents()
    assert.deepEqual(heads.slice(1, 6), ['Completed', 'Failed', 'Expired', 'Cancelled', 'Submitted'])
    const rows = await chart
      .locator('tbody tr')
      .evaluateAll((all) =>
        all.map((row) => [...row.querySelectorAll('td')].slice(0, 5).map((cell) => Number(cell.textContent))),
      )
    const sums = answered.series.map(({ values }) => Math.round(sumOf(values) * (answered.stepMs / 1_000)))
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      chart.getByRole('button', { name: 'Download CSV' }).click(),
    ])
    const [head, ...lines] = (await readFile(await download.path(), 'utf8'))
      .replace('\ufeff', '')
      .trim()
      .split('\r\n')
    assert.match(head ?? '', /^Time \(UTC\),Completed,Failed,Expired,Cancelled,Submitted$/)
    assert.equal(lines.length, rows.length)
    const cells = lines.map((line) => line.split(','))
    const stepMs = Date.parse(cells[1]?.[0] ?? '') - Date.parse(cells[0]?.[0] ?? '')
    assert.deepEqual(sums, [TASKS, 0, 0, 0, TASKS])
    assert.ok(stepMs >= 1_000)
    // Shown to one decimal below 100, in the file as they are; the newest is the first row and the last line.
    const inFile = cells
      .reverse()
      .map((line) => line.slice(1).map((cell) => Math.round(Number(cell) * 10) / 10))
    assert.deepEqual(rows, inFile)
    const { series } = await ask({ metric: 'completed', step: String(stepMs / 1_000) })
    const known = (series[0]?.values ?? []).filter(isNumber)
    assert.deepEqual(
      inFile.map(([first]) => first),
      known.map((value) => Math.round(value * 10) / 10).reverse(),
    )
    watch.assertClean()
  })
})

function isNumber(value: unknown): value is number {
  return typeof value === 'number'
}

function sumOf(values: readonly unknown[]): number {
  return values.reduce<number>((sum, value) => sum + (typeof value === 'number' ? value : 0), 0)
}
