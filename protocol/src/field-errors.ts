/**
 * Turns what a zod schema says into the `errors` of a problem: JSON pointers into the body, and Berth's own words
 * where a schema has none of its own. Called by whoever reads a body.
 */
import type { FieldError } from './errors.ts'

interface Issue {
  readonly code: string
  readonly path: readonly PropertyKey[]
  readonly message: string
  readonly keys?: readonly string[]
  /** A type, of `invalid_type`. */
  readonly expected?: string
  /** What is too big or too small: `string`, `array`, `number` … */
  readonly origin?: string
  readonly minimum?: number | bigint
  readonly maximum?: number | bigint
  readonly inclusive?: boolean
  readonly format?: string
  /** Of `invalid_value`. */
  readonly values?: readonly unknown[]
  /** What is wrong with a key, of `invalid_key`. */
  readonly issues?: readonly Issue[]
}

const MAX_ERRORS = 20
/** How the library begins every sentence that no schema has given it. */
const PHRASE = /^(?:Invalid|Too big|Too small|Unrecognized)\b/

const KINDS: ReadonlyMap<string, string> = new Map([
  ['string', 'must be text'],
  ['number', 'must be a number'],
  ['int', 'must be a whole number'],
  ['boolean', 'must be true or false'],
  ['array', 'must be a list'],
  ['object', 'must be an object'],
  ['record', 'must be an object'],
])

/** At most 20 errors, `prefix` before each pointer (`/input`). What is said twice of one place is told once. */
export function fieldErrors(issues: readonly object[], prefix = ''): FieldError[] {
  const errors = new Map<string, FieldError>()
  for (const issue of issues as readonly Issue[])
    for (const error of explain(issue, prefix)) errors.set(`${error.pointer}\n${error.detail}`, error)
  return [...errors.values()].slice(0, MAX_ERRORS)
}

/** A JSON pointer (RFC 6901) to a path of keys. */
export function jsonPointer(path: readonly PropertyKey[], prefix = ''): string {
  return prefix + path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/** The detail at a field that the shape does not have. */
export const NO_SUCH_FIELD = 'there is no such field'

function explain(issue: Issue, prefix: string): FieldError[] {
  if (issue.code === 'unrecognized_keys' && issue.keys)
    return issue.keys.map((key) => ({
      pointer: jsonPointer([...issue.path, key], prefix),
      detail: NO_SUCH_FIELD,
    }))
  return [{ pointer: jsonPointer(issue.path, prefix), detail: describe(issue) }]
}

function describe(issue: Issue): string {
  if (!PHRASE.test(issue.message)) return issue.message
  switch (issue.code) {
    case 'invalid_type':
      return issue.message.endsWith('received undefined') ? 'is required' : describeKind(issue)
    case 'invalid_value':
      return describeValues(issue.values ?? [])
    case 'invalid_format':
      return issue.format === 'url' ? 'must be a URL' : 'does not have the right form'
    case 'invalid_key':
      return issue.issues?.[0] === undefined ? 'is no usable key' : describe(issue.issues[0])
    case 'too_small':
      return describeBound(issue, Number(issue.minimum), ['at least', 'more than'])
    case 'too_big':
      return describeBound(issue, Number(issue.maximum), ['at most', 'less than'])
    default:
      return 'is not valid'
  }
}

function describeKind({ expected = '' }: Issue): string {
  return KINDS.get(expected) ?? 'is of the wrong kind'
}

function describeValues(values: readonly unknown[]): string {
  const shown = values.map((value) => JSON.stringify(value)).join(', ')
  return values.length === 1 ? `must be ${shown}` : `must be one of ${shown}`
}

function describeBound(
  { origin, inclusive = true }: Issue,
  bound: number,
  [within, beyond]: readonly [string, string],
): string {
  if (origin !== 'string' && origin !== 'array') return `must be ${inclusive ? within : beyond} ${bound}`
  if (origin === 'string' && within === 'at least' && bound === 1) return 'must not be empty'
  const unit = origin === 'string' ? 'character' : 'item'
  return `must have ${within} ${bound} ${unit}${bound === 1 ? '' : 's'}`
}
