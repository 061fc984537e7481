/** What the judge says of pairs of schemas, in its own words; judge-property.test.ts tries it at random. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { z } from 'zod'
import { wordDifference } from './difference.ts'
import { findSchemaDifference } from './judge.ts'
import type { Schema } from './schema.ts'

function judge(there: Schema, here: Schema): string {
  const found = findSchemaDifference(there, here, 'input')
  return found ? wordDifference(found, 3) : 'none'
}

/** A closed object, as workers publish inputs. */
function closed(properties: Record<string, Schema>, required: string[] = []): Schema {
  return { type: 'object', properties, required, additionalProperties: false }
}

function published(schema: z.ZodType): Schema {
  return { ...z.toJSONSchema(schema, { io: 'input' }), additionalProperties: false } as Schema
}

const STRING = { type: 'string' }
const NUMBER = { type: 'number' }

describe('no difference', () => {
  for (const [what, there, here] of [
    ['equal', closed({ name: STRING }), closed({ name: STRING })],
    [
      'in texts',
      closed({ name: { ...STRING, description: 'a', examples: ['x'], default: 'y' } }),
      closed({ name: { ...STRING, title: 'b' } }),
    ],
    [
      'in order',
      { ...(closed({ a: STRING, b: { enum: ['x', 'y'] } }, ['a', 'b']) as object) },
      closed({ b: { enum: ['y', 'x'] }, a: STRING }, ['b', 'a']),
    ],
    ['a new optional parameter', closed({ a: STRING }, ['a']), closed({ a: STRING, b: NUMBER }, ['a'])],
    ['a parameter that need not be given any more', closed({ a: STRING }, ['a']), closed({ a: STRING })],
    [
      'wider bounds',
      closed({ a: { ...NUMBER, minimum: 1, maximum: 5 } }),
      closed({ a: { ...NUMBER, minimum: 0, maximum: 6 } }),
    ],
    [
      'an exclusive bound of whole numbers',
      closed({ a: { type: 'integer', minimum: 1 } }),
      closed({ a: { type: 'integer', exclusiveMinimum: 0 } }),
    ],
    ['a longer text', closed({ a: { ...STRING, maxLength: 5 } }), closed({ a: { ...STRING, maxLength: 9 } })],
    ['a number for a whole one', closed({ a: { type: 'integer' } }), closed({ a: NUMBER })],
    ['one value more', closed({ a: { enum: ['x'] } }), closed({ a: { enum: ['x', 'y'] } })],
    [
      'any text for some values',
      closed({ a: { enum: ['x', 'y'] } }),
      closed({ a: { ...STRING, maxLength: 1 } }),
    ],
    ['null as well', closed({ a: STRING }), closed({ a: { anyOf: [STRING, { type: 'null' }] } })],
    [
      'one alternative less there',
      closed({ a: { anyOf: [STRING, NUMBER] } }),
      closed({ a: { type: ['number', 'string', 'null'] } }),
    ],
    [
      'types in one word or two',
      closed({ a: { type: ['string', 'null'] } }),
      closed({ a: { anyOf: [STRING, { type: 'null' }] } }),
    ],
    [
      'the same pattern with a wider bound',
      closed({ a: { ...STRING, pattern: '^a', maxLength: 3 } }),
      closed({ a: { ...STRING, pattern: '^a' } }),
    ],
    [
      'patterns by parts',
      closed({ a: { allOf: [{ ...STRING, pattern: 'a' }, { pattern: 'b' }] } }),
      closed({ a: { pattern: 'b' } }),
    ],
    ['anything for something', closed({ a: STRING }), {}],
    [
      'more items',
      closed({ a: { type: 'array', items: STRING, maxItems: 2 } }),
      closed({ a: { type: 'array', items: STRING } }),
    ],
    [
      'a tuple for a list of it',
      closed({ a: { type: 'array', prefixItems: [STRING, STRING], items: false } }),
      closed({ a: { type: 'array', items: STRING, maxItems: 2 } }),
    ],
    [
      'a new optional member of an open object',
      closed({ a: { type: 'object', properties: { x: STRING } } }),
      closed({ a: { type: 'object', properties: { x: STRING, y: NUMBER } } }),
    ],
    [
      'a list of values in an object',
      closed({ a: { enum: [[1, 'x'], { y: null }] } }),
      closed({ a: { anyOf: [{ type: 'array' }, { type: 'object', required: ['y'] }] } }),
    ],
    ['nothing there', closed({ a: { not: {} } }), closed({})],
  ] as [string, Schema, Schema][])
    it(what, () => assert.equal(judge(there, here), 'none'))

  it('what zod publishes, against itself and wider', () => {
    const tagged = [
      z.object({ kind: z.literal('a'), x: z.number() }),
      z.object({ kind: z.literal('b'), y: z.string() }),
    ] as const
    const base = z.object({
      name: z.string().min(1).max(20).default('x'),
      count: z.int().min(1).max(9).optional(),
      email: z.email().nullable(),
      size: z.tuple([z.number(), z.number()]),
      tags: z.record(z.string(), z.array(z.string())),
      mode: z.enum(['fast', 'good']),
      shape: z.discriminatedUnion('kind', [...tagged]),
    })
    assert.equal(judge(published(base), published(base)), 'none')
    const wider = base.extend({
      name: z.string().max(30).default('y').describe('other words'),
      count: z.number().optional(),
      mode: z.enum(['good', 'fast', 'best']),
      shape: z.discriminatedUnion('kind', [...tagged, z.object({ kind: z.literal('c') })]),
      note: z.string().optional(),
    })
    assert.equal(judge(published(base), published(wider)), 'none')
    assert.notEqual(judge(published(wider), published(base)), 'none')
  })

  it('a schema that refers to itself', () => {
    const tree = (leaf: Schema): Schema => ({
      type: 'object',
      properties: { root: { $ref: '#/$defs/node' } },
      additionalProperties: false,
      $defs: {
        node: {
          type: 'object',
          properties: { value: leaf, next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } },
          required: ['value'],
        },
      },
    })
    assert.equal(judge(tree({ type: 'integer' }), tree(NUMBER)), 'none')
    assert.match(
      judge(tree(NUMBER), tree({ type: 'integer' })),
      /^input\.root\.value is a whole number here and a number/,
    )
  })
})

