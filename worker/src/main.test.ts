/** The real process, `main.ts`, and a raw client that speaks the link. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { RECORD, TASK_FLAG } from '@berth/protocol'
import { ensureKeyFile } from '@berth/runtime'
import { FakeBalancer } from './fixtures/fake-balancer.ts'

const KEYS = { authKey: 'worker-key-of-the-test', fleetKey: 'fleet-key-of-the-test' }
const MAIN = join(import.meta.dirname, 'main.ts')

/** In the system's temporary folder: outside of the repository, and without node_modules. */
function makeProject(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), 'berth-worker-'))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return folder
}

const HELLO = `import { defineFunction } from '@berth/worker'
import { z } from 'zod'
export default defineFunction({
  input: z.object({ name: z.string().default('World') }),
  async handler({ name }, ctx) { ctx.log.info('greeting'); return { message: 'Hello ' + name } },
})`
const WAIT = `import { defineFunction } from '@berth/worker'
export default defineFunction({
  params: { ms: { type: 'integer', required: true } },
  handler: ({ ms }, { signal }) => new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve('waited'), ms)
    signal.addEventListener('abort', () => { clearTimeout(timer); reject(signal.reason) })
  }),
})`
const BIG = `import { defineFunction } from '@berth/worker'
export default defineFunction({
  handler: () => new Promise((resolve) => setTimeout(() => resolve('x'.repeat(3_000_000)), 150)),
})`
const STRAY = `import { defineFunction } from '@berth/worker'
export default defineFunction({
  handler: () => new Promise((resolve) => {
    setTimeout(() => { throw new Error('thrown in a timer') }, 1)
    Promise.reject(new Error('left alone'))
    setTimeout(resolve, 20)
  }),
})`

interface Started {
  readonly child: ChildProcess
  readonly lines: string[]
  readonly exit: Promise<{ code: number | null; stderr: string }>
  line(text: string): Promise<Record<string, unknown>>
  stderr(): string
}

