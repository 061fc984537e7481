/**
 * The judge against chance: whatever pair of schemas it calls compatible, random values that are valid under
 * the first are valid under the second, by another validator. Seeded; a failure prints its pair and value.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { findSchemaDifference } from './judge.ts'
import { isObject, type Schema } from './schema.ts'

const PAIRS = 4_000
const VALUES = 12
const NAMES = ['a', 'b', 'c']
const PATTERNS = ['^x', 'y$', '^x.*y$']
const TEXTS = ['', 'x', 'xy', 'y', 'xzy', 'abcdef']

type Plain = Record<string, unknown>

/** Deterministic: equal seeds give equal numbers (mulberry32). */
class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }

  below(limit: number): number {
    return Math.floor(this.next() * limit)
  }

  chance(share: number): boolean {
    return this.next() < share
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T
  }
}

// --- Schemas -----------------------------------------------------------------------------------

function makeObject(dice: Dice, depth: number): Plain {
  const names = NAMES.filter(() => dice.chance(0.6))
  const properties = Object.fromEntries(names.map((name) => [name, makeSchema(dice, depth - 1)]))
  const schema: Plain = { type: 'object', properties }
  const required = names.filter(() => dice.chance(0.4))
  if (required.length > 0) schema.required = required
  if (dice.chance(0.5)) schema.additionalProperties = false
  else if (dice.chance(0.4)) schema.additionalProperties = dice.chance(0.5) ? {} : makeSchema(dice, depth - 1)
  return schema
}

function makeSchema(dice: Dice, depth: number): Plain {
  const kinds = ['string', 'number', 'integer', 'boolean', 'null', 'enum', 'const', 'string', 'number']
  const kind = dice.pick(depth > 0 ? [...kinds, 'object', 'array', 'tuple', 'anyOf', 'object'] : kinds)
  switch (kind) {
    case 'string':
      return makeString(dice)
    case 'number':
    case 'integer':
      return makeNumber(dice, kind)
    case 'enum':
      return {
        enum: [...new Set([dice.pick<unknown>([...TEXTS, 1, null]), dice.pick<unknown>([...TEXTS, 2])])],
      }
    case 'const':
      return { const: dice.pick<unknown>([...TEXTS, 0, 3, true]) }
    case 'object':
      return makeObject(dice, depth)
    case 'array':
      return {
        type: 'array',
        items: makeSchema(dice, depth - 1),
        ...makeCounts(dice, 'minItems', 'maxItems'),
      }
    case 'tuple':
      return {
        type: 'array',
        prefixItems: [makeSchema(dice, depth - 1), makeSchema(dice, depth - 1)],
        items: false,
        minItems: 2,
      }
    case 'anyOf':
      return { anyOf: [makeSchema(dice, depth - 1), makeSchema(dice, depth - 1)] }
    default:
      return { type: kind }
  }
}

function makeString(dice: Dice): Plain {
  const pattern = dice.chance(0.2) ? { pattern: dice.pick(PATTERNS) } : {}
  return { type: 'string', ...makeCounts(dice, 'minLength', 'maxLength'), ...pattern }
}

function makeCounts(dice: Dice, least: string, most: string): Plain {
  const low = dice.chance(0.3) ? dice.below(3) : undefined
  const high = dice.chance(0.3) ? (low ?? 0) + dice.below(4) : undefined
  return { ...(low === undefined ? {} : { [least]: low }), ...(high === undefined ? {} : { [most]: high }) }
}

function makeNumber(dice: Dice, type: string): Plain {
  const low = dice.below(5) - 2
  const schema: Plain = { type }
  if (dice.chance(0.4)) schema[dice.pick(['minimum', 'exclusiveMinimum'])] = low
  if (dice.chance(0.4)) schema[dice.pick(['maximum', 'exclusiveMaximum'])] = low + dice.below(6)
  if (type === 'integer' && dice.chance(0.15)) schema.multipleOf = dice.pick([2, 3, 6])
  return schema
}

