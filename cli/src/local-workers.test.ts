/** Which entries get a process, what it is given, and how the processes follow the list. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parseWorkersFile } from '@berth/protocol'
import { LOCAL_LIMIT, type LocalWorker, LocalWorkers, selectLocalWorkers } from './local-workers.ts'
import { findFreePorts, waitUntil } from './testing/sandbox.ts'

const settings = {
  root: '/srv/berth',
  env: {
    PATH: '/bin',
    NAME: 'the-balancer',
    LB_AUTH_KEY: 'client',
    LB_AUTH_KEY_FILE: '/k',
    READ_KEY: 'r',
    SLOTS: '6',
  },
  dataDir: '/var/berth',
  workersFile: '/etc/berth/workers.json',
  keys: { client: 'client', fleet: 'fleet', worker: 'worker' },
}

function select(entries: readonly unknown[]) {
  const parsed = parseWorkersFile(JSON.stringify(entries))
  assert.ok(parsed.ok)
  return selectLocalWorkers(parsed.entries, settings)
}

test('local is a loopback host with start, or a bare address', () => {
  const { workers, notes } = select([
    'http://127.0.0.1:3001',
    { url: 'http://localhost:3002', start: {} },
    { url: 'http://[::1]:3003', start: {} },
    { url: 'http://127.0.0.1:3004' },
    { url: 'http://192.168.0.1:3005', start: {} },
    'http://example.org:3006',
  ])
  assert.deepEqual(
    workers.map(({ host, spec }) => [spec.name, host, spec.port, spec.env.HOST, spec.env.PORT]),
    [
      ['127.0.0.1:3001', '127.0.0.1', 3001, '127.0.0.1', '3001'],
      ['localhost:3002', 'localhost', 3002, 'localhost', '3002'],
      ['[::1]:3003', '::1', 3003, '::1', '3003'],
    ],
  )
  assert.deepEqual(notes, [])
})

test('a process gets the settings of its entry, its two keys, and nothing that is the balancer’s', () => {
  const start = { folder: 'mine', slots: 4, tags: { gpu: 'h200', spot: true, vram: 80 } }
  const { workers } = select([
    { url: 'http://127.0.0.1:3001', name: 'w1', group: 'images', key: 'own', start },
    'http://127.0.0.1:3002',
  ])
  assert.deepEqual(workers[0]?.spec.args, ['/srv/berth/worker/src/main.ts', '/etc/berth/mine'])
  assert.deepEqual(workers[0]?.spec.env, {
    PATH: '/bin',
    WEBHOOK_ALLOW: '127.0.0.0/8,::1',
    PORT: '3001',
    HOST: '127.0.0.1',
    DATA_DIR: '/var/berth',
    LB_AUTH_KEY: 'fleet',
    AUTH_KEY: 'own',
    NAME: 'w1',
    GROUP: 'images',
    SLOTS: '4',
    TAGS: 'gpu=h200,spot=true,vram=80',
  })
  assert.equal(workers[1]?.spec.args[1], join('/srv/berth', 'examples', 'fleet'))
  assert.deepEqual([workers[1]?.spec.env.AUTH_KEY, workers[1]?.spec.env.SLOTS], ['worker', '6'])
  assert.ok(workers[1] !== undefined && !('NAME' in workers[1].spec.env))
})

test('what cannot be done is said: https, a path, a tag that is a list, too many', () => {
  const { workers, notes } = select([
    { url: 'https://127.0.0.1:3001', start: {} },
    { url: 'http://127.0.0.1:3002/base', start: {} },
    { url: 'http://127.0.0.1:3003', start: { tags: { zone: ['a', 'b'], name: 'x,y', ok: 1 } } },
  ])
  assert.deepEqual(
    workers.map(({ spec }) => [spec.port, spec.env.TAGS]),
    [[3003, 'ok=1']],
  )
  assert.equal(notes.length, 4)
  const many = select(Array.from({ length: LOCAL_LIMIT + 1 }, (_, i) => `http://127.0.0.1:${4000 + i}`))
  assert.equal(many.workers.length, LOCAL_LIMIT)
  assert.match(many.notes.join(), /65 entries are local/)
})

const LISTENER = `const server = require('node:net').createServer((s) => s.destroy())
  server.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('up ' + process.env.SLOTS))
  process.on('SIGTERM', () => { console.log('term ' + process.env.SLOTS); setTimeout(() => process.exit(0), 50) })`

async function makeWorkers(context: TestContext) {
  const output: string[] = []
  const said: string[] = []
  const hooks = {
    onOutput: (name: string, line: string) => output.push(`${name} ${line}`),
    say: (line: string) => said.push(line),
    onChange: () => {},
  }
  const workers = new LocalWorkers(hooks, 5000, { baseMs: 50, maxMs: 50, stableMs: 60_000 })
  context.after(() => workers.kill())
  const ports = await findFreePorts(2)
  const describe = (index: number, slots: number): LocalWorker => {
    const port = ports[index] ?? 0
    const env = { PATH: process.env.PATH, PORT: String(port), SLOTS: String(slots) }
    return {
      url: `http://127.0.0.1:${port}`,
      host: '127.0.0.1',
      folder: '',
      spec: { name: `w${index}`, args: ['-e', LISTENER], env, port },
    }
  }
  return { workers, describe, output, said, ports }
}

test('processes follow the list: unchanged ones stay, changed ones are drained first', {
  timeout: 120_000,
}, async (context) => {
  const { workers, describe, output } = await makeWorkers(context)
  await workers.apply([describe(0, 1), describe(1, 1)])
  await waitUntil(() => output.length === 2, 'both up')
  const kept = workers.list().find(({ spec }) => spec.name === 'w1')?.process?.pid
  await workers.apply([describe(0, 2), describe(1, 1)])
  await waitUntil(() => output.includes('w0 up 2'), 'the new settings')
  assert.deepEqual(output.slice(2), ['w0 term 1', 'w0 up 2'])
  assert.equal(workers.list().find(({ spec }) => spec.name === 'w1')?.process?.pid, kept)
  await workers.apply([describe(1, 1)])
  assert.deepEqual(
    workers.list().map(({ spec }) => spec.name),
    ['w1'],
  )
  await workers.stop()
  assert.deepEqual(workers.list(), [])
  assert.deepEqual(output.slice(4), ['w0 term 2', 'w1 term 1'])
})

test('the last of several quick changes counts', { timeout: 120_000 }, async (context) => {
  const { workers, describe, output } = await makeWorkers(context)
  await workers.apply([describe(0, 1)])
  await waitUntil(() => output.includes('w0 up 1'), 'the first')
  await Promise.all([workers.apply([]), workers.apply([describe(0, 2)]), workers.apply([describe(0, 3)])])
  await waitUntil(() => output.includes('w0 up 3'), 'the last')
  assert.deepEqual(output, ['w0 up 1', 'w0 term 1', 'w0 up 3'])
})

test('an address where something listens gets no process, now or while ending', {
  timeout: 120_000,
}, async (context) => {
  const { workers, describe, said, ports } = await makeWorkers(context)
  const server = createServer((socket) => socket.destroy()).listen(ports[0], '127.0.0.1')
  context.after(() => server.close())
  await once(server, 'listening')
  await workers.apply([describe(0, 1)])
  assert.deepEqual(workers.list(), [])
  assert.match(said[0] ?? '', /something listens .* already; w0 gets no process/)
  await workers.stop()
  await workers.apply([describe(1, 1)])
  assert.deepEqual(workers.list(), [])
})

test('an address that somebody else took meanwhile is not fought over, and is had again when it is free', {
  timeout: 120_000,
}, async (context) => {
  const { workers, describe, output, said, ports } = await makeWorkers(context)
  await workers.apply([describe(0, 1)])
  await waitUntil(() => output.includes('w0 up 1'), 'the first life')
  const pid = workers.list()[0]?.process?.pid
  assert.ok(pid !== undefined)
  process.kill(pid, 'SIGKILL')
  const server = createServer((socket) => socket.destroy())
  context.after(() => server.close())
  const listen = () =>
    new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(ports[0], '127.0.0.1', () => resolve(true))
    })
  // As soon as the port is free, before the worker's next life.
  await waitUntil(() => workers.list()[0]?.process === undefined || said.length > 0, 'its end')
  if (!(await listen())) return context.skip('the next life was faster')
  await waitUntil(
    () => said.some((line) => /something else has port \d+ now; w0 waits/.test(line)),
    'the word',
  )
  assert.equal(output.length, 1)
  assert.equal(workers.list()[0]?.process, undefined)
  server.close()
  await waitUntil(() => output.length === 2, 'the next life')
  await workers.stop()
})
