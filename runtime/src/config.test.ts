/** The environment is parsed once, wrong values are named, and secrets stay unseen. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { z } from 'zod'
import {
  durationMs,
  flag,
  formatConfig,
  integer,
  list,
  oneOf,
  parseConfig,
  port,
  sizeBytes,
  text,
} from './config.ts'

const schema = z.object({
  NAME: text({ default: 'berth' }),
  PORT: port({ default: 4000 }),
  KEY: text().optional(),
})

function makeFile(context: TestContext, content: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'berth-config-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'key'), content)
  return join(folder, 'key')
}

function parseOne(field: z.ZodType, value: string): unknown {
  const parsed = parseConfig(z.object({ X: field }), { X: value })
  return parsed.ok ? parsed.config.X : 'refused'
}

test('values come from the environment or the default, and the result says which', () => {
  const parsed = parseConfig(schema, { PORT: '81', NAME: '', OTHER: 'x' })
  assert.ok(parsed.ok)
  assert.deepEqual(parsed.config, { NAME: 'berth', PORT: 81 })
  assert.deepEqual(parsed.origins, { NAME: 'default', PORT: 'environment', KEY: 'unset' })
  assert.deepEqual(parsed.warnings, [])
})

test('the result cannot be changed', () => {
  const parsed = parseConfig(z.object({ L: list() }), { L: 'a,b' })
  assert.ok(parsed.ok)
  assert.throws(() => Object.assign(parsed.config, { L: [] }), TypeError)
  assert.throws(() => (parsed.config.L as string[]).push('c'), TypeError)
})

test('integers, ports and their bounds', () => {
  for (const [value, expected] of [
    ['0', 0],
    [' 12 ', 12],
    ['9007199254740991', 9007199254740991],
  ] as const) {
    assert.equal(parseOne(integer(), value), expected)
  }
  for (const value of ['abc', '1.5', '-1', '1e3', '0x10', 'NaN', 'Infinity', '9007199254740992', '1 2']) {
    assert.equal(parseOne(integer(), value), 'refused', value)
  }
  assert.equal(parseOne(integer({ min: -5, max: 5 }), '-5'), -5)
  assert.equal(parseOne(integer({ min: -5, max: 5 }), '6'), 'refused')
  assert.equal(parseOne(port(), '65535'), 65535)
  for (const value of ['65536', '-1', '80.5', 'http']) assert.equal(parseOne(port(), value), 'refused', value)
})

test('durations are milliseconds or carry a unit', () => {
  const cases = {
    '250': 250,
    '30s': 30_000,
    '5m': 300_000,
    '24h': 86_400_000,
    '7d': 604_800_000,
    '1.5 S': 1500,
    '9ms': 9,
  }
  for (const [value, expected] of Object.entries(cases))
    assert.equal(parseOne(durationMs(), value), expected, value)
  for (const value of ['soon', '5 weeks', '-1s', '1.5', '0.0001s', '25d', 's', 'constructor']) {
    assert.equal(parseOne(durationMs(), value), 'refused', value)
  }
  assert.equal(parseOne(durationMs({ max: 90 * 86_400_000 }), '90d'), 90 * 86_400_000)
  const withText = parseConfig(z.object({ X: durationMs({ default: '7d' }) }), {})
  assert.ok(withText.ok && withText.config.X === 604_800_000)
})

test('sizes are bytes or carry a unit of 1,024 steps', () => {
  const cases = { '4096': 4096, '256kb': 262_144, '10mb': 10_485_760, '1GB': 1_073_741_824, '0.5mb': 524_288 }
  for (const [value, expected] of Object.entries(cases))
    assert.equal(parseOne(sizeBytes(), value), expected, value)
  for (const value of ['big', '10 tb', '-1', '1.5'])
    assert.equal(parseOne(sizeBytes(), value), 'refused', value)
})

test('switches, lists and words', () => {
  for (const value of ['true', '1', 'YES', 'on']) assert.equal(parseOne(flag(), value), true, value)
  for (const value of ['false', '0', 'no', 'Off']) assert.equal(parseOne(flag(), value), false, value)
  for (const value of ['maybe', 'toString']) assert.equal(parseOne(flag(), value), 'refused', value)
  assert.deepEqual(parseOne(list(), ' a, b,,c '), ['a', 'b', 'c'])
  assert.equal(parseOne(oneOf(['json', 'pretty']), 'json'), 'json')
  assert.equal(parseOne(oneOf(['json', 'pretty']), 'JSON'), 'refused')
  assert.equal(parseOne(text({ pattern: /^[a-z]+$/ }), 'abc'), 'abc')
  assert.equal(parseOne(text({ pattern: /^[a-z]+$/ }), 'a c'), 'refused')
  assert.equal(parseOne(text({ maxLength: 3 }), 'abcd'), 'refused')
})

test('every wrong variable is named once, with its value and what would be right', () => {
  const wrong = z.object({
    SLOTS: integer({ min: 1 }),
    TASK_TIMEOUT: durationMs(),
    GROUP: text(),
    PORT: port(),
  })
  const parsed = parseConfig(wrong, { SLOTS: 'abc', TASK_TIMEOUT: 'soon', PORT: '1' })
  assert.ok(!parsed.ok)
  assert.deepEqual(
    parsed.errors.map(({ variable }) => variable),
    ['SLOTS', 'TASK_TIMEOUT', 'GROUP'],
  )
  assert.match(parsed.errors[0]?.message ?? '', /whole number from 1 up \(it is "abc"\)/)
  assert.match(parsed.errors[2]?.message ?? '', /required/)
})

test('a secret comes from a file, without its line break', (context) => {
  const path = makeFile(context, 'from-file\n')
  const parsed = parseConfig(schema, { KEY_FILE: path }, { secrets: ['KEY'] })
  assert.ok(parsed.ok)
  assert.equal(parsed.config.KEY, 'from-file')
  assert.equal(parsed.origins.KEY, `file ${path}`)
})

test('a file is only read for a secret', (context) => {
  const parsed = parseConfig(schema, { NAME_FILE: makeFile(context, 'x') }, { secrets: ['KEY'] })
  assert.ok(parsed.ok && parsed.config.NAME === 'berth')
})

test('a secret given twice, by an empty or by a missing file is an error that names the variable', (context) => {
  const path = makeFile(context, ' \n')
  for (const env of [{ KEY: 'a', KEY_FILE: path }, { KEY_FILE: path }, { KEY_FILE: `${path}.gone` }]) {
    const parsed = parseConfig(schema, env, { secrets: ['KEY'] })
    assert.ok(!parsed.ok)
    assert.deepEqual(
      parsed.errors.map(({ variable }) => variable),
      ['KEY_FILE'],
    )
  }
})

test('no message and no print shows a secret', () => {
  const strict = z.object({ KEY: text({ pattern: /^ok$/ }), PORT: port({ default: 1 }) })
  const bad = parseConfig(strict, { KEY: 'hunter2' }, { secrets: ['KEY'] })
  assert.ok(!bad.ok && !JSON.stringify(bad.errors).includes('hunter2'))
  const good = parseConfig(strict, { KEY: 'ok' }, { secrets: ['KEY'] })
  assert.ok(good.ok)
  const lines = formatConfig(good.config, good.origins, ['KEY']).split('\n')
  assert.match(lines[0] ?? '', /^KEY=\*\*\* +# environment$/)
  assert.match(lines[1] ?? '', /^PORT=1 +# default$/)
})

test('what this version does not support is a warning, or an error where it must not be ignored', () => {
  const env = { METRICS_ENABLED: 'true', UNRELATED: '1', PORT: '1', DATABASE_URL: '' }
  const known = ['METRICS_ENABLED', 'PORT', 'COMPAT']
  const parsed = parseConfig(schema, env, { known, refused: ['DATABASE_URL'] })
  assert.ok(parsed.ok)
  assert.equal(parsed.warnings.length, 1)
  assert.match(parsed.warnings[0] ?? '', /METRICS_ENABLED/)
  const refused = parseConfig(schema, { DATABASE_URL: 'postgres://x' }, { known, refused: ['DATABASE_URL'] })
  assert.ok(!refused.ok && refused.errors[0]?.variable === 'DATABASE_URL')
})

test('a secret comes from a regular file of at most 64 KiB', { timeout: 10_000 }, (context) => {
  const schema = z.object({ KEY: text({ maxLength: 100_000 }).optional() })
  const read = (path: string) => parseConfig(schema, { KEY_FILE: path }, { secrets: ['KEY'] })
  assert.ok(read(makeFile(context, 'x'.repeat(64 * 1024))).ok)
  for (const path of [makeFile(context, 'x'.repeat(64 * 1024 + 1)), '/dev/zero', tmpdir()]) {
    const parsed = read(path)
    assert.ok(!parsed.ok, path)
    assert.equal(parsed.errors[0]?.variable, 'KEY_FILE')
    assert.match(parsed.errors[0]?.message ?? '', /which (is over 64 KiB|is not a regular file)$/)
  }
})
