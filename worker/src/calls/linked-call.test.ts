/** `ctx.call` of a task that came over a link: what the balancer is asked, and what becomes of that when a link ends. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DATA_KIND, LIMITS, type OutcomeHeader, RECORD, writeOutcome } from '@berth/protocol'
import { calling, codeOf, fn } from '../fixtures/test-calls.ts'
import { heldFunction, makeParts, TestFleet, type TestOptions } from '../fixtures/test-parts.ts'

describe('a call from a linked task', () => {
  function makeFleet(functions: TestOptions['functions'], slots = 1) {
    const fleet = new TestFleet(makeParts({ slots, functions }))
    return { fleet, link: fleet.link(), parts: fleet.parts }
  }

  /** The balancer's answer. */
  function answer(
    link: ReturnType<TestFleet['link']>,
    task: number,
    call: number,
    result: unknown,
    more: Partial<OutcomeHeader> = {},
  ) {
    link.write((writer) =>
      writer.control(RECORD.CALL_RESULT, task, (out) => {
        out.u32(call)
        writeOutcome(out, { outcome: 'completed', runMs: 0, mediaType: '', ...more })
        out.bytes(Buffer.from(JSON.stringify(result) ?? ''))
      }),
    )
  }

  it('asks the balancer also for what this worker serves, and takes that on when it comes', async () => {
    const held = heldFunction()
    const { fleet, link } = makeFleet({ parent: calling('held'), held: held.definition })
    link.task(1, 'parent')
    await fleet.settle()
    assert.deepEqual(link.records(), ['STARTED 1'])
    assert.deepEqual(link.calls, [{ task: 1, call: 1, function: 'held', input: '{}' }])
    assert.deepEqual([link.stamp?.occupancy?.used, link.stamp?.occupancy?.linked], [0, 0])
    link.task(2, 'held', {}, { callers: ['parent'] })
    await fleet.settle()
    assert.deepEqual([link.stamp?.occupancy?.used, link.stamp?.occupancy?.linked], [1, 1])
    held.calls[0]?.resolve('ok')
    await fleet.settle()
    answer(link, 1, 1, 'ok')
    await fleet.settle()
    assert.equal(link.outcomes.get(1)?.result, '"ok"')
    assert.deepEqual([link.stamp?.occupancy?.used, link.stamp?.occupancy?.linked], [0, 0])
  })

  it('asks the balancer for the rest, with its slots free', async () => {
    const { fleet, link, parts } = makeFleet({
      parent: fn(async (_input, { call }) => {
        const [one, two] = await Promise.all([call('other', { n: 1 }), call('another')])
        return { one, two, used: parts.intake.used }
      }),
      quick: fn(() => 'quick'),
    })
    link.task(1, 'parent')
    await fleet.settle()
    assert.deepEqual(link.calls, [
      { task: 1, call: 1, function: 'other', input: '{"n":1}' },
      { task: 1, call: 2, function: 'another', input: '{}' },
    ])
    assert.deepEqual([link.stamp?.occupancy?.used, link.stamp?.occupancy?.linked], [0, 0])
    link.task(2, 'quick')
    await fleet.settle()
    assert.equal(link.outcomes.get(2)?.result, '"quick"')
    answer(link, 1, 2, 'second')
    await fleet.settle()
    assert.equal(link.outcomes.has(1), false)
    answer(link, 1, 1, 'first')
    await fleet.settle()
    assert.equal(link.outcomes.get(1)?.result, '{"one":"first","two":"second","used":1}')
  })

  it('gives what is called its caller’s attempt as its limit, not the default of its mode', async () => {
    const { fleet, link, parts } = makeFleet({
      own: fn((_input, { deadline }) => deadline.getTime() - parts.clock.wallMs(), { timeout: 50 }),
      none: fn((_input, { deadline }) => deadline.getTime() - parts.clock.wallMs()),
    })
    const called = { callers: ['parent'], remainingMs: 90_000 }
    link.task(1, 'none', {}, called)
    link.task(2, 'own', {}, called)
    link.task(3, 'none', {}, { remainingMs: 90_000 })
    await fleet.settle()
    assert.deepEqual(
      [1, 2, 3].map((task) => link.outcomes.get(task)?.result),
      ['90000', '50', '30000'],
    )
  })

  it('is taken in maintenance and while the worker drains, and is not asked back there', async () => {
    const held = heldFunction()
    const { fleet, link, parts } = makeFleet({ held: held.definition })
    link.task(1, 'held')
    await fleet.settle()
    parts.condition.off()
    link.task(2, 'held', {}, { callers: ['parent'] })
    link.task(3, 'held')
    await fleet.settle()
    parts.condition.drain()
    await fleet.settle()
    assert.deepEqual(link.records(), ['STARTED 1', 'BUSY 3'])
    held.calls[0]?.resolve('ok')
    await fleet.settle()
    assert.deepEqual(link.records(), ['END 1 completed', 'STARTED 2'])
    held.calls[1]?.resolve('ok')
    await fleet.settle()
    assert.ok(parts.intake.isIdle)
  })

  it('knows who is above it elsewhere', async () => {
    const { fleet, link } = makeFleet({
      one: fn((_input, { call }) => codeOf(call('top'))),
      two: fn((_input, { call }) => codeOf(call('other'))),
    })
    link.task(1, 'one', {}, { callers: ['top', 'second'] })
    link.task(2, 'two', {}, { callers: ['a', 'b', 'c', 'd', 'e', 'f', 'g'] })
    link.task(3, 'two', {}, { callers: ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] })
    await fleet.settle()
    assert.match(link.outcomes.get(1)?.result ?? '', /CONFLICT: .*top → second → one → top/)
    assert.match(link.outcomes.get(3)?.result ?? '', /CONFLICT: .*more than 8 calls deep/)
    assert.deepEqual(
      link.calls.map(({ task }) => task),
      [2],
    )
  })

  it('never keeps out what others here wait for, however many they are', async () => {
    const { fleet, link, parts } = makeFleet({ parent: calling('other'), child: fn(() => 'ok') })
    for (let number = 1; number <= 20; number++) {
      link.task(number, 'parent')
      await fleet.settle()
    }
    assert.equal(link.calls.length, 20, 'waiting callers take no room')
    const held = heldFunction()
    const full = makeFleet({ held: held.definition, child: fn(() => 'ok') })
    for (let number = 1; number <= 6; number++) full.link.task(number, 'held')
    full.link.task(7, 'child', {}, { callers: ['parent'] })
    await full.fleet.settle()
    assert.deepEqual(full.link.records(), ['STARTED 1', 'BUSY 6'])
    assert.equal(full.parts.intake.queued, 5)
    assert.equal(parts.intake.used, 0)
  })

  it('is taken where nothing else is, because too many wait in threads', async () => {
    const parts = makeParts({ slots: 2, functions: { held: heldFunction().definition } })
    const { runners } = parts
    const crowded = { isCrowded: () => true, claim: runners.claim.bind(runners), warmth: runners.warmth }
    const fleet = new TestFleet({ ...parts, runners: crowded as unknown as typeof runners })
    const link = fleet.link()
    link.task(1, 'held')
    link.task(2, 'held', {}, { callers: ['parent'] })
    await fleet.settle()
    assert.deepEqual(link.records(), ['BUSY 1', 'STARTED 2'])
  })

  it('takes a long result as DATA before its CALL-RESULT, and gives credit for it', async () => {
    const { fleet, link } = makeFleet({
      parent: fn(async (_input, { call }) => ((await call('other')) as string).length),
    })
    link.task(1, 'parent')
    await fleet.settle()
    link.records()
    const text = Buffer.from(JSON.stringify('x'.repeat(90_000)))
    link.write((writer) =>
      writer.data(1, 0, text, (out) => {
        out.u8(RECORD.CALL_RESULT)
        out.u8(0)
        out.u32(1)
        const at = out.length
        out.u32(0)
        out.u32(1)
        writeOutcome(out, { outcome: 'completed', runMs: 0, mediaType: '' })
        out.patchU32(at, out.length - at - 4)
      }),
    )
    await fleet.settle()
    assert.equal(link.outcomes.get(1)?.result, '90000')
    assert.ok(link.records().includes('CREDIT 1'))
  })

  it('is told of failures', async () => {
    const { fleet, link } = makeFleet({ failing: fn((_input, { call }) => codeOf(call('other'))) })
    link.task(1, 'failing')
    await fleet.settle()
    const error = { code: 'TIMEOUT', message: 'it took too long' }
    answer(link, 1, 1, undefined, { outcome: 'timeout', error })
    await fleet.settle()
    assert.match(link.outcomes.get(1)?.result ?? '', /TIMEOUT: The call of .* it took too long/)
  })

  it('sends a long input before its CALL, within the window, while short ones pass it', async () => {
    const text = 'x'.repeat(LIMITS.windowBytes)
    const limits = { ...makeParts().limits, requestBodyBytes: 2 * LIMITS.windowBytes }
    const parts = makeParts({
      slots: 1,
      functions: {
        parent: fn((_input, { call }) => Promise.all([call('other', { text }), call('short')])),
      },
    })
    const fleet = new TestFleet({ ...parts, limits })
    const link = fleet.link()
    link.task(1, 'parent')
    await fleet.settle()
    assert.deepEqual(
      link.calls.map(({ call, function: name }) => [call, name]),
      [[2, 'short']],
    )
    link.credit(1, LIMITS.recordBytes)
    await fleet.settle()
    assert.deepEqual(link.calls[1], { task: 1, call: 1, function: 'other', input: JSON.stringify({ text }) })
  })

  it('holds up nothing that the handler says meanwhile, however long its input is', async () => {
    const limits = { ...makeParts().limits, requestBodyBytes: 4_000_000 }
    const parts = makeParts({
      slots: 1,
      functions: {
        parent: fn(
          async (_input, { call, stream, log }) => {
            const called = call('other', { text: 'x'.repeat(3_000_000) })
            await stream('while it leaves')
            log.info('a line')
            return called
          },
          { supportsStreaming: true },
        ),
      },
    })
    const fleet = new TestFleet({ ...parts, limits })
    const link = fleet.link()
    link.task(1, 'parent', {}, { mode: 'stream' })
    await fleet.settle()
    for (let n = 0; link.calls.length === 0; n++) {
      assert.ok(n < 100)
      link.credit(1, LIMITS.windowBytes)
      await fleet.settle()
    }
    answer(link, 1, 1, 'done')
    link.credit(1, LIMITS.windowBytes)
    await fleet.settle()
    assert.deepEqual(
      link.pieces.map(({ kind }) => kind),
      [DATA_KIND.chunk, DATA_KIND.log],
    )
    assert.equal(link.outcomes.get(1)?.header.outcome, 'completed')
  })

  it('is asked again on the next link when its answer was not here, and waits for one where there is none', async () => {
    const go = Promise.withResolvers<void>()
    const { fleet, link } = makeFleet({
      parent: fn(async (_input, { call }) => {
        const first = await call('first')
        const open = call('open')
        await go.promise
        return [first, await open, await call('late')]
      }),
    })
    link.task(1, 'parent')
    await fleet.settle()
    answer(link, 1, 1, 'one')
    await fleet.settle()
    assert.deepEqual(
      link.calls.map(({ function: name }) => name),
      ['first', 'open'],
    )
    link.cut()
    await fleet.settle()
    const next = fleet.dial()
    next.welcome({ adopt: [{ run: 'r_1', fence: 1, task: 7 }] })
    await fleet.settle()
    assert.deepEqual(next.calls, [{ task: 7, call: 2, function: 'open', input: '{}', isAgain: true }])
    answer(next, 7, 2, 'two')
    next.cut()
    go.resolve()
    await fleet.settle()
    const last = fleet.dial()
    last.welcome({ adopt: [{ run: 'r_1', fence: 1, task: 8 }] })
    await fleet.settle()
    assert.deepEqual(last.calls, [{ task: 8, call: 3, function: 'late', input: '{}' }])
    answer(last, 8, 3, 'three')
    await fleet.settle()
    assert.equal(last.outcomes.get(8)?.result, '["one","two","three"]')
    assert.equal(last.stamp?.occupancy?.linked, 0)
  })

  it('that came in half before the link went is not mixed with what comes on the next', async () => {
    const { fleet, link } = makeFleet({ parent: calling('other') })
    link.task(1, 'parent')
    await fleet.settle()
    link.write((writer) => writer.data(1, 0, Buffer.from('"half of a res')))
    link.cut()
    const next = fleet.dial()
    next.welcome({ adopt: [{ run: 'r_1', fence: 1, task: 7 }] })
    await fleet.settle()
    answer(next, 7, 1, 'whole')
    await fleet.settle()
    assert.equal(next.outcomes.get(7)?.result, '"whole"')
  })

  it('ends with the attempt when nobody answers, and is asked no more', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    let heard: unknown
    const { fleet, link, parts } = makeFleet({
      parent: fn(
        async (_input, { call }) => {
          heard = await call('other').catch((error: unknown) => (error as Error).message)
        },
        { timeout: 100 },
      ),
    })
    link.task(1, 'parent')
    await fleet.settle()
    t.mock.timers.tick(100)
    await fleet.settle()
    assert.equal(heard, 'The attempt took too long')
    assert.deepEqual(link.records().slice(-1), ['END 1 timeout'])
    assert.ok(parts.intake.isIdle)
  })

  it('ignores answers to what nobody asked', async () => {
    const held = heldFunction()
    const { fleet, link } = makeFleet({ held: held.definition })
    link.task(1, 'held')
    await fleet.settle()
    answer(link, 1, 9, 'x')
    answer(link, 5, 1, 'x')
    await fleet.settle()
    assert.equal(link.closedWith, undefined)
  })
})
