import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { checkBoundaries } from './boundaries.ts'

const MANIFESTS: Record<string, object> = {
  protocol: { name: '@berth/protocol', exports: { '.': './src/index.ts' }, dependencies: { zod: '4' } },
  runtime: { name: '@berth/runtime', exports: { '.': './src/index.ts' }, dependencies: { zod: '4' } },
  balancer: { name: '@berth/balancer', dependencies: { ws: '8' }, devDependencies: { '@types/ws': '8' } },
  worker: { name: '@berth/worker', exports: { '.': './src/index.ts' }, dependencies: { ws: '8', zod: '4' } },
  dashboard: { name: '@berth/dashboard', dependencies: { react: '19' }, devDependencies: { vite: '8' } },
  cli: { name: '@berth/cli' },
  test: { name: '@berth/test' },
  'examples/fleet': { name: '@berth/example-fleet', dependencies: { sharp: '0' } },
}

/** The violations of a made-up tree: path → source. */
async function check(t: TestContext, files: Record<string, string>): Promise<string[]> {
  const root = await mkdtemp(join(tmpdir(), 'berth-boundaries-'))
  t.after(() => rm(root, { recursive: true, force: true }))
  const manifests = Object.entries(MANIFESTS).map(([folder, manifest]) => [
    `${folder}/package.json`,
    JSON.stringify(manifest),
  ])
  for (const [path, source] of [...manifests, ...Object.entries(files)] as [string, string][]) {
    await mkdir(dirname(join(root, path)), { recursive: true })
    await writeFile(join(root, path), source)
  }
  return checkBoundaries(root)
}

describe('imports that are allowed', () => {
  const allowed: Record<string, string> = {
    'protocol/src/index.ts': `import { z } from 'zod'\nexport * from './names.ts'`,
    'protocol/src/names.ts': `const text = "import 'node:fs'" // import 'node:net'\n/* import 'x' */`,
    'protocol/src/names.test.ts': `import test from 'node:test'\nimport '@berth/runtime'`,
    'runtime/src/index.ts': `import { readFile } from 'node:fs/promises'\nimport { z } from 'zod'`,
    'balancer/src/main.ts': `import './core/lane.ts'\nimport './http/tasks.ts'\nimport '@berth/runtime'`,
    'balancer/src/core/lane.ts': `import type { Ledger } from '../ports/ledger.ts'\nimport { a } from '@berth/protocol'\nimport type { Traffic } from '../ports/traffic.ts'`,
    'balancer/src/core/lane.test.ts': `import '../fleet/link.ts'\nimport 'node:assert/strict'`,
    'balancer/src/ports/ledger.ts': `import type { Lane } from '../core/lane.ts'`,
    'balancer/src/fleet/link.ts': `import type { WebSocket } from 'ws'\nimport '../ports/ledger.ts'\nimport './codec/a.ts'`,
    'balancer/src/fleet/codec/a.ts': `import 'node:net'\nawait import('@berth/protocol')`,
    'balancer/src/http/tasks.ts': `import '../ports/ledger.ts'`,
    'worker/src/index.ts': `import 'ws'\nimport '@berth/protocol'\nimport '@berth/runtime'`,
    'dashboard/src/page.tsx': `import { useState } from 'react'\nexport const p = <p>it's {useState(1)}</p>`,
    'dashboard/src/page.test.tsx': `import 'vite'`,
    'dashboard/vite.config.ts': `import 'vite'\nimport 'node:path'`,
    'examples/fleet/functions/a.ts': `import '@berth/worker'\nimport sharp from 'sharp'`,
    'test/end-to-end/a.test.ts': `import '../../balancer/src/main.ts'\nimport '@berth/worker'`,
  }
  test('none is reported', async (t) => assert.deepEqual(await check(t, allowed), []))
})

