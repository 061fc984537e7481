/**
 * From the JSON Schema that a worker publishes to the part of it that may be held against an input here: never
 * stricter than the worker, and of a cost that is known before anything is compiled. Pure; called by
 * input-check.ts once a function.
 *
 * Left out are patterns and formats (they run at the worker, bounded in time), what is marked `x-lenient`, and
 * every word whose meaning turns round when another one is left out: `not`, `if`, and `oneOf` becomes `anyOf`.
 */
import type { JsonSchema } from '@berth/protocol'

export type Loose = JsonSchema | true

/** Parts that a schema may have; of a larger one only the names of its parameters are checked. */
const MOST_PARTS = 2_000
const DEEPEST = 32

/** Instead of `maxLength`: libraries count a text in UTF-16 or in characters, and it has to fit only one of them. */
export const LONGEST = 'x-longest'

/** These say the same with and without the words around them. */
const PLAIN = [
  'type',
  'enum',
  'const',
  'minimum',
  'maximum',
  'exclusiveMinimum',
  'exclusiveMaximum',
  'minLength',
  'minItems',
  'maxItems',
  'minProperties',
  'maxProperties',
] as const
const REF = /^#\/(?:\$defs|definitions)\/[A-Za-z0-9_.-]{1,128}$/

interface Walk {
  parts: number
}

/** `true` takes everything. */
export function loosenSchema(schema: JsonSchema): Loose {
  const walk: Walk = { parts: 0 }
  const loose = loosen(schema, walk, 0)
  if (loose === true || walk.parts > MOST_PARTS) return true
  const kept: Record<string, unknown> = { ...loose }
  for (const word of ['$defs', 'definitions'])
    if (isObject(schema[word])) kept[word] = mapOf(schema[word], walk, 0)
  return walk.parts > MOST_PARTS ? true : kept
}

function loosen(schema: unknown, walk: Walk, depth: number): Loose {
  if (!isObject(schema) || schema['x-lenient'] === true || depth > DEEPEST) {
    return schema === false ? { not: {} } : true
  }
  if (++walk.parts > MOST_PARTS) return true
  const loose: Record<string, unknown> = {}
  for (const word of PLAIN) if (schema[word] !== undefined) loose[word] = schema[word]
  if (schema.maxLength !== undefined) loose[LONGEST] = schema.maxLength
  // A fraction divides no number exactly, and everybody rounds differently.
  if (Number.isInteger(schema.multipleOf)) loose.multipleOf = schema.multipleOf
  if (isObject(schema.not) && Object.keys(schema.not).length === 0) loose.not = {}
  if (typeof schema.$ref === 'string' && REF.test(schema.$ref)) loose.$ref = schema.$ref
  addMembers(loose, schema, walk, depth + 1)
  addItems(loose, schema, walk, depth + 1)
  addChoices(loose, schema, walk, depth + 1)
  return Object.keys(loose).length === 0 ? true : loose
}

function addMembers(loose: Record<string, unknown>, schema: JsonSchema, walk: Walk, depth: number): void {
  const { properties, additionalProperties, patternProperties, required } = schema
  const members = isObject(properties) ? mapOf(properties, walk, depth) : {}
  if (isObject(properties)) loose.properties = members
  if (additionalProperties !== undefined && patternProperties === undefined)
    loose.additionalProperties = additionalProperties !== false && loosen(additionalProperties, walk, depth)
  // What takes anything may take its absence, too.
  const needed = Array.isArray(required) ? required.filter((name) => isClosed(members, name)) : []
  if (needed.length > 0) loose.required = needed
}

function isClosed(members: Readonly<Record<string, Loose>>, name: unknown): boolean {
  if (typeof name !== 'string' || !Object.hasOwn(members, name)) return false
  const member = members[name]
  return member !== true && !(isObject(member) && member.$ref !== undefined && member.type === undefined)
}

function addItems(loose: Record<string, unknown>, schema: JsonSchema, walk: Walk, depth: number): void {
  const { items, prefixItems } = schema
  if (Array.isArray(prefixItems)) loose.prefixItems = prefixItems.map((item) => loosen(item, walk, depth))
  if (items !== undefined && !Array.isArray(items)) loose.items = loosen(items, walk, depth)
}

function addChoices(loose: Record<string, unknown>, schema: JsonSchema, walk: Walk, depth: number): void {
  const choices = Array.isArray(schema.anyOf) ? schema.anyOf : schema.oneOf
  if (Array.isArray(choices) && choices.length > 0) {
    const loosened = choices.map((choice) => loosen(choice, walk, depth))
    if (!loosened.includes(true)) loose.anyOf = loosened
  }
  if (!Array.isArray(schema.allOf)) return
  const all = schema.allOf.map((part) => loosen(part, walk, depth)).filter((part) => part !== true)
  if (all.length > 0) loose.allOf = all
}

/** Own members only; a name such as `__proto__` is one of them. */
function mapOf(map: object, walk: Walk, depth: number): Record<string, Loose> {
  return Object.fromEntries(Object.entries(map).map(([name, part]) => [name, loosen(part, walk, depth)]))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
