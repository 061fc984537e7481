import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ABSENT, type Draft, draftOf, emptyDraft } from './draft.ts'
import { type Field, FORM_LIMITS } from './field.ts'
import { placeErrors } from './place-errors.ts'
import { readDraft } from './read-draft.ts'
import { readSchema } from './read-schema.ts'

function published(schema: z.ZodType): unknown {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
}

function formOf(schema: z.ZodType): Field {
  return readSchema(published(schema))
}

function memberOf(field: Field, name: string): Field {
  if (field.kind !== 'group') throw new Error(`${field.kind} is no group`)
  const member = field.members.find((one) => one.name === name)
  if (!member) throw new Error(`no member ${name}`)
  return member.field
}

function faultsOf(schema: z.ZodType, input: unknown): string[] {
  const field = formOf(schema)
  return readDraft(field, draftOf(field, input)).faults.map(
    ({ pointer, fault }) => `${pointer} ${fault.code}`,
  )
}

describe('a schema as a form', () => {
  const all = z.object({
    text: z
      .string()
      .min(2)
      .max(9)
      .regex(/^a/)
      .meta({ title: 'Name', description: 'Whose', examples: ['abc'] }),
    mail: z.email().default('x@y.z'),
    whole: z.int().min(1).max(5).optional(),
    part: z.number().gt(0).multipleOf(0.5),
    pick: z.enum(['x', 'y']),
    fixed: z.literal('k'),
    either: z.literal(['k', 1]),
    maybe: z.string().nullable(),
    nullish: z.enum(['a', 'b']).nullish(),
    mixed: z.union([z.string(), z.number()]),
    told: z.discriminatedUnion('type', [
      z.object({ type: z.literal('card'), number: z.string() }),
      z.object({ type: z.literal('cash'), coins: z.int() }),
    ]),
    counts: z.record(z.string(), z.number()),
    some: z.partialRecord(z.enum(['a', 'b']), z.string()),
    list: z.array(z.string()).min(1).max(3),
    pair: z.tuple([z.string(), z.number()]),
    anything: z.any(),
    flag: z.boolean().default(false),
    loose: z.looseObject({ a: z.string() }),
    both: z.intersection(z.object({ q: z.string() }), z.object({ w: z.number() })),
  })
  const form = formOf(all)

  it('has a field of the right kind for each member', () => {
    const kinds = (form as Extract<Field, { kind: 'group' }>).members.map(
      ({ name, field, isRequired }) => `${name} ${field.kind}${isRequired ? '!' : ''}`,
    )
    expect(kinds).toEqual([
      'text text!',
      'mail text',
      'whole number',
      'part number!',
      'pick choice!',
      'fixed constant!',
      'either choice!',
      'maybe text!',
      'nullish choice',
      'mixed union!',
      'told union!',
      'counts record!',
      'some record!',
      'list list!',
      'pair tuple!',
      'anything json!',
      'flag flag',
      'loose group!',
      'both group!',
    ])
  })

  it('takes over bounds, texts, presets and null', () => {
    expect(memberOf(form, 'text')).toMatchObject({
      title: 'Name',
      description: 'Whose',
      minLength: 2,
      maxLength: 9,
      pattern: '^a',
      example: 'abc',
      isNullable: false,
    })
    expect(memberOf(form, 'mail')).toMatchObject({ preset: 'x@y.z', format: 'email' })
    expect(memberOf(form, 'whole')).toMatchObject({ isInteger: true, min: 1, max: 5, isMinExclusive: false })
    expect(memberOf(form, 'part')).toMatchObject({ min: 0, isMinExclusive: true, multipleOf: 0.5 })
    expect(memberOf(form, 'maybe').isNullable).toBe(true)
    expect(memberOf(form, 'nullish')).toMatchObject({ isNullable: true })
    expect(memberOf(form, 'some')).toMatchObject({ names: ['a', 'b'] })
    expect(memberOf(form, 'list')).toMatchObject({ minItems: 1, maxItems: 3 })
    expect(memberOf(form, 'loose')).toMatchObject({ more: { kind: 'json' } })
  })

  it('names the variants of a union by title, by what tells them apart, or by kind', () => {
    expect(memberOf(form, 'told')).toMatchObject({ variants: [{ label: 'card' }, { label: 'cash' }] })
    expect(memberOf(form, 'mixed')).toMatchObject({ variants: [{ label: 'text' }, { label: 'number' }] })
  })

  it('reads types in a list, references, allOf and consts in oneOf, as others than zod write them', () => {
    const field = readSchema({
      type: 'object',
      $defs: { size: { type: 'integer', minimum: 1 }, 'a/b': { type: 'boolean' } },
      properties: {
        size: { $ref: '#/$defs/size', description: 'How many' },
        odd: { $ref: '#/$defs/a~1b' },
        kind: { oneOf: [{ const: 'one' }, { const: 'two' }] },
        maybe: { type: ['integer', 'null'] },
        all: { allOf: [{ type: 'object', properties: { a: { type: 'string' } } }, { required: ['a'] }] },
        gone: { $ref: '#/$defs/none' },
        far: { $ref: 'https://example.com/schema' },
      },
    })
    expect(memberOf(field, 'size')).toMatchObject({ kind: 'number', description: 'How many' })
    expect(memberOf(field, 'odd').kind).toBe('flag')
    expect(memberOf(field, 'kind')).toMatchObject({
      kind: 'choice',
      options: [{ label: 'one' }, { label: 'two' }],
    })
    expect(memberOf(field, 'maybe')).toMatchObject({ kind: 'number', isNullable: true })
    expect(memberOf(field, 'all')).toMatchObject({
      kind: 'group',
      members: [{ name: 'a', isRequired: true }],
    })
    expect(memberOf(field, 'gone').kind).toBe('json')
    expect(memberOf(field, 'far').kind).toBe('json')
  })

  it('stays bounded for what refers to itself, and never throws for what is none', () => {
    const node = z.object({
      get left() {
        return node.optional()
      },
      get right() {
        return node.optional()
      },
      get others() {
        return z.array(node).optional()
      },
    })
    const count = (field: Field): number =>
      1 +
      (field.kind === 'group' ? field.members.reduce((sum, member) => sum + count(member.field), 0) : 0) +
      (field.kind === 'list' ? count(field.item) : 0)
    expect(count(formOf(node))).toBeLessThan(FORM_LIMITS.fields * 4)
    for (const odd of [
      null,
      undefined,
      true,
      7,
      'x',
      [],
      {},
      { $ref: '#' },
      { anyOf: [] },
      { enum: [] },
      { type: 'object', properties: 3 },
      { type: [] },
      { allOf: [null] },
      { not: {} },
      { type: 'weird' },
    ])
      expect(['json', 'group', 'record']).toContain(readSchema(odd).kind)
  })
})

