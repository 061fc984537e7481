/**
 * Services, tags and the life of a real worker process under their faults: a service that falls, never starts or
 * flaps (FAULTS A19), a subprocess that survives its worker (A20).
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { type FromWorker, PROTOCOL, parseFromWorker } from '@berth/protocol'
import { WebSocket } from 'ws'
import { KEYS, startWorker, type Worker } from '../harness/berth.ts'
import { findFreePort } from '../harness/ports.ts'
import { makeFolder } from '../harness/scope.ts'
import { until } from '../harness/until.ts'

const LIMIT_MS = 60_000

const HOLD = `import { defineFunction } from '@berth/worker'
export default defineFunction({
  params: { url: { type: 'string' } },
  async handler({ url }, { signal }) {
    if (url) await fetch(url, { signal })
    return 'done'
  },
})`

async function makeProject(t: TestContext, files: Record<string, string>): Promise<string> {
  const folder = await makeFolder(t, 'project')
  for (const [name, text] of Object.entries({ 'functions/hold.ts': HOLD, ...files })) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), text)
  }
  return folder
}

type Health = { status: string; reason: string; slots: Record<string, number>; tags: Record<string, unknown> }
const healthOf = async (worker: Pick<Worker, 'request'>) => (await worker.request('/health')).body as Health

const post = (worker: Worker, body: object) =>
  worker.request('/task', { method: 'POST', body: JSON.stringify(body) })

/** Speaks to a worker that need not be ready. */
async function startUnready(
  t: TestContext,
  folder: string,
  env: Record<string, string> = {},
): Promise<Worker> {
  const PORT = String(await findFreePort())
  const starting = startWorker(t, { folder, env: { PORT, ...env } })
  starting.catch(() => {})
  const url = `http://127.0.0.1:${PORT}`
  const request: Worker['request'] = async (path, init = {}) => {
    const response = await fetch(url + path, { ...init, headers: { authorization: KEYS.worker } })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, body: JSON.parse(text) }
  }
  await until(async () => (await healthOf({ request })).status === 'unready', LIMIT_MS, 'it is unready')
  return { url, request } as Worker
}

/** A balancer's ear. */
async function listen(t: TestContext, worker: Pick<Worker, 'url'>): Promise<FromWorker[]> {
  const socket = new WebSocket(`${worker.url.replace('http', 'ws')}/link`, PROTOCOL, {
    headers: { 'x-lb-auth': KEYS.fleet, authorization: KEYS.worker },
    perMessageDeflate: false,
  })
  const heard: FromWorker[] = []
  socket.on('error', () => {})
  socket.on('message', (data, isBinary) => {
    const parsed = isBinary ? undefined : parseFromWorker(String(data))
    if (parsed?.kind !== 'message') return
    heard.push(parsed.message)
    if (parsed.message.type !== 'hello') return
    const terms = { heartbeatIntervalMs: 3000, heartbeatTimeoutMs: 3000, leaseMs: 30_000, adopt: [] }
    socket.send(
      JSON.stringify({ type: 'welcome', at: 0, protocol: 1, name: 't', bootId: 'boot-of-test', ...terms }),
    )
  })
  await once(socket, 'open')
  t.after(() => socket.terminate())
  return heard
}

