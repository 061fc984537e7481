/**
 * The short form of parameters, `params: {name: {type, required, default, enum, pattern, min, max, properties,
 * items}}`: its JSON Schema, and its check as a Standard Schema. Made once a function when it is loaded.
 * Invariant: what the check accepts the JSON Schema accepts, and the other way round.
 */
import { isName, type JsonSchema } from '@berth/protocol'
import {
  PARAM_TYPES,
  type ParamSpec,
  type ParamSpecs,
  type SchemaIssue,
  type StandardSchema,
} from '../functions/define.ts'

export interface ShortForm {
  readonly schema: StandardSchema<unknown, Record<string, unknown>>
  readonly jsonSchema: JsonSchema
}

type Rule = (value: unknown) => string | undefined
type Path = readonly PropertyKey[]
/** Returns the value with its defaults; what is wrong is added to the issues. */
type Check = (value: unknown, path: Path, issues: SchemaIssue[]) => unknown
type Fail = (what: string) => Error

/** A long list of wrong elements is wrong enough. */
const ISSUES_LIMIT = 100
/** Specs in each other. */
const DEPTH_LIMIT = 20

/** Throws with a sentence on a definition that cannot be used. */
export function compileParams(params: ParamSpecs): ShortForm {
  const check = compileMembers(params, '', 1)
  const validate = (input: unknown) => {
    const issues: SchemaIssue[] = []
    const value = check(input as Record<string, unknown>, {}, [], issues)
    return issues.length > 0 ? { issues } : { value }
  }
  return {
    schema: { '~standard': { version: 1, vendor: 'berth', validate } },
    jsonSchema: { type: 'object', ...describeMembers(params), additionalProperties: false },
  }
}

type MembersCheck = (
  given: Record<string, unknown>,
  into: Record<string, unknown>,
  path: Path,
  issues: SchemaIssue[],
) => Record<string, unknown>

/** Takes the named members of an object over into another one. */
function compileMembers(specs: ParamSpecs, of: string, depth: number): MembersCheck {
  const members = Object.entries(specs).map(([name, spec]) => {
    if (!isName(name)) throw new Error(`the parameter ${JSON.stringify(of + name)} is no valid name`)
    return { name, spec, check: compileSpec(of + name, spec, depth) }
  })
  return (given, into, path, issues) => {
    for (const { name, spec, check } of members) {
      if (Object.hasOwn(given, name)) into[name] = check(given[name], [...path, name], issues)
      else if (spec.default !== undefined)
        into[name] = check(structuredClone(spec.default), [...path, name], issues)
      else if (spec.required) issues.push({ message: 'is required', path: [...path, name] })
    }
    return into
  }
}

const SPEC_KEYS: ReadonlySet<string> = new Set([
  'type',
  'description',
  'required',
  'default',
  'enum',
  'pattern',
  'min',
  'max',
  'properties',
  'items',
])

function compileSpec(name: string, spec: ParamSpec, depth: number): Check {
  const fail = (what: string) => new Error(`the parameter "${name}" ${what}`)
  if (typeof spec !== 'object' || spec === null) throw fail('must be an object such as {type: "string"}')
  if (depth > DEPTH_LIMIT) throw fail(`lies in more than ${DEPTH_LIMIT} others`)
  const unknown = Object.keys(spec).find((key) => !SPEC_KEYS.has(key))
  if (unknown !== undefined) throw fail(`has an unknown rule ${JSON.stringify(unknown)}`)
  if (!PARAM_TYPES.includes(spec.type)) throw fail(`needs a type: one of ${PARAM_TYPES.join(', ')}`)
  const rules = compileRules(spec, fail)
  const inside = compileInside(name, spec, depth, fail)
  const check: Check = (value, path, issues) => {
    const problem = firstProblem(rules, value)
    if (problem === undefined) return inside ? inside(value, path, issues) : value
    issues.push({ message: problem, path })
    return value
  }
  if (spec.default === undefined) return check
  const issues: SchemaIssue[] = []
  check(spec.default, [], issues)
  const [issue] = issues
  if (issue)
    throw fail(`has a default that breaks its own rule: ${[...(issue.path ?? []), issue.message].join(' ')}`)
  return check
}

function compileRules(spec: ParamSpec, fail: Fail): Rule[] {
  const rules: Rule[] = [typeRule(spec.type)]
  if (spec.enum !== undefined) rules.push(enumRule(spec.enum, fail))
  if (spec.pattern !== undefined) rules.push(patternRule(spec, fail))
  for (const bound of [spec.min, spec.max])
    if (bound !== undefined && !(typeof bound === 'number' && Number.isFinite(bound)))
      throw fail('has a bound that is no number')
  if (spec.min !== undefined || spec.max !== undefined) rules.push(boundsRule(spec, fail))
  return rules
}