describe('a difference, in words', () => {
  for (const [there, here, words] of [
    [
      closed({ name: NUMBER }),
      closed({ name: STRING }),
      'input.name is a string here and a number at 3 other workers',
    ],
    [
      closed({}),
      closed({ token: STRING }, ['token']),
      'input.token is required here and unknown at 3 other workers',
    ],
    [
      closed({ a: STRING }),
      closed({ a: STRING }, ['a']),
      'input.a is required here and optional at 3 other workers',
    ],
    [closed({ times: NUMBER }), closed({}), 'input.times is not taken here and a number at 3 other workers'],
    [
      closed({ a: { ...STRING, maxLength: 10 } }),
      closed({ a: { ...STRING, maxLength: 5 } }),
      'input.a has at most 5 characters here and at most 10 at 3 other workers',
    ],
    [
      closed({ a: STRING }),
      closed({ a: { ...STRING, minLength: 1 } }),
      'input.a has at least 1 characters here and at least 0 at 3 other workers',
    ],
    [
      closed({ a: NUMBER }),
      closed({ a: { ...NUMBER, minimum: 1 } }),
      'input.a is at least 1 here and any at 3 other workers',
    ],
    [
      closed({ a: { ...NUMBER, maximum: 5 } }),
      closed({ a: { ...NUMBER, exclusiveMaximum: 5 } }),
      'input.a is less than 5 here and at most 5 at 3 other workers',
    ],
    [
      closed({ a: { type: 'integer' } }),
      closed({ a: { type: 'integer', multipleOf: 2 } }),
      'input.a is a multiple of 2 here and any at 3 other workers',
    ],
    [
      closed({ a: { enum: ['x', 'y'] } }),
      closed({ a: { enum: ['x'] } }),
      'input.a does not take "y" here and does at 3 other workers',
    ],
    [
      closed({ a: STRING }),
      closed({ a: { enum: ['x'] } }),
      'input.a takes only ["x"] here and a string at 3 other workers',
    ],
    [
      closed({ a: STRING }),
      closed({ a: { ...STRING, pattern: '^a' } }),
      'input.a has the pattern "^a" here and none at 3 other workers',
    ],
    [
      closed({ a: { ...STRING, format: 'email' } }),
      closed({ a: { ...STRING, format: 'uri' } }),
      'input.a has the format "uri" here and "email" at 3 other workers',
    ],
    [
      closed({ a: { type: 'array', items: NUMBER } }),
      closed({ a: { type: 'array', items: STRING } }),
      'input.a[] is a string here and a number at 3 other workers',
    ],
    [
      closed({ a: { anyOf: [STRING, { type: 'null' }] } }),
      closed({ a: STRING }),
      'input.a is a string here and null at 3 other workers',
    ],
    [
      closed({ a: { type: 'object' } }),
      closed({ a: closed({}) }),
      'input.a takes no other members here and any at 3 other workers',
    ],
    [
      closed({ 'a b': STRING }),
      closed({ 'a b': NUMBER }),
      'input["a b"] is a number here and a string at 3 other workers',
    ],
    [closed({ a: STRING }), false, 'input takes nothing here and an object at 3 other workers'],
    [{}, closed({}), 'input takes no other members here and any at 3 other workers'],
  ] as [Schema, Schema, string][])
    it(words, () => assert.equal(judge(there, here), words))

  it('one other worker is one', () => {
    const found = findSchemaDifference(closed({ a: STRING }), closed({ a: NUMBER }), 'input')
    assert.match(found ? wordDifference(found, 1) : '', /at 1 other worker$/)
  })
})

