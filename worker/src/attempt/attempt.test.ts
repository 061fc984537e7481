import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { TaskBudget } from '@berth/protocol'
import { createLog, ManualClock } from '@berth/runtime'
import { z } from 'zod'
import { type Context, defineFunction, type FunctionDefinition, NonRetryable } from '../functions/define.ts'
import { registerFunction } from '../functions/registry.ts'
import { Attempt, type Outcome, STUCK_AFTER_MS } from './attempt.ts'

interface Options {
  readonly timeoutMs?: number
  readonly remainingMs?: number | null
  readonly resultLimitBytes?: number
  readonly budget?: TaskBudget
  readonly waitedMs?: () => number
}

function makeAttempt(definition: FunctionDefinition, options: Options = {}) {
  const events: string[] = []
  const clock = new ManualClock()
  let outcome: Outcome | undefined
  const attempt = new Attempt(
    {
      function: registerFunction('f', definition),
      input: {},
      facts: {
        run: 'r_1',
        attempt: 1,
        fence: 1,
        trace: '',
        contentType: 'application/json',
        budget: options.budget,
      },
      timeoutMs: options.timeoutMs ?? 1000,
      remainingMs: options.remainingMs ?? null,
      ...(options.waitedMs ? { waitedMs: options.waitedMs } : {}),
    },
    {
      clock,
      log: createLog({ source: 'test', write: () => {} }),
      tags: () => ({}),
      resultLimitBytes: options.resultLimitBytes ?? 1000,
    },
    {
      onAnswer: (given) => {
        outcome = given
        events.push(
          given.header.error ? `${given.header.outcome} ${given.header.error.code}` : given.header.outcome,
        )
      },
      onEnd: () => events.push('end'),
      onStuck: () => events.push('stuck'),
    },
  )
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve))
  return { attempt, clock, events, settle, last: () => outcome as Outcome }
}

const run = (handler: (ctx: Context) => unknown) => defineFunction({ handler: (_input, ctx) => handler(ctx) })

function mockTimers(t: TestContext): (ms: number) => void {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  return (ms) => t.mock.timers.tick(ms)
}