describe('an input in the form and back', () => {
  const field = formOf(
    z.object({
      name: z.string().default('World'),
      n: z.number().optional(),
      who: z.object({ first: z.string(), born: z.int().nullable() }),
      pay: z.discriminatedUnion('type', [
        z.object({ type: z.literal('card'), number: z.string() }),
        z.object({ type: z.literal('cash'), coins: z.int() }),
      ]),
      tags: z.record(z.string(), z.string()),
      rest: z.unknown().optional(),
      list: z.array(z.union([z.string(), z.number(), z.null()])),
    }),
  )

  it('begins with presets and empty places for what is required', () => {
    const draft = emptyDraft(field)
    expect(readDraft(field, draft).value).toEqual({
      name: 'World',
      who: { first: '' },
      pay: { type: 'card', number: '' },
      tags: {},
      list: [],
    })
    expect(readDraft(field, draft).faults).toEqual([{ pointer: '/who/born', fault: { code: 'required' } }])
  })

  it.each([
    [
      {
        name: 'Ada',
        n: 1.5,
        who: { first: 'A', born: null },
        pay: { type: 'cash', coins: 3 },
        tags: { a: 'b' },
        list: ['x', 1, null],
      },
    ],
    [{ name: 7, n: 'many', who: [], pay: { type: 'none' }, tags: { a: 1 }, list: {} }],
    [{ who: null, unknown: { deep: [1] }, rest: null }],
    [JSON.parse('{"__proto__": {"a": 1}, "tags": {"__proto__": "x", "constructor": "y"}}')],
    ['no object at all'],
    [null],
    [[]],
  ])('keeps %j as it is', (input) => {
    const read = readDraft(field, draftOf(field, input))
    expect(JSON.stringify(sorted(read.value))).toBe(JSON.stringify(sorted(input)))
  })

  it('keeps any JSON under any of many schemas (seeded)', () => {
    const random = generator(41)
    for (let round = 0; round < 3_000; round++) {
      const form = readSchema(randomSchema(random, 0))
      const input = randomJson(random, 0)
      const read = readDraft(form, draftOf(form, input)).value
      expect(JSON.stringify(sorted(read)), `round ${round}`).toBe(JSON.stringify(sorted(input)))
    }
  })

  it('picks the variant that fits whole', () => {
    const draft = draftOf(field, { pay: { type: 'cash', coins: 3 } })
    expect(draft.is === 'group' && draft.members.pay).toMatchObject({ is: 'union', at: 1 })
  })

  it('leaves out what is left out, and sends null for null', () => {
    const draft = draftOf(field, { n: undefined, who: { first: 'x', born: null } })
    expect(readDraft(field, draft).value).toEqual({ who: { first: 'x', born: null } })
  })
})

