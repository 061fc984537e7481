import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { access, readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import sharp from 'sharp'
import { writeWorkersFile } from './berth.ts'
import { type Execution, findPeaks, parseExecutions } from './executions.ts'
import { findFreePort } from './ports.ts'
import { type Running, startProcess } from './processes.ts'
import { makeImage, makeText } from './samples.ts'
import { createScope, inReverse, makeFolder } from './scope.ts'
import { until } from './until.ts'

describe('until', () => {
  test('answers the first truthy value', async () => {
    let asked = 0
    assert.equal(await until(() => (++asked === 3 ? `after ${asked}` : ''), 1_000), 'after 3')
  })

  test('takes an error for not yet', async () => {
    let asked = 0
    const condition = (): boolean => {
      asked += 1
      if (asked < 3) throw new Error('refused')
      return true
    }
    await until(condition, 1_000)
    assert.equal(asked, 3)
  })

  test('says what did not happen and what was seen last', async () => {
    await assert.rejects(
      until(() => 0, 20, 'three workers'),
      {
        message: 'not within 20 ms: three workers; the last time it was 0',
      },
    )
    const refuse = (): never => {
      throw new Error('refused')
    }
    await assert.rejects(until(refuse, 20, 'a server'), /a server; the last time it threw Error: refused/)
  })
})

describe('a scope', () => {
  test('ends the last thing first, all of it, and tells what failed', async () => {
    const scope = createScope()
    const ended: string[] = []
    scope.after(() => void ended.push('first'))
    scope.after(() => {
      throw new Error('stuck')
    })
    scope.after(async () => void ended.push('last'))
    await assert.rejects(scope.end(), (error: AggregateError) => error.errors[0].message === 'stuck')
    assert.deepEqual(ended, ['last', 'first'])
  })

  test('that ends the first thing first, as a test does, is turned round, and one failure does not end it', async (t) => {
    const ended: string[] = []
    const endings: (() => void | Promise<void>)[] = []
    const scope = { after: (end: () => void | Promise<void>) => void endings.push(end) }
    inReverse(scope).after(() => void ended.push('first'))
    inReverse(scope).after(() => Promise.reject(new Error('stuck')))
    inReverse(scope).after(() => void ended.push('last'))
    assert.equal(endings.length, 1)
    await assert.rejects(async () => endings[0]?.(), AggregateError)
    assert.deepEqual(ended, ['last', 'first'])
    await t.test('of a test', async (inner) => {
      const cwd = await makeFolder(inner)
      const running = startProcess(inner, {
        name: 'x',
        args: ['-e', 'setInterval(() => {}, 1e4)'],
        cwd,
        env: {},
      })
      inReverse(inner).after(() => void ended.push('process'))
      void running.exited.then(() => void ended.push(existsSync(cwd) ? 'folder was there' : 'it was not'))
    })
    assert.deepEqual(ended.slice(2), ['process', 'folder was there'])
  })

  test('takes its folders away', async () => {
    const scope = createScope()
    const folder = await makeFolder(scope)
    await access(folder)
    await scope.end()
    await assert.rejects(access(folder), { code: 'ENOENT' })
  })
})

describe('a process', () => {
  async function start(t: TestContext, source: string, env: Record<string, string> = {}): Promise<Running> {
    const cwd = await makeFolder(t)
    return startProcess(t, { name: 'a process', args: ['-e', source], cwd, env })
  }

  test('shows its log and stops by SIGTERM', async (t) => {
    const running = await start(
      t,
      `process.on('SIGTERM', () => process.exit(0)); setInterval(() => {}, 1e4)
       console.log('not json'); console.log(JSON.stringify({ text: process.env.WORD }))`,
      { WORD: 'ready' },
    )
    await until(() => running.logLines().some(({ text }) => text === 'ready'), 5_000)
    assert.deepEqual(await running.stop(), { code: 0, signal: null })
    assert.equal(running.hasExited(), true)
  })

  test('gets nothing of the environment of the tests', async (t) => {
    process.env.LB_AUTH_KEY = 'of the tests'
    t.after(() => {
      delete process.env.LB_AUTH_KEY
    })
    const running = await start(t, 'console.log(JSON.stringify(Object.keys(process.env)))')
    await running.exited
    assert.doesNotMatch(running.output(), /LB_AUTH_KEY/)
  })

  test('that does not stop is an error with its output', async (t) => {
    const running = await start(
      t,
      `process.on('SIGTERM', () => console.log('never')); setInterval(() => {}, 1e4)
      console.log('up')`,
    )
    await until(() => running.output().includes('up'), 5_000)
    await assert.rejects(
      running.stop(200),
      /a process did not stop within 200 ms of SIGTERM. It said:\nup\nnever\n\nIts threads were: /,
    )
    assert.equal((await running.exited).signal, 'SIGKILL')
  })

  test('is gone after kill9', async (t) => {
    const running = await start(t, 'setInterval(() => {}, 1e4)')
    await running.kill9()
    assert.equal((await running.exited).signal, 'SIGKILL')
  })

  test('ends with its scope, its group included', async (t) => {
    const scope = createScope()
    const cwd = await makeFolder(t)
    const source = `const { pid } = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e4)'])
      console.log(JSON.stringify({ pid })); setInterval(() => {}, 1e4)`
    const running = startProcess(scope, { name: 'a parent', args: ['-e', source], cwd, env: {} })
    const line = await until(() => running.logLines()[0], 5_000)
    await scope.end()
    assert.equal((await running.exited).signal, 'SIGKILL')
    await until(() => isGone(Number(line.pid)), 5_000, 'the child of the process is gone')
  })

  test('ends when the process of the tests is stopped by a signal', async (t) => {
    const cwd = await makeFolder(t)
    const harness = JSON.stringify(join(import.meta.dirname, 'processes.ts'))
    const source = `import(${harness}).then(({ startProcess }) => {
      const args = ['-e', 'setInterval(() => {}, 1e4)']
      const { pid } = startProcess({ after() {} }, { name: 'x', args, cwd: '.', env: {} })
      console.log(JSON.stringify({ pid }))
    })`
    const tests = startProcess(t, { name: 'the tests', args: ['-e', source], cwd, env: {} })
    const line = await until(() => tests.logLines()[0], 5_000)
    assert.equal((await tests.stop()).signal, 'SIGTERM')
    await until(() => isGone(Number(line.pid)), 5_000, 'the process that the tests had started is gone')
  })
})

/** Gone, or ended and only not collected by its parent. */
async function isGone(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch {
    return true
  }
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return /^\d+ \(.*\) [ZX]/s.test(stat)
}

test('free ports are different and can be listened on', async () => {
  const ports = await Promise.all(Array.from({ length: 20 }, findFreePort))
  assert.equal(new Set(ports).size, 20)
  // No connection is given one of them meanwhile.
  assert.ok(Math.max(...ports) < 32_768)
  const server = createServer().listen(ports[0], '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  await new Promise((resolve) => server.close(resolve))
})

test('a workers.json is written whole', async (t) => {
  const path = join(await makeFolder(t), 'workers.json')
  await writeWorkersFile(path, ['http://127.0.0.1:1', { url: 'http://127.0.0.1:2', name: 'w2' }])
  const entries = JSON.parse(await readFile(path, 'utf8'))
  assert.deepEqual(entries, ['http://127.0.0.1:1', { url: 'http://127.0.0.1:2', name: 'w2' }])
})

describe('executions', () => {
  const note = (event: Execution['event'], pid: number): Execution => {
    return { event, id: '', runId: 'r', attempt: 1, pid, atMs: 0 }
  }

  test('are read without a last line that is not whole', () => {
    const text = `${JSON.stringify(note('started', 1))}\n{"event":"fin`
    assert.deepEqual(parseExecutions(text), [note('started', 1)])
  })

  test('peak by process', () => {
    const events: [Execution['event'], number][] = [
      ['started', 1],
      ['started', 1],
      ['started', 2],
      ['finished', 1],
      ['aborted', 1],
      ['started', 1],
    ]
    const peaks = findPeaks(events.map(([event, pid]) => note(event, pid)))
    assert.deepEqual(
      [...peaks],
      [
        [1, 2],
        [2, 1],
      ],
    )
  })
})

describe('samples', () => {
  for (const format of ['jpeg', 'png', 'webp'] as const) {
    test(`an image as ${format} has its size and some weight`, async () => {
      const image = await makeImage(200, 120, format)
      const header = await sharp(image).metadata()
      assert.deepEqual([header.width, header.height, header.format], [200, 120, format])
      assert.ok(image.length > 3_000, `${image.length} bytes`)
    })
  }

  test('a text has exactly its bytes', () => {
    for (const size of [0, 1, 77, 1_000_000]) assert.equal(Buffer.byteLength(makeText(size)), size)
  })
})
