/** Exports of runs: how many at once, how long for a reader who takes nothing, and how much is read ahead. */
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { type TestContext, test } from 'node:test'
import type { RunView } from '@berth/protocol'
import { RunExports } from './run-export.ts'

class FakeConnection extends EventEmitter {
  isDestroyed = false

  destroy(): void {
    this.isDestroyed = true
    this.emit('close')
  }
}

/** A list without end; `lineBytes` of metadata in each. */
function makeExports(limit: number, lineBytes = 10) {
  const run = { id: 'r_1', files: [], metadata: { text: 'x'.repeat(lineBytes) } } as unknown as RunView
  const counts: number[] = []
  const runs = {
    list: async (_filter: unknown, count: number) => {
      counts.push(count)
      return Array.from({ length: count }, () => run)
    },
  }
  const all = new RunExports({ runs, limit })
  const open = () => {
    const connection = new FakeConnection()
    const answer = all.answer({}, undefined, connection)
    return { connection, answer, reader: answer.body?.getReader() }
  }
  return { open, counts }
}

function mockTime(t: TestContext): (ms: number) => void {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  return (ms) => t.mock.timers.tick(ms)
}

/** A page is made in turns of this queue alone. */
const settle = () => new Promise(setImmediate)

test('so many at once, the next one is told when to come again; whatever ends one lets another in', async () => {
  const { open } = makeExports(2)
  const [first, second] = [open(), open()]
  const refused = open().answer
  assert.deepEqual([refused.status, refused.headers.get('retry-after')], [429, '5'])
  await first.reader?.cancel()
  first.connection.emit('close')
  const third = open()
  assert.equal(third.answer.status, 200)
  assert.equal(open().answer.status, 429, 'one that ends twice makes one place')
  second.connection.emit('close')
  const fourth = open()
  assert.equal(fourth.answer.status, 200)
  await settle()
  for (const { connection } of [third, fourth]) connection.destroy()
})

test('a reader who takes nothing for 30 s is cut off, a slow one is not', async (t) => {
  const pass = mockTime(t)
  const { open } = makeExports(1)
  const { connection, reader } = open()
  for (let page = 0; page < 3; page++) {
    await settle()
    pass(29_999)
    assert.equal((await reader?.read())?.done, false)
  }
  await settle()
  assert.equal(connection.isDestroyed, false)
  pass(30_000)
  assert.equal(connection.isDestroyed, true)
  assert.equal(open().answer.status, 200)
})

test('pages are as long as their lines allow', async () => {
  for (const [lineBytes, expected] of [
    [10, 500],
    [64 * 1024, 15],
  ] as const) {
    const { open, counts } = makeExports(1, lineBytes)
    const { connection, reader } = open()
    await reader?.read()
    await reader?.read()
    connection.destroy()
    assert.deepEqual(counts.slice(0, 2), [100, expected])
  }
})
