/** Tags and services: what a project says of itself beside its functions. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createLog } from '@berth/runtime'
import { defineService, type ServiceSpec } from './define.ts'
import { LoadError, type LoadedFile } from './discover.ts'
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
  const make = (specs: Record<string, ServiceSpec>) => {
    let changes = 0
    const files = Object.entries(specs).map(([name, spec]) => file(name, { default: defineService(spec) }))
    const services = new Services(files, makeLog(), () => changes++, limits)
    return { services, changes: () => changes }
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
    const answers: unknown[] = [undefined, true, false, 'queue is full', new Error('asked in vain'), {}]
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
    for (let index = 0; index < 6; index++) {
      await services.check()
      seen.push(services.downReason)
    }
    assert.deepEqual(seen, [
      undefined,
      undefined,
      'service s is down (status() says no)',
      'service s is down (queue is full)',
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

  it('refuses a file that is no service', () => {
    assert.throws(() => new Services([file('x', { default: {} })], makeLog(), () => {}), LoadError)
  })
})
