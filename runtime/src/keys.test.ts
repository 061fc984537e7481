/** Keys are read in their three forms, compared at any length, and made once for a folder. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import {
  createHeaderCheck,
  createKeyCheck,
  ensureKeyFile,
  findKeyProblem,
  keyFilePath,
  makeKey,
  presentedKey,
  readKeyFile,
  sameKey,
} from './keys.ts'

function makeFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'berth-keys-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test('a key is read bare, as Bearer and as Api-Key', () => {
  for (const header of ['k1', ' k1 ', 'Bearer k1', 'bearer  k1', 'Api-Key k1', 'API-KEY\tk1']) {
    assert.equal(presentedKey(header), 'k1', header)
  }
  for (const header of [undefined, '', '  ', 'Bearer', 'Bearer ', 'Api-Key']) {
    assert.equal(presentedKey(header), undefined, String(header))
  }
  assert.equal(presentedKey('Bearerk1'), 'Bearerk1')
  assert.equal(presentedKey('Basic k1'), 'Basic k1')
})

test('same keys are the same, others differ, and a missing one equals nothing', () => {
  assert.equal(sameKey('abc', 'abc'), true)
  for (const [a, b] of [
    ['abc', 'abd'],
    ['abc', 'abcd'],
    ['abc', 'ABC'],
    ['\ud800', '\ud801'],
    ['', ''],
    ['', 'abc'],
    [undefined, undefined],
    ['abc', undefined],
    [undefined, ''],
  ]) {
    assert.equal(sameKey(a, b), false, `${a} ${b}`)
    assert.equal(sameKey(b, a), false, `${b} ${a}`)
  }
})

test('keys of any length are compared without an exception', () => {
  const long = 'x'.repeat(1024 * 1024)
  for (const length of [1, 31, 32, 33, 4096, long.length]) {
    assert.equal(sameKey(long.slice(0, length), long), length === long.length)
  }
  assert.equal(sameKey(12 as unknown as string, 12 as unknown as string), false)
})

test('a made key has the asked randomness and is never twice the same', () => {
  assert.match(makeKey(), /^[A-Za-z0-9_-]{43}$/)
  assert.equal(Buffer.from(makeKey(16), 'base64url').length, 16)
  assert.notEqual(makeKey(), makeKey())
})

test('examples and what a header cannot carry are no keys', () => {
  for (const key of [
    '',
    '  ',
    'changeme',
    'CHANGE-ME',
    'change-me-please',
    'your-secret-key',
    '<key>',
    'xxx',
    '***',
  ]) {
    assert.ok(findKeyProblem(key), key)
  }
  for (const key of ['schlüssel', 'two words', 'line\nbreak']) assert.ok(findKeyProblem(key), key)
  for (const key of [makeKey(), 'test-key', 'lb-test', 'secretary'])
    assert.equal(findKeyProblem(key), undefined, key)
})

test('a folder gets three different keys, once, for the owner only', (context) => {
  const folder = join(makeFolder(context), 'data')
  assert.equal(readKeyFile(folder), undefined)
  const made = ensureKeyFile(folder)
  assert.equal(new Set(Object.values(made)).size, 3)
  for (const key of Object.values(made)) assert.match(key, /^[A-Za-z0-9_-]{43}$/)
  assert.deepEqual(ensureKeyFile(folder), made)
  assert.deepEqual(readKeyFile(folder), made)
  assert.equal(statSync(folder).mode & 0o777, 0o700)
  assert.equal(statSync(keyFilePath(folder)).mode & 0o777, 0o600)
})

test('a key file that others may read is closed again', (context) => {
  const folder = makeFolder(context)
  ensureKeyFile(folder)
  chmodSync(keyFilePath(folder), 0o644)
  ensureKeyFile(folder)
  assert.equal(statSync(keyFilePath(folder)).mode & 0o777, 0o600)
})

test('a damaged key file is an error that names it, and is left as it is', (context) => {
  const folder = makeFolder(context)
  for (const text of [
    '',
    '{',
    '[]',
    '{"LB_AUTH_KEY":"a"}',
    '{"LB_AUTH_KEY":"","FLEET_KEY":"b","WORKER_AUTH_KEY":"c"}',
  ]) {
    writeFileSync(keyFilePath(folder), text)
    assert.throws(() => ensureKeyFile(folder), /keys\.json is not a key file/)
    assert.equal(readFileSync(keyFilePath(folder), 'utf8'), text)
  }
  rmSync(keyFilePath(folder))
  mkdirSync(keyFilePath(folder))
  assert.throws(() => readKeyFile(folder), /cannot read the keys/)
})

test('a check against one key agrees with sameKey, whatever is presented', () => {
  const long = 'k'.repeat(1_000_000)
  for (const expected of ['a key of sixteen', long, '']) {
    const check = createKeyCheck(expected)
    for (const presented of ['a key of sixteen', 'a key of sixteeN', 'a', '', undefined, long, '\ud800'])
      assert.equal(check(presented), sameKey(presented, expected))
  }
})

test('a connection that was opened by a header is opened by that header alone', () => {
  const opens = createHeaderCheck('a key of sixteen')
  const [first, second] = [{}, {}]
  const wrong = [
    'Bearer a key of sixteeN',
    'bearer b key of sixteen',
    'Bearer a key of sixteen!',
    'Bearer ',
    '',
  ]
  for (const header of [undefined, ...wrong]) assert.equal(opens(first, header), false, String(header))
  for (const header of ['Bearer a key of sixteen', 'a key of sixteen']) {
    for (let time = 0; time < 2; time++) assert.equal(opens(first, header), true)
    for (const other of [undefined, ...wrong]) assert.equal(opens(first, other), false, String(other))
    assert.equal(opens(first, header), true, 'still')
    assert.equal(opens(second, `${header}!`), false)
  }
  assert.equal(opens(second, 'Api-Key a key of sixteen'), true)
  const closed = createHeaderCheck('')
  for (const header of [undefined, '', 'Bearer ']) assert.equal(closed(first, header), false)
})
