/**
 * Reads a function's published JSON Schema (2020-12, as zod writes it and as others do) as a form. Pure; called by
 * whoever draws an input.
 * Invariant: never throws and never grows beyond FORM_LIMITS, whatever the schema; what it cannot draw is a field for
 * raw JSON, so that every input that a function takes can be entered.
 */
import {
  type Field,
  type FieldBase,
  FORM_LIMITS,
  type GroupField,
  isObject,
  isSame,
  type Option,
  type UnionField,
} from './field.ts'

type Schema = Readonly<Record<string, unknown>>

interface Reading {
  readonly root: unknown
  fieldsLeft: number
}

/** The form of a whole input. `schema` null or malformed: one field of raw JSON. */
export function readSchema(schema: unknown): Field {
  return readField(schema, 0, { root: schema, fieldsLeft: FORM_LIMITS.fields })
}

function readField(given: unknown, depth: number, reading: Reading): Field {
  const schema = resolve(given, reading)
  if (schema === null) return jsonField({})
  reading.fieldsLeft -= 1
  if (depth > FORM_LIMITS.depth || reading.fieldsLeft < 0) return jsonField(schema)
  const { schema: core, isNullable } = withoutNull(schema, reading)
  const field = readCore(core, depth, reading)
  const base = baseOf(schema, core)
  return { ...field, ...base, isNullable: isNullable || field.isNullable }
}

/** What is left when `null` is told apart from the rest. */
function withoutNull(schema: Schema, reading: Reading): { schema: Schema; isNullable: boolean } {
  if (Array.isArray(schema.type) && schema.type.includes('null')) {
    const types = schema.type.filter((type) => type !== 'null')
    if (types.length === 0) return { schema, isNullable: false }
    return { schema: { ...schema, type: types.length === 1 ? types[0] : types }, isNullable: true }
  }
  if (Array.isArray(schema.enum) && schema.enum.length > 1 && schema.enum.includes(null))
    return { schema: { ...schema, enum: schema.enum.filter((value) => value !== null) }, isNullable: true }
  const parts = alternativesOf(schema)
  if (parts === null) return { schema, isNullable: false }
  const others = parts.filter((part) => !isNull(resolve(part, reading)))
  if (others.length === parts.length || others.length === 0) return { schema, isNullable: false }
  const { anyOf: _any, oneOf: _one, ...rest } = schema
  const only = others.length === 1 ? resolve(others[0], reading) : null
  if (only !== null) return { schema: { ...only, ...rest }, isNullable: true }
  return { schema: { ...rest, anyOf: others }, isNullable: true }
}

function isNull(schema: Schema | null): boolean {
  return schema !== null && (schema.type === 'null' || ('const' in schema && schema.const === null))
}

function alternativesOf(schema: Schema): readonly unknown[] | null {
  if (Array.isArray(schema.anyOf) && schema.anyOf.length > 0) return schema.anyOf
  return Array.isArray(schema.oneOf) && schema.oneOf.length > 0 ? schema.oneOf : null
}

function readCore(schema: Schema, depth: number, reading: Reading): Field {
  if ('const' in schema) return { kind: 'constant', value: schema.const, ...baseOf(schema) }
  if (Array.isArray(schema.enum)) return readChoice(schema, schema.enum)
  const alternatives = alternativesOf(schema)
  if (alternatives !== null) return readUnion(schema, alternatives, depth, reading)
  if (Array.isArray(schema.allOf)) return readAll(schema, schema.allOf, depth, reading)
  if (Array.isArray(schema.type)) {
    const each = schema.type.map((type) => ({ ...schema, type }))
    return readUnion(schema, each, depth, reading)
  }
  return readType(schema, depth, reading)
}

function readType(schema: Schema, depth: number, reading: Reading): Field {
  switch (schema.type ?? typeByKeywords(schema)) {
    case 'string':
      return readText(schema)
    case 'integer':
    case 'number':
      return readNumber(schema)
    case 'boolean':
      return { kind: 'flag', ...baseOf(schema) }
    case 'null':
      return { kind: 'constant', value: null, ...baseOf(schema) }
    case 'object':
      return readObject(schema, depth, reading)
    case 'array':
      return readArray(schema, depth, reading)
    default:
      return jsonField(schema)
  }
}

function typeByKeywords(schema: Schema): string | null {
  if (isObject(schema.properties)) return 'object'
  return isObject(schema.items) || Array.isArray(schema.prefixItems) ? 'array' : null
}

