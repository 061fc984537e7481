import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { z } from 'zod'
import type { ParamSpecs, StandardSchema } from '../functions/define.ts'
import { compileInput } from './parameters.ts'

/** The value, or the pointers and details of what is wrong. */
async function check(schema: StandardSchema | ParamSpecs | undefined, json: string) {
  const isSchema = schema !== undefined && '~standard' in schema
  const input = isSchema
    ? compileInput(schema as StandardSchema, undefined)
    : compileInput(undefined, schema as ParamSpecs | undefined)
  const result = await input.check(JSON.parse(json), '/input')
  if (result.ok) return result.value
  assert.equal(result.error.code, 'INVALID_INPUT')
  return (result.error.errors ?? []).map(({ pointer, detail }) => `${pointer} ${detail}`)
}

const NO_SUCH = 'there is no such parameter'

describe('zod inputs', () => {
  it('are parsed: defaults, coercion and pointers to what is wrong', async () => {
    const schema = z.object({
      name: z.string().default('World'),
      deep: z.object({ list: z.array(z.int()) }).optional(),
    })
    assert.deepEqual(await check(schema, '{}'), { name: 'World' })
    const wrong = (await check(schema, '{"name":1,"deep":{"list":[1,"x"]}}')) as string[]
    assert.deepEqual(
      wrong.map((line) => line.split(' ')[0]),
      ['/input/name', '/input/deep/list/1'],
    )
  })

  it('refuse unknown parameters at the top level, whatever the kind of schema', async () => {
    const object = z.object({ a: z.string().optional() })
    const kinds: StandardSchema[] = [
      object,
      z.strictObject({ a: z.string().optional() }),
      object.transform((value) => value),
      object.refine(() => true),
      object.optional(),
      object.nullable(),
      object.default({}),
      z.preprocess((value) => value, object),
      z.lazy(() => object),
      z.union([object, z.object({ b: z.string().optional() })]),
      z.intersection(object, z.object({ b: z.string().optional() })),
      object.pipe(z.any()),
    ]
    for (const schema of kinds)
      for (const key of ['x', '__proto__', 'constructor', 'toString'])
        assert.deepEqual(await check(schema, `{"a":"1","${key}":{}}`), [`/input/${key} ${NO_SUCH}`])
    assert.equal(({} as Record<string, unknown>).x, undefined)
  })

  it('know the parameters of every branch', async () => {
    const union = z.discriminatedUnion('t', [
      z.object({ t: z.literal('x'), a: z.string() }),
      z.object({ t: z.literal('y'), b: z.string() }),
    ])
    assert.deepEqual(await check(union, '{"t":"y","b":"1"}'), { t: 'y', b: '1' })
    assert.deepEqual(await check(union, '{"t":"y","b":"1","c":1}'), [`/input/c ${NO_SUCH}`])
  })

  it('let a loose object, a record and a catch-all take more', async () => {
    assert.deepEqual(await check(z.looseObject({ a: z.string() }), '{"a":"1","x":2}'), { a: '1', x: 2 })
    assert.deepEqual(await check(z.record(z.string(), z.number()), '{"x":2}'), { x: 2 })
    assert.deepEqual(await check(z.object({}).catchall(z.number()), '{"x":2}'), { x: 2 })
    const value = (await check(z.looseObject({}), '{"__proto__":{"polluted":1}}')) as Record<string, unknown>
    assert.equal(value.polluted, undefined)
  })

  it('tell unknown keys below the top by their own pointers', async () => {
    const schema = z.object({ inner: z.strictObject({}) })
    assert.deepEqual(await check(schema, '{"inner":{"a/b":1}}'), [`/input/inner/a~1b ${NO_SUCH}`])
  })

  it('say of what is missing that it is required, wherever it stands', async () => {
    const inner = z.object({ text: z.string(), any: z.unknown().nonoptional(), own: z.string('say who') })
    const schema = z.object({ inner, list: z.array(z.object({ n: z.number() })) })
    assert.deepEqual(await check(schema, '{"inner":{},"list":[{}]}'), [
      '/input/inner/text is required',
      '/input/inner/any is required',
      '/input/inner/own say who',
      '/input/list/0/n is required',
    ])
    assert.deepEqual(await check(schema, '{"inner":{"text":"","any":1,"own":""}}'), [
      '/input/list is required',
    ])
  })

  it('publish the JSON Schema of the input, closed', () => {
    const { jsonSchema } = compileInput(z.object({ at: z.date(), n: z.number().default(1) }), undefined)
    assert.deepEqual(jsonSchema, {
      type: 'object',
      properties: { at: {}, n: { type: 'number', default: 1 } },
      required: ['at'],
      additionalProperties: false,
    })
  })

  it('blame the function, not the caller, for a schema that throws', async () => {
    const broken = z.object({}).refine(() => {
      throw new Error('refinement broke')
    })
    const result = await compileInput(broken, undefined).check({}, '')
    assert.ok(!result.ok)
    assert.equal(result.error.code, 'FUNCTION_FAILED')
    assert.match(result.error.message, /refinement broke/)
  })
})

