/**
 * Whether every value that is valid under one JSON Schema is valid under another: the question behind "can a
 * valid call fail at this worker?". Understands what functions publish (types, required, enum, bounds,
 * patterns by their text, objects, lists, unions, references within the schema). Used by contracts.ts.
 *
 * Invariant: "no difference" is said only when it is sure; what is not understood is a difference that names
 * the place. One thing is held to be no part of a valid value: a key that the first schema neither declares
 * nor speaks of, so that a new optional member of an open object is none.
 */
import { canonicalJson } from '@berth/protocol'
import { type Difference, pathTo, wordSchemas, wordTypes, wordValue } from './difference.ts'
import {
  byType,
  exactly,
  explicitRest,
  isNumberOnly,
  itemOf,
  listedAt,
  possible,
  requiredOf,
  sharesType,
  splitUnion,
  TYPE_SCHEMAS,
} from './parts.ts'
import { findRangeDifference, RANGE_KEYWORDS } from './ranges.ts'
import {
  conjunctsOf,
  constraintsOf,
  contentOf,
  findMalformed,
  isNever,
  isObject,
  isSchema,
  memberOf,
  type Schema,
  sharedTypes,
  typeOf,
  typesOf,
  valuesOf,
  without,
} from './schema.ts'

const MAX_STEPS = 20_000
const MAX_DEPTH = 60
/** Characters of schemas that are compared by their text; what is longer is compared in parts only. */
const MAX_TEXT = 4_000_000
/** Keywords that are compared; any other must be the same on both sides. */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  ...RANGE_KEYWORDS,
  'additionalProperties',
  'anyOf',
  'const',
  'enum',
  'items',
  'oneOf',
  'prefixItems',
  'properties',
  'propertyNames',
  'required',
  'type',
])

/** Undefined when whatever is valid under `there` is valid under `here`; both are read as objects' schemas. */
export function findSchemaDifference(there: Schema, here: Schema, path: string): Difference | undefined {
  if (canonicalJson(contentOf(there)) === canonicalJson(contentOf(here))) return undefined
  return new Judge(there, here).compare([there, TYPE_SCHEMAS.object], here, path, 0)
}

type Finding = Difference | undefined

class Judge {
  readonly #there: Schema
  readonly #here: Schema
  readonly #ids = new Map<Schema, number>()
  /** Pairs that are being compared: a recursive schema meets itself again and then holds. */
  readonly #open = new Set<string>()
  readonly #texts = new WeakMap<object, string>()
  #textLength = 0
  #steps = 0

  constructor(there: Schema, here: Schema) {
    this.#there = there
    this.#here = here
  }

