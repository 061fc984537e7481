/** Our worker under a balancer of another make, played from the facts of its wire: the feed, the routes, the keys. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { WebSocket } from 'ws'
import { KEYS, startWorker, type Worker } from '../../harness/berth.ts'
import { createScope, makeFolder } from '../../harness/scope.ts'
import { until } from '../../harness/until.ts'

const LIMIT_MS = 20_000
const HEADERS = { 'x-lb-auth': KEYS.fleet, authorization: KEYS.worker, 'content-type': 'application/json' }

interface Push {
  status: string
  slots: { used: number; available: number; limit: number; queue: number }
  system?: { uptime: number; usedMemoryPercent: number; cpuLoad: number }
  services?: { name: string; status: string; state: string }[]
}

class Follower {
  readonly pushes: Push[] = []
  readonly socket: WebSocket
  code: number | undefined

  constructor(port: number, protocol: string | string[]) {
    this.socket = new WebSocket(`ws://127.0.0.1:${port}/`, protocol)
    this.socket.on('message', (data) => this.pushes.push(JSON.parse(String(data))))
    this.socket.on('close', (code) => {
      this.code = code
    })
    this.socket.on('error', () => {})
  }

  get last(): Push {
    return this.pushes.at(-1) ?? assert.fail('nothing was pushed')
  }
}

describe('our worker under a balancer of another make', () => {
  const scope = createScope()
  let worker: Worker
  let port: number
  let gate: string
  before(async () => {
    const folder = await makeFolder(scope, 'foreign')
    gate = join(folder, 'gate')
    await mkdir(join(folder, 'functions'))
    await writeFile(
      join(folder, 'functions/work.ts'),
      `import { existsSync } from 'node:fs'
      import { setTimeout as sleep } from 'node:timers/promises'
      import { defineFunction } from '@berth/worker'
      import { z } from 'zod'
      export default defineFunction({
        input: z.object({ gate: z.string().optional(), fail: z.boolean().default(false) }),
        config: { supportsStreaming: true },
        async handler({ gate, fail }, ctx) {
          while (gate && !existsSync(gate)) await sleep(5, undefined, { signal: ctx.signal })
          if (fail) throw new Error('boom')
          for (const piece of ['a', 'b']) await ctx.stream(piece)
          return { done: true }
        },
      })`,
    )
    worker = await startWorker(scope, { folder, env: { WEBSOCKET_PORT: '0', SLOTS: '2' } })
    port = (await health()).websocketPort
  })
  after(() => scope.end())

  const health = async () =>
    (await (await fetch(`${worker.url}/health`, { headers: HEADERS })).json()) as HealthBody
  const post = (path: string, body: object = {}, headers: Record<string, string> = HEADERS) =>
    fetch(`${worker.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
  const task = (input: object, more: object = {}) =>
    post('/task', {
      function: 'work',
      group: 'default',
      contract: 1,
      priority: 5,
      mode: 'sync',
      input,
      ...more,
    })

  interface HealthBody {
    websocketPort: number
    group: string
    contract: number
    functions: { name: string; params: object }[]
    status: string
    slots: Push['slots']
    tags: object
    services: object[]
    system: NonNullable<Push['system']>
  }

  test('its health names the port and all that such a balancer reads', async () => {
    const told = await health()
    assert.ok(port > 0)
    assert.deepEqual([told.group, told.contract, told.status], ['default', 1, 'ready'])
    assert.deepEqual([told.functions[0]?.name, typeof told.functions[0]?.params], ['work', 'object'])
    assert.deepEqual(told.slots, { ...told.slots, used: 0, available: 2, limit: 2, queue: 0 })
    assert.deepEqual([typeof told.tags, Array.isArray(told.services)], ['object', true])
    for (const name of ['uptime', 'usedMemoryPercent', 'cpuLoad'] as const)
      assert.equal(typeof told.system[name], 'number')
    const anonymous = (await (await fetch(`${worker.url}/health`)).json()) as object
    assert.deepEqual(Object.keys(anonymous), ['status'])
  })

  test('the feed: the key as the one subprotocol, echoed; ping; a push each second and on every change', async () => {
    const follower = new Follower(port, KEYS.fleet)
    await once(follower.socket, 'open')
    assert.equal(follower.socket.protocol, KEYS.fleet)
    follower.socket.send('ping')
    await until(
      () => follower.pushes.some(({ system }) => system === undefined),
      LIMIT_MS,
      'the ping was answered',
    )
    assert.deepEqual(Object.keys(follower.pushes.find(({ system }) => !system) ?? {}), ['status', 'slots'])
    await until(
      () => follower.pushes.filter(({ system }) => system).length >= 2,
      LIMIT_MS,
      'it pushes by itself',
    )
    const { services, system } = follower.pushes.find((push) => push.system) ?? assert.fail()
    assert.deepEqual([Array.isArray(services), typeof system?.cpuLoad], [true, 'number'])
    const running = task({ gate })
    await until(() => follower.last.slots.used === 1, LIMIT_MS, 'the change is pushed')
    assert.equal(follower.last.slots.available, 1)
    await writeFile(gate, '')
    assert.equal((await running).status, 200)
    await until(() => follower.last.slots.used === 0, LIMIT_MS, 'the slot is free')
    follower.socket.send('anything else')
    follower.socket.send('x'.repeat(5_000))
    await until(() => follower.code !== undefined, LIMIT_MS, 'a message that is too long ends it')
  })

  test('a wrong key, none, and two: closed with 4001, and nothing is said', async () => {
    for (const protocol of ['wrong', [], ['wrong', KEYS.fleet], [KEYS.fleet, 'more']]) {
      const follower = new Follower(port, protocol)
      await until(() => follower.code !== undefined, LIMIT_MS, 'it was closed')
      assert.deepEqual([follower.code, follower.pushes], [4001, []], JSON.stringify(protocol))
    }
  })

  test('tasks with both keys, in all that such a balancer sends; failures at once', async () => {
    const answer = await task({})
    assert.deepEqual([answer.status, await answer.json()], [200, { success: true, result: { done: true } }])
    const stream = await task({}, { mode: 'stream' })
    assert.deepEqual([stream.status, await stream.text()], [200, 'ab'])
    const failed = await task({ fail: true })
    const { success, error } = (await failed.json()) as { success: boolean; error: string }
    assert.deepEqual([failed.status, success, error], [500, false, 'boom'])
    assert.equal((await post('/task', {}, { ...HEADERS, 'x-lb-auth': 'wrong' })).status, 401)
    assert.equal((await post('/task', {}, { ...HEADERS, authorization: 'wrong' })).status, 401)
  })

  test('off and on: what runs finishes, what comes is refused, and the feed says so', async () => {
    const follower = new Follower(port, KEYS.fleet)
    await once(follower.socket, 'open')
    const off = (await (await post('/off')).json()) as { status: string; message: string }
    assert.deepEqual([off.status, typeof off.message], ['maintenance', 'string'])
    await until(() => follower.last.status === 'maintenance', LIMIT_MS, 'the feed says maintenance')
    assert.equal((await task({})).status, 503)
    await post('/on')
    await until(() => follower.last.status === 'ready', LIMIT_MS, 'the feed says ready')
    assert.equal((await task({})).status, 200)
    follower.socket.close()
    const logs = (await (await fetch(`${worker.url}/logs`, { headers: HEADERS })).json()) as {
      logs: string[]
    }
    assert.ok(logs.logs.length > 0)
  })
})

test('a key that no subprotocol can be is a start-up error, but only with that port', async () => {
  const scope = createScope()
  try {
    const env = { LB_AUTH_KEY: 'a,comma;0123456789' }
    await assert.rejects(
      startWorker(scope, { env: { ...env, WEBSOCKET_PORT: '0' } }),
      /LB_AUTH_KEY cannot be a WebSocket subprotocol/,
    )
    await startWorker(scope, { env })
  } finally {
    await scope.end()
  }
})
