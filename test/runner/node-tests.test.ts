import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { LEFT_OPEN_VARIABLE } from './end-watch.ts'
import { countLines, runNodeTests } from './node-tests.ts'

const SOON = { exitMs: 300, idleMs: 300, waitMs: 300 }
/** What a thread does that waits for one that never comes. */
const BLOCK = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)'
const NEEDS_PROC = process.platform === 'linux' ? false : 'needs /proc'

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
      shutdownLimits: SOON,
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
    const { totals, said } = await run(`test('good', () => {}); setInterval(() => {}, 1000)`, 5_000)
    assert.deepEqual(totals, { passed: 1, failed: 1, skipped: 0 })
    assert.match(said, /did not end within 5 s and was ended \(1 tests had finished: one hangs, or a timer/)
  })

  test('what keeps a process alive after its last test is named, and ends it', async () => {
    const { totals, said } = await run(
      `import { spawn } from 'node:child_process'
       import { once } from 'node:events'
       import { connect, createServer } from 'node:net'
       test('good', async () => {
         const server = createServer(() => {}).listen(0, '127.0.0.1')
         await once(server, 'listening')
         const socket = connect(server.address().port, '127.0.0.1')
         await once(socket, 'connect')
         spawn(process.execPath, ['-e', 'setTimeout(() => {}, 12345)'], { stdio: 'ignore' })
         setInterval(function sayAgain() {}, 7654)
         setTimeout(() => {}, 9876).unref()
       })`,
      20_000,
      { [LEFT_OPEN_VARIABLE]: '500' },
    )
    assert.deepEqual(totals, { passed: 1, failed: 1, skipped: 0 })
    assert.match(said, /0\.5 s after its last test this process is still kept alive by/)
    assert.match(said, /server that listens on .*127\.0\.0\.1/)
    assert.match(said, /socket, 127\.0\.0\.1:\d+ to 127\.0\.0\.1:\d+/)
    assert.match(said, /process \d+: .*12345/)
    assert.match(said, /timer of 7654 ms, again and again: function sayAgain/)
    assert.doesNotMatch(said, /9876/)
    assert.match(said, /ended with exit code 97 \(1 tests had finished; what kept its process alive is named/)
  })

  test('between two tests, and while one runs, nobody is in a hurry', async () => {
    const source = `
      import { setTimeout as pause } from 'node:timers/promises'
      describe('suite', { concurrency: 2 }, () => {
        test('short', () => {})
        test('long', () => pause(900))
      })
      test('last', () => pause(900))`
    const { totals } = await run(source, 20_000, { [LEFT_OPEN_VARIABLE]: '300' })
    assert.deepEqual(totals, { passed: 3, failed: 0, skipped: 0 })
  })

  test('a test that hangs is named at the bound, with what is open', async () => {
    const { totals, said } = await run(
      `test('good', () => {})
       test('never over', () => new Promise(() => setInterval(() => {}, 4321)))`,
      6_000,
    )
    assert.equal(totals.failed, 1)
    assert.match(said, /not ended are the tests:\n {2}never over\nopen are:\n {2}timer of 4321 ms/)
  })

  for (const event of ['exit', 'beforeExit'])
    test(`a process that hangs where nothing of its file runs any more is told, no failure (${event})`, {
      skip: NEEDS_PROC,
    }, async () => {
      const { totals, said } = await run(`test('good', () => { process.on('${event}', () => ${BLOCK}) })`)
      assert.deepEqual(totals, { passed: 1, failed: 0, skipped: 0 })
      assert.match(said, /had ended with .*hung in its own shutdown \(node.* in futex.*its process was ended/)
    })

  test('one that hangs there and said that it failed has failed', { skip: NEEDS_PROC }, async () => {
    const { totals, said } = await run(
      `test('good', () => { process.on('exit', () => { process.exitCode = 3 }) })
       test('too', () => { process.exitCode = 3; process.on('exit', () => ${BLOCK}) })`,
    )
    assert.deepEqual(totals, { passed: 2, failed: 1, skipped: 0 })
    assert.match(said, /ended with exit code 3/)
  })

  test('one that is busy there is waited for, and fails at the bound', { skip: NEEDS_PROC }, async () => {
    const { totals, said } = await run(
      `test('good', () => { process.on('exit', () => { for (;;); }) })`,
      6_000,
    )
    assert.deepEqual(totals, { passed: 1, failed: 1, skipped: 0 })
    assert.match(said, /did not end within 6 s/)
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