/** A neighbour: one place somewhere in it is taken away, changed or made anew. */
function change(dice: Dice, schema: Plain, depth: number): Plain {
  if (dice.chance(0.15)) return makeSchema(dice, depth)
  const keys = Object.keys(schema)
  const key = dice.pick(keys)
  const { [key]: value, ...rest } = schema
  if (isObject(value) && key === 'properties') {
    const names = Object.keys(value)
    const name = dice.chance(0.3) || names.length === 0 ? dice.pick(NAMES) : dice.pick(names)
    const old = value[name]
    return {
      ...schema,
      properties: {
        ...value,
        [name]: isObject(old) ? change(dice, old, depth - 1) : makeSchema(dice, depth - 1),
      },
    }
  }
  if (isObject(value)) return { ...schema, [key]: change(dice, value, depth - 1) }
  if (Array.isArray(value) && value.length > 0 && value.every(isObject)) {
    const at = dice.below(value.length)
    return { ...schema, [key]: value.with(at, change(dice, value[at] ?? {}, depth - 1)) }
  }
  if (Array.isArray(value))
    return { ...schema, [key]: dice.chance(0.5) ? value.slice(1) : [...value, dice.pick(NAMES)] }
  if (typeof value === 'number')
    return { ...schema, [key]: Math.max(key === 'multipleOf' ? 1 : -9, value + dice.below(5) - 2) }
  return key === 'type' || key === 'const' ? { ...schema, ...makeSchema(dice, 0) } : rest
}

// --- Values ------------------------------------------------------------------------------------

/** A value that is likely to be valid. */
function sample(dice: Dice, schema: unknown): unknown {
  if (!isObject(schema)) return dice.pick<unknown>([1, 'x', null, true])
  const { anyOf, enum: listed, properties, prefixItems, items } = schema
  if (Array.isArray(anyOf)) return sample(dice, dice.pick(anyOf))
  if (Array.isArray(listed)) return dice.pick(listed)
  if ('const' in schema) return schema.const
  if (Array.isArray(prefixItems)) return prefixItems.map((item) => sample(dice, item))
  if (schema.type === 'array') return Array.from({ length: dice.below(5) }, () => sample(dice, items))
  if (schema.type === 'object') return sampleObject(dice, schema, isObject(properties) ? properties : {})
  if (schema.type === 'integer') return dice.below(13) - 6
  if (schema.type === 'number') return (dice.below(25) - 12) / 2
  if (schema.type === 'boolean') return dice.chance(0.5)
  if (schema.type === 'string') return dice.pick(TEXTS)
  return schema.type === 'null' ? null : dice.pick<unknown>([1, 'x', null, [], {}])
}

function sampleObject(dice: Dice, { required, additionalProperties }: Plain, properties: Plain): Plain {
  const names = Object.keys(properties).filter(
    (name) => (Array.isArray(required) && required.includes(name)) || dice.chance(0.6),
  )
  const value: Plain = Object.fromEntries(names.map((name) => [name, sample(dice, properties[name])]))
  if (isObject(additionalProperties) && dice.chance(0.6)) {
    const name = dice.pick([...NAMES, 'z'])
    if (!Object.hasOwn(properties, name)) value[name] = sample(dice, additionalProperties)
  }
  return value
}

// --- The property ------------------------------------------------------------------------------

function validatorOf(schema: Schema): (value: unknown) => boolean {
  const validator = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0])
  return (value) => validator.safeParse(value).success
}

test('what is called compatible lets every valid input pass', (t) => {
  const dice = new Dice(20_261_122)
  const seen = { compatible: 0, different: 0, values: 0, refuted: 0 }
  for (let pair = 0; pair < PAIRS; pair++) {
    const there = makeObject(dice, 2)
    let here = there
    for (let changes = 1 + dice.below(2); changes > 0; changes--) {
      const next = change(dice, here, 2)
      here = next.type === 'object' ? next : here
    }
    const difference = findSchemaDifference(there, here, 'input')
    const [isValidThere, isValidHere] = [validatorOf(there), validatorOf(here)]
    if (difference) seen.different++
    else seen.compatible++
    let isRefuted = false
    for (let i = 0; i < VALUES; i++) {
      const value = sample(dice, there)
      if (!isValidThere(value)) continue
      seen.values++
      if (isValidHere(value)) continue
      isRefuted = true
      assert.ok(difference, `valid there, not here: ${JSON.stringify({ there, here, value })}`)
    }
    if (isRefuted) seen.refuted++
  }
  t.diagnostic(JSON.stringify(seen))
  assert.ok(seen.compatible > PAIRS / 5, 'too few compatible pairs to mean anything')
  assert.ok(seen.values > PAIRS, 'too few valid values to mean anything')
  assert.ok(seen.refuted > PAIRS / 20, 'too few pairs that really differ')
})
