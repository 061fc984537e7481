/**
 * What FAULTS.md does to a worker, on real processes: A1–A3, A9, A11 as far as they concern the worker, A14–A18, A20.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { RECORD, TASK_FLAG } from '@berth/protocol'
import { FakeBalancer } from '../fixtures/fake-balancer.ts'
import { makeFolder, type TestFolder } from '../fixtures/test-folder.ts'
import { KEYS, startWorkerProcess, type WorkerProcess } from './worker-process.ts'

const handler = (body: string, more = '') => `import { defineFunction } from '@berth/worker'
import { appendFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
const note = (text) => appendFileSync(join(import.meta.dirname, '../notes.txt'), text + '\\n')
export default defineFunction({ input: z.looseObject({}), ${more} handler: async (input, ctx) => { ${body} } })`

const FILES = {
  'functions/hello.ts': handler('return "hello"'),
  'functions/wait.ts': handler(
    'note("began " + ctx.runId); await new Promise((resolve, reject) => { setTimeout(resolve, input.ms); ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason)) }); return "waited"',
  ),
  'functions/last.ts': handler('note("finished"); process.kill(process.pid, "SIGKILL"); return "never seen"'),
  'functions/deaf.ts': handler('note("deaf"); await new Promise(() => {})'),
  'functions/block.ts': handler('const end = Date.now() + input.ms; while (Date.now() < end); return "done"'),
  'functions/thread-block.ts': handler(
    'const end = Date.now() + input.ms; while (Date.now() < end); return "done"',
    'config: { isolation: "thread" },',
  ),
  'functions/thread-memory.ts': handler(
    'const kept = []; for (;;) kept.push(new Array(1000).fill(0).map(Math.random))',
    'config: { isolation: "thread" },',
  ),
  'functions/thread-exit.ts': handler('process.exit(1)', 'config: { isolation: "thread", maxRetries: 2 },'),
  'functions/timer.ts': handler(
    'setTimeout(() => { throw new Error("thrown in a timer") }, 1); await new Promise((resolve) => setTimeout(resolve, 50)); return "survived"',
  ),
  'functions/reject.ts': handler('throw undefined'),
  'functions/odd.ts': handler(
    'throw { toString() { throw new Error("unreadable") }, get message() { throw 1 } }',
  ),
  'functions/long.ts': handler('throw new Error("x".repeat(1_000_000))'),
  'functions/daemon.ts': `import { defineCommand } from '@berth/worker'
export default defineCommand({ command: process.execPath, args: ['daemon.mjs'] })`,
  'daemon.mjs': `import { connect } from 'node:net'
import { readFileSync } from 'node:fs'
const { port } = JSON.parse(readFileSync(0, 'utf8'))
process.on('SIGTERM', () => {})
const socket = connect(port, '127.0.0.1', () => socket.write('here'))
socket.on('error', () => {})
setInterval(() => {}, 1000)`,
}

const ENV = { SLOTS: '2', SHUTDOWN_TIMEOUT: '300' }

let folder: TestFolder
before(() => {
  folder = makeFolder(FILES)
})
after(() => folder[Symbol.dispose]())

const notes = () => {
  try {
    return readFileSync(join(folder.path, 'notes.txt'), 'utf8')
  } catch {
    return ''
  }
}

const link = (worker: WorkerProcess) => FakeBalancer.link(worker.url, KEYS)

describe('a worker that is killed', () => {
  it('A1: was heard to start what ran, and comes back with nothing of it', async () => {
    let bootId: string
    {
      await using worker = await startWorkerProcess(folder.path, ENV)
      const balancer = await link(worker)
      bootId = (await balancer.message('hello')).bootId
      balancer.task(1, 'wait', { ms: 60_000 })
      balancer.task(2, 'wait', { ms: 60_000 })
      balancer.task(3, 'wait', { ms: 60_000 }, { flags: TASK_FLAG.AHEAD })
      await balancer.record(RECORD.STARTED, 1)
      await balancer.record(RECORD.STARTED, 2)
      worker.child.kill('SIGKILL')
      assert.equal((await balancer.closed).code, 1006)
      assert.deepEqual([balancer.has(RECORD.STARTED, 3), balancer.has(RECORD.END, 1)], [false, false])
    }
    await using again = await startWorkerProcess(folder.path, ENV)
    const balancer = await link(again)
    const hello = await balancer.message('hello')
    assert.notEqual(hello.bootId, bootId)
    assert.deepEqual([hello.started, hello.slots.used], [[], 0])
    balancer.task(1, 'hello', {})
    assert.equal((await balancer.outcome(1)).result, 'hello')
    await balancer.close()
  })

  it('A2: between accepting and starting, never said that it started', async () => {
    await using worker = await startWorkerProcess(folder.path, ENV)
    const balancer = await link(worker)
    await balancer.message('state')
    worker.child.kill('SIGSTOP')
    balancer.task(1, 'wait', { ms: 1 }, { run: 'r_stopped' })
    worker.child.kill('SIGKILL')
    await balancer.closed
    assert.equal(balancer.has(RECORD.STARTED, 1), false)
    assert.doesNotMatch(notes(), /r_stopped/)
  })

  it('A3: after finishing and before its result left, was heard to start and not to end', async () => {
    await using worker = await startWorkerProcess(folder.path, ENV)
    const balancer = await link(worker)
    balancer.task(1, 'last', {})
    await balancer.closed
    assert.deepEqual([balancer.has(RECORD.STARTED, 1), balancer.has(RECORD.END, 1)], [true, false])
    assert.match(notes(), /finished/)
  })

  it('A20: takes its commands with it, and leaves its port free', async () => {
    const arrived = Promise.withResolvers<{ gone: Promise<unknown> }>()
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => arrived.resolve({ gone: once(socket, 'close') }))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    let workerPort: string
    {
      await using worker = await startWorkerProcess(folder.path, ENV)
      workerPort = new URL(worker.url).port
      const balancer = await link(worker)
      balancer.task(1, 'daemon', { port })
      const { gone } = await arrived.promise
      worker.child.kill('SIGKILL')
      await worker.exit
      await gone
    }
    await using again = await startWorkerProcess(folder.path, { ...ENV, PORT: workerPort })
    assert.equal((await again.task({ function: 'hello' })).result, 'hello')
    server.close()
  })
})

describe('a worker that is told to stop', () => {
  it('A9: hands back at the limit what does not finish, and ends with 0', async () => {
    await using worker = await startWorkerProcess(folder.path, ENV)
    const balancer = await link(worker)
    balancer.task(1, 'wait', { ms: 100 })
    balancer.task(2, 'wait', { ms: 60_000 })
    balancer.task(3, 'wait', { ms: 60_000 }, { flags: TASK_FLAG.AHEAD })
    await balancer.record(RECORD.STARTED, 2)
    worker.child.kill('SIGTERM')
    await balancer.message('state', ({ status }) => status === 'draining')
    await balancer.record(RECORD.RECALLED, 3)
    assert.equal((await balancer.outcome(1)).result, 'waited')
    const lost = await balancer.outcome(2)
    assert.deepEqual([lost.header.outcome, lost.header.error?.code], ['lost', 'WORKER_LOST'])
    assert.equal(await worker.exit, 0)
  })

  it('A11: ends at once at the second signal, and hands nothing back twice', async () => {
    await using worker = await startWorkerProcess(folder.path, { ...ENV, SHUTDOWN_TIMEOUT: '60s' })
    const balancer = await link(worker)
    balancer.task(1, 'wait', { ms: 60_000 })
    balancer.task(2, 'wait', { ms: 60_000 })
    balancer.task(3, 'wait', { ms: 60_000 }, { flags: TASK_FLAG.AHEAD })
    await balancer.record(RECORD.STARTED, 2)
    worker.child.kill('SIGTERM')
    await balancer.record(RECORD.RECALLED, 3)
    // What comes right behind the first one counts as its echo.
    const again = setInterval(() => worker.child.kill('SIGTERM'), 100)
    const code = await worker.exit
    clearInterval(again)
    assert.equal(code, 1)
    const recalled = balancer.records.filter(({ type }) => type === RECORD.RECALLED)
    assert.deepEqual(
      recalled.map(({ task }) => task),
      [3],
    )
    assert.deepEqual([balancer.has(RECORD.END, 1), balancer.has(RECORD.END, 2)], [false, false])
  })
})

describe('a worker whose functions misbehave', () => {
  let worker: WorkerProcess
  before(async () => {
    worker = await startWorkerProcess(folder.path, ENV, ['--max-old-space-size=64'])
  })
  after(() => worker[Symbol.asyncDispose]())

  it('A14: goes on answering while a function blocks its thread', async () => {
    const balancer = await link(worker)
    balancer.task(1, 'thread-block', { ms: 1500 })
    await balancer.record(RECORD.STARTED, 1)
    const before = balancer.messages.length
    balancer.say({ type: 'ping', id: 77 })
    await balancer.message('pong', ({ id }) => id === 77)
    await balancer.message('state', (state) => balancer.messages.indexOf(state) >= before)
    balancer.task(2, 'hello', {})
    assert.equal((await balancer.outcome(2)).result, 'hello')
    assert.equal(balancer.has(RECORD.END, 1), false)
    assert.equal((await balancer.outcome(1)).result, 'done')
    await balancer.close()
  })

  it('A14: goes on with its tasks after a handler blocked the main thread', async () => {
    const balancer = await link(worker)
    balancer.task(1, 'wait', { ms: 1 })
    balancer.task(2, 'block', { ms: 1200 })
    assert.equal((await balancer.outcome(2)).result, 'done')
    assert.equal((await balancer.outcome(1)).result, 'waited')
    assert.deepEqual(
      balancer.records.filter(({ type }) => type === RECORD.STARTED).map(({ task }) => task),
      [1, 2],
    )
    await balancer.close()
  })

  it('A15: fails what throws anything, bounded, and survives what throws outside', async () => {
    const failing = await Promise.all(
      ['reject', 'odd', 'long'].map((name) => worker.task({ function: name })),
    )
    assert.deepEqual(
      failing.map(({ status, code }) => [status, code]),
      [
        [500, 'FUNCTION_FAILED'],
        [500, 'FUNCTION_FAILED'],
        [500, 'FUNCTION_FAILED'],
      ],
    )
    assert.ok((failing[2]?.detail?.length ?? 0) <= 8192)
    assert.equal((await worker.task({ function: 'timer' })).result, 'survived')
    await worker.line('thrown in a timer')
  })

  it('A16: reports a slot that never comes back as stuck, and runs nothing in it', async () => {
    const balancer = await link(worker)
    const failure = await worker.task({ function: 'deaf', timeout: 50 })
    assert.deepEqual([failure.status, failure.code], [504, 'TIMEOUT'])
    assert.match(failure.detail ?? '', /still holds its slot/)
    const state = await balancer.message('state', ({ slots }) => slots.stuck === 1)
    assert.equal(state.slots.used, 1)
    balancer.task(1, 'wait', { ms: 60_000 })
    balancer.task(2, 'wait', { ms: 60_000 }, { flags: TASK_FLAG.AHEAD })
    await balancer.record(RECORD.STARTED, 1)
    await balancer.message('state', ({ slots }) => slots.used === 2 && slots.queued === 1)
    assert.equal(balancer.has(RECORD.STARTED, 2), false)
    balancer.recall(2)
    balancer.cancel(1)
    await balancer.outcome(1)
    await balancer.close()
  })

  it('A17: loses one attempt to a function that takes all memory', async () => {
    const { pid } = worker.child
    const failure = await worker.task({ function: 'thread-memory' })
    assert.deepEqual([failure.status, failure.code], [500, 'FUNCTION_FAILED'])
    assert.match(failure.detail ?? '', /ran out of memory/)
    assert.equal((await worker.task({ function: 'hello' })).result, 'hello')
    assert.equal(worker.child.pid, pid)
    assert.equal(worker.child.exitCode, null)
  })

  it('A18: a task that kills its thread each time ends after its attempts', async () => {
    const failure = await worker.task({ function: 'thread-exit' })
    assert.deepEqual([failure.status, failure.code], [500, 'FUNCTION_FAILED'])
    assert.match(failure.detail ?? '', /ended its thread with exit code 1/)
    assert.equal((await worker.task({ function: 'hello' })).result, 'hello')
  })
})
