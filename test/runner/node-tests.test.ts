import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { countLines, runNodeTests } from './node-tests.ts'

describe('files of the Node test runner', () => {
  let root = ''
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'berth-runner-'))
    await writeFile(join(root, 'package.json'), '{"type":"module"}')
  })
  after(() => rm(root, { recursive: true, force: true }))

  async function run(source: string, fileLimitMs = 20_000, env: Record<string, string> = {}) {
    await writeFile(join(root, 'made-up.test.ts'), `import { describe, test } from 'node:test'\n${source}`)
    const lines: string[] = []
    const totals = await runNodeTests({
      root,
      files: ['made-up.test.ts'],
      fileLimitMs,
      isSerial: false,
      env,
      say: (line) => lines.push(line),
    })
    return { totals, said: lines.join('\n') }
  }

  test('passes, failures, skips and todos are counted one by one, suites are not', async () => {
    const { totals, said } = await run(`
      describe('suite', () => {
        test('good', () => {})
        test('bad', () => { throw new Error('the reason') })
        test('skipped', { skip: true }, () => {})
        test('later', { todo: true }, () => { throw new Error('not yet') })
      })
      test('outer', async (t) => { await t.test('inner', () => {}) })`)
    assert.deepEqual(totals, { passed: 3, failed: 1, skipped: 2 })
    assert.match(said, /the reason/)
    assert.match(said, /✖ made-up\.test\.ts \(3 passed/)
  })

  test('a file that passes says one line', async () => {
    const { totals, said } = await run(`test('good', () => {})`)
    assert.deepEqual(totals, { passed: 1, failed: 0, skipped: 0 })
    assert.match(said, /^✔ made-up\.test\.ts \(1 passed, \d+ ms\)$/)
  })

  test('a file finds in its environment what was given for it', async () => {
    const source = `test('sees', () => { if (process.env.GIVEN !== 'so') throw new Error('not there') })`
    assert.deepEqual((await run(source, 20_000, { GIVEN: 'so' })).totals, {
      passed: 1,
      failed: 0,
      skipped: 0,
    })
    assert.equal((await run(source)).totals.failed, 1)
  })

  test('a file without a test fails', async () => {
    const { totals, said } = await run('')
    assert.deepEqual(totals, { passed: 0, failed: 1, skipped: 0 })
    assert.match(said, /made-up\.test\.ts holds no test/)
  })

  test('a file that cannot be loaded fails with its error', async () => {
    const { totals, said } = await run(`throw new Error('broken at load')`)
    assert.equal(totals.failed, 1)
    assert.match(said, /broken at load/)
  })

  test('a rejection that nobody handles fails although the tests passed', async () => {
    const { totals } = await run(
      `test('good', () => { setImmediate(() => Promise.reject(new Error('lost'))) })`,
    )
    assert.ok(totals.failed >= 1)
  })

  test('an open handle after the last test is ended at the bound and keeps the counts', async () => {
    const { totals, said } = await run(`test('good', () => {}); setInterval(() => {}, 1000)`, 1_500)
    assert.deepEqual(totals, { passed: 1, failed: 1, skipped: 0 })
    assert.match(
      said,
      /did not end within 1\.5 s and was ended \(1 tests had finished: one hangs, or a timer/,
    )
  })

  test('files that run at once add up', async () => {
    const files = ['a.test.ts', 'b.test.ts', 'c.test.ts']
    for (const file of files) {
      await writeFile(join(root, file), `import { test } from 'node:test'\ntest('one', () => {})`)
    }
    const totals = await runNodeTests({ root, files, fileLimitMs: 20_000, isSerial: false, say: () => {} })
    assert.deepEqual(totals, { passed: 3, failed: 0, skipped: 0 })
  })

  test('a line that a kill cut off is left out', () => {
    assert.deepEqual(countLines('{"outcome":"passed","name":"a"}\n{"outcome":"fai'), {
      passed: 1,
      failed: 0,
      skipped: 0,
    })
  })
})
