import assert from 'node:assert/strict'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { makeFolder } from '../fixtures/test-folder.ts'
import { explainLoadError, findFiles, LoadError, loadFiles } from './discover.ts'
import { resolveOwnPackages } from './resolve.ts'

async function problemsOf(act: () => Promise<unknown>): Promise<readonly string[]> {
  try {
    await act()
  } catch (error) {
    assert.ok(error instanceof LoadError)
    return error.problems
  }
  throw new Error('nothing was wrong')
}

describe('findFiles', () => {
  it('names files by their place, and skips what is no function', async () => {
    using folder = makeFolder({
      'functions/hello.ts': '',
      'functions/images/resize.ts': '',
      'functions/images/deep/x.mjs': '',
      'functions/_shared.ts': '',
      'functions/.hidden.ts': '',
      'functions/_parts/a.ts': '',
      'functions/hello.test.ts': '',
      'functions/types.d.ts': '',
      'functions/readme.md': '',
      'functions/node_modules/x/index.js': '',
      'helpers/a.ts': '',
    })
    symlinkSync(join(folder.path, 'functions'), join(folder.path, 'functions/loop'))
    const files = await findFiles(folder.path, 'functions')
    assert.deepEqual(
      files.map(({ name }) => name),
      ['hello', 'images.deep.x', 'images.resize'],
    )
    assert.deepEqual(await findFiles(folder.path, 'services'), [])
  })

  it('refuses two files of one name, and names that cannot be', async () => {
    using folder = makeFolder({
      'functions/a.b.ts': '',
      'functions/a/b.js': '',
      'functions/über.ts': '',
    })
    const problems = await problemsOf(() => findFiles(folder.path, 'functions'))
    assert.equal(problems.length, 2)
    assert.ok(problems.some((line) => /has the same name as .* \("a\.b"\)/.test(line)))
    assert.ok(problems.some((line) => /über\.ts: .* is no valid name/.test(line)))
  })
})

describe('loadFiles', () => {
  it('resolves the worker’s own packages for a folder that has none', async () => {
    using folder = makeFolder({
      'functions/hello.ts': `import { defineFunction, type Context } from '@berth/worker'
import { z } from 'zod'
import { word } from '../helpers/word.ts'
const input = z.object({ name: z.string() })
export default defineFunction({ input, handler: ({ name }, ctx: Context) => word + name })`,
      'helpers/word.ts': `export const word: string = 'Hello '`,
    })
    const stop = resolveOwnPackages(folder.path)
    const [file] = await loadFiles(await findFiles(folder.path, 'functions'))
    stop()
    const definition = file?.exports.default as { kind: string; handler(input: object): string }
    assert.equal(definition.kind, 'berth.function')
    assert.equal(definition.handler({ name: 'you' }), 'Hello you')
  })

  it('prefers what the folder has installed', async () => {
    using folder = makeFolder({
      'functions/own.ts': `import { z } from 'zod'\nexport default z`,
      'node_modules/zod/package.json': '{"name":"zod","type":"module","exports":"./index.js"}',
      'node_modules/zod/index.js': `export const z = 'their own'`,
    })
    const stop = resolveOwnPackages(folder.path)
    const [file] = await loadFiles(await findFiles(folder.path, 'functions'))
    stop()
    assert.equal(file?.exports.default, 'their own')
  })

  it('names every file that does not load, with reason and cure', async () => {
    using folder = makeFolder({
      'functions/color.ts': 'enum Color { Red }\nexport default Color',
      'functions/missing.ts': `import 'not-there-at-all'`,
      'functions/types.ts': `import { Context } from '@berth/worker'\nexport default (ctx: Context) => ctx`,
      'functions/throws.ts': `throw new Error('no connection')`,
      'functions/syntax.ts': 'export default {',
      'functions/good.ts': 'export default 1',
    })
    const stop = resolveOwnPackages(folder.path)
    const problems = await problemsOf(async () => loadFiles(await findFiles(folder.path, 'functions')))
    stop()
    const of = (name: string) => problems.find((line) => line.startsWith(`functions/${name}.ts: `)) ?? ''
    assert.match(of('color'), /instead of an enum write a union of literals/)
    assert.match(of('missing'), /not-there-at-all.*Install the package/)
    assert.match(of('types'), /import type/)
    assert.match(of('throws'), /no connection$/)
    assert.notEqual(of('syntax'), '')
    assert.equal(of('good'), '')
    for (const line of problems) assert.doesNotMatch(line, /\n/)
  })
})

describe('explainLoadError', () => {
  it('reads anything that may be thrown', () => {
    assert.equal(explainLoadError('text\nin lines'), 'text in lines')
    assert.equal(explainLoadError(undefined), 'undefined was thrown')
  })
})