function readChoice(schema: Schema, values: readonly unknown[]): Field {
  if (values.length === 0 || values.length > FORM_LIMITS.options) return jsonField(schema)
  if (values.length === 1) return { kind: 'constant', value: values[0], ...baseOf(schema) }
  const options = values.map((value): Option => ({ label: labelOf(value), value }))
  return { kind: 'choice', options, ...baseOf(schema) }
}

/** Values to choose from are one choice, all else a picker of forms. */
function readUnion(schema: Schema, parts: readonly unknown[], depth: number, reading: Reading): Field {
  const resolved = parts.map((part) => resolve(part, reading))
  const values = resolved.flatMap((part) => valuesOf(part) ?? [UNKNOWN])
  if (!values.includes(UNKNOWN)) return readChoice(schema, unique(values))
  const [only] = parts
  if (parts.length === 1) return readField(only, depth, reading)
  if (parts.length > FORM_LIMITS.variants) return jsonField(schema)
  const { anyOf: _any, oneOf: _one, ...rest } = schema
  const fields = resolved.map((part) => readField(mergeInto(rest, part), depth + 1, reading))
  return { kind: 'union', variants: labelled(fields), ...baseOf(schema) }
}

/** What stands beside `anyOf` holds in every part of it, too. */
function mergeInto(rest: Schema, part: Schema | null): unknown {
  if (part === null) return true
  const { title: _title, description: _description, default: _preset, ...shared } = rest
  if (!isObject(shared.properties)) return { ...shared, ...part }
  return mergeObjects([{ type: 'object', ...shared }, part]) ?? part
}

const UNKNOWN = Symbol('no value')

function valuesOf(schema: Schema | null): readonly unknown[] | null {
  if (schema === null) return null
  if ('const' in schema) return [schema.const]
  return Array.isArray(schema.enum) ? schema.enum : null
}

function unique(values: readonly unknown[]): unknown[] {
  return values.filter((value, at) => values.findIndex((other) => isSame(other, value)) === at)
}

function labelled(fields: readonly Field[]): UnionField['variants'] {
  const labels = fields.map(variantLabel)
  return fields.map((field, at) => {
    const label = labels[at] ?? ''
    const isTwice = labels.indexOf(label) !== labels.lastIndexOf(label)
    return { label: isTwice ? `${label} ${at + 1}` : label, field }
  })
}

/** `title`, else the member that tells the variants apart, else the kind. */
function variantLabel(field: Field): string {
  if (field.title !== null) return field.title
  if (field.kind === 'constant') return labelOf(field.value)
  if (field.kind === 'group') {
    const told = field.members.find((member) => member.isRequired && member.field.kind === 'constant')
    if (told?.field.kind === 'constant') return labelOf(told.field.value)
    const names = field.members.slice(0, 3).map(({ name }) => name)
    return names.length === 0 ? '{}' : names.join(', ')
  }
  return field.kind
}

function readAll(schema: Schema, parts: readonly unknown[], depth: number, reading: Reading): Field {
  const { allOf: _all, ...rest } = schema
  const resolved = parts.map((part) => resolve(part, reading))
  const objects = resolved.every((part) => part !== null) ? mergeObjects([rest, ...resolved]) : null
  return objects === null ? jsonField(schema) : readCore(objects, depth, reading)
}

/** One object with the members of all; null where something of them cannot be laid together. */
function mergeObjects(parts: readonly (Schema | null)[]): Schema | null {
  const merged: { properties: Record<string, unknown>; required: unknown[]; rest: Schema } = {
    properties: {},
    required: [],
    rest: {},
  }
  for (const part of parts) {
    if (part === null || alternativesOf(part) !== null || 'allOf' in part) return null
    const { properties, required, ...rest } = part
    if (rest.type !== undefined && rest.type !== 'object') return null
    if (isObject(properties)) merged.properties = { ...merged.properties, ...properties }
    if (Array.isArray(required)) merged.required.push(...required)
    merged.rest = { ...merged.rest, ...rest }
  }
  return { ...merged.rest, type: 'object', properties: merged.properties, required: merged.required }
}

function readText(schema: Schema): Field {
  const example = Array.isArray(schema.examples) ? schema.examples[0] : schema.example
  return {
    kind: 'text',
    format: textOrNull(schema.format),
    pattern: textOrNull(schema.pattern),
    minLength: countOrNull(schema.minLength),
    maxLength: countOrNull(schema.maxLength),
    encoding: textOrNull(schema.contentEncoding),
    example: typeof example === 'string' ? example : null,
    ...baseOf(schema),
  }
}