describe('the services of a worker', () => {
  test('one that falls makes it unready: what waits stays, nothing new starts, and it goes on by itself', async (t) => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    t.after(() => {
      server.close()
      server.closeAllConnections()
    })
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const flag = join(await makeFolder(t), 'up')
    await writeFile(flag, '')
    const folder = await makeProject(t, {
      'services/db.ts': `import { existsSync } from 'node:fs'
import { defineService } from '@berth/worker'
export default defineService({
  start() {},
  status: () => existsSync(${JSON.stringify(flag)}) || 'the database is away',
})`,
    })
    const worker = await startWorker(t, { folder, env: { SLOTS: '1', DEFAULT_TIMEOUT: '120s' } })
    const arriving = once(server, 'request')
    const running = post(worker, { function: 'hold', input: { url } })
    const [, response] = await arriving
    const waiting = post(worker, { function: 'hold' })
    await until(async () => (await healthOf(worker)).slots.queue === 1, LIMIT_MS, 'one waits')
    await rm(flag)
    await until(async () => (await healthOf(worker)).status === 'unready', LIMIT_MS, 'it says so')
    const late = post(worker, { function: 'hold' })
    await until(async () => (await healthOf(worker)).slots.queue === 2, LIMIT_MS, 'both wait')
    response.end()
    assert.equal((await running).status, 200, 'what runs finishes')
    const { slots, reason } = await healthOf(worker)
    assert.deepEqual(slots, { used: 0, available: 0, limit: 1, queue: 2, stuck: 0 })
    assert.match(reason, /db is down \(the database is away\)/)
    await writeFile(flag, '')
    assert.equal((await waiting).status, 200)
    assert.equal((await late).status, 200)
    assert.equal((await healthOf(worker)).status, 'ready')
  })

  test('a caller waits until DEFAULT_TIMEOUT for one that does not start, then gets 503', async (t) => {
    const folder = await makeProject(t, {
      'services/model.ts': `import { defineService } from '@berth/worker'
export default defineService({ start() { throw new Error('no weights') } })`,
    })
    const worker = await startUnready(t, folder, { DEFAULT_TIMEOUT: '400ms' })
    const startedAt = performance.now()
    const answer = await post(worker, { function: 'hold' })
    assert.ok(performance.now() - startedAt >= 395)
    const { code, detail } = answer.body as { code: string; detail: string }
    assert.deepEqual([answer.status, code], [503, 'NO_CAPACITY'])
    assert.match(detail, /model is down \(it did not start: no weights\)/)
    assert.ok(Number(answer.headers.get('retry-after')) >= 1)
  })

  test('one whose first start failed is started again when it asks for it', async (t) => {
    const folder = await makeProject(t, {
      'services/late.ts': `import { defineService } from '@berth/worker'
let tries = 0
export default defineService({
  start() { if (++tries < 3) throw new Error('not yet') },
  config: { restartOnFailure: true },
})`,
    })
    const worker = await startUnready(t, folder)
    assert.equal((await post(worker, { function: 'hold' })).status, 200, 'the caller waited for it')
    assert.equal((await healthOf(worker)).status, 'ready')
  })

  test('A19: one that flaps is down, and makes no storm of pushes', async (t) => {
    // Up as often in a row as brings one back that is down, and then down, however often it is asked.
    const folder = await makeProject(t, {
      'services/flap.ts': `import { defineService } from '@berth/worker'
let asked = 0
export default defineService({
  start() {},
  status: () => ++asked % 3 !== 0 || 'flapping ' + Math.random(),
})`,
    })
    const worker = await startUnready(t, folder)
    const heard = await listen(t, worker)
    const startedAt = performance.now()
    await pause(6_000)
    const seconds = (performance.now() - startedAt) / 1000
    const states = heard.filter(({ type }) => type === 'state') as { status: string }[]
    const turns = states.filter(
      ({ status }, index) => index > 0 && states[index - 1]?.status !== status,
    ).length
    assert.ok(states.length / seconds <= 4, `${states.length} pushes in ${seconds} s`)
    assert.ok(turns <= 2, `it came and went ${turns} times in ${seconds} s`)
  })

  test('A20: a subprocess of a service that outlives its worker keeps no port', async (t) => {
    const pidFile = join(await makeFolder(t), 'pid')
    const folder = await makeProject(t, {
      'services/child.ts': `import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { defineService } from '@berth/worker'
export default defineService({
  start() {
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)'], { stdio: 'ignore', detached: true })
    writeFileSync(${JSON.stringify(pidFile)}, String(child.pid))
  },
})`,
    })
    const PORT = String(await findFreePort())
    const pids: number[] = []
    t.after(() => {
      for (const pid of pids) process.kill(pid, 'SIGKILL')
    })
    const worker = await startWorker(t, { folder, env: { PORT } })
    pids.push(Number(await readFile(pidFile, 'utf8')))
    await worker.kill9()
    process.kill(pids[0] ?? 0, 0)
    await startWorker(t, { folder, env: { PORT } })
    pids.push(Number(await readFile(pidFile, 'utf8')))
  })
})

describe('the tags of a worker', () => {
  test('are pushed when they change; an unusable value is refused with the name of its file', async (t) => {
    const valueFile = join(await makeFolder(t), 'value')
    await writeFile(valueFile, '{"chrome":"100"}')
    const folder = await makeProject(t, {
      'tags/browser.ts': `import { readFile } from 'node:fs/promises'
export const tags = async () => JSON.parse(await readFile(${JSON.stringify(valueFile)}, 'utf8'))`,
      'tags/stuck.ts': 'export const tags = () => new Promise(() => {})',
    })
    const worker = await startWorker(t, { folder, env: { TAGS: 'site=lab' } })
    const heard = await listen(t, worker)
    const hello = await until(() => heard.find(({ type }) => type === 'hello'), LIMIT_MS)
    assert.ok(hello.type === 'hello')
    assert.deepEqual(hello.tags, { site: 'lab', chrome: '100' })
    await writeFile(valueFile, '{"chrome":"101","site":"elsewhere"}')
    const pushed = await until(
      () => heard.find((message) => message.type === 'state' && message.tags !== undefined),
      LIMIT_MS,
      'the new tags are pushed',
    )
    assert.ok(pushed.type === 'state')
    assert.deepEqual(pushed.tags, { site: 'lab', chrome: '101' }, 'TAGS goes before a file')
    await writeFile(valueFile, '{"chrome":{"not":"a tag"}}')
    const complaint = await until(
      () =>
        worker
          .logLines()
          .find(({ text }) => /^tags\/browser\.ts: .*unusable value "chrome"/.test(String(text))),
      LIMIT_MS,
      'the complaint',
    )
    assert.equal(complaint.level, 'warn')
    assert.deepEqual((await healthOf(worker)).tags, { site: 'lab', chrome: '101' }, 'the last good ones stay')
    const isStuck = () =>
      worker.logLines().some(({ text }) => /^tags\/stuck\.ts: tags\(\) took longer/.test(String(text)))
    await until(isStuck, LIMIT_MS, 'the file that takes too long is named')
  })
})
