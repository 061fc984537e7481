/**
 * Inputs against what workers publish. The schemas are made by zod as a worker makes them, so that each case also
 * says what the worker would: whatever zod takes must pass here.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { FunctionInterface, JsonSchema } from '@berth/protocol'
import { z } from 'zod'
import type { ServedInterface } from '../ports/fleet.ts'
import { compileSchema, InputCheck } from './input-check.ts'
import { loosenSchema } from './input-schema.ts'

function publish(schema: z.ZodType): JsonSchema {
  const override = ({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodType; jsonSchema: object }) => {
    const { coerce, checks = [] } = zodSchema._zod.def as { coerce?: boolean; checks?: z.core.$ZodCheck[] }
    const isChanged = coerce === true || checks.some((check) => check._zod.def.check === 'overwrite')
    if (isChanged) Object.assign(jsonSchema, { 'x-lenient': true })
  }
  const plain = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any', override })
  return JSON.parse(JSON.stringify({ ...plain, additionalProperties: plain.additionalProperties ?? false }))
}

function pointersOf(schema: JsonSchema, input: unknown): string[] {
  return compileSchema(schema)(input as object).map(({ pointer, detail }) => `${pointer} ${detail}`)
}

describe('what is refused', () => {
  const schema = publish(
    z.object({
      name: z.string().min(2).max(3),
      count: z.int().min(1).optional(),
      mode: z.enum(['a', 'b']).optional(),
      list: z
        .array(z.object({ n: z.number() }))
        .max(2)
        .optional(),
      either: z.union([z.string(), z.number()]).optional(),
      form: z.union([z.object({ a: z.string() }), z.object({ b: z.string() })]).optional(),
      strict: z.strictObject({ a: z.string() }).optional(),
    }),
  )
  const cases: [unknown, string[]][] = [
    [{}, ['/name is required']],
    [{ name: 7 }, ['/name must be string']],
    [{ name: 'a' }, ['/name must NOT have fewer than 2 characters']],
    [{ name: 'abcd' }, ['/name is too long']],
    [{ name: 'ab', count: 0 }, ['/count must be >= 1']],
    [{ name: 'ab', count: 1.5 }, ['/count must be integer']],
    [{ name: 'ab', mode: 'c' }, ['/mode must be one of "a","b"']],
    [{ name: 'ab', list: [{ n: 1 }, { n: '2' }] }, ['/list/1/n must be number']],
    [{ name: 'ab', either: true }, ['/either must be string or number']],
    [{ name: 'ab', form: { a: 1 } }, ['/form fits none of the forms that it may have']],
    [{ name: 'ab', strict: { a: 'x', b: 1 } }, ['/strict/b there is no such parameter']],
    [
      { name: 'ab', more: 1, 'a/b~': 2 },
      ['/more there is no such parameter', '/a~1b~0 there is no such parameter'],
    ],
    [JSON.parse('{"name":"ab","__proto__":{"x":1}}'), ['/__proto__ there is no such parameter']],
    [JSON.parse('{"constructor":1}'), ['/constructor there is no such parameter']],
  ]
  for (const [input, expected] of cases)
    test(JSON.stringify(input), () => assert.deepEqual(pointersOf(schema, input), expected))

  test('nothing of Object counts as a member', () => {
    const named = publish(z.object({ constructor: z.string(), toString: z.string() }))
    assert.deepEqual(pointersOf(named, {}), ['/constructor is required'])
  })
})

describe('what is left to the worker', () => {
  const shape = {
    pattern: z.string().regex(/^(a+)+$/),
    email: z.email(),
    surrogates: z.string().max(1),
    texts: z.string().max(2),
    coerced: z.coerce.number().min(3),
    trimmed: z.string().trim().max(3),
    fraction: z.number().multipleOf(0.1),
    unknown: z.unknown(),
    exclusive: z.xor([z.string().regex(/a/), z.string().regex(/b/)]),
    names: z.partialRecord(z.string().regex(/^x/), z.number()),
    date: z.coerce.date(),
  }
  const schema = publish(z.object(shape))
  const good = {
    pattern: 'aaa',
    email: 'a@b.example',
    surrogates: '😀',
    texts: '😀😀',
    coerced: '7',
    trimmed: '  abc  ',
    fraction: 0.3,
    unknown: null,
    exclusive: 'a',
    names: { x1: 1 },
    date: '2026-01-01',
  }

  test('what zod takes passes', () => {
    assert.ok(z.object(shape).safeParse(good).success)
    assert.deepEqual(pointersOf(schema, good), [])
  })

  test('no pattern ever runs here', () => {
    const slow = { ...good, pattern: `${'a'.repeat(60)}!` }
    const startedAt = performance.now()
    assert.deepEqual(pointersOf(schema, slow), [])
    assert.ok(performance.now() - startedAt < 20_000)
    assert.ok(!JSON.stringify(loosenSchema(schema)).includes('pattern":"'))
  })

  test('the sense of what stands beside a word that is left out is not turned round', () => {
    const turned: JsonSchema = {
      type: 'object',
      properties: {
        not: { not: { type: 'string', pattern: '^x' } },
        never: { not: {} },
        chosen: JSON.parse('{"if":{"type":"string","pattern":"^x"},"then":{"maxLength":1}}'),
        one: {
          oneOf: [
            { type: 'string', pattern: 'a' },
            { type: 'string', pattern: 'b' },
          ],
        },
        rest: {
          type: 'object',
          properties: {},
          patternProperties: { '^x': {} },
          additionalProperties: false,
        },
        ref: { $ref: 'https://elsewhere.example/schema' },
        dates: { type: 'string', format: 'date' },
      },
      additionalProperties: false,
    }
    const input = { not: 'a', chosen: 'abc', one: 'ab', rest: { x1: 1 }, ref: 7, dates: 'no' }
    assert.deepEqual(pointersOf(turned, input), [])
    assert.equal(pointersOf(turned, { never: 1 }).length, 1)
  })

  test('a schema of another library counts for its names alone', () => {
    const foreign = {
      type: 'object',
      properties: { a: { type: 'string' } },
      required: ['a'],
      additionalProperties: false,
    }
    assert.deepEqual(pointersOf({ ...foreign, 'x-lenient': true }, { a: 7 }), [])
    assert.deepEqual(pointersOf({ ...foreign, 'x-lenient': true }, { b: 7 }), [
      '/b there is no such parameter',
    ])
  })

  test('what takes any key does so here', () => {
    assert.deepEqual(
      pointersOf(JSON.parse(JSON.stringify(z.toJSONSchema(z.looseObject({ a: z.string() })))), {
        a: 'x',
        b: 1,
      }),
      [],
    )
    assert.deepEqual(pointersOf({}, { b: 1 }), [])
  })
})

describe('what a schema may cost', () => {
  test('references that lead in circles', () => {
    const tree: JsonSchema = JSON.parse(
      JSON.stringify(
        z.toJSONSchema(
          z.object({
            get kids() {
              return z.array(z.object({ n: z.number() }))
            },
          }),
        ),
      ),
    )
    assert.deepEqual(pointersOf(tree, { kids: [{ n: 'x' }] }), ['/kids/0/n must be number'])
    const node: JsonSchema = {
      type: 'object',
      properties: { next: { $ref: '#/$defs/node' } },
      $defs: {
        node: { type: 'object', properties: { next: { $ref: '#/$defs/node' }, n: { type: 'number' } } },
      },
      additionalProperties: false,
    }
    assert.deepEqual(pointersOf(node, { next: { next: { n: 'x' } } }), ['/next/next/n must be number'])
  })

  test('a reference to nothing, and a schema that makes no sense, are left to the worker', () => {
    assert.deepEqual(
      pointersOf({ type: 'object', properties: { a: { $ref: '#/$defs/gone' } } }, { a: 1 }),
      [],
    )
    assert.deepEqual(pointersOf({ type: 'object', properties: { a: { type: 'stuff' } } }, { a: 1 }), [])
  })

  test('one with too many parts, or too deep, is passed over in time', () => {
    const many = Object.fromEntries(
      Array.from({ length: 20_000 }, (_, at) => [`p${at}`, { type: 'string', minLength: 1 }]),
    )
    let deep: JsonSchema = { type: 'string' }
    for (let level = 0; level < 90; level++)
      deep = { type: 'object', properties: { a: deep }, required: ['a'] }
    const startedAt = performance.now()
    const wide: JsonSchema = { type: 'object', properties: many, additionalProperties: false }
    assert.deepEqual(pointersOf(wide, { p1: 7 }), [])
    assert.deepEqual(pointersOf(wide, { q: 7 }), ['/q there is no such parameter'])
    assert.deepEqual(pointersOf(deep, { a: {} }), ['/a/a is required'])
    assert.ok(performance.now() - startedAt < 20_000)
  })
})

describe('whose schema counts', () => {
  const declare = (input: JsonSchema): FunctionInterface => ({
    name: 'f',
    input,
    supportsStreaming: false,
    idempotent: null,
    slots: 1,
    timeoutMs: null,
    maxRetries: 0,
    background: false,
  })
  const served = (hash: string, schema: z.ZodType): ServedInterface => ({
    hash,
    declared: new Map([['f', declare(publish(schema))]]),
  })
  const strings = served('1', z.object({ a: z.string() }))
  const numbers = served('2', z.object({ a: z.number() }))

  function make(byContract: Record<number, ServedInterface[]>, standard?: number) {
    return new InputCheck({
      interfaces: { interfacesOf: (_, contract) => byContract[contract] ?? [], hasBackground: false },
      contracts: { defaultContract: () => standard },
    })
  }
  const at = (contract?: number) => ({ group: 'g', function: 'f', contract })

  test('that of the contract, or of the default one', () => {
    const check = make({ 1: [strings], 2: [numbers] }, 2)
    assert.equal(check.check(at(1), { a: 1 }).length, 1)
    assert.equal(check.check(at(2), { a: 1 }).length, 0)
    assert.equal(check.check(at(), { a: 1 }).length, 0)
    assert.equal(check.check(at(), { a: 'x' }).length, 1)
  })

  test('any of several, and the right one says what is wrong', () => {
    const check = make({ 1: [strings, numbers] })
    assert.deepEqual(check.check(at(1), { a: 1 }), [])
    assert.deepEqual(check.check(at(1), { a: 'x' }), [])
    assert.deepEqual(check.check(at(1), { a: true }), [{ pointer: '/a', detail: 'must be string' }])
  })

  test('nobody knows: the worker judges', () => {
    assert.deepEqual(make({}).check(at(), { a: 1 }), [])
    assert.deepEqual(make({}, 1).check(at(), { a: 1 }), [])
    assert.deepEqual(make({ 1: [strings] }).check({ ...at(1), function: 'other' }, { a: 1 }), [])
  })
})
