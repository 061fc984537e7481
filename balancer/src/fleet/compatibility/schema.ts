/**
 * Reads JSON Schemas (2020-12) as the judge needs them: keywords by what they do, references, the types of
 * values that pass, and the part of a schema that is more than text. Pure; used by this folder only.
 * Invariant: what is malformed is never taken for a constraint that holds.
 */
import { canonicalJson, type JsonSchema } from '@berth/protocol'

export type Schema = JsonSchema | boolean

/** Types of values, numbers told apart. */
export type ValueType = 'null' | 'boolean' | 'object' | 'array' | 'string' | 'integer' | 'fraction'

/** Say nothing about which values pass. */
const TEXTS: ReadonlySet<string> = new Set([
  '$anchor',
  '$comment',
  '$defs',
  '$id',
  '$schema',
  'contentEncoding',
  'contentMediaType',
  'default',
  'definitions',
  'deprecated',
  'description',
  'example',
  'examples',
  'readOnly',
  'title',
  'writeOnly',
  'x-lenient',
])
const MAPS: ReadonlySet<string> = new Set(['properties', 'patternProperties', '$defs', 'definitions'])
const LISTS: ReadonlySet<string> = new Set(['allOf', 'anyOf', 'oneOf', 'prefixItems'])
const SINGLES: ReadonlySet<string> = new Set(['items', 'additionalProperties', 'propertyNames', 'not'])
const SETS: ReadonlySet<string> = new Set(['required', 'enum', 'type', 'allOf', 'anyOf', 'oneOf'])
const ALL_TYPES: readonly ValueType[] = [
  'null',
  'boolean',
  'object',
  'array',
  'string',
  'integer',
  'fraction',
]
const MAX_DEPTH = 64
const MAX_HOPS = 16

export function isSchema(value: unknown): value is Schema {
  return typeof value === 'boolean' || isObject(value)
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Keywords that say which values pass. */
export function constraintsOf(schema: JsonSchema): string[] {
  return Object.keys(schema).filter((key) => !TEXTS.has(key))
}

/** The value of a map of schemas, own keys only. */
export function memberOf(map: unknown, key: string): Schema | undefined {
  if (!isObject(map) || !Object.hasOwn(map, key)) return undefined
  const value = map[key]
  return isSchema(value) ? value : undefined
}

/**
 * The schema without what only describes it, lists that are sets in one order: two that are equal so let
 * the same values pass. `$defs` stay, for references.
 */
export function contentOf(schema: unknown, depth = 0): unknown {
  if (!isObject(schema) || depth > MAX_DEPTH) return schema
  const content = new Map<string, unknown>()
  for (const [key, value] of Object.entries(schema)) {
    if (TEXTS.has(key) && !MAPS.has(key)) continue
    content.set(key, inOneOrder(key, memberContent(key, value, depth + 1)))
  }
  return Object.fromEntries(content)
}

function memberContent(key: string, value: unknown, depth: number): unknown {
  if (SINGLES.has(key)) return contentOf(value, depth)
  if (LISTS.has(key) && Array.isArray(value)) return value.map((each) => contentOf(each, depth))
  if (!MAPS.has(key) || !isObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, contentOf(each, depth)]))
}

function inOneOrder(key: string, value: unknown): unknown {
  if (!SETS.has(key) || !Array.isArray(value)) return value
  const texts = new Map(value.map((each) => [canonicalJson(each), each]))
  return [...texts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each)
}

/**
 * The schemas that must all hold for this one to: references followed, `allOf` opened. Undefined where a
 * reference leads nowhere.
 */
export function conjunctsOf(schema: Schema, root: Schema, hops = 0): Schema[] | undefined {
  if (typeof schema === 'boolean') return [schema]
  if (hops > MAX_HOPS) return undefined
  const parts = [...(Array.isArray(schema.allOf) ? schema.allOf : [])]
  if (schema.$ref !== undefined) {
    const target = followRef(schema.$ref, root)
    if (target === undefined) return undefined
    parts.push(target)
  }
  if (parts.length === 0) return [schema]
  const found: Schema[] = [without(schema, 'allOf', '$ref')]
  for (const part of parts) {
    const more = isSchema(part) ? conjunctsOf(part, root, hops + 1) : undefined
    if (!more) return undefined
    found.push(...more)
  }
  return found
}

