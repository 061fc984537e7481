/** What a caller reads about a wrong body: Berth's own words, whichever field it is. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { z } from 'zod'
import { fieldErrors } from './field-errors.ts'
import { taskBodySchema } from './task-body.ts'

/** `pointer: detail` of each error of a body. */
function complaints(body: unknown): string[] {
  const parsed = taskBodySchema.safeParse(body)
  return parsed.success
    ? []
    : fieldErrors(parsed.error.issues).map(({ pointer, detail }) => `${pointer}: ${detail}`)
}

/** So many keys, each with its value of so many characters. */
function keysOf(count: number, length: number): Record<string, string> {
  const entries = Array.from({ length: count }, (_, n): [string, string] => {
    const key = `k${n}`
    return [key, 'x'.repeat(length - key.length)]
  })
  return Object.fromEntries(entries)
}

const NAME =
  'must be a name: letters, digits, ".", "_" and "-", at most 128, beginning with a letter or digit'
const INSTANT = 'must be an ISO 8601 instant with a zone'
const PRIORITY = 'must be a whole number from 1 to 2097152'
const DURATION = 'must be a whole number of milliseconds from 1 to 31536000000'
const TAG = 'must be a text of at most 128 characters, or a list of 1 to 64 such texts'

const CASES: readonly (readonly [string, unknown, string])[] = [
  ['function', 1, 'must be text'],
  ['function', undefined, 'is required'],
  ['function', 'a b', NAME],
  ['group', [], 'must be text'],
  ['group', '', NAME],
  ['contract', '1', 'must be a whole number from 1 to 4294967295'],
  ['contract', 0, 'must be a whole number from 1 to 4294967295'],
  ['input', [], 'must be an object'],
  ['input', 'x', 'must be an object'],
  ['priority', '5', PRIORITY],
  ['priority', 0, PRIORITY],
  ['priority', 1.5, PRIORITY],
  ['priority', null, PRIORITY],
  ['priority', 2 ** 53, PRIORITY],
  ['priority', 2_097_153, PRIORITY],
  ['fairnessKey', 5, 'must be text'],
  ['fairnessKey', '', 'must not be empty'],
  ['fairnessKey', 'x'.repeat(129), 'must have at most 128 characters'],
  ['mode', 'later', 'must be one of "sync", "stream", "webhook", "async"'],
  ['mode', 1, 'must be one of "sync", "stream", "webhook", "async"'],
  ['async', 'yes', 'must be true or false'],
  ['webhook', 'http://a', 'must be an object'],
  ['tags', 'gpu', 'must be an object'],
  ['timeout', 'soon', DURATION],
  ['timeout', 0, DURATION],
  ['deadline', 5, INSTANT],
  ['deadline', 'tomorrow', INSTANT],
  ['attempts', 0, 'must be a whole number from 1 to 1000'],
  ['attempts', 1e9, 'must be a whole number from 1 to 1000'],
  ['idempotent', 1, 'must be true or false'],
  ['delay', -1, 'must be a whole number of milliseconds from 0 to 31536000000'],
  ['runAt', false, INSTANT],
  ['session', {}, 'must be text'],
  ['budget', 'none', 'must be one of "low", "standard", "high", "unlimited"'],
  ['metadata', 'x', 'must be an object'],
  ['surprise', 1, 'there is no such field'],
]

describe('a wrong field of a task', () => {
  it('is told in words of our own, once', () => {
    for (const [field, value, detail] of CASES)
      assert.deepEqual(complaints({ function: 'f', [field]: value }), [`/${field}: ${detail}`])
  })

  it('is told where it lies inside a field', () => {
    const inside: [object, string[]][] = [
      [{ webhook: {} }, ['/webhook/url: is required']],
      [{ webhook: { url: 'no' } }, ['/webhook/url: must be a URL']],
      [
        { webhook: { url: 'http://a', format: 'x' } },
        ['/webhook/format: must be one of "standard", "result"'],
      ],
      [{ webhook: { url: 'http://a', headers: { a: 1 } } }, ['/webhook/headers/a: must be text']],
      [{ tags: { gpu: 5 } }, [`/tags/gpu: ${TAG}`]],
      [{ tags: { 'a b': 'x' } }, [`/tags/a b: ${NAME}`]],
      [{ metadata: { a: 1, b: 2 } }, ['/metadata/a: must be text', '/metadata/b: must be text']],
      [{ metadata: { '': 'x' } }, ['/metadata/: must not be empty']],
      [{ metadata: keysOf(64, 8192 / 64) }, []],
      [{ metadata: keysOf(65, 4) }, ['/metadata: must have at most 64 keys']],
      [
        { metadata: { ...keysOf(63, 8192 / 64), last: 'x'.repeat(125) } },
        ['/metadata: must have at most 8192 characters in all its keys and values'],
      ],
    ]
    for (const [body, expected] of inside) assert.deepEqual(complaints({ function: 'f', ...body }), expected)
  })

  it('holds no phrase of the library, whatever the type', () => {
    for (const field of Object.keys(taskBodySchema.shape))
      for (const value of [null, true, -1.5, Number.NaN, '', ' ', [], [1], { a: 1 }])
        assert.doesNotMatch(
          complaints({ function: 'f', [field]: value }).join(),
          /Invalid|Too |expected|received|[<>]=/,
        )
  })
})

describe('words for other schemas', () => {
  it('say kinds, lengths and sizes', () => {
    const schema = z.object({
      list: z.array(z.number().min(2).max(3)).min(1).max(2),
      text: z.string().min(2),
      own: z.string('says it itself'),
      size: z.number().gt(0).lt(9),
    })
    const say = (value: object) =>
      fieldErrors(schema.safeParse(value).error?.issues ?? []).map(({ detail }) => detail)
    const right = { list: [2], text: 'ab', own: '', size: 1 }
    assert.deepEqual(say({ ...right, list: 1 }), ['must be a list'])
    assert.deepEqual(say({ ...right, list: [] }), ['must have at least 1 item'])
    assert.deepEqual(say({ ...right, list: [2, 2, 2] }), ['must have at most 2 items'])
    assert.deepEqual(say({ ...right, list: [1, 4] }), ['must be at least 2', 'must be at most 3'])
    assert.deepEqual(say({ ...right, list: ['a'] }), ['must be a number'])
    assert.deepEqual(say({ ...right, text: 'a' }), ['must have at least 2 characters'])
    assert.deepEqual(say({ ...right, own: 1 }), ['says it itself'])
    assert.deepEqual(say({ ...right, size: 0 }), ['must be more than 0'])
    assert.deepEqual(say({ ...right, size: 9 }), ['must be less than 9'])
  })
})
