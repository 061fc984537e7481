/** Tags and services: what a project says of itself beside its functions. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createLog } from '@berth/runtime'
import { defineService, type ServiceSpec } from '../functions/define.ts'
import { LoadError, type LoadedFile } from '../functions/discover.ts'
import type { ServiceLimits } from './service.ts'
import { Services } from './services.ts'
import { TagBoard } from './tags.ts'

const makeLog = () => createLog({ source: 'test', level: 'debug', write: () => {} })

const file = (name: string, exports: Record<string, unknown>): LoadedFile => ({
  name,
  path: `/x/${name}.ts`,
  label: `tags/${name}.ts`,
  exports,
})

describe('TagBoard', () => {
  it('lays the environment over files, and the first file over the next', async () => {
    const board = new TagBoard(
      { a: 'env' },
      [
        file('one', { tags: () => ({ a: 'one', b: 'one' }) }),
        file('two', { tags: async () => ({ b: 'two', c: [1] }) }),
      ],
      makeLog(),
    )
    assert.deepEqual(board.current, { a: 'env' })
    await board.refresh()
    assert.deepEqual(board.current, { a: 'env', b: 'one' }, 'a list of numbers is no tag')
  })

  it('keeps the last good value of a file, and names the file', async () => {
    const log = makeLog()
    const values: unknown[] = [
      { v: '1' },
      { v: Number.NaN },
      { v: 'x'.repeat(200) },
      'text',
      null,
      { v: '2' },
    ]
    const board = new TagBoard(
      {},
      [
        file('one', {
          tags: () => {
            const value = values.shift()
            if (value === null) throw new Error('sensor is gone')
            return value
          },
        }),
      ],
      log,
    )
    let told = 0
    board.onChange(() => told++)
    for (let index = 0; index < 5; index++) await board.refresh()
    assert.deepEqual(board.current, { v: '1' })
    assert.equal(told, 1)
    await board.refresh()
    assert.deepEqual(board.current, { v: '2' })
    assert.equal(told, 2)
    const warnings = log.entries().filter(({ level }) => level === 'warn')
    assert.ok(warnings.length >= 3)
    for (const { text } of warnings) assert.match(text, /^tags\/one\.ts: /)
    assert.ok(warnings.some(({ text }) => text.includes('sensor is gone')))
  })

  it('does not wait for a file that hangs, and does not ask it twice', async () => {
    let calls = 0
    const hanging = file('slow', {
      tags: () => {
        calls++
        return new Promise(() => {})
      },
    })
    const board = new TagBoard({ a: '1' }, [hanging], makeLog(), 1)
    await board.refresh()
    await board.refresh()
    assert.equal(calls, 1)
    assert.deepEqual(board.current, { a: '1' })
  })

  it('refuses a file without the function', () => {
    assert.throws(() => new TagBoard({}, [file('none', {})], makeLog()), LoadError)
  })
})

describe('Services', () => {
  const limits = { startMs: 20, statusMs: 20, stopMs: 20, everyMs: 60_000 }
  const make = (specs: Record<string, ServiceSpec>, more: Partial<ServiceLimits> = {}) => {
    let changes = 0
    const log = makeLog()
    const files = Object.entries(specs).map(([name, spec]) => file(name, { default: defineService(spec) }))
    const options = { limits: { ...limits, ...more }, env: { TOKEN: 'of the file' } }
    const services = new Services(files, log, () => changes++, options)
    return { services, log, changes: () => changes }
  }
  const stateOf = (services: Services, name: string) => services.states.find((state) => state.name === name)

  it('starts all at once, within a time', async () => {
    const order: string[] = []
    const gate = Promise.withResolvers<void>()
    let signal: AbortSignal | undefined
    const { services } = make({
      a: {
        async start() {
          order.push('a')
          await gate.promise
        },
      },
      b: {
        start() {
          order.push('b')
          gate.resolve()
        },
      },
      broken: {
        start() {
          throw new Error('no licence')
        },
      },
      slow: {
        start: (ctx) => {
          signal = ctx.signal
          return new Promise(() => {})
        },
      },
    })
    assert.match(services.downReason ?? '', /a is starting/)
    await services.start()
    assert.deepEqual(order, ['a', 'b'])
    assert.deepEqual(stateOf(services, 'a'), { name: 'a', state: 'running' })
    assert.deepEqual(stateOf(services, 'broken'), {
      name: 'broken',
      state: 'down',
      reason: 'it did not start: no licence',
    })
    assert.match(stateOf(services, 'slow')?.reason ?? '', /took longer than 20 ms/)
    assert.equal(signal?.aborted, true)
    await services.stop()
  })

  it('believes what `status` says, and tells of changes only', async () => {
    const answers: unknown[] = [undefined, true, false, 'queue is full', new Error('asked in vain'), {}, true]
    const { services, changes } = make({
      s: {
        start() {},
        status() {
          const answer = answers.shift()
          if (answer instanceof Error) throw answer
          return answer
        },
      },
    })
    await services.start()
    const seen: (string | undefined)[] = []
    for (let index = 0; index < 7; index++) {
      await services.check()
      seen.push(services.downReason)
    }
    assert.deepEqual(seen, [
      undefined,
      undefined,
      'service s is down (status() says no)',
      'service s is down (queue is full)',
      'service s is down (asked in vain)',
      'service s is down (asked in vain)',
      undefined,
    ])
    assert.equal(changes(), 5)
    await services.stop()
    assert.equal(stateOf(services, 's')?.state, 'stopped')
  })

  it('asks without overlap', async () => {
    let calls = 0
    const { services } = make({
      s: {
        start() {},
        status() {
          calls++
          return new Promise(() => {})
        },
      },
    })
    await services.start()
    await Promise.all([services.check(), services.check()])
    await services.check()
    assert.equal(calls, 1)
    assert.match(services.downReason ?? '', /took longer/)
    await services.stop()
  })

  it('believes a service less each time that it comes and goes', async () => {
    let isUp = true
    const { services, changes } = make({ s: { start() {}, status: () => isUp } })
    await services.start()
    const goodBeforeUp = async () => {
      isUp = false
      await services.check()
      assert.notEqual(services.downReason, undefined, 'one bad answer is enough')
      isUp = true
      for (let count = 1; count < 100; count++) {
        await services.check()
        if (services.downReason === undefined) return count
      }
      return 'never'
    }
    const counts: unknown[] = []
    for (let index = 0; index < 6; index++) counts.push(await goodBeforeUp())
    assert.deepEqual(counts, [2, 4, 8, 16, 16, 16])
    const before = changes()
    for (let index = 0; index < 100; index++) {
      isUp = index % 2 === 1
      await services.check()
    }
    assert.equal(changes() - before, 1, 'a service that flaps is down, and that is said once')
    await services.stop()
  })

  it('forgets what was long ago', async () => {
    let isUp = true
    const { services } = make({ s: { start() {}, status: () => isUp } }, { steadyMs: 0 })
    await services.start()
    for (let round = 0; round < 3; round++) {
      isUp = false
      await services.check()
      isUp = true
      await services.check()
      await services.check()
      assert.equal(services.downReason, undefined)
    }
    await services.stop()
  })

  it('starts a service again whose first start failed, with growing delays', async () => {
    const startedAt: number[] = []
    const up = Promise.withResolvers<unknown>()
    const { services, log } = make(
      {
        s: {
          start(ctx) {
            startedAt.push(performance.now())
            if (startedAt.length < 4) throw new Error('not yet')
            up.resolve(ctx.env)
          },
          config: { restartOnFailure: true },
        },
        other: { start: () => Promise.reject(new Error('never')) },
      },
      { restartMs: 40, restartMaxMs: 10_000 },
    )
    await services.start()
    assert.match(services.downReason ?? '', /s is down \(it did not start: not yet\)/)
    const held = setTimeout(() => {}, 10_000)
    assert.deepEqual(await up.promise, { TOKEN: 'of the file' })
    clearTimeout(held)
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(stateOf(services, 's')?.state, 'running')
    const delays = startedAt.slice(1).map((at, index) => at - (startedAt[index] ?? 0))
    for (const [index, leastMs] of [20, 40, 80].entries())
      assert.ok((delays[index] ?? 0) >= leastMs - 2, `${delays}`)
    assert.equal(stateOf(services, 'other')?.reason, 'it did not start: never', 'restarts are asked for')
    assert.equal(
      log.entries().filter(({ level }) => level === 'error').length,
      2,
      'once each, not once a try',
    )
    await services.stop()
  })

  it('stops what fell before it starts it again, and believes nothing of the old one', async () => {
    const said: string[] = []
    const oldAnswer = Promise.withResolvers<unknown>()
    const again = Promise.withResolvers<void>()
    const signals: AbortSignal[] = []
    const { services } = make(
      {
        s: {
          start({ signal }) {
            said.push('start')
            signals.push(signal)
            if (signals.length === 2) again.resolve()
          },
          stop() {
            said.push(`stop ${signals.at(-1)?.aborted}`)
          },
          status: () => (signals.length === 1 ? oldAnswer.promise : true),
          config: { restartOnFailure: true },
        },
      },
      { restartMs: 1 },
    )
    await services.start()
    await services.check()
    assert.match(services.downReason ?? '', /status\(\) took longer/)
    const held = setTimeout(() => {}, 10_000)
    await again.promise
    clearTimeout(held)
    await new Promise((resolve) => setImmediate(resolve))
    assert.deepEqual(said, ['start', 'stop true', 'start'])
    assert.equal(services.downReason, undefined)
    oldAnswer.resolve(false)
    await oldAnswer.promise
    await services.check()
    assert.equal(services.downReason, undefined)
    await services.stop()
    assert.deepEqual(said, ['start', 'stop true', 'start', 'stop true'])
  })

  it('does not start again what became well by itself, nor after the stop', async () => {
    let starts = 0
    let isUp = true
    const { services } = make(
      {
        s: {
          start() {
            starts++
          },
          status: () => isUp,
          config: { restartOnFailure: true },
        },
      },
      { restartMs: 60 },
    )
    await services.start()
    isUp = false
    await services.check()
    isUp = true
    await services.check()
    await services.check()
    assert.equal(services.downReason, undefined)
    isUp = false
    await services.check()
    await services.stop()
    // Longer than the longest delay of the restart that must not come.
    await new Promise((resolve) => setTimeout(resolve, 100))
    assert.equal(starts, 1)
  })

  it('refuses a file that is no service', () => {
    assert.throws(() => new Services([file('x', { default: {} })], makeLog(), () => {}), LoadError)
  })
})