describe('imports that break a rule', () => {
  const cases: [title: string, path: string, source: string, violation: string][] = [
    [
      'protocol and Node',
      'protocol/src/a.ts',
      `import 'node:fs'`,
      'imports node:fs: protocol loads nothing of Node',
    ],
    [
      'protocol and a library',
      'protocol/src/a.ts',
      `import 'ws'`,
      'imports ws: protocol/package.json does not list ws',
    ],
    ['runtime and protocol', 'runtime/src/a.ts', `import '@berth/protocol'`, 'runtime may import no package'],
    [
      'core and Node',
      'balancer/src/core/a.ts',
      `import 'node:timers'`,
      'balancer/src/core loads nothing of Node',
    ],
    [
      'core and Node, type only',
      'balancer/src/core/a.ts',
      `import type { A } from 'node:net'`,
      'nothing of Node',
    ],
    ['core and Node without prefix', 'balancer/src/core/a.ts', `import 'fs'`, 'loads nothing of Node'],
    [
      'core and a library',
      'balancer/src/core/a.ts',
      `import 'ws'`,
      'balancer/src/core may import no library',
    ],
    [
      'core and runtime',
      'balancer/src/core/a.ts',
      `import '@berth/runtime'`,
      'core may import @berth/protocol',
    ],
    [
      'core and a port of others',
      'balancer/src/core/a.ts',
      `import '../ports/store.ts'`,
      'core may reach balancer/src/ports/dispatch.ts',
    ],
    ['core and http', 'balancer/src/core/a.ts', `import '../http/a.ts'`, 'balancer/src/core may reach'],
    [
      'ports and values of the core',
      'balancer/src/ports/a.ts',
      `import { x } from '../core/a.ts'`,
      'ports may reach types of',
    ],
    [
      'http and core',
      'balancer/src/http/a.ts',
      `import '../core/a.ts'`,
      'balancer/src/http may reach balancer/src/ports',
    ],
    [
      'http and fleet',
      'balancer/src/http/a.ts',
      `import type { A } from '../fleet/a.ts'`,
      'http may reach balancer/src/ports',
    ],
    ['fleet and store', 'balancer/src/fleet/a.ts', `export * from '../store/a.ts'`, 'fleet may reach'],
    ['store and runs', 'balancer/src/store/a.ts', `import '../runs/a.ts'`, 'store may reach'],
    ['runs and observe', 'balancer/src/runs/a.ts', `await import('../observe/a.ts')`, 'runs may reach'],
    [
      'observe and http, in a type',
      'balancer/src/observe/a.ts',
      `type A = import('../http/a.ts').A`,
      'observe may reach',
    ],
    ['http and the config file', 'balancer/src/http/a.ts', `import '../config.ts'`, 'http may reach'],
    [
      'worker and balancer',
      'worker/src/a.ts',
      `import '@berth/balancer'`,
      'worker may import @berth/protocol, @berth/runtime',
    ],
    [
      'worker and balancer by path',
      'worker/src/a.ts',
      `import '../../balancer/src/a.ts'`,
      'another package is imported by its name',
    ],
    ['client and worker', 'client/src/a.ts', `import '@berth/worker'`, 'client may import'],
    ['cli and balancer', 'cli/src/a.ts', `import '@berth/balancer'`, 'cli may import'],
    [
      'dashboard and runtime',
      'dashboard/src/a.tsx',
      `import '@berth/runtime'`,
      'dashboard may import @berth/protocol',
    ],
    ['dashboard and Node', 'dashboard/src/a.ts', `import 'node:path'`, 'dashboard loads nothing of Node'],
    [
      'an example and protocol',
      'examples/fleet/functions/a.ts',
      `import '@berth/protocol'`,
      'examples may import @berth/worker',
    ],
    [
      'a source and test',
      'worker/src/a.ts',
      `import '@berth/test'`,
      'nothing outside test/ imports from test/',
    ],
    [
      'a test beside it and test',
      'worker/src/a.test.ts',
      `import '../../test/harness/a.ts'`,
      'nothing outside test/',
    ],
    ['a source and bench', 'cli/src/a.ts', `import '../../bench/a.ts'`, 'nothing outside bench/'],
    [
      'a library nobody declared',
      'worker/src/a.ts',
      `import 'left-pad/x'`,
      'worker/package.json does not list left-pad',
    ],
    ['a tool in a source', 'dashboard/src/a.ts', `import 'vite'`, 'does not list vite in its dependencies'],
    ['a built-in without prefix', 'worker/src/a.ts', `import 'fs'`, 'imports fs: write node:fs'],
    ['a folder of no area', 'tools/src/a.ts', `import 'node:fs'`, 'its folder has no place in the table'],
    [
      'a folder of the balancer of no area',
      'balancer/src/misc/a.ts',
      `import 'node:fs'`,
      'no place in the table',
    ],
  ]
  for (const [title, path, source, violation] of cases) {
    test(title, async (t) => {
      const found = await check(t, { [path]: `// a header\n${source}\n` })
      assert.equal(found.length, 1, found.join('\n'))
      const line = found[0] ?? ''
      assert.ok(line.startsWith(`${path}:2 imports `), line)
      assert.ok(line.includes(violation), line)
    })
  }
})

describe('import cycles', () => {
  test('of values are shown with the whole way round', async (t) => {
    const found = await check(t, {
      'worker/src/a.ts': `import { b } from './b.ts'\nexport const a = 1`,
      'worker/src/b.ts': `export { c as b } from './c.ts'`,
      'worker/src/c.ts': `\nimport { a } from './a.ts'\nexport const c = a`,
    })
    assert.deepEqual(found, [
      'worker/src/c.ts:2 imports ./a.ts: it closes the cycle ' +
        'worker/src/a.ts → worker/src/b.ts → worker/src/c.ts → worker/src/a.ts',
    ])
  })

  test('of types or of import() are none', async (t) => {
    const found = await check(t, {
      'worker/src/a.ts': `import { b } from './b.ts'`,
      'worker/src/b.ts': `import type { A } from './a.ts'\nexport const b = () => import('./a.ts')`,
    })
    assert.deepEqual(found, [])
  })

  test('of inline types are cycles, because the module is still loaded', async (t) => {
    const found = await check(t, {
      'worker/src/a.ts': `import { b } from './b.ts'`,
      'worker/src/b.ts': `import { type A } from './a.ts'`,
    })
    assert.equal(found.length, 1)
  })

  test('of a file with itself and of a package with its own name', async (t) => {
    const found = await check(t, {
      'worker/src/self.ts': `import './self.ts'`,
      'protocol/src/index.ts': `export * from './a.ts'`,
      'protocol/src/a.ts': `import '@berth/protocol'`,
    })
    assert.equal(found.filter((line) => line.includes('closes the cycle')).length, 2, found.join('\n'))
  })
})
