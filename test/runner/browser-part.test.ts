import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { arrange } from './browser-part.ts'
import { findFiles, PARTS } from './parts.ts'

const part = PARTS.find(({ name }) => name === 'browser')
assert.ok(part)
const all = await findFiles(join(import.meta.dirname, '../..'), part)

test('what measures runs alone, the long ones begin first, and every file runs once', () => {
  const { alone, together } = arrange(all)
  assert.deepEqual(alone, ['test/browser/promptness.test.ts'])
  assert.equal(together[0], 'test/browser/shell.test.ts')
  assert.deepEqual([...alone, ...together].toSorted(), all)
})

test('of chosen files only those are arranged', () => {
  const files = ['test/browser/config.test.ts', 'test/browser/logs.test.ts', 'test/browser/shell.test.ts']
  const together = ['shell', 'config', 'logs'].map((name) => `test/browser/${name}.test.ts`)
  assert.deepEqual(arrange(files), { alone: [], together })
})
