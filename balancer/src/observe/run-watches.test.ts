/** What pages watch of runs, with a list that the test changes and a read that it can hold. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunItem } from '@berth/protocol'
import { ManualClock } from '@berth/runtime'
import { type RunQuestion, RunWatches } from './run-watches.ts'

type Item = Partial<RunItem>

function makeStage() {
  const clock = new ManualClock()
  const stage = { items: [] as Item[], reads: 0, costMs: 0, fails: false }
  const open = (word: string): RunQuestion => {
    if (word.includes('wrong')) return { ok: false, detail: 'no such filter' }
    return {
      ok: true,
      async read() {
        stage.reads += 1
        if (stage.fails) throw new Error('busy')
        clock.advance(stage.costMs)
        return stage.items
      },
    }
  }
  const watches = new RunWatches({ clock, open })
  /** A quarter of a second, and whatever a read brings. */
  const pass = async (quarters = 1) => {
    for (let n = 0; n < quarters; n++) {
      clock.advance(250)
      watches.tick()
      await Promise.resolve()
      await Promise.resolve()
    }
  }
  return { stage, watches, pass }
}

test('a page gets the whole first, then what has changed and what is gone, and nothing twice', async () => {
  const { stage, watches, pass } = makeStage()
  stage.items = [
    { id: 'r_2', status: 'queued' },
    { id: 'r_1', status: 'running' },
  ]
  const page = watches.attach()
  page.watch(['workers', 'runs?status=queued,running'])
  assert.equal(page.take(), undefined)
  await pass()
  const word = 'runs?status=queued,running'
  assert.deepEqual(page.take()?.runs, { [word]: { items: stage.items, gone: [], isWhole: true } })
  await pass(8)
  assert.equal(page.take(), undefined)

  stage.items = [
    { id: 'r_3', status: 'queued' },
    { id: 'r_2', status: 'running' },
  ]
  await pass(4)
  assert.deepEqual(page.take()?.runs, { [word]: { items: stage.items, gone: ['r_1'] } })
  assert.equal(page.hasNews, false)
})

test('one question is read once a second for all pages, and by nobody when the last one leaves', async () => {
  const { stage, watches, pass } = makeStage()
  stage.items = [{ id: 'r_1', status: 'queued' }]
  const pages = [watches.attach(), watches.attach()]
  for (const page of pages) page.watch(['runs?'])
  await pass(8)
  assert.equal(stage.reads, 2)
  assert.deepEqual(pages[1]?.take(), pages[0]?.take())
  const late = watches.attach()
  late.watch(['runs?'])
  assert.deepEqual(late.take()?.runs?.['runs?'], { items: stage.items, gone: [], isWhole: true })
  for (const page of [...pages, late]) page.stop()
  await pass(8)
  assert.equal(stage.reads, 2)
})

test('a slow read takes a tenth of the time at most; one that fails is asked again', async () => {
  const { stage, watches, pass } = makeStage()
  const page = watches.attach()
  page.watch(['runs?'])
  stage.costMs = 500
  await pass()
  stage.costMs = 0
  await pass(17)
  assert.equal(stage.reads, 1)
  await pass(2)
  assert.equal(stage.reads, 2)
  stage.fails = true
  await pass(4)
  stage.fails = false
  stage.items = [{ id: 'r_1', status: 'queued' }]
  page.take()
  await pass(4)
  assert.equal(stage.reads, 4)
  assert.equal(page.take()?.runs?.['runs?']?.items.length, 1)
})

test('a page that does not take gets what is newest of each run', async () => {
  const { stage, watches, pass } = makeStage()
  const page = watches.attach()
  page.watch(['runs?'])
  stage.items = [{ id: 'r_1', status: 'queued' }]
  await pass()
  page.take()
  for (const status of ['running', 'failed'] as const) {
    stage.items = [{ id: 'r_1', status }]
    await pass(4)
  }
  assert.deepEqual(page.take()?.runs, { 'runs?': { items: [{ id: 'r_1', status: 'failed' }], gone: [] } })
})

test('of one run the members that differ go out; an unknown one is null', async () => {
  const { stage, watches, pass } = makeStage()
  const page = watches.attach()
  page.watch(['run:r_1'])
  await pass()
  assert.deepEqual(page.take(), { run: { r_1: null } })
  stage.items = [{ id: 'r_1', status: 'queued', priority: 3, metadata: { a: 'b' } }]
  await pass(4)
  assert.deepEqual(page.take(), { run: { r_1: stage.items[0] } })
  stage.items = [{ id: 'r_1', status: 'running', priority: 3, metadata: { a: 'b' } }]
  await pass(4)
  stage.items = [{ id: 'r_1', status: 'running', priority: 4, metadata: { a: 'b' } }]
  await pass(4)
  assert.deepEqual(page.take(), { run: { r_1: { id: 'r_1', status: 'running', priority: 4 } } })
  stage.items = []
  await pass(4)
  assert.deepEqual(page.take(), { run: { r_1: null } })
})

test('sixteen different questions at most, and wrong ones never; both are told', () => {
  const { watches } = makeStage()
  const page = watches.attach()
  page.watch(Array.from({ length: 16 }, (_, n) => `run:r_${n}`))
  assert.equal(page.take(), undefined)
  const other = watches.attach()
  other.watch(['run:r_3', 'runs?', 'runs?wrong=1', 'logs'])
  const { refused = {} } = other.take() ?? {}
  assert.deepEqual(Object.keys(refused), ['runs?', 'runs?wrong=1'])
  assert.match(refused['runs?'] ?? '', /16 questions/)
  assert.equal(refused['runs?wrong=1'], 'no such filter')
  assert.equal(other.take(), undefined)
  page.stop()
  other.watch(['runs?'])
  assert.equal(other.take(), undefined)
})