function readNumber(schema: Schema): Field {
  const [min, isMinExclusive] = bound(schema.minimum, schema.exclusiveMinimum, Math.max)
  const [max, isMaxExclusive] = bound(schema.maximum, schema.exclusiveMaximum, Math.min)
  const multipleOf = numberOrNull(schema.multipleOf)
  return {
    kind: 'number',
    isInteger: schema.type === 'integer',
    min,
    max,
    isMinExclusive,
    isMaxExclusive,
    multipleOf: multipleOf !== null && multipleOf > 0 ? multipleOf : null,
    ...baseOf(schema),
  }
}

/** The tighter of the two bounds that a schema may have on one side. */
function bound(
  inclusive: unknown,
  exclusive: unknown,
  tighter: (a: number, b: number) => number,
): [number | null, boolean] {
  const [within, beyond] = [numberOrNull(inclusive), numberOrNull(exclusive)]
  if (beyond === null) return [within, false]
  if (within === null || tighter(within, beyond) === beyond) return [beyond, true]
  return [within, false]
}

function readObject(schema: Schema, depth: number, reading: Reading): Field {
  if ('patternProperties' in schema) return jsonField(schema)
  const properties = isObject(schema.properties) ? schema.properties : {}
  const others = schema.additionalProperties
  if (Object.keys(properties).length === 0 && (isObject(others) || others === true))
    return readRecord(schema, others, depth, reading)
  const required = Array.isArray(schema.required) ? schema.required : []
  const members = Object.entries(properties).map(([name, member]) => ({
    name,
    field: readField(member, depth + 1, reading),
    isRequired: required.includes(name),
  }))
  const more = isObject(others) || others === true ? readField(others, depth + 1, reading) : null
  const group: GroupField = { kind: 'group', members, more, ...baseOf(schema) }
  return group
}

function readRecord(schema: Schema, value: unknown, depth: number, reading: Reading): Field {
  const names = isObject(schema.propertyNames) ? schema.propertyNames.enum : undefined
  return {
    kind: 'record',
    value: readField(value, depth + 1, reading),
    names: Array.isArray(names) ? names.filter((name) => typeof name === 'string') : null,
    ...baseOf(schema),
  }
}

function readArray(schema: Schema, depth: number, reading: Reading): Field {
  const prefix = Array.isArray(schema.prefixItems) ? schema.prefixItems : []
  if (prefix.length > 0) {
    if (schema.items !== false && schema.items !== undefined) return jsonField(schema)
    const items = prefix.map((item) => readField(item, depth + 1, reading))
    return { kind: 'tuple', items, ...baseOf(schema) }
  }
  return {
    kind: 'list',
    item: readField(schema.items ?? true, depth + 1, reading),
    minItems: countOrNull(schema.minItems) ?? 0,
    maxItems: countOrNull(schema.maxItems),
    ...baseOf(schema),
  }
}

function jsonField(schema: Schema): Field {
  return { kind: 'json', ...baseOf(schema) }
}

/** `outer` is what stood around a nullable one: its texts and its preset go before. */
function baseOf(outer: Schema, inner: Schema = outer): FieldBase {
  return {
    title: textOrNull(outer.title) ?? textOrNull(inner.title),
    description: textOrNull(outer.description) ?? textOrNull(inner.description),
    isNullable: false,
    preset: 'default' in outer ? outer.default : inner.default,
    isLenient: outer['x-lenient'] === true || inner['x-lenient'] === true,
  }
}

/** Follows references within the document. Null for what is no schema with something to say. */
function resolve(given: unknown, { root }: Reading): Schema | null {
  let schema = given
  for (let hops = 0; hops < FORM_LIMITS.references; hops++) {
    if (!isObject(schema)) return null
    if (typeof schema.$ref !== 'string') return schema
    const target = follow(root, schema.$ref)
    if (!isObject(target)) return null
    const { $ref: _ref, ...beside } = schema
    schema = { ...target, ...beside }
  }
  return null
}

function follow(root: unknown, reference: string): unknown {
  if (reference === '#') return root
  if (!reference.startsWith('#/')) return undefined
  let at = root
  for (const part of reference.slice(2).split('/')) {
    const name = decode(part).replaceAll('~1', '/').replaceAll('~0', '~')
    if (Array.isArray(at)) at = at[Number(name)]
    else if (isObject(at) && Object.hasOwn(at, name)) at = at[name]
    else return undefined
  }
  return at
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

function labelOf(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : JSON.stringify(value)
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

function numberOrNull(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null
}

function countOrNull(value: unknown): number | null {
  return Number.isSafeInteger(value) && Number(value) >= 0 ? Number(value) : null
}
