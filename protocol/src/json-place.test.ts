/** Places in JSON texts, checked against what the runtime accepts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findJsonFault, findJsonOffset, placeOf } from './json-place.ts'

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

test('finds a fault exactly where the runtime refuses the text', () => {
  const seeds = [
    '[{"url":"http://a:1","tags":{"a":["x",1,-2.5e+3,true,false,null]}},"b\\u00e9\\n\\""]',
    ' \t\r\n[ 0 , 10.25 , -0 , 1E9 , {} , [] , "" ]\n',
  ]
  const pieces = [
    '',
    '"',
    ',',
    ':',
    '[',
    ']',
    '{',
    '}',
    '\\',
    '0',
    '-',
    '.',
    'e',
    't',
    ' ',
    '\n',
    '\u0001',
    'é',
  ]
  for (const seed of seeds) {
    assert.equal(findJsonFault(seed), undefined)
    for (let at = 0; at <= seed.length; at++) {
      for (const piece of pieces) {
        for (const text of [
          seed.slice(0, at) + piece + seed.slice(at),
          seed.slice(0, at) + piece + seed.slice(at + 1),
        ])
          assert.equal(findJsonFault(text) === undefined, isJson(text), JSON.stringify(text))
      }
      assert.equal(findJsonFault(seed.slice(0, at)) === undefined, isJson(seed.slice(0, at)))
    }
  }
})

for (const [text, offset, message] of [
  ['', 0, /ends where a value is expected/],
  ['[1, 2', 5, /ends where "," or the closing bracket/],
  ['[1, 2,]', 6, /a value is expected/],
  ['[1 2]', 3, /"," or the closing bracket/],
  ['{"a" 1}', 5, /":" is expected/],
  ['{a: 1}', 1, /a name in double quotes or "}"/],
  ['{"a":1,}', 7, /a name in double quotes is/],
  ['["abc', 5, /ends within quotes/],
  ['["a\nb"]', 3, /not closed on its line/],
  ['["a\\x"]', 3, /backslash/],
  ['[1]]', 3, /goes on after its end/],
  ['[01]', 1, /a value or "]" is expected/],
  ['[1}', 2, /"," or the closing bracket/],
  ["['a']", 1, /a value or "]" is expected/],
  ['[tru]', 1, /a value/],
  ['// list\n[]', 0, /a value is expected/],
] as const) {
  test(`the fault of ${JSON.stringify(text)} is at ${offset}`, () => {
    const fault = findJsonFault(text)
    assert.equal(fault?.offset, offset)
    assert.match(fault?.message ?? '', message)
  })
}

test('a text of brackets alone costs no stack', () => {
  const depth = 1_000_000
  assert.equal(findJsonFault('['.repeat(depth))?.offset, depth)
  assert.equal(findJsonFault('['.repeat(depth) + ']'.repeat(depth)), undefined)
  assert.equal(findJsonFault(`["${'x'.repeat(depth)}"]`), undefined)
})

test('finds the value at a path', () => {
  const text = '[ "a,]" , {"k\\"":[1,{"x":2}], "u" : "v", "u": "w"} ,-1.5 ]'
  const at = (...path: PropertyKey[]) => text.slice(findJsonOffset(text, path))
  assert.ok(at().startsWith('[ "a'))
  assert.ok(at(0).startsWith('"a,]"'))
  assert.ok(at(1).startsWith('{"k'))
  assert.ok(at(1, 'k"', 1, 'x').startsWith('2}'))
  assert.ok(at(1, 'u').startsWith('"w"'))
  assert.ok(at(2).startsWith('-1.5'))
  assert.ok(at(1, 'nothing').startsWith('{"k'))
  assert.ok(at(2, 'nothing').startsWith('-1.5'))
  assert.ok(at(9).startsWith('[ "a'))
})

test('lines and columns begin with 1; a line feed ends its own line', () => {
  const text = 'ab\n\ncd\r\ne'
  const places = [0, 1, 2, 3, 4, 6, 8, 9].map((offset) => Object.values(placeOf(text, offset)).join(':'))
  assert.deepEqual(places, ['1:1', '1:2', '1:3', '2:1', '3:1', '3:3', '4:1', '4:2'])
  assert.deepEqual(placeOf('', 0), { line: 1, column: 1 })
})
