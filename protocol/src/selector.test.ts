/** Selectors, line by line of CONTRACT §4. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ANY_WORKER, compileSelector, firstMismatch, type Selector, selectorSchema } from './selector.ts'
import { type Tags, tagsSchema } from './tags.ts'

const matches = (selector: Selector, tags: Tags) =>
  firstMismatch(compileSelector(selectorSchema.parse(selector)), tags) === undefined

/** [selector value, tag value (undefined: no such tag), whether it matches] */
type Row = readonly [string | string[], Tags[string] | undefined, boolean]

const ROWS: Readonly<Record<string, readonly Row[]>> = {
  'text is compared as written': [
    ['h200', 'h200', true],
    ['=h200', 'h200', true],
    ['h200', 'H200', false],
    ['h200', 'h200 ', false],
    ['true', true, true],
    ['true', 'true', true],
    ['false', true, false],
    ['80', 80, true],
    ['80', '80', true],
    ['80.0', 80, false],
    ['80', '80.0', false],
    ['', '', true],
    ['', 'x', false],
    ['!=h200', 'h100', true],
    ['!=h200', 'h200', false],
    ['!=true', false, true],
    ['!=true', true, false],
    ['!=80', 80, false],
  ],
  'order needs two finite numbers': [
    ['>=80', 80, true],
    ['>=80', 81, true],
    ['>=80', 79.9, false],
    ['>80', 80, false],
    ['>80', 80.1, true],
    ['<=80', 80, true],
    ['<=80', 80.1, false],
    ['<80', 80, false],
    ['<80', -1, true],
    ['>=9', '10', true],
    ['>=1e3', '1000', true],
    ['>=80', 'many', false],
    ['<80', 'many', false],
    ['>=80', '', false],
    ['>=', 80, false],
    ['>= ', 0, false],
    ['>=many', 80, false],
    ['<=Infinity', 80, false],
    ['<80', 'Infinity', false],
    ['>=-Infinity', 80, false],
    ['<80', 'NaN', false],
    ['>=0', true, false],
    ['<=1', false, false],
  ],
  'a missing tag matches != and nothing else': [
    ['!=true', undefined, true],
    ['!=', undefined, true],
    ['', undefined, false],
    ['undefined', undefined, false],
    ['<80', undefined, false],
    ['>=80', undefined, false],
    [['eu', 'us'], undefined, false],
    [['eu', '!=us'], undefined, true],
  ],
  'a list asks for any of its values': [
    [['eu', 'us'], 'us', true],
    [['eu', 'us'], 'asia', false],
    [['>=80', 'none'], 90, true],
    [['>=80', 'none'], 'none', true],
    [['>=80', 'none'], 70, false],
    [['!=eu', '!=us'], 'eu', true],
  ],
  'a list as tag matches when any element does': [
    ['eu', ['eu', 'us'], true],
    ['asia', ['eu', 'us'], false],
    ['eu', [], false],
    [['asia', 'us'], ['eu', 'us'], true],
    ['>=80', ['24', '96'], true],
    ['>=80', ['24', '48'], false],
    ['eu,us', ['eu', 'us'], false],
  ],
  '!= of a list as tag means none of them': [
    ['!=eu', ['eu', 'us'], false],
    ['!=asia', ['eu', 'us'], true],
    ['!=eu', [], true],
  ],
  'a value that begins with an operator is written with = before it': [
    ['=>=80', '>=80', true],
    ['=>=80', 90, false],
    ['==x', '=x', true],
    ['=!=x', '!=x', true],
    ['!=>=80', '>=80', false],
    ['!=>=80', 90, true],
  ],
}

for (const [name, rows] of Object.entries(ROWS)) {
  test(name, () => {
    for (const [value, tag, expected] of rows) {
      const tags: Tags = tag === undefined ? { other: 'x' } : { it: tag }
      const label = `${JSON.stringify(value)} of ${JSON.stringify(tag)}`
      assert.equal(matches({ it: value }, tags), expected, label)
    }
  })
}

test('all tags must hold; the first that does not is named, in the order of keys', () => {
  const selector = { gpu: 'h200', region: ['eu', 'us'], vram: '>=80', spot: '!=true' }
  const tags = { gpu: 'h200', region: 'us', vram: 141 }
  assert.ok(matches(selector, tags))
  for (const [key, value] of Object.entries({ gpu: 'h100', region: 'asia', vram: 24, spot: true }))
    assert.equal(firstMismatch(compileSelector(selector), { ...tags, [key]: value }), key)
  assert.equal(firstMismatch(compileSelector(selector), { ...tags, gpu: 'x', vram: 1 }), 'gpu')
})

test('none and an empty selector match every worker', () => {
  assert.equal(compileSelector(undefined), ANY_WORKER)
  assert.equal(compileSelector({}), ANY_WORKER)
  assert.equal(firstMismatch(ANY_WORKER, {}), undefined)
})

test('selectors that ask the same have one key, others do not', () => {
  const key = (selector: Selector) => compileSelector(selector).key
  assert.equal(key({ a: 'x', b: ['y', 'z'] }), key({ b: ['z', 'y', 'z'], a: '=x' }))
  assert.equal(key({ a: ['x'] }), key({ a: 'x' }))
  const different = [
    { a: 'x' },
    { a: '!=x' },
    { a: '==x' },
    { b: 'x' },
    { a: ['x', 'y'] },
    { a: 'x', b: 'y' },
  ]
  const keys = new Set([...different, { a: 'x","y' }, { a: '' }, {}].map(key))
  assert.equal(keys.size, 9)
  assert.deepEqual(compileSelector({ b: 'y', a: 'x' }).tagKeys, ['a', 'b'])
})

test('bounds: 16 keys, 128 characters, keys that are names, texts and lists of texts only', () => {
  const keys = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 'x']))
  assert.ok(selectorSchema.safeParse(keys(16)).success)
  assert.ok(selectorSchema.safeParse({ a: 'x'.repeat(128), b: ['y'.repeat(128)] }).success)
  const bad: unknown[] = [
    keys(17),
    { a: 'x'.repeat(129) },
    { a: ['x'.repeat(129)] },
    { 'a b': 'x' },
    { '': 'x' },
    { a: 5 },
    { a: true },
    { a: null },
    { a: [] },
    { a: [5] },
    { a: { b: 'c' } },
    'gpu',
    ['gpu'],
    null,
    JSON.parse('{"__proto__": "x"}'),
    JSON.parse('{"a": "x", "__proto__": {"b": "y"}}'),
  ]
  for (const selector of bad)
    assert.equal(selectorSchema.safeParse(selector).success, false, JSON.stringify(selector))
})

test('a tag that every object inherits is missing unless the worker says it', () => {
  assert.equal(matches({ constructor: '!=x' }, {}), true)
  assert.equal(matches({ toString: 'x' }, {}), false)
  assert.equal(matches({ constructor: 'x' }, tagsSchema.parse({ constructor: 'x' })), true)
})
