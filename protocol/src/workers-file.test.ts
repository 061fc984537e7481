/** workers.json, line by line of CONTRACT §5. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findWorkersFileFaults, isLoopback, parseWorkersFile, type WorkerEntry } from './workers-file.ts'

function good(value: unknown): { entries: readonly WorkerEntry[]; warnings: readonly string[] } {
  const file = parseWorkersFile(typeof value === 'string' ? value : JSON.stringify(value))
  assert.ok(file.ok, JSON.stringify(file))
  return file
}

function bad(value: unknown): { message: string; line?: number; column?: number } {
  const file = parseWorkersFile(typeof value === 'string' ? value : JSON.stringify(value))
  assert.ok(!file.ok, `accepted: ${JSON.stringify(value)?.slice(0, 200)}`)
  return file.error
}

test('a bare URL has every default', () => {
  assert.deepEqual(good(['http://127.0.0.1:3001']).entries, [
    {
      id: '127.0.0.1:3001',
      url: 'http://127.0.0.1:3001',
      weight: 1,
      maintenance: false,
      tags: {},
      isLocal: true,
    },
  ])
})

test('an object brings every field of the contract', () => {
  const entry = {
    url: 'https://gpu.example.org/w1',
    name: 'gpu-1',
    key: 'k',
    weight: 0,
    maintenance: true,
    group: 'gpu',
    tags: { gpu: 'h200', vram: 141, spot: false, region: ['eu', 'us'] },
    start: { folder: 'examples/fleet', slots: 4, tags: { a: 'b' } },
  }
  assert.deepEqual(good([entry]).entries, [{ ...entry, id: 'gpu-1', isLocal: false, maintenanceLine: 1 }])
})

test('an empty list is a good file', () => {
  assert.deepEqual(good('[]'), { ok: true, entries: [], warnings: [] })
  assert.deepEqual(good('\uFEFF [ ]\r\n').entries, [])
})

test('the id is the name, else host and port, with the path when there is one', () => {
  for (const [url, id] of [
    ['http://a:3001', 'a:3001'],
    ['http://a', 'a:80'],
    ['https://a', 'a:443'],
    ['https://a/w/1/', 'a:443/w/1'],
    ['http://[::1]:3001', '[::1]:3001'],
  ])
    assert.equal(good([url]).entries[0]?.id, id)
})

test('URLs are normalised: case, default port, trailing slashes, forms of an address', () => {
  for (const [written, url] of [
    ['HTTP://LocalHost:3001/', 'http://localhost:3001'],
    ['http://a:80//', 'http://a'],
    ['https://A:443/W/', 'https://a/W'],
    ['http://127.1:3001', 'http://127.0.0.1:3001'],
    ['http://[0:0::1]:3001', 'http://[::1]:3001'],
  ])
    assert.equal(good([written]).entries[0]?.url, url)
})

test('entries with one URL are one worker, the first, with a warning each', () => {
  const file = good([
    { url: 'http://a:1', weight: 5 },
    'http://b:1',
    'HTTP://A:1/',
    { url: 'http://a:1', name: 'other' },
  ])
  assert.deepEqual(
    file.entries.map(({ id, weight }) => [id, weight]),
    [
      ['a:1', 5],
      ['b:1', 1],
    ],
  )
  assert.equal(file.warnings.length, 2)
  assert.match(file.warnings[0] ?? '', /entries 1 and 3 have one URL/)
  const many = good(Array.from({ length: 1000 }, () => 'http://a:1'))
  assert.equal(many.entries.length, 1)
  assert.equal(many.warnings.length, 21)
  assert.match(many.warnings.at(-1) ?? '', /979 more/)
})

test('two entries of one name are refused, also when one of them is a double', () => {
  const error = bad(`[
    {"url": "http://a:1", "name": "x"},
    {"url": "http://b:1", "name": "x"}
  ]`)
  assert.deepEqual([error.line, error.column], [3, 5])
  assert.match(error.message, /^entry 2: entry 1 is named "x" already$/)
  bad([
    { url: 'http://a:1', name: 'x' },
    { url: 'http://b:1', name: 'y' },
    { url: 'http://a:1', name: 'y' },
  ])
  bad([
    { url: 'http://a:1', name: 'x' },
    { url: 'http://a:1', name: 'y' },
    { url: 'http://b:1', name: 'y' },
  ])
  bad(['http://a:443', 'https://a'])
})

test('local is a loopback host that has start or is a bare URL', () => {
  const local = (entry: unknown) => good([entry]).entries[0]?.isLocal
  for (const url of ['http://localhost:1', 'http://127.9.9.9:1', 'http://[::1]:1']) {
    assert.equal(local(url), true, url)
    assert.equal(local({ url }), false, url)
    assert.equal(local({ url, start: {} }), true, url)
  }
  for (const url of ['http://a:1', 'http://10.0.0.1:1', 'http://0.0.0.0:1', 'http://127.evil.org:1']) {
    assert.equal(local(url), false, url)
    assert.equal(local({ url, start: {} }), false, url)
  }
  assert.ok(isLoopback('LOCALHOST') && isLoopback('::1') && !isLoopback('') && !isLoopback('::'))
})

for (const [name, text, line, column, message] of [
  ['half a file', '[\n  "http://a:1",\n  {"url": "http', 3, 16, /not JSON: the text ends within quotes/],
  ['a missing comma', '[\n  "http://a:1"\n  "http://b:1"\n]', 3, 3, /","/],
  ['a comma too many', '[\n  "http://a:1",\n]', 3, 1, /a value is expected/],
  ['a comment', '[\n  "http://a:1" // first\n]', 2, 16, /","/],
  ['an object', '\n {"workers": []}', 2, 2, /must hold an array/],
  ['a text', '"http://a:1"', 1, 1, /must hold an array/],
  ['null', 'null', 1, 1, /must hold an array/],
  ['a number as entry', '["http://a:1",\n 5]', 2, 2, /^entry 2: it must be a URL or an object/],
  ['null as entry', '[null]', 1, 2, /it must be a URL or an object/],
  ['a list as entry', '["http://a:1", ["http://b:1"]]', 1, 16, /it must be a URL or an object/],
  ['another scheme', '[\n  "http://a:1",\n  "ftp://b"]', 3, 3, /another scheme/],
  ['javascript:', '["javascript:alert(1)"]', 1, 2, /another scheme/],
  ['file:', '["file:///etc/passwd"]', 1, 2, /another scheme/],
  ['unix:', '["unix:/run/x.sock"]', 1, 2, /another scheme/],
  ['no URL', '["localhost"]', 1, 2, /cannot be read/],
  ['a query', '["http://a/?x=1"]', 1, 2, /query or a fragment/],
  ['credentials', '[{"url": "http://me:hidden@a"}]', 1, 10, /credentials/],
  ['no url', '[{"name": "a"}]', 1, 2, /`url`/],
  ['an unknown field', '[{"url": "http://a",\n"wieght": 5}]', 2, 11, /`wieght` is no field/],
  ['a name that is none', '[{"url": "http://a", "name": "a b"}]', 1, 30, /`name`: must be a name/],
  ['a weight of 101', '[{"url": "http://a", "weight": 101}]', 1, 32, /`weight`/],
  ['a weight below 0', '[{"url": "http://a", "weight": -1}]', 1, 32, /`weight`/],
  ['a weight as text', '[{"url": "http://a", "weight": "5"}]', 1, 32, /`weight`/],
  ['maintenance as text', '[{"url": "http://a", "maintenance": "yes"}]', 1, 37, /`maintenance`/],
  ['an empty key', '[{"url": "http://a", "key": ""}]', 1, 29, /`key`/],
  ['a tag of another type', '[{"url": "http://a", "tags": {"a": null}}]', 1, 36, /`tags\.a`: must be a text/],
  ['a tag __proto__', '[{"url": "http://a", "tags": {"__proto__": 1}}]', 1, 44, /`tags\.__proto__`/],
  ['slots of 0', '[{"url": "http://a", "start": {"slots": 0}}]', 1, 41, /`start\.slots`/],
] as const) {
  test(`${name} is refused with its place`, () => {
    const error = bad(text)
    assert.match(error.message, message)
    assert.deepEqual([error.line, error.column], [line, column])
  })
}

test('an empty file says what to write instead', () => {
  for (const text of ['', ' \n\t', '\uFEFF']) assert.match(bad(text).message, /empty; write \[\]/)
})

test('no message repeats a key, a credential or a URL', () => {
  const texts = [
    '[{"url": "http://a:1", "key": "hidden" oops}]',
    '[{"url": "http://a:1", "key": "hidden"',
    '[{"url": "http://a:1", "key": "hidden}]',
    'hidden',
    '[hidden]',
    '[{"url": "http://a:1", "key": ["hidden"]}]',
    '[{"url": "http://me:hidden@a:1"}]',
    '["hidden://a"]',
    '["http://hidden:1?x"]',
  ]
  for (const text of texts) assert.doesNotMatch(JSON.stringify(bad(text)), /hidden/, text)
})

test('bounds: 20,000 entries, 16 MiB, a URL of 2,048 characters', () => {
  const urls = Array.from({ length: 20_001 }, (_, i) => `http://w${i}:1`)
  assert.equal(good(urls.slice(0, 20_000)).entries.length, 20_000)
  assert.match(bad(urls).message, /20001 entries are over 20000/)
  const limit = 16 * 1024 * 1024
  assert.deepEqual(good(`[]${' '.repeat(limit - 2)}`).entries, [])
  assert.match(bad(`[]${' '.repeat(limit - 1)}`).message, /over 16 MiB/)
  assert.match(bad(`["${'é'.repeat(limit / 2)}"]`).message, /over 16 MiB/)
  assert.match(bad([`http://a/${'x'.repeat(10_000)}`]).message, /^entry 1: the URL: /)
})

test('a text of brackets alone is refused without ado', () => {
  assert.match(bad('['.repeat(1_000_000)).message, /not JSON/)
  assert.match(bad(`[${'['.repeat(5000)}${']'.repeat(5000)}]`).message, /must be a URL or an object/)
})

test('an entry in maintenance knows the line that says so', () => {
  const text = `[
  "http://a", {"url": "http://b", "maintenance": false},
  {"url": "http://c", "maintenance": true}, {
    "name": "d, \\"maintenance\\"", "url": "http://d",
    "tags": {"maintenance": "true"},
    "maintenance": false,
    "maintenance":
      true
  }
]`.replace('d, \\"maintenance\\"', 'd')
  const lines = good(text).entries.map(({ maintenanceLine }) => maintenanceLine)
  assert.deepEqual(lines, [undefined, undefined, 3, 8])
})

test('20,000 entries in maintenance are read in one pass', () => {
  const entries = Array.from({ length: 20_000 }, (_, i) => ({ url: `http://w${i}:1`, maintenance: true }))
  const text = `[\n${entries.map((entry) => JSON.stringify(entry)).join(',\n')}\n]`
  const before = process.cpuUsage()
  assert.equal(good(text).entries.at(-1)?.maintenanceLine, 20_001)
  const { user, system } = process.cpuUsage(before)
  assert.ok(user + system < 3_000_000, `${(user + system) / 1000} ms of CPU`)
})

test('an editor hears of all faults at once, each with the stretch of text that it is about', () => {
  const text =
    '\uFEFF[\n  {"url": "http://a", "wieght": 5, "weight": 101},\n  "ftp://b",\n  {"url": "http://c", "name": "a:80"}\n]'
  const faults = findWorkersFileFaults(text)
  const shown = faults.map(({ pointer, line, offset = 0, length = 0 }) => [
    pointer,
    line,
    text.slice(offset, offset + length),
  ])
  assert.deepEqual(shown, [
    ['/0/weight', 2, '101'],
    ['/0/wieght', 2, '5'],
    ['/1', 3, '"ftp://b"'],
    ['/2/name', 4, '"a:80"'],
  ])
  assert.deepEqual(findWorkersFileFaults('["http://a"]'), [])
})

test('names that need escaping are pointers all the same, and a text that is no JSON has one fault', () => {
  const [fault] = findWorkersFileFaults('[{"url": "http://a", "a/b~c": 1}]')
  assert.equal(fault?.pointer, '/0/a~1b~0c')
  const broken = findWorkersFileFaults('[\n  "http://a"\n  "http://b"\n]')
  assert.deepEqual(
    broken.map(({ pointer, line, column, offset, length }) => [pointer, line, column, offset, length]),
    [['', 3, 3, 17, 1]],
  )
})

test('faults are looked for until there are 100', () => {
  const text = JSON.stringify(Array.from({ length: 20_000 }, () => 5))
  assert.equal(findWorkersFileFaults(text).length, 100)
})
