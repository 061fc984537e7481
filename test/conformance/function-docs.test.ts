/** The examples of docs/functions.md as they stand there: loaded by a real worker, run, and their tests run. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { ROOT, startWorker, type Worker } from '../harness/berth.ts'
import { createScope, makeFolder } from '../harness/scope.ts'

const run = promisify(execFile)

/** A block of code that begins with `// path` is that file. */
async function readExamples(): Promise<Map<string, string>> {
  const text = await readFile(join(ROOT, 'docs/functions.md'), 'utf8')
  const blocks = text.matchAll(/^```ts\n\/\/ (\S+)\n([\s\S]*?)^```$/gm)
  return new Map([...blocks].map(([, path = '', code = '']) => [path, code]))
}

describe('the examples of docs/functions.md', () => {
  const scope = createScope()
  let folder: string
  let worker: Worker
  let names: string[]
  before(async () => {
    folder = await makeFolder(scope, 'documented')
    const examples = await readExamples()
    for (const [path, code] of examples) {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), code)
    }
    names = [...examples.keys()].flatMap((path) => /^functions\/(.+)\.ts$/.exec(path)?.[1] ?? [])
    await mkdir(join(folder, 'node_modules/@berth'), { recursive: true })
    await symlink(join(ROOT, 'worker'), join(folder, 'node_modules/@berth/worker'))
    await symlink(join(ROOT, 'worker/node_modules/zod'), join(folder, 'node_modules/zod'))
    await writeFile(join(folder, 'package.json'), '{"type":"module"}')
    worker = await startWorker(scope, { folder })
  })
  after(() => scope.end())

  const post = (path: string, body: string, headers: Record<string, string> = {}) =>
    worker.request(path, { method: 'POST', body, headers })

  test('pass the type check', async () => {
    const tsconfig = {
      extends: join(ROOT, 'tsconfig.json'),
      compilerOptions: { typeRoots: [join(ROOT, 'node_modules/@types')] },
      include: ['**/*.ts'],
    }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(tsconfig))
    const tsc = join(ROOT, 'node_modules/.bin/tsc')
    const { stdout } = await run(tsc, ['--noEmit', '-p', folder]).catch(({ stdout }) => ({ stdout }))
    assert.equal(stdout, '')
  })

  test('load, and are all there', async () => {
    const { functions, services, tags } = (await worker.request('/health')).body as {
      functions: { name: string }[]
      services: object[]
      tags: { models: string[] }
    }
    assert.ok(names.length >= 7, `${names}`)
    assert.deepEqual(
      functions.map(({ name }) => name),
      names.toSorted(),
    )
    assert.partialDeepStrictEqual(services, [{ name: 'clock', status: 'ready' }])
    assert.deepEqual(tags.models, ['small', 'large'])
  })

  test('give what they say', async () => {
    const title = `data:text/html,${encodeURIComponent('<title>A page</title>')}`
    const expected: Record<string, [input: object, result: unknown]> = {
      hello: [{ name: 'Ada' }, { message: 'Hello Ada!' }],
      chat: [{ text: 'hi' }, { said: 'hi', before: [] }],
      repeat: [{ text: 'row ', style: 'loud' }, 'ROW ROW '],
      'fetch-title': [{ url: title }, 'A page'],
      'count-down': [{ from: 1 }, 'lift-off'],
      flip: [{}, { mediaType: 'application/json', base64: '' }],
      'sign-in': [
        { user: 'ada', password: 'correct horse battery' },
        { user: 'ada', isStrong: true },
      ],
      welcome: [{ names: ['Ada', 'Bob'] }, [{ message: 'Hello Ada!' }, { message: 'Hello Bob!' }]],
      sort: [{ words: ['pear', 'apple'] }, ['apple', 'pear']],
      summarise: [{ pages: [] }, { done: [] }],
      'longest-line': [{}, {}],
    }
    // Its files are kept by a balancer.
    const report = await post('/task', '{"function":"report"}')
    assert.match((report.body as { detail: string }).detail, /files are kept by a balancer/)
    for (const name of names.filter((one) => one !== 'report')) {
      const [input, result] = expected[name] ?? [{}, 'is not expected here']
      const answer = await post('/task', JSON.stringify({ function: name, input }))
      assert.deepEqual([answer.status, answer.body], [200, { success: true, result }], name)
    }
    const refused = await post('/task', '{"function":"repeat","input":{"text":"ROW","times":11}}')
    assert.deepEqual(
      (refused.body as { errors: { pointer: string }[] }).errors.map(({ pointer }) => pointer),
      ['/input/text', '/input/times'],
    )
    const lines = worker.logLines().map((line) => JSON.stringify(line))
    assert.ok(lines.some((line) => line.includes('a line like any other')))
    assert.ok(!lines.some((line) => line.includes('correct horse')))
  })

  test('stream and take bytes', async () => {
    const streamed = await post('/task', '{"function":"count-down","mode":"stream"}')
    assert.equal(streamed.text, '3\n2\n1\n')
    const flipped = await post('/task/default/flip', 'abc', { 'content-type': 'text/x-test' })
    assert.deepEqual([flipped.text, flipped.headers.get('content-type')], ['cba', 'text/x-test'])
  })

  test('pass their own tests', async () => {
    const { NODE_TEST_CONTEXT: _context, ...env } = process.env
    const args = ['--test', '--test-reporter=tap', 'test/functions.test.ts']
    const { stdout } = await run(process.execPath, args, { cwd: folder, env }).catch(({ stdout }) => ({
      stdout,
    }))
    assert.match(stdout, /^# pass 5$/m)
    assert.match(stdout, /^# fail 0$/m)
  })
})