/** Only places in the same document: `#`, `#/$defs/x`. */
function followRef(ref: unknown, root: Schema): Schema | undefined {
  if (typeof ref !== 'string' || !ref.startsWith('#')) return undefined
  let at: unknown = root
  for (const part of ref.slice(1).split('/').slice(1)) {
    const key = decodePart(part)
    if (key === undefined || !isObject(at) || !Object.hasOwn(at, key)) return undefined
    at = at[key]
  }
  return isSchema(at) ? at : undefined
}

function decodePart(part: string): string | undefined {
  try {
    return decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
  } catch {
    return undefined
  }
}

const stripped = new WeakMap<JsonSchema, Map<string, JsonSchema>>()

/** The schema without some keywords; the same object each time, so that it is known again. */
export function without(schema: JsonSchema, ...keys: readonly string[]): JsonSchema {
  const known = stripped.get(schema) ?? new Map<string, JsonSchema>()
  stripped.set(schema, known)
  const name = keys.join(' ')
  const rest =
    known.get(name) ?? Object.fromEntries(Object.entries(schema).filter(([key]) => !keys.includes(key)))
  known.set(name, rest)
  return rest
}

/** No value passes. */
export function isNever(schema: Schema): boolean {
  if (typeof schema === 'boolean') return !schema
  return schema.not === true || (isObject(schema.not) && constraintsOf(schema.not).length === 0)
}

/** The listed values of `enum` or `const`; undefined when it lists none. */
export function valuesOf(schema: Schema): readonly unknown[] | undefined {
  if (typeof schema === 'boolean') return undefined
  const listed = Array.isArray(schema.enum) ? schema.enum : undefined
  if (!Object.hasOwn(schema, 'const')) return listed
  const isListed = listed?.some((each) => canonicalJson(each) === canonicalJson(schema.const)) ?? true
  return isListed ? [schema.const] : []
}

const SHAPES: Readonly<Record<string, (value: unknown) => boolean>> = {
  type: (value) => [value].flat().every(isTypeName),
  enum: Array.isArray,
  required: Array.isArray,
  prefixItems: isSchemaList,
  anyOf: isSchemaList,
  oneOf: isSchemaList,
  items: isSchema,
  additionalProperties: isSchema,
  propertyNames: isSchema,
  properties: (value) => isObject(value) && Object.values(value).every(isSchema),
}

/** The first keyword of a shape that says nothing. */
export function findMalformed(schema: JsonSchema): string | undefined {
  return Object.keys(SHAPES).find((key) => Object.hasOwn(schema, key) && !SHAPES[key]?.(schema[key]))
}

function isSchemaList(value: unknown): boolean {
  return Array.isArray(value) && value.every(isSchema)
}

function isTypeName(name: unknown): boolean {
  return name === 'number' || (name !== 'fraction' && ALL_TYPES.some((type) => type === name))
}

/** The types of values that may pass, as far as `type`, `enum` and `const` say. */
export function typesOf(schema: Schema): ReadonlySet<ValueType> {
  if (typeof schema === 'boolean') return new Set(schema ? ALL_TYPES : [])
  const values = valuesOf(schema)
  const named = schema.type === undefined ? undefined : [schema.type].flat()
  const types = named ? new Set(named.flatMap(readType)) : new Set(ALL_TYPES)
  return values ? new Set(values.map(typeOf).filter((type) => types.has(type))) : types
}

/** The types that pass all of them. */
export function sharedTypes(schemas: readonly Schema[]): ReadonlySet<ValueType> {
  let shared: ReadonlySet<ValueType> = new Set(ALL_TYPES)
  for (const schema of schemas) shared = shared.intersection(typesOf(schema))
  return shared
}

export function typeOf(value: unknown): ValueType {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'fraction'
  return typeof value === 'string' || typeof value === 'boolean' ? (typeof value as ValueType) : 'object'
}

/** What JSON Schema calls a type; one that it does not know lets everything pass. */
function readType(name: unknown): readonly ValueType[] {
  if (name === 'number') return ['integer', 'fraction']
  const known = ALL_TYPES.find((type) => type === name && type !== 'fraction')
  return known ? [known] : ALL_TYPES
}
