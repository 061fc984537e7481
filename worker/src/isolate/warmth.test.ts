/** Cold starts are told, and functions that are kept warm have none: by their own word, or by an operator's. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { settle } from '../fixtures/test-direct.ts'
import { makeParts, TestFleet, type TestLink } from '../fixtures/test-parts.ts'
import { startTestWorker } from '../fixtures/test-worker.ts'
import { defineFunction, type FunctionConfig } from '../functions/define.ts'

/** A function whose setups the test ends; `n` counts them. */
function makePrepared(config: FunctionConfig = {}) {
  const setups: PromiseWithResolvers<void>[] = []
  const definition = defineFunction({
    config,
    setup() {
      const setup = Promise.withResolvers<void>()
      setups.push(setup)
      return setup.promise
    },
    handler: () => setups.length,
  })
  return { setups, definition }
}

const coldStartOf = (link: TestLink, task: number) => link.outcomes.get(task)?.header.facts?.coldStartMs

describe('a cold start', () => {
  it('is told of every task that waited for the setup, and of no other', async () => {
    const { setups, definition } = makePrepared()
    const fleet = new TestFleet(makeParts({ slots: 2, functions: { f: definition } }))
    const link = fleet.link()
    link.task(1, 'f')
    link.task(2, 'f')
    await fleet.settle()
    fleet.parts.clock.advance(1_500)
    setups[0]?.resolve()
    await fleet.settle()
    link.task(3, 'f')
    await fleet.settle()
    assert.deepEqual(
      [1, 2, 3].map((task) => coldStartOf(link, task)),
      [1_500, 1_500, undefined],
    )
    assert.deepEqual(link.cold, [1, 2])
  })

  it('is told in server-timing by a worker that is called directly, its repeats included', async () => {
    await using worker = await startTestWorker(
      {},
      {
        'functions/slow.ts': `import { defineFunction } from '@berth/worker'
export default defineFunction({ setup: () => new Promise((done) => setTimeout(done, 5)), handler: () => 1 })`,
      },
    )
    const timing = async () => (await worker.task({ function: 'slow' })).headers.get('server-timing') ?? ''
    assert.match(await timing(), /^queue;dur=[\d.]+, setup;dur=[\d.]+, run;dur=[\d.]+$/)
    assert.match(await timing(), /^queue;dur=[\d.]+, run;dur=[\d.]+$/)
  })
})

describe('a function that is kept warm', () => {
  it('is made ready at the start, which waits for it, but not for ever', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const own = makePrepared({ keepWarm: true })
    const other = makePrepared()
    const parts = makeParts({ functions: { own: own.definition, other: other.definition } })
    let isOver = false
    const started = parts.runners.warmth.start(60_000).then(() => {
      isOver = true
    })
    await settle()
    assert.deepEqual([own.setups.length, other.setups.length, isOver], [1, 0, false])
    own.setups[0]?.resolve()
    await started
    const fleet = new TestFleet(parts)
    const link = fleet.link()
    link.task(1, 'own')
    await fleet.settle()
    assert.deepEqual([link.outcomes.get(1)?.result, coldStartOf(link, 1), link.cold], ['1', undefined, []])
    const stuck = makeParts({ functions: { own: makePrepared({ keepWarm: true }).definition } })
    const late = stuck.runners.warmth.start(60_000)
    await settle()
    t.mock.timers.tick(60_000)
    await late
  })

  it('is tried again, later each time, when its setup fails, and keeps nobody out', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { setups, definition } = makePrepared({ keepWarm: true })
    const parts = makeParts({ functions: { f: definition } })
    const started = parts.runners.warmth.start(60_000)
    await settle()
    setups[0]?.reject(new Error('no GPU'))
    await started
    assert.equal(setups.length, 1)
    parts.clock.advance(2_000)
    t.mock.timers.tick(2_000)
    await settle()
    assert.equal(setups.length, 2)
    setups[1]?.resolve()
    await settle()
    parts.clock.advance(60_000)
    t.mock.timers.tick(60_000)
    await settle()
    assert.equal(setups.length, 2)
  })

  const warm = (link: TestLink, word: object) => link.say({ type: 'warm', on: [], off: [], ...word })

  it('is so by the word of an operator, at once, whatever it says itself', async () => {
    const [quiet, own, all] = [makePrepared(), makePrepared({ keepWarm: true }), makePrepared()]
    const functions = { quiet: quiet.definition, own: own.definition, all: all.definition }
    const fleet = new TestFleet(makeParts({ functions }))
    const count = () => [quiet, own, all].map(({ setups }) => setups.length)
    const link = fleet.link()
    assert.deepEqual(count(), [0, 0, 0])
    warm(link, { off: ['own'] })
    await fleet.settle()
    assert.deepEqual(count(), [0, 0, 0])
    warm(link, { on: ['quiet', 'unheard-of'], off: ['own'] })
    await fleet.settle()
    assert.deepEqual(count(), [1, 0, 0])
    warm(link, { all: true, off: ['own'] })
    await fleet.settle()
    assert.deepEqual(count(), [1, 0, 1])
    warm(link, {})
    await fleet.settle()
    assert.deepEqual(count(), [1, 1, 1], 'what it says itself counts again')
  })

  it('is so while one of several balancers wants it; the last word holds until another link', async () => {
    const { setups, definition } = makePrepared({ keepWarm: true })
    const fleet = new TestFleet(makeParts({ functions: { f: definition } }))
    const [one, two] = [fleet.link({ bootId: 'balancer-1' }), fleet.link({ bootId: 'balancer-2' })]
    warm(one, { off: ['f'] })
    warm(two, { off: ['f'] })
    two.cut()
    one.cut()
    fleet.parts.runners.warmth.topUp()
    await fleet.settle()
    assert.equal(setups.length, 0)
    fleet.link()
    fleet.parts.runners.warmth.topUp()
    await fleet.settle()
    assert.equal(setups.length, 1)
  })

  it('has a thread ready for every call that can run at once, again when one has ended', async () => {
    const source = (config: string) => `import { defineFunction } from '@berth/worker'
import { z } from 'zod'
export default defineFunction({
  input: z.looseObject({}),
  config: { isolation: 'thread', ${config} },
  setup() {},
  handler: ({ how }) => { if (how === 'exit') process.exit(3) },
})`
    await using worker = await startTestWorker(
      { SLOTS: '3' },
      { 'functions/warm.ts': source('keepWarm: true'), 'functions/one.ts': source('keepWarm: 1') },
    )
    const { runners, registry } = worker.running.parts
    const timingOf = async (name: string, how = '') => {
      const answer = await worker.task({ function: name, input: { how } })
      return answer.headers.get('server-timing') ?? ''
    }
    const isCold = async (name: string) => / setup;/.test(await timingOf(name))
    assert.equal(runners.threads, 3)
    assert.deepEqual(await Promise.all([1, 2, 3].map(() => isCold('warm'))), [false, false, false])
    assert.equal(await isCold('one'), false)
    await timingOf('warm', 'exit')
    const warmFn = registry.get('warm') ?? assert.fail()
    // The thread that has ended is followed by another, without anybody asking for it.
    while (runners.readyFor(warmFn) < 3) await new Promise((resolve) => setTimeout(resolve, 5))
    assert.deepEqual(await Promise.all([1, 2, 3].map(() => isCold('warm'))), [false, false, false])
  })
})