/** What lies in an object or a list; undefined when nothing is said of it. */
function compileInside(name: string, spec: ParamSpec, depth: number, fail: Fail): Check | undefined {
  const { type, properties, items } = spec
  if (properties !== undefined) {
    if (type !== 'object') throw fail(`has properties, but its type is ${type}`)
    if (typeof properties !== 'object' || properties === null) throw fail('has properties that are no object')
    const members = compileMembers(properties, `${name}.`, depth + 1)
    // Members that are not named are let through, as the JSON Schema says.
    return (value, path, issues) =>
      members(value as Record<string, unknown>, { ...(value as object) }, path, issues)
  }
  if (items === undefined) return undefined
  if (type !== 'array') throw fail(`has items, but its type is ${type}`)
  const element = compileSpec(`${name}[]`, items, depth + 1)
  return (value, path, issues) => {
    const list: unknown[] = []
    for (const [index, item] of (value as unknown[]).entries()) {
      if (issues.length >= ISSUES_LIMIT) break
      list.push(element(item, [...path, index], issues))
    }
    return list
  }
}

function typeRule(type: ParamSpec['type']): Rule {
  const article = type === 'integer' || type === 'object' || type === 'array' ? 'an' : 'a'
  const problem = `must be ${article} ${type}`
  return (value) => (hasType(value, type) ? undefined : problem)
}

function hasType(value: unknown, type: ParamSpec['type']): boolean {
  if (type === 'integer') return Number.isSafeInteger(value)
  if (type === 'number') return typeof value === 'number' && Number.isFinite(value)
  if (type === 'array') return Array.isArray(value)
  if (type === 'object') return typeof value === 'object' && value !== null && !Array.isArray(value)
  return typeof value === type
}

function enumRule(allowed: ParamSpec['enum'], fail: Fail): Rule {
  if (!Array.isArray(allowed) || allowed.length === 0) throw fail('has an empty enum')
  const problem = `must be one of ${allowed.map((value) => JSON.stringify(value)).join(', ')}`
  return (value) => (allowed.includes(value) ? undefined : problem)
}

/** May take any time on some texts: whoever calls the check bounds it. */
function patternRule(spec: ParamSpec, fail: Fail): Rule {
  if (spec.type !== 'string') throw fail(`has a pattern, but its type is ${spec.type}`)
  let pattern: RegExp
  try {
    pattern = new RegExp(String(spec.pattern), 'u')
  } catch (error) {
    throw fail(`has a pattern that cannot be used: ${(error as Error).message}`)
  }
  const problem = `must match ${pattern.source}`
  return (value) => (pattern.test(value as string) ? undefined : problem)
}

function boundsRule({ type, min, max }: ParamSpec, fail: Fail): Rule {
  if (type === 'boolean' || type === 'object') throw fail(`has min or max, but its type is ${type}`)
  const what = type === 'string' ? ' characters' : type === 'array' ? ' elements' : ''
  const verb = what === '' ? 'be' : 'have'
  return (value) => {
    const size = typeof value === 'number' ? value : lengthOf(value as string | unknown[])
    if (min !== undefined && size < min) return `must ${verb} at least ${min}${what}`
    return max !== undefined && size > max ? `must ${verb} at most ${max}${what}` : undefined
  }
}

/** JSON Schema counts characters, not UTF-16 units. */
function lengthOf(value: string | unknown[]): number {
  if (typeof value !== 'string') return value.length
  let count = 0
  for (const _character of value) count++
  return count
}

function firstProblem(rules: readonly Rule[], value: unknown): string | undefined {
  for (const rule of rules) {
    const problem = rule(value)
    if (problem !== undefined) return problem
  }
  return undefined
}

const BOUND_WORDS = {
  string: ['minLength', 'maxLength'],
  array: ['minItems', 'maxItems'],
  number: ['minimum', 'maximum'],
  integer: ['minimum', 'maximum'],
  boolean: [],
  object: [],
} as const

function describe(spec: ParamSpec): JsonSchema {
  const [minWord, maxWord] = BOUND_WORDS[spec.type]
  return {
    type: spec.type,
    ...(spec.description === undefined ? {} : { description: spec.description }),
    ...(spec.enum === undefined ? {} : { enum: [...spec.enum] }),
    ...(spec.pattern === undefined ? {} : { pattern: spec.pattern }),
    ...(spec.min === undefined || minWord === undefined ? {} : { [minWord]: spec.min }),
    ...(spec.max === undefined || maxWord === undefined ? {} : { [maxWord]: spec.max }),
    ...(spec.properties === undefined ? {} : describeMembers(spec.properties)),
    ...(spec.items === undefined ? {} : { items: describe(spec.items) }),
    ...(spec.default === undefined ? {} : { default: spec.default }),
  }
}

function describeMembers(specs: ParamSpecs): JsonSchema {
  const entries = Object.entries(specs)
  return {
    properties: Object.fromEntries(entries.map(([name, spec]) => [name, describe(spec)])),
    required: entries.filter(([, spec]) => spec.required && spec.default === undefined).map(([name]) => name),
  }
}
