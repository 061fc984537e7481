import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { arrange, compileServers } from './browser-part.ts'
import { findFiles, PARTS } from './parts.ts'

const part = PARTS.find(({ name }) => name === 'browser')
assert.ok(part)
const root = join(import.meta.dirname, '../..')
const all = await findFiles(root, part)

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

test('what both servers need is compiled before the first file, and kept where its processes look', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'berth-compiled-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  await compileServers(root, { NODE_COMPILE_CACHE: folder })
  const kept = await readdir(folder, { recursive: true })
  // A few hundred modules; one that fails to start keeps a handful.
  assert.ok(kept.length > 300, `${kept.length} files`)
})