describe('what is not understood', () => {
  it('is a difference that names the place, unless it is the same on both sides', () => {
    const dependent = { type: 'object', dependentRequired: { x: ['y'] } }
    assert.match(
      judge(closed({ a: { type: 'object' } }), closed({ a: dependent })),
      /^input\.a has a rule that cannot be compared \(dependentRequired\) here/,
    )
    assert.equal(
      judge(closed({ a: dependent }), closed({ a: { ...dependent, maxProperties: 9 } })).includes(
        'maxProperties',
      ),
      false,
    )
    assert.equal(judge(closed({ a: { ...dependent, description: 'x' } }), closed({ a: dependent })), 'none')
    assert.notEqual(judge(closed({ a: STRING }), closed({ a: { not: { const: 'x' } } })), 'none')
  })

  it('malformed and hostile schemas are differences, and nothing throws or takes long', () => {
    const deep = (depth: number, leaf: Schema): Schema =>
      Array.from({ length: depth }).reduce<Schema>(
        (inner) => ({ type: 'object', properties: { x: inner }, additionalProperties: false }),
        leaf,
      )
    assert.notEqual(judge(closed({ a: NUMBER }), closed({ a: { ...NUMBER, minimum: '5' } })), 'none')
    assert.notEqual(judge(closed({ a: STRING }), closed({ a: { ...STRING, maxLength: {} } })), 'none')
    assert.notEqual(judge(closed({ a: STRING }), closed({ a: { $ref: '#/$defs/none' } })), 'none')
    assert.notEqual(judge(closed({ a: STRING }), closed({ a: { $ref: 'https://elsewhere.test/x' } })), 'none')
    assert.match(
      judge(closed({ a: STRING }), {
        ...(closed({ a: { $ref: '#/$defs/x' } }) as object),
        $defs: { x: { $ref: '#/$defs/x' } },
      }),
      /refers to something/,
    )
    assert.notEqual(judge(deep(500, STRING), deep(500, NUMBER)), 'none')
    const before = process.threadCpuUsage()
    const wide = (width: number, leaf: Schema): Schema =>
      closed(
        Object.fromEntries(
          Array.from({ length: width }, (_, i) => [
            `p${i}`,
            { anyOf: [leaf, { type: 'null' }, { type: 'boolean' }] },
          ]),
        ),
      )
    assert.match(judge(wide(30_000, { type: 'integer' }), wide(30_000, NUMBER)), /too involved/)
    // Of the time that this took the part that was its own.
    const { user, system } = process.threadCpuUsage(before)
    assert.ok(user + system < 30_000_000)
  })

  it('names such as __proto__ and constructor are names', () => {
    const named = (name: string, schema: Schema) =>
      JSON.parse(
        `{"type":"object","properties":{"${name}":${JSON.stringify(schema)}},"additionalProperties":false}`,
      )
    for (const name of ['__proto__', 'constructor', 'toString']) {
      assert.equal(judge(named(name, STRING), named(name, STRING)), 'none')
      assert.match(
        judge(named(name, STRING), named(name, NUMBER)),
        new RegExp(`^input\\.${name} is a number`),
      )
      assert.match(judge(named(name, STRING), closed({})), new RegExp(`^input\\.${name} is not taken`))
    }
  })
})
