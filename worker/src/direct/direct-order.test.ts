/** Attempts of direct tasks: when there is another one, how long it waits, and what it may not do meanwhile. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { makeDirect, settle } from '../fixtures/test-direct.ts'
import { heldFunction, makeParts } from '../fixtures/test-parts.ts'
import { type Context, defineFunction, type FunctionConfig, NonRetryable } from '../functions/define.ts'
import { mayRepeat, waitMs } from './repeat.ts'

/** Throws what the test lists, attempt by attempt, then returns its attempt's number. */
function failing(thrown: readonly unknown[], config: FunctionConfig = { maxRetries: 10 }) {
  const attempts: { attempt: number; fence: number; runId: string }[] = []
  const definition = defineFunction({
    config,
    handler: (_input, { attempt, fence, runId }) => {
      attempts.push({ attempt, fence, runId })
      if (attempts.length <= thrown.length) throw thrown[attempts.length - 1]
      return attempt
    },
  })
  return { attempts, definition }
}

/** Time passes for the clock and the timers together. */
async function pass(t: TestContext, parts: ReturnType<typeof makeParts>, ms: number): Promise<void> {
  parts.clock.advance(ms)
  t.mock.timers.tick(ms)
  await settle()
}

function start(t: TestContext, functions: Parameters<typeof makeParts>[0] = {}) {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const parts = makeParts(functions)
  return makeDirect(parts)
}