  /** `there` is what all holds for a value there. */
  compare(there: readonly Schema[], here: Schema, path: string, depth: number): Finding {
    if (++this.#steps > MAX_STEPS || depth > MAX_DEPTH) return unclear(path, 'is too involved to be compared')
    const key = [...there, here].map((schema) => this.#idOf(schema)).join(' ')
    if (this.#open.has(key)) return undefined
    this.#open.add(key)
    try {
      return this.#compareOpened(there, here, path, depth + 1)
    } finally {
      this.#open.delete(key)
    }
  }

  #idOf(schema: Schema): number {
    const id = this.#ids.get(schema) ?? this.#ids.size
    this.#ids.set(schema, id)
    return id
  }

  /** Equal but for texts and order; references may mean something else on the other side. */
  #isSame(a: unknown, b: unknown): boolean {
    const text = this.#textOf(a)
    return text === this.#textOf(b) && !text.includes('"$ref"') && this.#textLength <= MAX_TEXT
  }

  #textOf(value: unknown): string {
    const known = typeof value === 'object' && value !== null ? this.#texts.get(value) : undefined
    if (known !== undefined || this.#textLength > MAX_TEXT) return known ?? ''
    const text = canonicalJson(contentOf(value))
    this.#textLength += text.length
    if (typeof value === 'object' && value !== null) this.#texts.set(value, text)
    return text
  }

  #compareOpened(there: readonly Schema[], here: Schema, path: string, depth: number): Finding {
    const mine = conjunctsOf(here, this.#here)
    if (!mine) return unclear(path, 'refers to something that is not there')
    // Leaving out what cannot be read only makes more values possible.
    const theirs = there.flatMap((schema) => conjunctsOf(schema, this.#there) ?? [])
    if (theirs.some(isNever) || sharedTypes(theirs).size === 0) return undefined
    for (const schema of mine) {
      const found = this.#compareOne(theirs, schema, path, depth)
      if (found) return found
    }
    return undefined
  }

  #compareOne(there: readonly Schema[], here: Schema, path: string, depth: number): Finding {
    if (isNever(here)) return { path, here: 'takes nothing', there: wordSchemas(there) }
    if (here === true || typeof here === 'boolean' || constraintsOf(here).length === 0) return undefined
    const malformed = findMalformed(here)
    if (malformed !== undefined) return unclear(path, `has a rule that cannot be read (${malformed})`)
    const split = splitUnion(there)
    if (split) return firstOf(split, (branch) => this.compare(branch, here, path, depth))
    if (there.some((schema) => this.#isSame(schema, here))) return undefined
    const values = there.map(valuesOf).find((listed) => listed !== undefined)
    if (values) return firstOf(possible(values, there), (value) => this.#admit(value, here, path, depth))
    return this.#compareUnion(there, here, path, depth) ?? this.#compareKeywords(there, here, path, depth)
  }

  // --- Unions and listed values ----------------------------------------------------------------

  #compareUnion(
    there: readonly Schema[],
    here: Record<string, unknown>,
    path: string,
    depth: number,
  ): Finding {
    const { anyOf, oneOf } = here
    if (anyOf === undefined && oneOf === undefined) return undefined
    const types = sharedTypes(there)
    if (types.size > 1 && !isNumberOnly(types))
      return firstOf(byType(types), (schema) => this.compare([...there, schema], here, path, depth))
    for (const [branches, isOne] of [
      [anyOf, false],
      [oneOf, true],
    ] as const) {
      if (branches === undefined) continue
      const schemas = Array.isArray(branches) ? branches.filter(isSchema) : []
      const found = this.#compareBranches(there, schemas, isOne, path, depth)
      if (found) return found
    }
    return undefined
  }

  /** One branch takes everything; of `oneOf`, no other takes any of it. */
  #compareBranches(
    there: readonly Schema[],
    branches: readonly Schema[],
    isOne: boolean,
    path: string,
    depth: number,
  ): Finding {
    let nearest: Finding
    for (const branch of branches) {
      const found = this.compare(there, branch, path, depth)
      const others = branches.filter((other) => other !== branch)
      if (!found && (!isOne || others.every((other) => this.#areDisjoint(there, other)))) return undefined
      if (sharesType(there, branch)) nearest ??= found ?? unclear(path, 'has alternatives that overlap')
    }
    const types = new Set(branches.flatMap((branch) => [...typesOf(branch)]))
    return nearest ?? { path, here: `is ${wordTypes(types)}`, there: wordSchemas(there) }
  }

  /** They share no type, or a member that both need has listed values that differ. */
  #areDisjoint(there: readonly Schema[], other: Schema): boolean {
    const others = conjunctsOf(other, this.#here) ?? []
    const shared = sharedTypes([...there, ...others])
    if (shared.size === 0) return true
    if ([...shared].some((type) => type !== 'object')) return false
    const needed = requiredOf(there).intersection(requiredOf(others))
    return [...needed].some((name) => {
      const theirs = listedAt(there, name)
      const mine = listedAt(others, name)
      return theirs !== undefined && mine !== undefined && theirs.isDisjointFrom(mine)
    })
  }

  /** Whether one listed value passes. */
  #admit(value: unknown, here: Schema, path: string, depth: number): Finding {
    const refusal = { path, here: `does not take ${wordValue(value)}`, there: 'does' }
    if (typeof here === 'boolean') return here ? undefined : refusal
    const listed = valuesOf(here)
    if (listed && !listed.some((each) => canonicalJson(each) === canonicalJson(value))) return refusal
    if (!typesOf(here).has(typeOf(value))) return refusal
    const exact = exactly(value)
    // Lists and objects are spelled out as schemas of themselves.
    const rest = without(here, 'enum', 'const', 'type')
    if (constraintsOf(rest).length === 0) return undefined
    const union = this.#compareUnion([exact], rest, path, depth)
    return union || this.#compareKeywords([exact], rest, path, depth) ? refusal : undefined
  }

  // --- Keywords --------------------------------------------------------------------------------

  #compareKeywords(
    there: readonly Schema[],
    here: Record<string, unknown>,
    path: string,
    depth: number,
  ): Finding {
    const theirs = there.filter(isObject)
    for (const key of constraintsOf(here)) {
      if (UNDERSTOOD.has(key)) continue
      if (theirs.some((schema) => this.#isSame(schema[key], here[key]))) continue
      return unclear(path, `has a rule that cannot be compared (${key})`)
    }
    const types = sharedTypes(there)
    const mine = typesOf(without(here, 'enum', 'const'))
    if (!types.isSubsetOf(mine)) return { path, here: `is ${wordTypes(mine)}`, there: wordTypes(types) }
    const listed = valuesOf(here)
    if (listed) return { path, here: `takes only ${wordValue(listed)}`, there: wordTypes(types) }
    return (
      findRangeDifference(theirs, here, types, path) ??
      (types.has('object') ? this.#compareObjects(theirs, here, path, depth) : undefined) ??
      (types.has('array') ? this.#compareLists(theirs, here, path, depth) : undefined)
    )
  }

  #compareObjects(
    there: readonly Record<string, unknown>[],
    here: Record<string, unknown>,
    path: string,
    depth: number,
  ): Finding {
    const names = new Set(
      there.flatMap(({ properties }) => (isObject(properties) ? Object.keys(properties) : [])),
    )
    const unmet = [...requiredOf([here])].find((name) => !requiredOf(there).has(name))
    if (unmet !== undefined)
      return {
        path: pathTo(path, unmet),
        here: 'is required',
        there: names.has(unmet) ? 'optional' : 'unknown',
      }
    const declared = isObject(here.properties) ? Object.keys(here.properties) : []
    return (
      firstOf(names.union(new Set(declared)), (name) =>
        this.#compareMember(there, here, name, path, depth),
      ) ??
      this.#compareOthers(there, here, path, depth) ??
      this.#compareNames(there, here, names, path, depth)
    )
  }

  #compareMember(
    there: readonly Record<string, unknown>[],
    here: Record<string, unknown>,
    name: string,
    path: string,
    depth: number,
  ): Finding {
    const theirs = there.flatMap((schema): Schema[] => {
      const member = memberOf(schema.properties, name)
      return member === undefined ? explicitRest(schema) : [member]
    })
    // A key that nobody there speaks of is no part of a valid value.
    if (theirs.length === 0) return undefined
    const at = pathTo(path, name)
    const mine = memberOf(here.properties, name)
    if (mine !== undefined) return this.compare(theirs, mine, at, depth)
    if (here.patternProperties !== undefined) return unclear(at, 'may fall under a rule for names')
    const rest = here.additionalProperties
    if (rest === false && !theirs.some(isNever))
      return { path: at, here: 'is not taken', there: wordSchemas(theirs) }
    return isSchema(rest) ? this.compare(theirs, rest, at, depth) : undefined
  }

  /** Members without a declaration. */
  #compareOthers(
    there: readonly Record<string, unknown>[],
    here: Record<string, unknown>,
    path: string,
    depth: number,
  ): Finding {
    const rest = here.additionalProperties
    const theirs = there.flatMap(explicitRest)
    if (!isSchema(rest) || theirs.some(isNever)) return undefined
    if (rest === false) return { path, here: 'takes no other members', there: 'any' }
    return this.compare(theirs, rest, `${path}.*`, depth)
  }

  #compareNames(
    there: readonly Record<string, unknown>[],
    here: Record<string, unknown>,
    names: ReadonlySet<string>,
    path: string,
    depth: number,
  ): Finding {
    const rule = here.propertyNames
    if (rule === undefined) return undefined
    if (!isSchema(rule)) return unclear(path, 'has a rule for names that cannot be read')
    const at = `the names of ${path}`
    const isClosed = there.some((schema) => explicitRest(schema).some(isNever))
    if (isClosed) return firstOf(names, (name) => this.compare([{ const: name }], rule, at, depth))
    const theirs = there.flatMap(({ propertyNames }) => (isSchema(propertyNames) ? [propertyNames] : []))
    return this.compare([{ type: 'string' }, ...theirs], rule, at, depth)
  }

  #compareLists(
    there: readonly Record<string, unknown>[],
    here: Record<string, unknown>,
    path: string,
    depth: number,
  ): Finding {
    const heads = [...there, here].map(({ prefixItems }) =>
      Array.isArray(prefixItems) ? prefixItems.length : 0,
    )
    const longest = Math.min(
      ...there.map(({ maxItems }) => (typeof maxItems === 'number' ? maxItems : Infinity)),
    )
    const count = Math.max(...heads)
    for (let at = 0; at <= count && at < longest; at++) {
      const place = at < count ? `${path}[${at}]` : `${path}[]`
      const theirs = there.map((schema) => itemOf(schema, at))
      const found = this.compare(theirs, itemOf(here, at), place, depth)
      if (found) return found
    }
    return undefined
  }
}

function unclear(path: string, here: string): Difference {
  return { path, here, there: 'something else' }
}

function firstOf<T>(items: Iterable<T>, find: (item: T) => Finding): Finding {
  for (const item of items) {
    const found = find(item)
    if (found) return found
  }
  return undefined
}
