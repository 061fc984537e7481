/**
 * What several JSON Schemas that all hold say together, part by part: branches, listed values, members,
 * items. Pure, used by judge.ts alone. The invariant: what cannot be read widens what is possible, it never
 * narrows it.
 */
import { canonicalJson } from '@berth/protocol'
import {
  isObject,
  isSchema,
  memberOf,
  type Schema,
  sharedTypes,
  typeOf,
  typesOf,
  type ValueType,
  valuesOf,
  without,
} from './schema.ts'

/** The same objects each time, so that a pair is known again. */
export const TYPE_SCHEMAS = {
  null: { type: 'null' },
  boolean: { type: 'boolean' },
  object: { type: 'object' },
  array: { type: 'array' },
  string: { type: 'string' },
  integer: { type: 'integer' },
  number: { type: 'number' },
} as const satisfies Record<string, Schema>

/** Branches of the first union among schemas that all hold, each with all the rest. */
export function splitUnion(schemas: readonly Schema[]): Schema[][] | undefined {
  for (const [at, schema] of schemas.entries()) {
    if (typeof schema === 'boolean') continue
    for (const key of ['anyOf', 'oneOf'] as const) {
      const branches = schema[key]
      if (!Array.isArray(branches) || !branches.every(isSchema)) continue
      const rest = without(schema, key)
      return branches.map((branch) => [...schemas.with(at, rest), branch])
    }
  }
  return undefined
}

/** Those of the listed values that the other rules, as far as they list values or types, leave. */
export function possible(values: readonly unknown[], there: readonly Schema[]): unknown[] {
  const types = sharedTypes(there)
  return values.filter(
    (value) =>
      types.has(typeOf(value)) &&
      there.every(
        (schema) => valuesOf(schema)?.some((each) => canonicalJson(each) === canonicalJson(value)) ?? true,
      ),
  )
}

/** A schema that only this value fits, in words that the comparison understands. */
export function exactly(value: unknown): Schema {
  if (typeof value === 'number')
    return {
      type: 'number',
      minimum: value,
      maximum: value,
      multipleOf: value === 0 ? undefined : Math.abs(value),
    }
  if (typeof value === 'string') {
    // Some count characters, some their halves in UTF-16.
    return { type: 'string', minLength: [...value].length, maxLength: value.length }
  }
  if (Array.isArray(value))
    return { type: 'array', prefixItems: value.map(exactly), minItems: value.length, maxItems: value.length }
  if (isObject(value)) {
    const properties = Object.fromEntries(Object.entries(value).map(([key, each]) => [key, exactly(each)]))
    return { type: 'object', properties, required: Object.keys(value), additionalProperties: false }
  }
  return { const: value }
}

/** Asked for by its own name, not left to what is implied. */
export function explicitRest({ additionalProperties, patternProperties }: Record<string, unknown>): Schema[] {
  if (patternProperties !== undefined) return [true]
  return isSchema(additionalProperties) ? [additionalProperties] : []
}

export function itemOf({ prefixItems, items }: Record<string, unknown>, at: number): Schema {
  const head: unknown = Array.isArray(prefixItems) ? prefixItems[at] : undefined
  if (isSchema(head)) return head
  return isSchema(items) ? items : true
}

export function requiredOf(schemas: readonly Schema[]): ReadonlySet<string> {
  const names = schemas.flatMap((schema) =>
    isObject(schema) && Array.isArray(schema.required) ? schema.required : [],
  )
  return new Set(names.map(String))
}

/** The values that a member may have, where some schema lists them. */
export function listedAt(schemas: readonly Schema[], name: string): ReadonlySet<string> | undefined {
  for (const schema of schemas) {
    const member = isObject(schema) ? memberOf(schema.properties, name) : undefined
    const values = member === undefined ? undefined : valuesOf(member)
    if (values) return new Set(values.map((value) => canonicalJson(value)))
  }
  return undefined
}

export function sharesType(there: readonly Schema[], branch: Schema): boolean {
  return sharedTypes(there).intersection(typesOf(branch)).size > 0
}

export function isNumberOnly(types: ReadonlySet<ValueType>): boolean {
  return [...types].every((type) => type === 'integer' || type === 'fraction')
}

/** Numbers as one. */
export function byType(types: ReadonlySet<ValueType>): Schema[] {
  const isNumber = types.has('fraction')
  return [...types].flatMap((type): Schema[] => {
    if (type === 'integer' && isNumber) return []
    return [TYPE_SCHEMAS[type === 'fraction' ? 'number' : type]]
  })
}
