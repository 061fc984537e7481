/**
 * The first minutes: `start` as the README has it, with real children, and what a newcomer does with it.
 * Ports, data folder and workers.json are of the test's own, so that a `start` of the reader's is left alone.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { isProcessAlive, readKeyFile } from '@berth/runtime'
import { EXAMPLE_FLEET, ROOT, writeWorkersFile } from '../harness/berth.ts'
import { findFreePort } from '../harness/ports.ts'
import { type Exit, type Running, startProcess } from '../harness/processes.ts'
import { createScope, makeFolder, type Scope } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { keepCalling } from './load.ts'

/** A fresh clone builds its dashboard here. */
const START_LIMIT_MS = 120_000
const LIMIT_MS = 20_000

type Child = { name: string; pid: number }

/** One data folder with what runs in it. */
class Site {
  readonly #scope: Scope
  readonly env: Record<string, string>
  readonly url: string

  constructor(scope: Scope, env: Record<string, string>) {
    this.#scope = scope
    this.env = env
    this.url = `http://127.0.0.1:${env.PORT}`
  }

  /** `slots` has one number for each worker. */
  static async make(scope: Scope, slots: readonly number[]): Promise<Site> {
    const folder = await makeFolder(scope, 'start')
    const entries = slots.map(async (count, index) => {
      const start = { folder: EXAMPLE_FLEET, slots: count, tags: { rack: `r${index}` } }
      return { url: `http://127.0.0.1:${await findFreePort()}`, name: `w${index + 1}`, start }
    })
    const workersFile = join(folder, 'workers.json')
    await writeWorkersFile(workersFile, await Promise.all(entries))
    return new Site(scope, {
      HOME: folder,
      DATA_DIR: join(folder, 'data'),
      PORT: String(await findFreePort()),
      WORKERS_FILE: workersFile,
      SHUTDOWN_TIMEOUT: '10s',
    })
  }

  berth(command: string): Running {
    const args = ['cli/src/main.ts', command]
    return startProcess(this.#scope, { name: `berth ${command}`, args, cwd: ROOT, env: this.env })
  }

  /** A command that ends by itself. */
  async run(command: string): Promise<Exit & { output: string }> {
    const running = this.berth(command)
    const exit = await running.exited
    return { ...exit, output: running.output() }
  }

  /** Answers when the screen is there. */
  async start(): Promise<Running> {
    const running = this.berth('start')
    const isUp = (): boolean => running.hasExited() || /^ {2}Next /m.test(running.output())
    await until(isUp, START_LIMIT_MS, 'the screen of start')
    assert.equal(running.hasExited(), false, running.output())
    return running
  }

  get startFile(): string {
    return join(this.env.DATA_DIR ?? '', 'start.json')
  }

  children(): Child[] {
    return JSON.parse(readFileSync(this.startFile, 'utf8')).children
  }

  async request(path: string, body?: unknown): Promise<{ status: number; body: Record<string, unknown> }> {
    const key = readKeyFile(this.env.DATA_DIR ?? '')?.LB_AUTH_KEY ?? ''
    const response = await fetch(`${this.url}${path}`, {
      headers: { authorization: key, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    })
    return { status: response.status, body: (await response.json()) as Record<string, unknown> }
  }

  async statuses(): Promise<Record<string, unknown>> {
    const { items } = (await this.request('/workers')).body as { items: { id: string; status: string }[] }
    return Object.fromEntries(items.map(({ id, status }) => [id, status]))
  }

  /** What a browser does with the printed address. */
  async signIn(address: string): Promise<number> {
    const { origin, pathname, hash } = new URL(address)
    assert.equal(`${origin}${pathname}`, `${this.url}/dashboard`)
    const response = await fetch(`${origin}/sign-in`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin },
      body: JSON.stringify({ token: new URLSearchParams(hash.slice(1)).get('token') }),
    })
    if (response.ok) assert.match(response.headers.get('set-cookie') ?? '', /HttpOnly/i)
    return response.status
  }
}

function addressIn(output: string): string {
  const found = /http:\/\/127\.0\.0\.1:\d+\/dashboard#token=[\w-]+/.exec(output)?.[0]
  assert.ok(found, output)
  return found
}

async function waitUntilGone(pids: readonly number[]): Promise<void> {
  await until(() => !pids.some(isProcessAlive), LIMIT_MS, `the processes ${pids} are gone`)
}

async function runShell(line: string, cwd: string): Promise<{ code: number; output: string }> {
  const shell = spawn('sh', ['-c', line], {
    cwd,
    env: { PATH: process.env.PATH },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const closed = once(shell, 'close')
  const output = await text(shell.stdout)
  const [code] = await closed
  return { code, output }
}

function hasProgram(name: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, name)))
}

