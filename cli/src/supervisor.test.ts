/** One child, many lives: what is started again, when, and what is not. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { SupervisedChild } from './supervisor.ts'
import { waitUntil, waitUntilGone } from './testing/sandbox.ts'

const LIMIT = { timeout: 120_000 }

function supervise(
  context: TestContext,
  script: string,
  policy = { baseMs: 10, maxMs: 40, stableMs: 60_000 },
) {
  const said: string[] = []
  const output: string[] = []
  let changes = 0
  const hooks = {
    onOutput: (_name: string, line: string) => output.push(line),
    say: (line: string) => said.push(line),
    onChange: () => {
      changes++
    },
  }
  const spec = { name: 'child', args: ['-e', script], env: { PATH: process.env.PATH }, port: 0 }
  const child = new SupervisedChild(spec, hooks, policy)
  context.after(() => child.kill())
  child.start()
  return { child, said, output, countChanges: () => changes }
}

test('a child that dies again and again is started with growing delay', LIMIT, async (context) => {
  const { child, said } = supervise(context, 'process.exit(3)', { baseMs: 100, maxMs: 300, stableMs: 60_000 })
  await waitUntil(() => said.length === 4, 'four deaths')
  child.kill()
  assert.deepEqual(said, [
    'child ended with code 3; starting it again in 0.1 s',
    'child ended with code 3; starting it again in 0.2 s',
    'child ended with code 3; starting it again in 0.3 s',
    'child ended with code 3; starting it again in 0.3 s',
  ])
})

test('a life that lasted makes the next delay the shortest again', LIMIT, async (context) => {
  const { child, said } = supervise(context, 'process.exit(3)', { baseMs: 100, maxMs: 300, stableMs: 0 })
  await waitUntil(() => said.length === 3, 'three deaths')
  child.kill()
  assert.ok(said.every((line) => line.endsWith('in 0.1 s')))
})

test('an end that was asked for is the last, with one signal', LIMIT, async (context) => {
  const script =
    "process.on('SIGTERM', () => { console.log('term'); process.exit(0) }); setInterval(() => {}, 1e3); console.log('up')"
  const { child, said, output, countChanges } = supervise(context, script)
  await waitUntil(() => output.includes('up'), 'the start')
  const ends = await Promise.all([child.stop(5000), child.stop(5000)])
  assert.deepEqual(ends, [{ reason: 'stopped' }, { reason: 'stopped' }])
  assert.deepEqual([output, said, child.process, countChanges()], [['up', 'term'], [], undefined, 2])
  child.start()
  assert.equal(child.process, undefined)
})

test('a child that does not end in time is killed, with all that it started', LIMIT, async (context) => {
  const script = `process.on('SIGTERM', () => {})
    const inner = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e3)'], { stdio: 'inherit' })
    setInterval(() => {}, 1e3)
    console.log(inner.pid)`
  const { child, said, output } = supervise(context, script)
  await waitUntil(() => output.length === 1, 'the start')
  const pids = [Number(output[0]), child.process?.pid ?? 0]
  assert.deepEqual(await child.stop(50), { reason: 'killed' })
  assert.deepEqual(said, ['child did not end within 0.1 s; killing it'])
  await waitUntilGone(pids)
})

test('what a dead child left in its group is ended', LIMIT, async (context) => {
  const script = `const inner = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e3)'], { stdio: 'inherit' })
    console.log(inner.pid)
    process.exit(78)`
  const { child, output } = supervise(context, script)
  assert.deepEqual(await child.finished, { reason: 'misconfigured' })
  await waitUntilGone([Number(output[0])])
})

test('a configuration error is named and not tried again', LIMIT, async (context) => {
  const { child, said, output } = supervise(context, "console.error('PORT is wrong'); process.exit(78)")
  assert.deepEqual(await child.finished, { reason: 'misconfigured' })
  assert.deepEqual(output, ['PORT is wrong'])
  assert.equal(said.length, 1)
  assert.match(said[0] ?? '', /configuration error/)
})

test('a child that waits for its next life can be stopped', LIMIT, async (context) => {
  const { child, said } = supervise(context, 'process.exit(1)', {
    baseMs: 60_000,
    maxMs: 60_000,
    stableMs: 0,
  })
  await waitUntil(() => said.length === 1, 'the death')
  assert.deepEqual(await child.stop(1000), { reason: 'stopped' })
})

test('lines come whole, the last one too, and endless ones in pieces', LIMIT, async (context) => {
  const script =
    "process.stdout.write('a\\r\\nb'); setTimeout(() => { process.stdout.write('c\\n' + 'x'.repeat(40000) + '\\nend'); process.exitCode = 78 }, 20)"
  const { child, output } = supervise(context, script)
  await child.finished
  assert.deepEqual(output.slice(0, 2), ['a', 'bc'])
  assert.equal(output.at(-1), 'end')
  assert.equal(output.slice(2, -1).join('').length, 40_000)
})
