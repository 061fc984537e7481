/** A build is current only when it is complete and of these sources. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { buildDashboard, hashDashboardSources, isBuildCurrent } from './dashboard-build.ts'

function makeRoot(context: TestContext) {
  const root = mkdtempSync(join(tmpdir(), 'berth-build-'))
  context.after(() => rmSync(root, { recursive: true, force: true }))
  const write = (path: string, content: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  write('dashboard/index.html', '<html>')
  write('dashboard/package.json', '{}')
  write('dashboard/vite.config.ts', 'export default {}')
  write('dashboard/src/deep/app.tsx', 'app')
  write('protocol/src/index.ts', 'protocol')
  return { root, write }
}

/** A builder that writes what vite would. */
const BUILDER = `import { mkdirSync, writeFileSync } from 'node:fs'
mkdirSync('dist', { recursive: true })
writeFileSync('dist/index.html', process.argv[2])
if (process.env.FAIL) { console.error('cannot resolve x'); process.exit(1) }`

test('every source counts, by name and content; tests and other files do not', (context) => {
  const { root, write } = makeRoot(context)
  const seen = new Set([hashDashboardSources(root)])
  const sources = [
    'index.html',
    'package.json',
    'vite.config.ts',
    'src/deep/app.tsx',
    'src/new.css',
    'public/icon.svg',
  ]
  for (const path of [
    ...sources.map((name) => `dashboard/${name}`),
    'protocol/src/index.ts',
    'protocol/src/a.ts',
  ]) {
    write(path, `changed ${path}`)
    seen.add(hashDashboardSources(root))
  }
  assert.equal(seen.size, 9)
  const before = hashDashboardSources(root)
  write('dashboard/src/app.test.tsx', 'test')
  write('dashboard/dist/index.html', 'built')
  write('dashboard/README.md', 'text')
  assert.equal(hashDashboardSources(root), before)
})

test('a build is current until a source changes', async (context) => {
  const { root, write } = makeRoot(context)
  write('dashboard/node_modules/vite/package.json', '{"type":"module"}')
  write('dashboard/node_modules/vite/bin/vite.js', BUILDER)
  assert.equal(isBuildCurrent(root), false)
  assert.deepEqual(await buildDashboard(root, {}), { state: 'built' })
  assert.equal(readFileSync(join(root, 'dashboard/dist/index.html'), 'utf8'), 'build')
  assert.equal(isBuildCurrent(root), true)
  write('dashboard/src/deep/app.tsx', 'newer')
  assert.equal(isBuildCurrent(root), false)
})

test('a build that fails is told with what the builder said, and is not current', async (context) => {
  const { root, write } = makeRoot(context)
  const missing = await buildDashboard(root, {})
  assert.ok(missing.state === 'failed' && /install/.test(missing.message))
  write('dashboard/node_modules/vite/package.json', '{"type":"module"}')
  write('dashboard/node_modules/vite/bin/vite.js', BUILDER)
  await buildDashboard(root, {})
  const failed = await buildDashboard(root, { FAIL: '1' })
  assert.ok(failed.state === 'failed' && /ended with 1[\s\S]*cannot resolve x/.test(failed.message))
  assert.equal(isBuildCurrent(root), false)
  const aborted = await buildDashboard(root, {}, AbortSignal.abort())
  assert.equal(aborted.state, 'failed')
})