describe('other schema libraries', () => {
  it('are known by the Standard Schema interface alone', async () => {
    const foreign: StandardSchema<unknown, { n: number }> = {
      '~standard': {
        version: 1,
        vendor: 'other',
        validate: async (value) => {
          const n = Number((value as { n?: unknown }).n)
          return n > 0 ? { value: { n } } : { issues: [{ message: 'must be above 0', path: [{ key: 'n' }] }] }
        },
      },
    }
    assert.deepEqual(await check(foreign, '{"n":"3"}'), { n: 3 })
    assert.deepEqual(await check(foreign, '{"n":-1}'), ['/input/n must be above 0'])
  })
})

describe('the short form', () => {
  const params = {
    name: { type: 'string', required: true, min: 2, max: 3, pattern: '^[a-zé😀]+$' },
    n: { type: 'number', default: 5, min: 1, max: 10 },
    i: { type: 'integer' },
    flag: { type: 'boolean' },
    kind: { type: 'string', enum: ['a', 'b'] },
    list: { type: 'array', max: 2 },
    more: { type: 'object' },
  } as const

  it('checks type, bounds, pattern and enum, and fills in defaults', async () => {
    assert.deepEqual(await check(params, '{"name":"ab"}'), { name: 'ab', n: 5 })
    assert.deepEqual(await check(params, '{"name":"é😀","list":[1,2],"more":{"x":1}}'), {
      name: 'é😀',
      n: 5,
      list: [1, 2],
      more: { x: 1 },
    })
    assert.deepEqual(await check(params, '{}'), ['/input/name is required'])
    const wrong = await check(
      params,
      '{"name":"abcd","n":11,"i":1.5,"flag":"true","kind":"c","list":[1,2,3],"more":[]}',
    )
    assert.deepEqual(wrong, [
      '/input/name must have at most 3 characters',
      '/input/n must be at most 10',
      '/input/i must be an integer',
      '/input/flag must be a boolean',
      '/input/kind must be one of "a", "b"',
      '/input/list must have at most 2 elements',
      '/input/more must be an object',
    ])
    assert.deepEqual(await check(params, '{"name":null}'), ['/input/name must be a string'])
    assert.deepEqual(await check(params, '{"name":"a1"}'), ['/input/name must match ^[a-zé😀]+$'])
    assert.deepEqual(await check(params, '{"name":"ab","__proto__":1}'), [`/input/__proto__ ${NO_SUCH}`])
  })

  it('gives every call a default of its own', async () => {
    const list = { items: { type: 'array', default: [] as unknown[] } } as const
    const first = (await check(list, '{}')) as { items: unknown[] }
    first.items.push(1)
    assert.deepEqual(await check(list, '{}'), { items: [] })
  })

  it('publishes the same as JSON Schema', () => {
    assert.deepEqual(compileInput(undefined, { name: params.name, n: params.n }).jsonSchema, {
      type: 'object',
      properties: {
        name: { type: 'string', pattern: '^[a-zé😀]+$', minLength: 2, maxLength: 3 },
        n: { type: 'number', minimum: 1, maximum: 10, default: 5 },
      },
      required: ['name'],
      additionalProperties: false,
    })
  })

  it('takes no parameter where none is declared', async () => {
    assert.deepEqual(await check(undefined, '{}'), {})
    assert.deepEqual(await check(undefined, '{"a":1}'), [`/input/a ${NO_SUCH}`])
  })

  it('refuses definitions with a mistake', () => {
    const cases: [ParamSpecs, RegExp][] = [
      [{ a: { type: 'text' } } as unknown as ParamSpecs, /"a" needs a type/],
      [{ a: { type: 'string', pattern: '(' } }, /"a" has a pattern that cannot be used/],
      [{ a: { type: 'number', pattern: 'x' } }, /"a" has a pattern, but its type is number/],
      [{ a: { type: 'string', default: 1 } }, /"a" has a default that breaks its own rule/],
      [{ a: { type: 'string', enum: [] } }, /"a" has an empty enum/],
      [{ a: { type: 'boolean', min: 1 } }, /"a" has min or max/],
      [{ a: { type: 'number', min: Number.NaN } }, /"a" has a bound that is no number/],
      [{ a: { type: 'string', minLength: 1 } } as unknown as ParamSpecs, /unknown rule "minLength"/],
      [{ 'a b': { type: 'string' } }, /no valid name/],
    ]
    for (const [params, message] of cases) assert.throws(() => compileInput(undefined, params), message)
    assert.throws(() => compileInput(z.object({}), {}), /both/)
    assert.throws(() => compileInput({} as StandardSchema, undefined), /no schema/)
  })
})
