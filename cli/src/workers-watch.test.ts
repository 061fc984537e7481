/** Every way of writing the file is seen, and only a good one gets through. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { waitUntil } from './testing/sandbox.ts'
import { watchWorkers } from './workers-watch.ts'

const LIMIT = { timeout: 120_000 }

function makeWatch(context: TestContext, prepare: (folder: string) => string) {
  const folder = mkdtempSync(join(tmpdir(), 'berth-watch-'))
  const path = prepare(folder)
  const lists: string[][] = []
  const problems: string[] = []
  const watch = watchWorkers(
    path,
    (entries) => lists.push(entries.map(({ id }) => id)),
    (message) => problems.push(message),
  )
  context.after(() => {
    watch.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  return { folder, path, lists, problems, watch }
}

const list = (...ports: number[]) => JSON.stringify(ports.map((port) => `http://127.0.0.1:${port}`))

test('in place, by a rename and by turning a link: each change is seen once', LIMIT, async (context) => {
  const { folder, path, lists, problems, watch } = makeWatch(context, (root) => {
    writeFileSync(join(root, 'a.json'), list(1))
    symlinkSync('a.json', join(root, 'workers.json'))
    return join(root, 'workers.json')
  })
  await watch.ready
  assert.deepEqual(lists, [['127.0.0.1:1']])
  writeFileSync(join(folder, 'a.json'), list(2))
  await waitUntil(() => lists.length === 2, 'the change in place')
  writeFileSync(join(folder, 'b.json'), list(3))
  symlinkSync('b.json', join(folder, 'next'))
  renameSync(join(folder, 'next'), path)
  await waitUntil(() => lists.length === 3, 'the turned link')
  writeFileSync(join(folder, 'c.json'), list(4, 5))
  renameSync(join(folder, 'c.json'), path)
  await waitUntil(() => lists.length === 4, 'the rename')
  assert.deepEqual(lists.slice(1), [['127.0.0.1:2'], ['127.0.0.1:3'], ['127.0.0.1:4', '127.0.0.1:5']])
  assert.deepEqual(problems, [])
})

test(
  'a bad, big or missing file is a problem and no list, and a good one follows',
  LIMIT,
  async (context) => {
    const { path, lists, problems, watch } = makeWatch(context, (root) => join(root, 'workers.json'))
    await watch.ready
    assert.match(problems[0] ?? '', /workers\.json is missing$/)
    const bad: [() => void, RegExp][] = [
      [() => writeFileSync(path, '["http://127.0.0.1:1"'), /workers\.json:\d+:\d+: /],
      [() => writeFileSync(path, '{}'), /array/],
      [() => truncateSync(path, 17 * 1024 * 1024), /over 16 MiB/],
    ]
    for (const [change, expected] of bad) {
      const before = problems.length
      change()
      await waitUntil(() => problems.length > before, String(expected))
      assert.match(problems.at(-1) ?? '', expected)
    }
    assert.deepEqual(lists, [])
    writeFileSync(path, '[]')
    await waitUntil(() => lists.length === 1, 'the good file')
    assert.deepEqual(lists, [[]])
  },
)

test('what is still being written is waited for, and never handed on by half', LIMIT, async (context) => {
  const whole = JSON.stringify(Array.from({ length: 20 }, (_, i) => `http://127.0.0.1:${i + 1}`))
  const { path, lists, problems, watch } = makeWatch(context, (root) => {
    writeFileSync(join(root, 'workers.json'), '[]')
    return join(root, 'workers.json')
  })
  await watch.ready
  // Slower than it is looked at, faster than it may rest.
  for (let at = 1; at <= whole.length; at += 16) {
    writeFileSync(path, whole.slice(0, at))
    await pause(40)
  }
  writeFileSync(path, whole)
  await waitUntil(() => lists.length === 2, 'the whole list')
  assert.equal(lists[1]?.length, 20)
  assert.deepEqual(problems, [])
})

test('a pipe in its place is a problem, and does not stop the watch', {
  ...LIMIT,
  skip: process.platform === 'win32',
}, async (context) => {
  const { path, lists, problems, watch } = makeWatch(context, (root) => {
    const path = join(root, 'workers.json')
    assert.equal(spawnSync('mkfifo', [path]).status, 0)
    return path
  })
  await watch.ready
  assert.match(problems[0] ?? '', /workers\.json: it is a pipe/)
  rmSync(path)
  writeFileSync(path, '[]')
  await waitUntil(() => lists.length === 1, 'the good file')
})

test('a folder in its place is a problem, and after stop nothing is told', LIMIT, async (context) => {
  const { problems, watch } = makeWatch(context, (root) => root)
  await watch.ready
  assert.match(problems[0] ?? '', /it is a folder/)
  const silent = makeWatch(context, (root) => join(root, 'workers.json'))
  silent.watch.stop()
  await silent.watch.ready
  assert.deepEqual([silent.problems, silent.lists], [[], []])
})
