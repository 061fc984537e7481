/** What is published of a schema, and where it says that more is taken. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { compileInput } from './parameters.ts'

/** Names of the parameters that are marked. */
function lenient(shape: z.ZodRawShape): string[] {
  const { properties } = compileInput(z.object(shape), undefined).jsonSchema
  const entries = Object.entries(properties as Record<string, Record<string, unknown>>)
  return entries
    .filter(([, schema]) => JSON.stringify(schema).includes('"x-lenient":true'))
    .map(([name]) => name)
}

test('what takes more than its schema says is marked, whatever is around it', () => {
  const shape = {
    coerced: z.coerce.number().min(3),
    preprocessed: z.preprocess((value) => value, z.number()),
    caught: z.string().catch('x'),
    trimmed: z.string().trim().max(3),
    rounded: z.number().overwrite(Math.round).max(3),
    lower: z.string().toLowerCase().optional(),
    wrapped: z.coerce.number().nullable().default(3),
    readonly: z.string().trim().readonly(),
  }
  assert.deepEqual(lenient(shape), Object.keys(shape))
})

test('what says all of it is not', () => {
  const shape = {
    text: z.string().min(1).max(3).regex(/^a/),
    email: z.email(),
    number: z.number().int().min(1),
    flag: z.boolean().default(true),
    list: z.array(z.string()).max(3),
    choice: z.enum(['a', 'b']),
    literal: z.literal(1),
    either: z.union([z.string(), z.number()]),
    kind: z.discriminatedUnion('t', [z.object({ t: z.literal('a') }), z.object({ t: z.literal('b') })]),
    record: z.record(z.string(), z.number()),
    pair: z.tuple([z.string(), z.number()]),
    transformed: z.string().transform(Number).pipe(z.number()),
    refined: z.string().refine((text) => text !== 'no'),
    anything: z.unknown(),
    date: z.coerce.date(),
    object: z.object({ a: z.string() }),
  }
  assert.deepEqual(lenient(shape), [])
})

test('a part within a part', () => {
  const { jsonSchema } = compileInput(
    z.object({ list: z.array(z.object({ n: z.coerce.number() })) }),
    undefined,
  )
  assert.deepEqual(jsonSchema.properties, {
    list: {
      type: 'array',
      items: {
        type: 'object',
        properties: { n: { type: 'number', 'x-lenient': true } },
        required: ['n'],
      },
    },
  })
})

test('of another library everything is', () => {
  const foreign = {
    '~standard': {
      version: 1 as const,
      vendor: 'other',
      validate: (value: unknown) => ({ value }),
      jsonSchema: { input: () => ({ type: 'object', properties: { a: { type: 'string' } } }) },
    },
  }
  const { jsonSchema } = compileInput(foreign, undefined)
  assert.equal(jsonSchema['x-lenient'], true)
  assert.equal(jsonSchema.additionalProperties, false)
})