function start(folder: string, env: Record<string, string> = {}, args: string[] = []): Started {
  const child = spawn(process.execPath, [MAIN, folder, ...args], {
    env: { PATH: process.env.PATH, PORT: '0', AUTH_KEY: KEYS.authKey, LB_AUTH_KEY: KEYS.fleetKey, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const lines: string[] = []
  const waiters = new Set<() => void>()
  let rest = ''
  let stderr = ''
  child.stderr?.on('data', (chunk) => {
    stderr += String(chunk)
  })
  child.stdout?.on('data', (chunk) => {
    const parts = (rest + String(chunk)).split('\n')
    rest = parts.pop() ?? ''
    lines.push(...parts)
    for (const waiter of [...waiters]) waiter()
  })
  const exit = new Promise<{ code: number | null; stderr: string }>((resolve) => {
    child.on('close', (code) => resolve({ code, stderr }))
  })
  const line = (text: string) =>
    new Promise<Record<string, unknown>>((resolve, reject) => {
      const check = () => {
        const found = lines.find((candidate) => candidate.includes(text))
        if (found === undefined) return
        waiters.delete(check)
        resolve(JSON.parse(found))
      }
      waiters.add(check)
      void exit.then(({ code }) => reject(new Error(`ended with ${code} before "${text}": ${stderr}`)))
      check()
    })
  return { child, lines, exit, line, stderr: () => stderr }
}

describe('the worker process', () => {
  let folder: string
  let worker: Started
  let url: string
  before(async () => {
    folder = makeProject({
      'functions/hello.ts': HELLO,
      'functions/slow/wait.ts': WAIT,
      'functions/stray.ts': STRAY,
      'functions/big.ts': BIG,
      'functions/_shared.ts': 'throw new Error("never loaded")',
      'functions/hello.test.ts': 'throw new Error("never loaded")',
    })
    worker = start(folder, { SLOTS: '2', TAGS: 'gpu=h200' })
    url = String((await worker.line('worker ready')).url)
  })
  after(async () => {
    worker.child.kill('SIGKILL')
    await worker.exit
    rmSync(folder, { recursive: true })
  })

  const post = (path: string, body: string, headers: Record<string, string> = {}) =>
    fetch(url + path, { method: 'POST', body, headers: { authorization: KEYS.authKey, ...headers } })

  it('serves functions of a folder that lies anywhere', async () => {
    const answer = await post('/task', '{"function":"hello","input":{"name":"you"}}')
    assert.equal(answer.status, 200)
    assert.match(answer.headers.get('x-run-id') ?? '', /^r_[0-9a-hjkmnp-tv-z]{26}$/)
    assert.deepEqual(await answer.json(), { success: true, result: { message: 'Hello you' } })
    const routed = await post('/task/default/hello?priority=3', '{}', {
      'content-type': 'application/json',
    })
    assert.deepEqual(await routed.json(), { success: true, result: { message: 'Hello World' } })
  })

  it('says hello, takes a task and ends it', async () => {
    const balancer = await FakeBalancer.dial(url, KEYS)
    const hello = await balancer.message('hello')
    assert.equal(hello.slots.limit, 2)
    assert.deepEqual(hello.tags, { gpu: 'h200' })
    assert.deepEqual(hello.started, [])
    balancer.welcome()
    balancer.say({ type: 'interface', hash: hello.interface })
    const answer = await balancer.message('interface')
    assert.deepEqual(
      answer.functions.map(({ name }) => name),
      ['big', 'hello', 'slow.wait', 'stray'],
    )
    balancer.task(1, 'hello', { name: 'link' })
    const { header, result } = await balancer.outcome(1)
    assert.equal(header.outcome, 'completed')
    assert.deepEqual(result, { message: 'Hello link' })
    const order = balancer.records.filter(({ task }) => task === 1).map(({ type }) => type)
    assert.deepEqual(order, [RECORD.STARTED, RECORD.END])
    await balancer.close()
  })

  it('takes large inputs in pieces and sends large results back', async () => {
    const balancer = await FakeBalancer.link(url, KEYS)
    const name = 'x'.repeat(3_000_000)
    balancer.task(1, 'hello', `{"function":"no","group":1,"input":{"name":"${name}"}}`, {
      flags: TASK_FLAG.ENVELOPE,
    })
    const { header, result } = await balancer.outcome(1)
    assert.equal(header.outcome, 'completed')
    assert.deepEqual(result, { message: `Hello ${name}` })
    balancer.task(2, 'hello', { name: 'x'.repeat(11_000_000) })
    assert.equal((await balancer.outcome(2)).header.error?.code, 'PAYLOAD_TOO_LARGE')
    await balancer.close()
  })

  it('keeps a result that was not sent because its link was closing', async () => {
    const balancer = await FakeBalancer.link(url, KEYS)
    balancer.task(1, 'slow.wait', { ms: 100 })
    await balancer.record(RECORD.STARTED, 1)
    // The worker answers the close, and then waits for an end of the connection that does not come.
    const closing = balancer.close()
    balancer.pause()
    const again = await FakeBalancer.dial(url, KEYS)
    await again.message('state', ({ slots }) => slots.used === 0)
    again.cut()
    const last = await FakeBalancer.dial(url, KEYS)
    const [started] = (await last.message('hello')).started
    assert.deepEqual([started?.run, started?.finished], ['r_1', true])
    last.cut()
    balancer.cut()
    await closing
  })

  it('cancels what runs and recalls what waits', async () => {
    const balancer = await FakeBalancer.link(url, KEYS)
    for (const number of [1, 2, 3, 4])
      balancer.task(number, 'slow.wait', { ms: 60_000 }, { flags: TASK_FLAG.AHEAD })
    await balancer.record(RECORD.STARTED, 2)
    const state = await balancer.message('state', ({ slots }) => slots.queued === 2)
    assert.deepEqual([state.slots.used, state.slots.linked], [2, 2])
    balancer.recall(3)
    await balancer.record(RECORD.RECALLED, 3)
    balancer.recall(1)
    balancer.cancel(4)
    await balancer.record(RECORD.RECALLED, 4)
    balancer.cancel(1)
    balancer.cancel(2, 'operator')
    const { header } = await balancer.outcome(1)
    assert.equal(header.outcome, 'cancelled')
    assert.equal((await balancer.outcome(2)).header.error?.code, 'CANCELLED')
    assert.equal(balancer.has(RECORD.RECALLED, 1), false)
    assert.equal(balancer.has(RECORD.STARTED, 3), false)
    assert.equal(balancer.stamps.at(-1)?.occupancy?.used, 0)
    await balancer.close()
  })

  it('goes on with an adopted task over a new link, and aborts the others', async () => {
    const first = await FakeBalancer.link(url, KEYS)
    const { bootId } = await first.message('hello')
    first.task(7, 'slow.wait', { ms: 300 }, { fence: 7 })
    first.task(8, 'slow.wait', { ms: 60_000 }, { fence: 8 })
    first.task(9, 'slow.wait', { ms: 60_000 }, { fence: 9, flags: TASK_FLAG.AHEAD })
    await first.record(RECORD.STARTED, 8)
    first.cut()
    const second = await FakeBalancer.dial(url, KEYS)
    const hello = await second.message('hello')
    assert.equal(hello.bootId, bootId)
    assert.deepEqual(hello.started, [
      { run: 'r_7', fence: 7, durable: false, finished: false },
      { run: 'r_8', fence: 8, durable: false, finished: false },
    ])
    assert.equal(hello.slots.queued, 0)
    second.welcome({ adopt: [{ run: 'r_7', fence: 7, task: 1 }] })
    assert.deepEqual((await second.outcome(1)).result, 'waited')
    await second.message('state', ({ slots }) => slots.used === 0)
    await second.close()
  })

  it('survives what user code throws outside of its task', async () => {
    const answer = await post('/task', '{"function":"stray"}')
    assert.equal(answer.status, 200)
    await worker.line('thrown in a timer')
    await worker.line('left alone')
  })

  it('drains on SIGTERM: tells the balancer first, finishes what runs, gives back what waits', async () => {
    const balancer = await FakeBalancer.link(url, KEYS)
    balancer.task(1, 'slow.wait', { ms: 100 })
    balancer.task(2, 'big', {})
    balancer.task(3, 'big', {}, { flags: TASK_FLAG.AHEAD })
    await balancer.record(RECORD.STARTED, 2)
    worker.child.kill('SIGTERM')
    await balancer.record(RECORD.RECALLED, 3)
    await balancer.message('state', ({ status }) => status === 'draining')
    balancer.task(4, 'hello', {})
    await balancer.record(RECORD.BUSY, 4)
    const refused = await post('/task', '{"function":"hello"}')
    assert.equal(refused.status, 503)
    assert.equal(((await refused.json()) as { code: string }).code, 'DRAINING')
    assert.equal((await balancer.outcome(1)).result, 'waited')
    assert.equal(String((await balancer.outcome(2)).result).length, 3_000_000)
    await balancer.message('bye')
    assert.equal((await balancer.closed).code, 1001)
    assert.equal((await worker.exit).code, 0)
  })
})

describe('a worker that cannot start', () => {
  it('names file, reason and cure of a function that does not load', async () => {
    const folder = makeProject({
      'functions/hello.ts': HELLO,
      'functions/color.ts': 'enum Color { Red }\nexport default Color',
      'functions/plain.ts': 'export default () => 1',
    })
    const { exit } = start(folder)
    const { code, stderr } = await exit
    rmSync(folder, { recursive: true })
    assert.equal(code, 1)
    assert.match(stderr, /functions\/color\.ts: .*erasable TypeScript/)
    assert.doesNotMatch(stderr, /hello/)
  })

  it('names every file with a mistake at once, whatever the mistake and wherever', async () => {
    const folder = makeProject({
      'functions/color.ts': 'enum Color { Red }\nexport default Color',
      'functions/plain.ts': 'export default () => 1',
      'services/broken.ts': 'throw new Error("no connection")',
      'tags/über.ts': 'export const tags = () => ({})',
    })
    const { code, stderr } = await start(folder).exit
    rmSync(folder, { recursive: true })
    assert.equal(code, 1)
    for (const file of ['functions/color', 'functions/plain', 'services/broken', 'tags/über'])
      assert.match(stderr, new RegExp(`^${file}\\.ts: `, 'm'))
  })

  it('says what it waits for when there are no keys yet, and starts when they come', async () => {
    const folder = makeProject({ 'functions/hello.ts': HELLO })
    const dataDir = join(folder, 'data')
    const { child, line, exit, stderr } = start(folder, { AUTH_KEY: '', LB_AUTH_KEY: '', DATA_DIR: dataDir })
    while (!stderr().includes('\n')) await once(child.stderr as NodeJS.ReadableStream, 'data')
    assert.equal(
      stderr(),
      `waiting for the keys in ${join(dataDir, 'keys.json')}, which a balancer makes; start one, or set AUTH_KEY and LB_AUTH_KEY\n`,
    )
    ensureKeyFile(dataDir)
    await line('worker ready')
    child.kill('SIGTERM')
    await exit
    rmSync(folder, { recursive: true })
  })

  it('warns when there is nothing to run', async () => {
    const folder = makeProject({ 'functions/_shared.ts': '' })
    const { child, line, exit } = start(folder)
    const { level, text } = await line('no functions in')
    child.kill('SIGKILL')
    await exit
    rmSync(folder, { recursive: true })
    assert.equal(level, 'warn')
    assert.match(String(text), new RegExp(`^no functions in ${join(folder, 'functions')}: `))
  })

  it('names a port in use in one line', async () => {
    const holder = createServer()
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
    const { port } = holder.address() as { port: number }
    const folder = makeProject({ 'functions/hello.ts': HELLO })
    const { code, stderr } = await start(folder, { PORT: String(port) }).exit
    holder.close()
    rmSync(folder, { recursive: true })
    assert.equal(code, 1)
    assert.match(stderr, new RegExp(`^port ${port} on 127\\.0\\.0\\.1 is in use[^\\n]*\\n$`))
  })

  it('takes no fault of its own start for one of user code', async () => {
    const folder = makeProject({ 'functions/hello.ts': HELLO })
    const { exit, lines } = start(folder, { BERTH_LIFELINE_FD: '77' })
    const { code, stderr } = await exit
    rmSync(folder, { recursive: true })
    assert.equal(code, 1)
    assert.match(stderr, /^[^\n]*BERTH_LIFELINE_FD is "77", which is no open pipe[^\n]*\n$/)
    assert.doesNotMatch(lines.join('\n'), /user code/)
  })

  it('ends with 78 and a line a variable', async () => {
    const { code, stderr } = await start(tmpdir(), { SLOTS: 'abc', BALANCER_URL: 'http://localhost:1' }).exit
    assert.equal(code, 78)
    assert.match(stderr, /^SLOTS must be a whole number/m)
    assert.match(stderr, /^BALANCER_URL is not supported by this version/m)
  })
})
