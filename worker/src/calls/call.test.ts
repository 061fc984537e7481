/** `ctx.call` within one worker: what a child inherits, whose slots are whose, and what cannot be called. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bytes } from '../bytes/bytes.ts'
import { calling, codeOf, fn } from '../fixtures/test-calls.ts'
import { makeDirect, settle } from '../fixtures/test-direct.ts'
import { heldFunction, makeParts, type TestOptions } from '../fixtures/test-parts.ts'
import { type Context, defineFunction } from '../functions/define.ts'

function makeWorker(options: TestOptions) {
  return makeDirect(makeParts({ slots: 1, ...options }))
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
