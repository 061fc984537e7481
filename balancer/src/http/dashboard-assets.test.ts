import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readAssets } from './dashboard-assets.ts'

test('a build holds its own files and nothing that a link leads to (I12)', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'berth-assets-'))
  context.after(() => rmSync(folder, { recursive: true, force: true }))
  const outside = join(folder, 'outside')
  const dist = join(folder, 'dist')
  for (const made of [outside, join(dist, 'assets')]) mkdirSync(made, { recursive: true })
  writeFileSync(join(outside, 'secret.txt'), 'secret')
  writeFileSync(join(dist, 'index.html'), '<!doctype html>')
  writeFileSync(join(dist, 'assets', 'index-0123456789.js'), '')
  symlinkSync(join(outside, 'secret.txt'), join(dist, 'assets', 'link.txt'))
  symlinkSync(outside, join(dist, 'assets', 'folder'))
  const assets = readAssets(dist)
  assert.deepEqual([...(assets?.keys() ?? [])].sort(), ['assets/index-0123456789.js', 'index.html'])
  assert.equal(assets?.get('assets/index-0123456789.js')?.isImmutable, true)
  assert.equal(readAssets(join(folder, 'nothing')), undefined)
})
