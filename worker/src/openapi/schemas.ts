/**
 * Moves JSON Schemas of functions into the `components` of an OpenAPI document. Used by `document.ts` alone.
 * A function's schema refers to itself by `#` and to its parts by `#/$defs/…`; in a document the root is another,
 * so that every such reference is written anew and each part becomes a component of its own.
 * Invariant: every reference that `add` returns or writes leads to a component of the same document.
 */
import type { JsonSchema } from '@berth/protocol'

export interface SchemaRef {
  readonly $ref: string
}

const POINTER = '#/components/schemas/'
/** Keywords that hold one schema, a list of them, or schemas by name. Whatever else there is holds data. */
const ONE: ReadonlySet<string> = new Set([
  'items',
  'contains',
  'additionalProperties',
  'unevaluatedItems',
  'unevaluatedProperties',
  'propertyNames',
  'not',
  'if',
  'then',
  'else',
])
const LIST: ReadonlySet<string> = new Set(['prefixItems', 'allOf', 'anyOf', 'oneOf'])
const NAMED: ReadonlySet<string> = new Set(['properties', 'patternProperties', 'dependentSchemas'])
const PARTS = ['$defs', 'definitions']
/** They would give a part of the document another root. */
const DROPPED: ReadonlySet<string> = new Set(['$schema', '$id', ...PARTS])

export class ComponentSchemas {
  readonly schemas: Record<string, unknown>
  readonly #taken = new Set<string>()

  constructor(own: Readonly<Record<string, unknown>>) {
    this.schemas = { ...own }
    for (const name of Object.keys(own)) this.#taken.add(name)
  }

  /** Takes a schema and its parts in; the reference leads to it. */
  add(wantedName: string, schema: JsonSchema): SchemaRef {
    const name = this.#nameFor(wantedName)
    const moved = new Map<string, string>()
    const parts: [string, unknown][] = []
    for (const keyword of PARTS) {
      for (const [part, inner] of Object.entries(objectOf(schema[keyword]))) {
        const partName = this.#nameFor(`${wantedName}.${part}`)
        moved.set(`#/${keyword}/${escapePointer(part)}`, POINTER + partName)
        parts.push([partName, inner])
      }
    }
    const refer = (ref: string) => moveReference(ref, POINTER + name, moved)
    this.schemas[name] = rewrite(schema, refer)
    for (const [partName, inner] of parts) this.schemas[partName] = rewrite(inner, refer)
    return { $ref: POINTER + name }
  }

  /** Component names are letters, digits, `.`, `-` and `_`. */
  #nameFor(wanted: string): string {
    const plain = wanted.replace(/[^A-Za-z0-9._-]/g, '_')
    let name = plain
    for (let count = 2; this.#taken.has(name); count++) name = `${plain}_${count}`
    this.#taken.add(name)
    return name
  }
}

function moveReference(ref: string, root: string, moved: ReadonlyMap<string, string>): string {
  if (!ref.startsWith('#')) return ref
  if (ref === '#' || ref === '#/') return root
  for (const [from, to] of moved) {
    if (ref === from) return to
    if (ref.startsWith(`${from}/`)) return to + ref.slice(from.length)
  }
  return root + ref.slice(1)
}

function rewrite(schema: unknown, refer: (ref: string) => string): unknown {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return schema
  const written: [string, unknown][] = []
  for (const [keyword, value] of Object.entries(schema)) {
    if (DROPPED.has(keyword)) continue
    written.push([keyword, rewriteKeyword(keyword, value, refer)])
  }
  return Object.fromEntries(written)
}

function rewriteKeyword(keyword: string, value: unknown, refer: (ref: string) => string): unknown {
  if (keyword === '$ref' && typeof value === 'string') return refer(value)
  if (ONE.has(keyword) && !Array.isArray(value)) return rewrite(value, refer)
  if ((LIST.has(keyword) || ONE.has(keyword)) && Array.isArray(value))
    return value.map((inner) => rewrite(inner, refer))
  if (!NAMED.has(keyword)) return value
  return Object.fromEntries(
    Object.entries(objectOf(value)).map(([name, inner]) => [name, rewrite(inner, refer)]),
  )
}

function objectOf(value: unknown): object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {}
}

function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}