describe('start', () => {
  const scope = createScope()
  let site: Site
  let started: Running

  before(async () => {
    site = await Site.make(scope, [2, 3, 4])
    started = await site.start()
  })
  after(() => scope.end())

  test('shows the dashboard, which its address opens once and not twice', async () => {
    const address = addressIn(started.output())
    const page = await fetch(`${site.url}/dashboard`)
    assert.equal(page.status, 200)
    assert.match(await page.text(), /<script[^>]+src="/)
    assert.equal(await site.signIn(address), 200)
    assert.equal(await site.signIn(address), 401)
  })

  test('has three workers ready, each with its slots and tags', async () => {
    const { items } = (await site.request('/workers')).body as { items: Record<string, unknown>[] }
    const seen = items.map(({ id, status, slots, tags }) => {
      return [id, status, (slots as { limit: number }).limit, (tags as { rack: string }).rack]
    })
    assert.deepEqual(seen, [
      ['w1', 'ready', 2, 'r0'],
      ['w2', 'ready', 3, 'r1'],
      ['w3', 'ready', 4, 'r2'],
    ])
  })

  test('shows a curl line that works as pasted, in any folder', { skip: !hasProgram('curl') }, async () => {
    const line = /^ {2}Try it +(curl .+)$/m.exec(started.output())?.[1] ?? ''
    const { code, output } = await runShell(line, await makeFolder(scope, 'elsewhere'))
    assert.equal(code, 0, line)
    assert.deepEqual(JSON.parse(output), { success: true, result: { message: 'Hello Ada!' } })
  })

  test('shows no key', () => {
    for (const key of Object.values(readKeyFile(site.env.DATA_DIR ?? '') ?? {}))
      assert.equal(started.output().includes(key), false)
  })

  test('says when it runs already', async () => {
    const { code, output } = await site.run('start')
    assert.equal(code, 1)
    assert.match(output, new RegExp(`^A start is running already: process ${started.pid}, .*berth down\\n$`))
  })

  test('starts a worker again that was killed, and tasks go on', async () => {
    const load = keepCalling(4, async () =>
      site.request('/task', { function: 'hello', input: { name: 'Ada' } }),
    )
    const before = site.children().find(({ name }) => name === 'w2')?.pid ?? 0
    process.kill(before, 'SIGKILL')
    await until(
      () => /w2 was killed by SIGKILL; starting it again in [\d.]+ s/.test(started.output()),
      LIMIT_MS,
      'a line about the restart',
    )
    const hasChanged = async (): Promise<boolean> => {
      const now = site.children().find(({ name }) => name === 'w2')?.pid
      return now !== undefined && now !== before && (await site.statuses()).w2 === 'ready'
    }
    await until(hasChanged, LIMIT_MS, 'w2 is ready again')
    const answers = await load.end()
    assert.ok(answers.length > 20, `${answers.length} answers`)
    // hello is idempotent: even what the killed worker had begun is repeated.
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
  })

  test('ends with one Ctrl-C: what runs is finished, nothing is left', async () => {
    const pids = site.children().map(({ pid }) => pid)
    assert.equal(pids.length, 4)
    // By the workers' own word: what is on its way to one that is told to stop is given back.
    const countUsed = async (): Promise<number> => {
      const { items } = (await site.request('/workers')).body as { items: { slots: { used: number } }[] }
      return items.reduce((sum, { slots }) => sum + slots.used, 0)
    }
    await until(async () => (await countUsed()) === 0, LIMIT_MS, 'nothing runs any more')
    const running = site.request('/task', { function: 'sleep', input: { ms: 3_000 } })
    await until(async () => (await countUsed()) === 1, LIMIT_MS, 'the task runs')
    // What a terminal does: to every process of the group at once.
    process.kill(-started.pid, 'SIGINT')
    assert.equal((await running).status, 200)
    const { code, signal } = await started.exited
    assert.deepEqual([code, signal], [0, null])
    await waitUntilGone(pids)
    assert.deepEqual(
      readdirSync(site.env.DATA_DIR ?? '').filter((name) => /start|curl|lock/.test(name)),
      [],
    )
  })
})

test('a port in use is one line that names it', async (t) => {
  const site = await Site.make(t, [1])
  const server = createServer().listen(Number(site.env.PORT), '127.0.0.1')
  t.after(() => void server.close())
  await once(server, 'listening')
  const { code, output } = await site.run('start')
  assert.equal(code, 1)
  assert.match(output, new RegExp(`^port ${site.env.PORT} on 127\\.0\\.0\\.1 is in use[^\\n]*\\n$`))
})

test('token opens the dashboard again, down stops all', async (t) => {
  const site = await Site.make(t, [1])
  const started = await site.start()
  const pids = [started.pid, ...site.children().map(({ pid }) => pid)]

  const token = await site.run('token')
  assert.equal(token.code, 0, token.output)
  const address = addressIn(token.output)
  assert.notEqual(address, addressIn(started.output()))
  assert.equal(await site.signIn(address), 200)
  assert.equal(await site.signIn(address), 401)

  const down = await site.run('down')
  assert.equal(down.code, 0, down.output)
  assert.match(down.output, /\nStopped\.\n$/)
  assert.equal((await started.exited).code, 0)
  await waitUntilGone(pids)
  assert.equal(existsSync(site.startFile), false)
})

test('when start itself is killed its children end by themselves', async (t) => {
  const site = await Site.make(t, [1])
  const started = await site.start()
  const pids = site.children().map(({ pid }) => pid)
  assert.equal(pids.length, 2)
  await started.kill9()
  await waitUntilGone(pids)
})
