import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scanBatch } from './batch-scan.ts'

/** The texts of all bodies, then what is wrong, if anything. */
function scan(text: string | Buffer): string[] {
  const bytes = Buffer.from(text)
  return [...scanBatch(bytes)].flatMap((scanned) => {
    if (scanned.kind === 'pause') return []
    if (scanned.kind === 'wrong') return [scanned.detail]
    return [bytes.subarray(scanned.range.start, scanned.range.end).toString().trim()]
  })
}

test('an array: each element is the range of its own bytes, whatever stands in it', () => {
  for (const elements of [
    ['{"a":1}'],
    ['{"a":[1,{"b":"],}"}]}', '{"c":"\\"],[{"}', '{"d":"\\\\"}', '{"é":"…"}'],
    ['7', '"a,b"', 'null', '[1,[2,3]]', '{}'],
    ['{"broken":', '{"b":1}'].slice(1),
  ]) {
    assert.deepEqual(scan(`[${elements.join(',')}]`), elements)
    assert.deepEqual(scan(` \r\n\t[ ${elements.join(' ,\n ')} ] \n`), elements)
  }
  assert.deepEqual(scan('[]'), [])
  assert.deepEqual(scan('[ \n ]'), [])
})

test('an array that is none is wrong as a whole, and says where', () => {
  for (const [text, what] of [
    ['[', /before its closing bracket/],
    ['[{"a":1}', /before its closing bracket/],
    ['[{"a":"]', /before its closing bracket/],
    ['[{"a":"\\', /before its closing bracket/],
    ['[{},]', /nothing before byte 4/],
    ['[,{}]', /nothing before byte 1/],
    ['[{},,{}]', /nothing before byte 4/],
    ['[{}] {}', /behind its closing bracket, at byte 5/],
    ['[{}]]', /behind its closing bracket, at byte 4/],
  ] as const)
    assert.match(scan(text).at(-1) ?? '', what, text)
})

test('lines: one body each, empty ones are none', () => {
  assert.deepEqual(scan('{"a":1}'), ['{"a":1}'])
  assert.deepEqual(scan('{"a":1}\n{"b":2}\n'), ['{"a":1}', '{"b":2}'])
  assert.deepEqual(scan('\n\r\n {"a":1} \r\n \n[1]\r\n7'), ['{"a":1}', '[1]', '7'])
  assert.deepEqual(scan(''), [])
  assert.deepEqual(scan(' \n\t\r\n'), [])
})

test('agrees with JSON.parse on arrays of anything', () => {
  let state = 7
  const random = (n: number) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 8) % n
  }
  const words = ['"', '\\', ',', '[', ']', '{', '}', ' ', 'a', 'é', '\n', ':']
  const value = (depth: number): unknown => {
    const kind = random(depth > 3 ? 2 : 4)
    if (kind === 0) return random(1000)
    if (kind === 1) return Array.from({ length: random(6) }, () => words[random(words.length)]).join('')
    const members = Array.from({ length: random(4) }, () => value(depth + 1))
    return kind === 2 ? members : Object.fromEntries(members.map((member, i) => [`${i}"]`, member]))
  }
  for (let round = 0; round < 500; round++) {
    const elements = Array.from({ length: 1 + random(5) }, () => value(0))
    const found = scan(JSON.stringify(elements, undefined, random(2)))
    assert.deepEqual(
      found.map((text) => JSON.parse(text)),
      elements,
    )
  }
})

test('comes back after a stretch, and finds the same across stretches', () => {
  const long = `{"a":"${'\\"x'.repeat(300_000)}"}`
  for (const text of [
    `[${long},${long}]`,
    `${' '.repeat(1_000_000)}[${long}]`,
    `[${'['.repeat(600_000)}`,
    '\n'.repeat(1_000_000),
  ]) {
    const scanned = [...scanBatch(Buffer.from(text))]
    assert.ok(scanned.filter(({ kind }) => kind === 'pause').length >= 2, text.slice(0, 20))
  }
  assert.deepEqual(scan(`[${long},${long}]`), [long, long])
})
