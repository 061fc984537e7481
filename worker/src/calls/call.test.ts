/** `ctx.call`: what a child inherits, whose slots are whose, and what cannot be called. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DATA_KIND, LIMITS, type OutcomeHeader, RECORD, writeOutcome } from '@berth/protocol'
import { z } from 'zod'
import { bytes } from '../bytes/bytes.ts'
import { makeDirect, settle } from '../fixtures/test-direct.ts'
import { heldFunction, makeParts, TestFleet, type TestOptions } from '../fixtures/test-parts.ts'
import { type Context, defineFunction, type FunctionConfig } from '../functions/define.ts'
import type { CallError } from './call-error.ts'

type Handler = (input: Record<string, unknown>, ctx: Context) => unknown

const fn = (handler: Handler, config: FunctionConfig = {}) =>
  defineFunction({ input: z.looseObject({}), config, handler })

const calling = (name: string, input?: object) => fn((_input, { call }) => call(name, input))

function makeWorker(options: TestOptions) {
  return makeDirect(makeParts({ slots: 1, ...options }))
}

const codeOf = async (promise: Promise<unknown>) => {
  try {
    await promise
    return assert.fail('it should have been refused')
  } catch (error) {
    const { code, message } = error as CallError
    return `${code}: ${message}`
  }
}

describe('a call of a function here', () => {
  it('gives its result as a value of the caller’s own, also with one slot', async () => {
    const shared = { list: [1] }
    const { submit, parts } = makeWorker({
      functions: {
        parent: fn(async (_input, ctx) => {
          const given = { list: [1] }
          const result = (await ctx.call('child', given)) as { list: number[]; mine: object }
          return { same: result.list === given.list, mine: result.mine === shared, list: result.list }
        }),
        child: fn((input) => {
          ;(input.list as number[]).push(2)
          return { ...input, mine: shared }
        }),
      },
    })
    assert.equal(await submit('parent').ended, '{"same":false,"mine":false,"list":[1,2]}')
    assert.ok(parts.intake.isIdle)
  })

  it('takes no input for none, and passes bytes on', async () => {
    const { submit } = makeWorker({
      functions: { parent: calling('child'), child: fn(() => bytes('abc', 'text/plain')) },
    })
    assert.equal(await submit('parent').ended, 'abc')
  })

  it('is in nobody’s way: the slot is the child’s, then the parent’s before anything queued', async () => {
    const order: string[] = []
    const held = heldFunction()
    const { submit, parts } = makeWorker({
      functions: {
        parent: fn(async (_input, { call }) => {
          order.push('parent')
          await call('child')
          order.push(`parent again with ${parts.intake.used}`)
          await null
        }),
        child: fn(() => void order.push('child')),
        other: fn(() => void order.push('other')),
        held: held.definition,
      },
    })
    submit('held')
    const tasks = [submit('parent'), submit('other'), submit('other', { priority: 1 })]
    held.calls[0]?.resolve(1)
    await Promise.all(tasks.map(({ ended }) => ended))
    assert.deepEqual(order, ['other', 'parent', 'child', 'parent again with 1', 'other'])
  })

  it('lets others have the slot while the balancer or a slow child is waited for', async () => {
    const held = heldFunction({ slots: 1 })
    const wide = heldFunction({ slots: 2 })
    const { submit, parts } = makeDirect(
      makeParts({
        slots: 2,
        functions: {
          parent: defineFunction({ config: { slots: 2 }, handler: (_input, { call }) => call('held') }),
          held: held.definition,
          wide: wide.definition,
          quick: fn(() => 'quick'),
        },
      }),
    )
    const parent = submit('parent')
    await settle()
    assert.deepEqual([parts.intake.used, held.calls.length], [1, 1])
    assert.equal(await submit('quick').ended, '"quick"')
    const next = submit('wide')
    assert.equal(parts.intake.queued, 1)
    held.calls[0]?.resolve('ok')
    assert.equal(await parent.ended, '"ok"')
    await settle()
    assert.equal(wide.calls.length, 1, 'the parent had its slots back first')
    wide.calls[0]?.resolve(0)
    await next.ended
  })

  it('inherits priority, deadline and cancellation', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const seen: { deadline: number; reason?: unknown }[] = []
    const { submit, parts } = makeWorker({
      functions: {
        parent: fn(
          async (_input, ctx) => {
            seen.push({ deadline: ctx.deadline.getTime() })
            await ctx.call('child')
          },
          { timeout: 500 },
        ),
        child: fn((_input, { deadline, signal }) => {
          const entry: (typeof seen)[number] = { deadline: deadline.getTime() }
          seen.push(entry)
          return new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              entry.reason = (signal.reason as Error).message
              reject(signal.reason)
            })
          })
        }),
      },
    })
    const parent = submit('parent', { priority: 3 })
    await settle()
    assert.equal(seen[1]?.deadline, seen[0]?.deadline)
    parts.clock.advance(500)
    t.mock.timers.tick(500)
    assert.equal((await parent.failed).code, 'TIMEOUT')
    await settle()
    assert.ok(seen[1]?.reason)
    assert.ok(parts.intake.isIdle)
    const left = submit('parent')
    await settle()
    left.order.leaveCaller()
    assert.equal((await left.failed).code, 'CANCELLED')
    await settle()
    assert.ok(parts.intake.isIdle)
  })

  it('stands in the queue where its caller stood', async () => {
    const order: string[] = []
    const say = (text: string) => fn(() => void order.push(text))
    const blocker = heldFunction()
    const { submit } = makeWorker({
      functions: {
        parent: calling('child'),
        child: say('child'),
        other: say('other'),
        late: say('late'),
        blocker: blocker.definition,
      },
    })
    submit('blocker')
    const tasks = [
      submit('parent', { priority: 50 }),
      submit('other', { priority: 50 }),
      submit('late', { priority: 60 }),
    ]
    blocker.calls[0]?.resolve(1)
    await Promise.all(tasks.map(({ ended }) => ended))
    assert.deepEqual(order, ['child', 'other', 'late'])
  })

  it('may be one of many at once, even with one slot', async () => {
    const running = { now: 0, most: 0 }
    const { submit, parts } = makeWorker({
      functions: {
        parent: fn(async (_input, { call }) => {
          const results = await Promise.all([1, 2, 3].map((n) => call('child', { n })))
          const more = await call('child', { n: 4 })
          return [...results, more]
        }),
        child: fn(async ({ n }) => {
          running.most = Math.max(running.most, ++running.now)
          await null
          running.now--
          return n
        }),
      },
    })
    assert.equal(await submit('parent').ended, '[1,2,3,4]')
    assert.equal(running.most, 1)
    assert.ok(parts.intake.isIdle)
  })

  it('does not wait for the slot of a handler that calls from two branches', async () => {
    const held = heldFunction()
    const { submit, parts } = makeWorker({
      functions: {
        parent: fn(async (_input, { call }) => {
          const first = call('quick')
          const second = (async () => {
            await new Promise<void>((resolve) => process.nextTick(resolve))
            return call('held')
          })()
          return [await first, await second]
        }),
        quick: fn(() => 'quick'),
        held: held.definition,
      },
    })
    const parent = submit('parent')
    await settle()
    held.calls[0]?.resolve('held')
    assert.equal(await parent.ended, '["quick","held"]')
    assert.ok(parts.intake.isIdle)
  })

  it('goes through in maintenance, while the worker drains and when the queue is full', async () => {
    const go = Promise.withResolvers<void>()
    const { submit, parts } = makeWorker({
      queueLimit: 0,
      functions: {
        parent: fn(async (_input, { call }) => {
          await go.promise
          return call('child')
        }),
        child: fn(() => 'ok'),
      },
    })
    const parent = submit('parent')
    parts.condition.off()
    parts.condition.drain()
    go.resolve()
    assert.equal(await parent.ended, '"ok"')
  })

  it('is over when the worker leaves', async () => {
    const { submit, parts } = makeWorker({
      functions: { parent: calling('child'), child: heldFunction().definition },
    })
    const parent = submit('parent')
    await settle()
    parts.intake.abandon()
    parts.intake.leave()
    assert.equal((await parent.failed).code, 'DRAINING')
  })

  it('does not outlive a caller that did not wait for it', async () => {
    let reason: unknown
    const { submit, parts } = makeWorker({
      slots: 2,
      functions: {
        parent: fn(async (_input, { call }) => {
          void call('child').catch(() => {})
          await new Promise<void>((resolve) => setImmediate(resolve))
        }),
        child: fn(
          (_input, { signal }) =>
            new Promise((_resolve, reject) =>
              signal.addEventListener('abort', () => {
                reason = signal.reason
                reject(signal.reason)
              }),
            ),
        ),
      },
    })
    assert.equal(await submit('parent').ended, 'null')
    await settle()
    assert.ok(reason)
    assert.ok(parts.intake.isIdle)
  })

  it('rejects with what went wrong, and the caller may go on', async () => {
    const { submit } = makeWorker({
      functions: {
        parent: fn(async (_input, { call }) => [
          await codeOf(call('failing')),
          await codeOf(call('strict', { other: 1 })),
          await codeOf(call('wide')),
          await codeOf(call('unknown')),
        ]),
        failing: fn(() => {
          throw new Error('no paper')
        }),
        strict: defineFunction({ params: { n: { type: 'number' } }, handler: () => 1 }),
        wide: fn(() => 1, { slots: 2 }),
      },
    })
    const [failing, strict, wide, unknown] = JSON.parse(await submit('parent').ended) as string[]
    assert.equal(failing, 'FUNCTION_FAILED: The call of "failing" failed: no paper')
    assert.match(strict ?? '', /^INVALID_INPUT: The call of "strict" failed: .*\/other/)
    assert.match(wide ?? '', /^SLOT_COST_TOO_BIG: /)
    assert.match(unknown ?? '', /^UNKNOWN_FUNCTION: .*send the task through one/)
  })

  it('fails its caller when nobody catches it, and hands on the wait that it names', async () => {
    const { submit } = makeWorker({
      functions: { parent: calling('child'), child: fn((_input, ctx) => ctx.retryAfter(5000, 'later')) },
    })
    assert.deepEqual(await submit('parent').failed, {
      code: 'FUNCTION_FAILED',
      message: 'The call of "child" failed: later',
      retryAfterMs: 5000,
    })
  })

  it('repeats its child as the child’s function says', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { submit, parts } = makeWorker({
      functions: {
        parent: calling('child'),
        child: fn(
          (_input, { attempt }) => {
            if (attempt === 1) throw new Error('not yet')
            return attempt
          },
          { maxRetries: 1, backoff: { baseMs: 100, jitter: 0 } },
        ),
      },
    })
    const parent = submit('parent')
    await settle()
    assert.equal(parts.intake.used, 0)
    parts.clock.advance(100)
    t.mock.timers.tick(100)
    assert.equal(await parent.ended, '2')
  })

  it('has no circles, and at most eight calls below each other', async () => {
    const chain = Object.fromEntries(
      Array.from({ length: 10 }, (_none, n) => [`f${n}`, calling(`f${n + 1}`)] as const),
    )
    const { submit } = makeWorker({
      functions: { ...chain, f10: fn(() => 'deep'), a: calling('b'), b: calling('a'), self: calling('self') },
    })
    assert.equal(await submit('f2').ended, '"deep"', 'eight calls')
    assert.match((await submit('f1').failed).message, /more than 8 calls deep: f1 → f2/)
    assert.match((await submit('a').failed).message, /it would call itself: a → b → a/)
    assert.match((await submit('self').failed).message, /self → self/)
  })

  it('refuses what is no call', async () => {
    const { submit } = makeWorker({
      functions: {
        parent: fn(async ({ how }, { call }) => {
          if (how === 'name') await call('no name')
          if (how === 'input') await call('child', [] as never)
          if (how === 'long') await call('child', { text: 'x'.repeat(200_000) })
          if (how === 'many') await Promise.all(Array.from({ length: 101 }, () => call('child')))
        }),
        child: fn(() => 1),
      },
    })
    for (const [how, says] of [
      ['name', /takes the name of a function/],
      ['input', /takes an object/],
      ['long', /its input is over 100000 bytes/],
      ['many', /100 calls are open/],
    ] as const)
      assert.match((await submit('parent', { input: { how } }).failed).message, says)
  })

  it('ends with the attempt that made it', async () => {
    let late: Context['call'] | undefined
    const { submit } = makeWorker({
      functions: {
        parent: fn((_input, { call }) => {
          late = call
        }),
        child: fn(() => 1),
      },
    })
    await submit('parent').ended
    await assert.rejects(late?.('child') ?? assert.fail(), /the attempt that called it is over/)
  })
})

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
