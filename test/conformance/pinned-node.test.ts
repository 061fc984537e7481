/** One version of Node is pinned, in the two places that name it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'

const root = join(import.meta.dirname, '../..')

test('packages are judged by the Node that is installed', () => {
  const { optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    optionalDependencies: Record<string, string>
  }
  const workspace = readFileSync(join(root, 'pnpm-workspace.yaml'), 'utf8')
  const judged = /^nodeVersion: (\S+)$/m.exec(workspace)?.[1]
  const pinned = Object.entries(optionalDependencies).filter(([name]) => name.startsWith('node-'))
  assert.ok(pinned.length > 0)
  for (const [name, version] of pinned) assert.equal(version, judged, name)
})
