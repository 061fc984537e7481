/**
 * Which parameters a function knows at the top level, read from its JSON Schema. Anything else in an input is
 * refused before the schema sees it (CONTRACT §4), by the worker and by whoever accepts what it runs later: a
 * mistyped optional parameter must not pass unnoticed.
 * Invariant: only a schema that says so itself (`z.looseObject`, a catch-all, a record) takes other keys.
 */
import type { JsonSchema } from './interface.ts'

/** What is said of a parameter that is none. */
export const NO_SUCH_PARAMETER = 'there is no such parameter'

/** Null: any key may come. */
export type KnownKeys = ReadonlySet<string> | null

/** The keys of all branches of a schema together. */
export function knownKeysOf(schema: JsonSchema): KnownKeys {
  const keys = new Set<string>()
  const isOpen = collect(schema, schema, keys, new Set())
  return isOpen ? null : keys
}

/** Adds the keys of a schema; true when it takes any. */
function collect(schema: unknown, root: JsonSchema, keys: Set<string>, seen: Set<unknown>): boolean {
  if (typeof schema !== 'object' || schema === null) return schema === true
  if (seen.has(schema)) return false
  seen.add(schema)
  const node = schema as JsonSchema
  const parts = ['anyOf', 'oneOf', 'allOf'].flatMap((word) => (Array.isArray(node[word]) ? node[word] : []))
  if (typeof node.$ref === 'string') parts.push(resolvePointer(root, node.$ref))
  const isOpenPart = parts.map((part) => collect(part, root, keys, seen)).some(Boolean)
  if (typeof node.properties === 'object' && node.properties !== null)
    for (const key of Object.keys(node.properties)) keys.add(key)
  return isOpenPart || isOpenHere(node, parts.length)
}

function isOpenHere(node: JsonSchema, partCount: number): boolean {
  const { additionalProperties, patternProperties } = node
  if (additionalProperties !== undefined && additionalProperties !== false) return true
  if (patternProperties !== undefined) return true
  // A schema that says nothing at all about its value (z.any, a custom check) knows no keys to refuse.
  const saysNothing = node.type === undefined && node.properties === undefined && partCount === 0
  return saysNothing && node.enum === undefined && node.const === undefined && node.not === undefined
}

function resolvePointer(root: JsonSchema, ref: string): unknown {
  if (!ref.startsWith('#')) return undefined
  let node: unknown = root
  for (const part of ref.slice(1).split('/').slice(1)) {
    const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof node !== 'object' || node === null || !Object.hasOwn(node, key)) return undefined
    node = (node as JsonSchema)[key]
  }
  return node
}
