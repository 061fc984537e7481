/** Turns what a zod schema says into the `errors` of a problem: JSON pointers into the body. */
import type { FieldError } from './errors.ts'

interface Issue {
  readonly code: string
  readonly path: readonly PropertyKey[]
  readonly message: string
  readonly keys?: readonly string[]
}

const MAX_ERRORS = 20

/** At most 20 errors, `prefix` before each pointer (`/input`). */
export function fieldErrors(issues: readonly object[], prefix = ''): FieldError[] {
  return (issues as readonly Issue[]).flatMap((issue) => explain(issue, prefix)).slice(0, MAX_ERRORS)
}

/** A JSON pointer (RFC 6901) to a path of keys. */
export function jsonPointer(path: readonly PropertyKey[], prefix = ''): string {
  return prefix + path.map((key) => `/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

function explain(issue: Issue, prefix: string): FieldError[] {
  if (issue.code === 'unrecognized_keys' && issue.keys)
    return issue.keys.map((key) => ({
      pointer: jsonPointer([...issue.path, key], prefix),
      detail: 'there is no such field',
    }))
  return [{ pointer: jsonPointer(issue.path, prefix), detail: issue.message }]
}