describe('Attempt', () => {
  it('answers with the bytes of the result', async () => {
    const { attempt, events, settle, last } = makeAttempt(run(async () => ({ a: [1, null] })))
    attempt.begin()
    await settle()
    assert.deepEqual(events, ['completed', 'end'])
    assert.equal(Buffer.from(last().result.bytes).toString(), '{"a":[1,null]}')
  })

  it('makes null of a handler that returns nothing', () => {
    const { attempt, last } = makeAttempt(run(() => undefined))
    attempt.begin()
    assert.equal(Buffer.from(last().result.bytes).toString(), 'null')
  })

  it('fails with the message of whatever was thrown', async () => {
    const cases: [() => unknown, string][] = [
      [() => Promise.reject(new Error('boom')), 'boom'],
      [
        () => {
          throw 'text'
        },
        'text',
      ],
      [() => Promise.reject(undefined), 'undefined was thrown'],
      [() => Promise.reject({ message: 'an object' }), 'an object'],
      [() => Promise.reject({ code: 7 }), '{"code":7}'],
      [
        () => {
          throw new Proxy(
            {},
            {
              get() {
                throw new Error('trap')
              },
            },
          )
        },
        'something unreadable was thrown',
      ],
    ]
    for (const [handler, message] of cases) {
      const { attempt, events, settle, last } = makeAttempt(run(handler))
      attempt.begin()
      await settle()
      assert.deepEqual(events, ['failed FUNCTION_FAILED', 'end'])
      assert.equal(last().header.error?.message, message)
    }
  })

  it('marks what no repeat would help', async () => {
    const { attempt, settle, last } = makeAttempt(run(() => Promise.reject(new NonRetryable('never'))))
    attempt.begin()
    await settle()
    assert.equal(last().header.error?.nonRetryable, true)
  })

  it('refuses results that are no JSON or too large', async () => {
    const cycle: Record<string, unknown> = {}
    cycle.self = cycle
    const cases: [unknown, string][] = [
      [1n, 'failed RESULT_UNSERIALISABLE'],
      [cycle, 'failed RESULT_UNSERIALISABLE'],
      [() => 1, 'failed RESULT_UNSERIALISABLE'],
      ['x'.repeat(1001), 'failed RESULT_TOO_LARGE'],
      ['é'.repeat(600), 'failed RESULT_TOO_LARGE'],
    ]
    for (const [value, event] of cases) {
      const { attempt, events, settle } = makeAttempt(run(async () => value))
      attempt.begin()
      await settle()
      assert.deepEqual(events, [event, 'end'])
    }
  })

  it('holds the result against the output schema', async () => {
    const good = defineFunction({ output: z.object({ n: z.number() }), handler: () => ({ n: 1, more: 2 }) })
    const bad = defineFunction({ output: z.object({ n: z.number() }), handler: () => ({ n: 'x' }) })
    const first = makeAttempt(good)
    first.attempt.begin()
    await first.settle()
    assert.equal(Buffer.from(first.last().result.bytes).toString(), '{"n":1}')
    const second = makeAttempt(bad)
    second.attempt.begin()
    await second.settle()
    assert.match(second.last().header.error?.message ?? '', /output schema at "\/n"/)
  })

  it('times out a handler that obeys its signal, and frees its slot', async (t) => {
    const tick = mockTimers(t)
    let name = ''
    const { attempt, events, settle } = makeAttempt(
      run(
        ({ signal }) =>
          new Promise((_resolve, reject) => {
            signal.addEventListener('abort', () => {
              name = signal.reason.name
              reject(signal.reason)
            })
          }),
      ),
      { timeoutMs: 500 },
    )
    attempt.begin()
    tick(499)
    assert.equal(name, '')
    tick(1)
    await settle()
    assert.equal(name, 'TimeoutError')
    assert.deepEqual(events, ['timeout TIMEOUT', 'end'])
  })

  it('tells a timeout although the handler goes on, keeps the slot and rules a repeat out', async (t) => {
    const tick = mockTimers(t)
    const held = Promise.withResolvers()
    const { attempt, events, settle, last } = makeAttempt(
      run(() => held.promise),
      { timeoutMs: 500 },
    )
    attempt.begin()
    tick(500)
    await settle()
    assert.deepEqual(events, [])
    tick(STUCK_AFTER_MS)
    assert.deepEqual(events, ['timeout TIMEOUT', 'stuck'])
    assert.equal(last().header.error?.nonRetryable, true)
    held.resolve(1)
    await settle()
    assert.deepEqual(events, ['timeout TIMEOUT', 'stuck', 'end'])
  })

  it('ends a cancelled task only when its handler has ended', async (t) => {
    const tick = mockTimers(t)
    const held = Promise.withResolvers()
    const { attempt, events, settle } = makeAttempt(run(() => held.promise))
    attempt.begin()
    attempt.abort('caller')
    tick(STUCK_AFTER_MS)
    assert.deepEqual(events, ['stuck'])
    held.resolve('too late')
    await settle()
    assert.deepEqual(events, ['stuck', 'cancelled CANCELLED', 'end'])
  })

  it('says which limit it was', async (t) => {
    const tick = mockTimers(t)
    const { attempt, settle, last } = makeAttempt(
      run(({ signal }) => new Promise((_, reject) => signal.addEventListener('abort', reject))),
      { timeoutMs: 500, remainingMs: 100 },
    )
    attempt.begin()
    tick(100)
    await settle()
    assert.match(last().header.error?.message ?? '', /deadline of the task/)
  })

  it('does not fire a limit of 60 days early', async (t) => {
    const tick = mockTimers(t)
    const { attempt, events } = makeAttempt(
      run(() => new Promise(() => {})),
      { timeoutMs: 60 * 86_400_000 },
    )
    attempt.begin()
    const passDays = (days: number) => {
      for (let hour = 0; hour < days * 24; hour++) tick(3_600_000)
    }
    passDays(59)
    assert.deepEqual(events, [])
    passDays(2)
    assert.deepEqual(events, ['timeout TIMEOUT', 'stuck'])
  })

  it('does not call a handler that was cancelled before', () => {
    let calls = 0
    const { attempt, events } = makeAttempt(run(() => calls++))
    attempt.abort('operator')
    attempt.begin()
    assert.equal(calls, 0)
    assert.deepEqual(events, ['cancelled CANCELLED', 'end'])
  })

  it('keeps what finished although the worker is leaving; the rest is lost', async () => {
    const finished = Promise.withResolvers()
    const first = makeAttempt(run(() => finished.promise))
    first.attempt.begin()
    first.attempt.abort('shutdown')
    finished.resolve(1)
    await first.settle()
    assert.deepEqual(first.events, ['completed', 'end'])
    const drained = makeAttempt(run(() => finished.promise))
    drained.attempt.begin()
    drained.attempt.abort('drain')
    await drained.settle()
    assert.deepEqual(drained.events, ['completed', 'end'])
    const broken = Promise.withResolvers()
    const second = makeAttempt(run(() => broken.promise))
    second.attempt.begin()
    second.attempt.abort('shutdown')
    broken.reject(new Error('stopped'))
    await second.settle()
    assert.deepEqual(second.events, ['lost WORKER_LOST', 'end'])
    const endless = makeAttempt(run(() => new Promise(() => {})))
    endless.attempt.begin()
    endless.attempt.abort('shutdown')
    endless.attempt.giveUp()
    assert.deepEqual(endless.events, ['lost WORKER_LOST'])
  })

  it('gives a signal asked for late that is already aborted', () => {
    let late: Context | undefined
    const { attempt } = makeAttempt(
      run((ctx) => {
        late = ctx
        return new Promise(() => {})
      }),
    )
    attempt.begin()
    attempt.abort('caller')
    assert.equal(late?.signal.aborted, true)
  })
})