describe('what a form can know of its faults', () => {
  it('finds what is missing, no number, out of bounds, too long or too short', () => {
    const schema = z.object({
      a: z.string().min(2).max(3),
      b: z.int().min(1).max(5),
      c: z.number().gt(0).lt(1),
      d: z.array(z.int()).min(1).max(2),
      e: z.number().multipleOf(0.1),
      f: z.string(),
    })
    expect(faultsOf(schema, { a: 'x', b: 0, c: 0, d: [], e: 0.25, f: '' })).toEqual([
      '/a longer',
      '/b min',
      '/c above',
      '/d more',
      '/e step',
    ])
    expect(faultsOf(schema, { a: 'long', b: 1.5, c: 1, d: [1, 2, 3], e: 0.3 })).toEqual([
      '/a shorter',
      '/b integer',
      '/c below',
      '/d fewer',
      '/f required',
    ])
    expect(faultsOf(schema, { a: '', b: 6, c: 0.5, d: [9, 0.5], e: 0.7, f: '' })).toEqual([
      '/a required',
      '/b max',
      '/d/1 integer',
    ])
  })

  it('reads numbers as they are typed', () => {
    const number = formOf(z.number())
    const read = (text: string) => readDraft(number, { is: 'text', text })
    expect(read(' 1e3 ')).toEqual({ value: 1000, faults: [] })
    expect(read('1,5')).toEqual({ value: 1.5, faults: [] })
    for (const text of ['-', 'abc', 'Infinity', '1e999', '12px'])
      expect(read(text)).toEqual({ value: text, faults: [{ pointer: '', fault: { code: 'number' } }] })
    expect(read('').faults).toEqual([{ pointer: '', fault: { code: 'required' } }])
  })

  it('says that raw JSON is none, that a name is empty or stands there twice', () => {
    const field = formOf(z.object({ any: z.any(), map: z.record(z.string(), z.number()) }))
    const entry = (name: string, text: string) => ({ name, draft: { is: 'text', text } as Draft })
    const draft: Draft = {
      is: 'group',
      members: {
        any: { is: 'json', text: '{' },
        map: { is: 'record', entries: [entry('a', '1'), entry('a', '2'), entry('', '3')] },
      },
      more: [],
    }
    expect(readDraft(field, draft).faults).toEqual([
      { pointer: '/any', fault: { code: 'json' } },
      { pointer: '/map/a', fault: { code: 'twice' } },
      { pointer: '/map/', fault: { code: 'name' } },
    ])
  })

  it('refuses nothing at a place that the worker reads more kindly', () => {
    const field = readSchema({ type: 'string', minLength: 3, 'x-lenient': true })
    expect(readDraft(field, { is: 'text', text: 'a' }).faults).toEqual([])
  })

  it('tries no pattern', () => {
    const field = readSchema({ type: 'string', pattern: '^(a+)+$' })
    expect(readDraft(field, { is: 'text', text: `${'a'.repeat(50)}!` }).faults).toEqual([])
  })
})

