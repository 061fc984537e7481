/**
 * Names of groups, functions, workers, sessions and tag keys share one ASCII grammar, so that no
 * two names print alike and none needs escaping in a path.
 */
import { z } from 'zod'

export const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/
export const NAME_RULE = 'letters, digits, ".", "_" and "-", at most 128, beginning with a letter or digit'

export const nameSchema = z.string().regex(NAME_PATTERN, `must be a name: ${NAME_RULE}`)

/** True for a valid name. */
export function isName(text: string): boolean {
  return NAME_PATTERN.test(text)
}

/** An object whose keys are names. */
export function nameRecordSchema<Value extends z.ZodType>(value: Value) {
  return recordSchema(nameSchema, value, `must be a name: ${NAME_RULE}`)
}

/**
 * An object with the keys that `key` allows. zod drops a key `__proto__` without a word; a selector
 * would then ask for less than was written, so here it is refused like any other that is not allowed.
 */
export function recordSchema<Key extends z.ZodString, Value extends z.ZodType>(
  key: Key,
  value: Value,
  error = 'is no usable key',
) {
  const isClean = (given: unknown) =>
    typeof given !== 'object' || given === null || !Object.hasOwn(given, '__proto__')
  return z
    .unknown()
    .refine(isClean, { error, path: ['__proto__'] })
    .pipe(z.record(key, value))
}