describe('an attempt whose budget is used up', () => {
  const low: TaskBudget = { level: 'low', runMs: 300 }
  const untilAborted = (signal: AbortSignal) =>
    new Promise<string>((resolve) =>
      signal.addEventListener('abort', () => resolve(String(signal.reason.message))),
    )
  const text = ({ result }: Outcome) => Buffer.from(result.bytes).toString()

  it('fails with what its handler returns then', async (t) => {
    const tick = mockTimers(t)
    const handler = async ({ signal }: Context) => ({ partial: await untilAborted(signal) })
    const { attempt, clock, events, settle, last } = makeAttempt(run(handler), { budget: low })
    attempt.begin()
    clock.advance(300)
    tick(300)
    await settle()
    assert.deepEqual(events, ['failed BUDGET_EXHAUSTED', 'end'])
    assert.equal(text(last()), '{"partial":"The budget of the task is used up"}')
    assert.equal(last().header.error?.nonRetryable, true)
  })

  it('fails with what was streamed when the handler throws, and with that of a second when it goes on', async (t) => {
    const tick = mockTimers(t)
    const thrown = makeAttempt(
      run(async ({ signal, stream }) => {
        await stream('so ')
        await stream('f\u00e4r')
        await untilAborted(signal)
        await stream('!')
        signal.throwIfAborted()
      }),
      { budget: low },
    )
    thrown.attempt.begin()
    await thrown.settle()
    thrown.attempt.abort('budget')
    await thrown.settle()
    assert.deepEqual(thrown.events, ['failed BUDGET_EXHAUSTED', 'end'])
    assert.equal(text(thrown.last()), '"so f\u00e4r!"')

    const stuck = makeAttempt(
      run(async ({ stream }) => {
        await stream(Buffer.from([0xff, 0]))
        await new Promise(() => {})
      }),
      { budget: low },
    )
    stuck.attempt.begin()
    await stuck.settle()
    stuck.attempt.abort('budget')
    tick(STUCK_AFTER_MS)
    assert.deepEqual(stuck.events, ['failed BUDGET_EXHAUSTED', 'stuck'])
    assert.deepEqual([...stuck.last().result.bytes], [0xff, 0])
    assert.equal(stuck.last().result.mediaType, 'application/octet-stream')
  })

  it('does not count the time in which it waits for what it called', async (t) => {
    const tick = mockTimers(t)
    let waited = 200
    const never = run(() => new Promise(() => {}))
    const { attempt, clock, events } = makeAttempt(never, { budget: low, waitedMs: () => waited })
    attempt.begin()
    clock.advance(300)
    tick(500)
    assert.deepEqual(events, [])
    waited = 0
    clock.advance(200)
    tick(200)
    tick(STUCK_AFTER_MS)
    assert.deepEqual(events, ['failed BUDGET_EXHAUSTED', 'stuck'])
  })

  it('fails also when it took too long without awaiting anything, and not when it took just that', () => {
    for (const [ms, event] of [
      [300, 'completed'],
      [301, 'failed BUDGET_EXHAUSTED'],
    ] as const) {
      const made = makeAttempt(
        run(() => {
          made.clock.advance(ms)
          return 'late'
        }),
        { budget: { level: 'low', runMs: 1000, left: { runMs: 300 } } },
      )
      made.attempt.begin()
      assert.deepEqual(made.events, [event, 'end'])
      assert.equal(text(made.last()), '"late"')
    }
  })

  it('shows what is left', () => {
    let shown: unknown
    const budget: TaskBudget = {
      level: 'low',
      tokens: 100,
      costUsd: 0.3,
      runMs: 1000,
      left: { tokens: 50, costUsd: 0.3, runMs: 600 },
    }
    const { attempt, clock } = makeAttempt(
      run((ctx) => {
        const before = { ...ctx.budget, left: ctx.budget?.left }
        ctx.usage({ inputTokens: 10, outputTokens: 30, modelCostUsd: 0.1, toolCostUsd: 0.1, steps: 5 })
        clock.advance(100)
        const middle = ctx.budget?.left
        ctx.usage({ totalTokens: 20 })
        shown = [before, middle, ctx.budget?.left.tokens]
      }),
      { budget },
    )
    attempt.begin()
    assert.deepEqual(shown, [budget, { tokens: 10, costUsd: 0.1, runMs: 500 }, 0])
    const free = makeAttempt(run(({ budget }) => [budget]))
    free.attempt.begin()
    assert.equal(text(free.last()), '[null]', 'a task without one has none')
  })
})