describe('errors of the worker', () => {
  const field = formOf(
    z.object({
      name: z.string(),
      list: z.array(z.object({ n: z.int() })),
      raw: z.any(),
      either: z.union([z.object({ kind: z.literal('a'), deep: z.string() }), z.string()]),
    }),
  )
  const draft = draftOf(field, {
    name: 'x',
    list: [{ n: 1 }],
    raw: { q: 1 },
    either: { kind: 'a', deep: 'b' },
    'a/b': 1,
  })
  const place = (pointer: string) => [
    ...placeErrors(field, draft, [{ pointer, detail: 'is wrong' }], '/input'),
  ]

  it('stand at the field', () => {
    expect(place('/input/name')).toEqual([['/name', ['is wrong']]])
    expect(place('/input/list/0/n')).toEqual([['/list/0/n', ['is wrong']]])
    expect(place('/input/either/deep')).toEqual([['/either/deep', ['is wrong']]])
    expect(place('/input/a~1b')).toEqual([['/a~1b', ['is wrong']]])
  })

  it('stand at the nearest field above, with their own place named', () => {
    expect(place('/input/raw/q')).toEqual([['/raw', ['/input/raw/q: is wrong']]])
    expect(place('/input/list/7/n')).toEqual([['/list', ['/input/list/7/n: is wrong']]])
    expect(place('/input/none')).toEqual([['', ['/input/none: is wrong']]])
  })

  it('of another part of what was sent stand at the form, and none is lost', () => {
    expect(place('/tags/gpu')).toEqual([['', ['/tags/gpu: is wrong']]])
    expect(place('/inputs')).toEqual([['', ['/inputs: is wrong']]])
    expect(place('/input')).toEqual([['', ['is wrong']]])
    const two = [
      { pointer: '/input/name', detail: 'a' },
      { pointer: '/input/name', detail: 'b' },
    ]
    expect(placeErrors(field, ABSENT, two, '/input').get('')).toHaveLength(2)
    expect(placeErrors(field, draft, two, '/input').get('/name')).toEqual(['a', 'b'])
  })
})

type Random = () => number

/** Mulberry32: the same rounds every time. */
function generator(seed: number): Random {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const NAMES = ['a', 'b', 'c', '__proto__', 'a/b', '']

function pick<T>(random: Random, values: readonly T[]): T {
  return values[Math.floor(random() * values.length)] as T
}

function randomJson(random: Random, depth: number): unknown {
  const kind = Math.floor(random() * (depth > 3 ? 5 : 8))
  if (kind < 5) return pick(random, [null, true, false, 0, -1.5, 3, '', 'x', 'a', 1e21])
  const size = Math.floor(random() * 3)
  if (kind === 5) return Array.from({ length: size }, () => randomJson(random, depth + 1))
  return Object.fromEntries(
    Array.from({ length: size }, () => [pick(random, NAMES), randomJson(random, depth + 1)]),
  )
}

function randomSchema(random: Random, depth: number): unknown {
  const inner = () => randomSchema(random, depth + 1)
  const simple = [
    {},
    true,
    false,
    { type: 'string' },
    { type: 'number' },
    { type: 'integer', minimum: 2 },
    { type: 'boolean' },
    { const: 'x' },
    { enum: ['a', 1, null] },
    { type: ['string', 'null'] },
    { type: ['number', 'boolean'] },
    { type: 'null' },
  ]
  if (depth > 3 || random() < 0.4) return pick(random, simple)
  switch (Math.floor(random() * 6)) {
    case 0:
      return { type: 'array', items: inner() }
    case 1:
      return { type: 'array', prefixItems: [inner(), inner()], items: false }
    case 2:
      return { anyOf: [inner(), inner(), inner()] }
    case 3:
      return { type: 'object', additionalProperties: inner() }
    case 4:
      return {
        allOf: [
          { type: 'object', properties: { a: inner() } },
          { type: 'object', properties: { b: inner() } },
        ],
      }
    default:
      return {
        type: 'object',
        properties: Object.fromEntries([
          [pick(random, NAMES), inner()],
          [pick(random, NAMES), inner()],
        ]),
        required: [pick(random, NAMES)],
        ...(random() < 0.5 ? {} : { additionalProperties: inner() }),
      }
  }
}

/** The order of members is the form's. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.entries(value)
    .map(([name, member]) => [name, sorted(member)])
    .sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))
}