describe('direct attempts', () => {
  it('follow each other after a growing wait, under one run, until one succeeds', async (t) => {
    const { attempts, definition } = failing(['a', 'b'], {
      maxRetries: 2,
      backoff: { baseMs: 100, factor: 3, jitter: 0 },
    })
    const { parts, submit } = start(t, { functions: { f: definition } })
    const task = submit('f')
    await settle()
    await pass(t, parts, 99)
    assert.equal(attempts.length, 1)
    await pass(t, parts, 1)
    assert.equal(attempts.length, 2)
    await pass(t, parts, 299)
    assert.equal(attempts.length, 2)
    await pass(t, parts, 1)
    assert.equal(await task.ended, '3')
    assert.deepEqual(
      attempts.map(({ attempt, fence }) => [attempt, fence]),
      [
        [1, 1],
        [2, 2],
        [3, 3],
      ],
    )
    assert.equal(new Set(attempts.map(({ runId }) => runId)).size, 1)
  })

  it('end with the last failure when maxRetries is used up', async (t) => {
    const { attempts, definition } = failing([new Error('one'), new Error('two'), new Error('three')], {
      maxRetries: 1,
    })
    const { parts, submit } = start(t, { functions: { f: definition } })
    const task = submit('f')
    await settle()
    await pass(t, parts, 200)
    assert.deepEqual(await task.failed, { code: 'FUNCTION_FAILED', message: 'two' })
    assert.equal(attempts.length, 2)
    assert.ok(parts.intake.isIdle)
  })

  it('are one only when nothing asks for more', async (t) => {
    const { definition } = failing(['a'], {})
    const { submit } = start(t, { functions: { f: definition } })
    assert.equal((await submit('f').failed).message, 'a')
  })

  it('are as many as the body names, more or fewer than the function', async (t) => {
    const more = failing(['a', 'b'], {})
    const fewer = failing(['a', 'b'], { maxRetries: 5 })
    const { parts, submit } = start(t, { functions: { more: more.definition, fewer: fewer.definition } })
    const task = submit('more', { attempts: 3 })
    assert.equal((await submit('fewer', { attempts: 1 }).failed).message, 'a')
    await settle()
    for (const ms of [200, 400]) await pass(t, parts, ms)
    assert.equal(await task.ended, '3')
    assert.equal(fewer.attempts.length, 1)
  })

  it('stop at NonRetryable', async (t) => {
    const { attempts, definition } = failing([new NonRetryable('no use')])
    const { submit } = start(t, { functions: { f: definition } })
    assert.equal((await submit('f', { attempts: 5 }).failed).message, 'no use')
    assert.equal(attempts.length, 1)
  })

  it('wait as long as ctx.retryAfter says', async (t) => {
    const attempts: number[] = []
    const definition = defineFunction({
      config: { maxRetries: 1 },
      handler: (_input, ctx: Context) => {
        attempts.push(ctx.attempt)
        if (ctx.attempt === 1) ctx.retryAfter(7000, 'the other side is busy')
        return 'ok'
      },
    })
    const { parts, submit } = start(t, { functions: { f: definition } })
    const task = submit('f')
    await settle()
    await pass(t, parts, 6999)
    assert.deepEqual(attempts, [1])
    await pass(t, parts, 1)
    assert.equal(await task.ended, '"ok"')
    const last = await submit('f', { attempts: 1 }).failed
    assert.deepEqual(last, {
      code: 'FUNCTION_FAILED',
      message: 'the other side is busy',
      retryAfterMs: 7000,
    })
  })

  it('free their slot in between, and take it again through the queue in the place they had', async (t) => {
    const held = heldFunction()
    const flaky = failing(['a'], { maxRetries: 1, backoff: { baseMs: 1000, jitter: 0 } })
    const { parts, submit } = start(t, {
      slots: 1,
      functions: { held: held.definition, flaky: flaky.definition },
    })
    const task = submit('flaky')
    await settle()
    assert.deepEqual([parts.intake.used, parts.intake.isIdle], [0, false])
    submit('held')
    submit('held')
    assert.deepEqual([parts.intake.used, parts.intake.queued, held.calls.length], [1, 1, 1])
    await pass(t, parts, 1000)
    assert.deepEqual([flaky.attempts.length, parts.intake.queued], [1, 2])
    held.calls[0]?.resolve(1)
    await settle()
    assert.equal(await task.ended, '2', 'it arrived first, and goes before the other')
    assert.equal(held.calls.length, 2)
  })

  it('count towards the limit of the queue while they rest', async (t) => {
    const { definition } = failing(['a'], { maxRetries: 1, backoff: { baseMs: 1000, jitter: 0 } })
    const held = heldFunction()
    const { parts, submit } = start(t, {
      slots: 1,
      queueLimit: 0,
      functions: { f: definition, held: held.definition },
    })
    const task = submit('f')
    await settle()
    assert.equal((await submit('held').failed).code, 'QUEUE_FULL')
    await pass(t, parts, 1000)
    assert.equal(await task.ended, '2')
    submit('held')
    assert.equal(parts.intake.used, 1)
  })

  it('never overlap: a handler that ignores its timeout is not tried again', async (t) => {
    const held = heldFunction({ timeout: 100 })
    const { parts, submit } = start(t, { functions: { f: held.definition } })
    const task = submit('f', { attempts: 5 })
    await settle()
    await pass(t, parts, 100)
    await pass(t, parts, 1000)
    const failure = await task.failed
    assert.deepEqual([failure.code, failure.nonRetryable], ['TIMEOUT', true])
    await pass(t, parts, 60_000)
    assert.deepEqual([held.calls.length, parts.intake.used, parts.intake.stuck], [1, 1, 1])
    held.calls[0]?.resolve(1)
    await settle()
    assert.ok(parts.intake.isIdle)
  })

  it('follow a timeout that was obeyed', async (t) => {
    let calls = 0
    const definition = defineFunction({
      config: { timeout: 100, maxRetries: 1 },
      handler: (_input, { signal }) => {
        if (calls++ > 0) return 'ok'
        return new Promise((_resolve, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason)),
        )
      },
    })
    const { parts, submit } = start(t, { functions: { f: definition } })
    const task = submit('f')
    await settle()
    await pass(t, parts, 100)
    await pass(t, parts, 200)
    assert.equal(await task.ended, '"ok"')
  })

  it('end when the deadline would pass before the next one', async (t) => {
    const { attempts, definition } = failing(['a', 'b'], {
      maxRetries: 5,
      backoff: { baseMs: 1000, jitter: 0 },
    })
    const { parts, submit } = start(t, { functions: { f: definition } })
    assert.equal((await submit('f', { remainingMs: 1000 }).failed).message, 'a')
    assert.equal(attempts.length, 1)
    assert.ok(parts.intake.isIdle)
  })

  it('end at the deadline when no slot came in time for the next one', async (t) => {
    const held = heldFunction()
    const { definition } = failing(['a'], { maxRetries: 1, backoff: { baseMs: 500, jitter: 0 } })
    const { parts, submit } = start(t, { slots: 1, functions: { f: definition, held: held.definition } })
    const task = submit('f', { remainingMs: 1000 })
    await settle()
    submit('held')
    await pass(t, parts, 500)
    assert.equal(parts.intake.queued, 1)
    await pass(t, parts, 500)
    assert.equal((await task.failed).code, 'TIMEOUT')
    assert.equal(parts.intake.queued, 0)
  })

  it('end when the caller leaves in between, and when the worker stops', async (t) => {
    const { attempts, definition } = failing(['a', 'b', 'c', 'd'])
    const { parts, submit } = start(t, { functions: { f: definition } })
    const [left, stopped] = [submit('f'), submit('f')]
    await settle()
    left.order.leaveCaller()
    assert.equal((await left.failed).code, 'CANCELLED')
    parts.intake.abandon()
    assert.equal((await stopped.failed).code, 'DRAINING')
    await pass(t, parts, 60_000)
    assert.equal(attempts.length, 2)
    assert.ok(parts.intake.isIdle)
  })

  it('go on in maintenance and while the worker drains', async (t) => {
    const { definition } = failing(['a'])
    const { parts, submit } = start(t, { functions: { f: definition } })
    const task = submit('f')
    await settle()
    parts.condition.off()
    parts.condition.drain()
    let isIdle = false
    void parts.intake.whenIdle().then(() => {
      isIdle = true
    })
    await settle()
    assert.equal(isIdle, false)
    await pass(t, parts, 200)
    assert.equal(await task.ended, '2')
    await settle()
    assert.equal(isIdle, true)
  })

  it('do not repeat what has left already', async (t) => {
    const { attempts, definition } = failing(['a'])
    const { submit } = start(t, { functions: { f: definition } })
    assert.equal((await submit('f', { hasLeft: true }).failed).message, 'a')
    assert.equal(attempts.length, 1)
  })
})

describe('repeat rules', () => {
  const rules = { maxRetries: 9, attempts: undefined }

  it('know a failure and a timeout only', () => {
    for (const [outcome, may] of [
      ['failed', true],
      ['timeout', true],
      ['cancelled', false],
      ['lost', false],
      ['refused', false],
      ['completed', false],
    ] as const)
      assert.equal(mayRepeat({ outcome }, 1, rules), may, outcome)
  })

  it('wait within their bounds', () => {
    const plain = { jitter: 0 }
    assert.deepEqual(
      [1, 2, 3, 9, 1000].map((failures) => waitMs(failures, undefined, plain)),
      [200, 400, 800, 30_000, 30_000],
    )
    assert.equal(
      waitMs(1, undefined, {}, () => 0),
      200,
    )
    assert.equal(
      waitMs(1, undefined, {}, () => 1),
      100,
    )
    assert.equal(waitMs(4, { code: 'FUNCTION_FAILED', message: '', retryAfterMs: 5 }, plain), 5)
  })
})
