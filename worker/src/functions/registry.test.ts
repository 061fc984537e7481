import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { canonicalJson, interfaceSchema } from '@berth/protocol'
import { z } from 'zod'
import { defineFunction, type FunctionDefinition, NonRetryable } from './define.ts'
import { describeInterface } from './interface.ts'
import { isFunctionDefinition, Registry, registerFunction } from './registry.ts'

const a = () =>
  defineFunction({ input: z.object({ x: z.string(), y: z.int().optional() }), handler: ({ x }) => x })
const b = () =>
  defineFunction({
    params: { n: { type: 'number' } },
    config: {
      description: 'doubles',
      timeout: 5,
      maxRetries: 2,
      idempotent: true,
      slots: 3,
      supportsStreaming: true,
    },
    handler: ({ n }) => (n ?? 0) * 2,
  })

describe('describeInterface', () => {
  const make = (names: readonly [string, FunctionDefinition][]) =>
    describeInterface(new Registry(names.map(([name, definition]) => registerFunction(name, definition))))

  it('is the same for the same functions, whatever their order', () => {
    const one = make([
      ['z', a()],
      ['A', b()],
    ])
    const two = make([
      ['A', b()],
      ['z', a()],
    ])
    assert.equal(one.hash, two.hash)
    assert.equal(JSON.stringify(one.listed), JSON.stringify(two.listed))
    assert.match(one.hash, /^[0-9a-f]{64}$/)
    assert.notEqual(one.hash, make([['z', a()]]).hash)
  })

  it('travels as the protocol says', () => {
    const { functions } = make([
      ['z', a()],
      ['A', b()],
    ])
    const travelled = interfaceSchema.parse(JSON.parse(JSON.stringify(functions)))
    assert.equal(canonicalJson(travelled), canonicalJson(functions))
    assert.deepEqual(
      { ...functions[0], input: undefined },
      {
        name: 'A',
        description: 'doubles',
        input: undefined,
        supportsStreaming: true,
        idempotent: true,
        slots: 3,
        timeoutMs: 5,
        maxRetries: 2,
        background: false,
      },
    )
    assert.deepEqual(
      [functions[1]?.idempotent, functions[1]?.timeoutMs, functions[1]?.slots],
      [null, null, 1],
    )
  })

  it('publishes its first examples that are JSON, as long as they are short', () => {
    const loop: { own?: object } = {}
    loop.own = loop
    const examplesOf = (examples: readonly unknown[]) =>
      registerFunction('f', defineFunction({ config: { examples }, handler: () => null })).interface.examples
    assert.deepEqual(examplesOf([{ n: 1 }, undefined, loop, 5n, { n: 2 }]), [{ n: 1 }, { n: 2 }])
    assert.deepEqual(examplesOf(['x'.repeat(20_000), 'y']), ['y'])
    assert.equal(examplesOf(Array.from({ length: 50 }, (_, n) => n))?.length, 10)
    assert.equal(examplesOf([]), undefined)
  })
})

describe('registerFunction', () => {
  it('refuses a config that cannot be used', () => {
    const wrong = (config: object) => () => registerFunction('f', { ...a(), config } as FunctionDefinition)
    assert.throws(wrong({ timeout: 0 }), /config\.timeout/)
    assert.throws(wrong({ slots: 1.5 }), /config\.slots/)
    assert.throws(wrong({ retries: 1 }), /retries/)
    assert.throws(
      () => registerFunction('f', { kind: 'berth.function' } as FunctionDefinition),
      /no `handler`/,
    )
    assert.throws(() => registerFunction('f', { ...a(), setup: 3 } as never), /setup/)
  })

  it('publishes a backoff where there is one', () => {
    const backoff = { baseMs: 5, jitter: 0 }
    const { interface: told } = registerFunction('f', { ...a(), config: { backoff } } as FunctionDefinition)
    assert.deepEqual(told.backoff, backoff)
    assert.equal('backoff' in registerFunction('f', a() as FunctionDefinition).interface, false)
  })

  it('knows a definition by its kind, of whichever copy of the package', () => {
    assert.equal(isFunctionDefinition({ kind: 'berth.function', handler() {} }), true)
    assert.equal(
      isFunctionDefinition(() => 1),
      false,
    )
    assert.equal(isFunctionDefinition(null), false)
    assert.equal(new NonRetryable('x').nonRetryable, true)
  })
})
