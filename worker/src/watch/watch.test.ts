/** `--watch` in real processes: a save is a new interface, a broken one changes nothing, and nobody is left over. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { FakeBalancer } from '../fixtures/fake-balancer.ts'
import { makeFolder, type TestFolder } from '../fixtures/test-folder.ts'

const KEYS = { authKey: 'worker-key-of-the-test', fleetKey: 'fleet-key-of-the-test' }
const MAIN = join(import.meta.dirname, '../main.ts')

const answering = (value: string) => `import { defineFunction } from '@berth/worker'
import { value } from '../helpers/value.ts'
export default defineFunction({ handler: () => '${value}' + value })`

/** Below those that the system gives to connections, one of which may have it while no worker listens. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_100, 32_768)
    if (await isFree(port)) return port
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer()
  server.listen(port, '127.0.0.1')
  const isBound = await once(server, 'listening').then(
    () => true,
    () => false,
  )
  server.close()
  return isBound
}

/** Asks again until it is so; what is waited for is the doing of other processes. */
async function until<T>(
  ask: () => Promise<T | undefined> | T | undefined,
  what: string,
  limitMs = 60_000,
): Promise<T> {
  const endsAt = performance.now() + limitMs
  for (;;) {
    const answer = await Promise.try(ask).catch(() => undefined)
    if (answer !== undefined) return answer
    if (performance.now() > endsAt) throw new Error(`not within ${limitMs} ms: ${what}\n${output}`)
    await pause(5)
  }
}

let output = ''

describe('--watch', () => {
  let folder: TestFolder
  let port: number
  let url: string
  let supervisor: ChildProcess
  before(async () => {
    folder = makeFolder({
      'functions/first.ts': answering('one'),
      'helpers/value.ts': "export const value = ''",
      'functions/crash.ts': `import { defineFunction } from '@berth/worker'
export default defineFunction({ handler: () => process.exit(3) })`,
      'functions/hang.ts': `import { defineFunction } from '@berth/worker'
export default defineFunction({ handler: () => new Promise(() => {}) })`,
      settings: 'WHO=first-value\n',
    })
    port = await freePort()
    url = `http://127.0.0.1:${port}`
    supervisor = spawn(process.execPath, [MAIN, folder.path, '--watch'], {
      env: {
        PATH: process.env.PATH,
        PORT: String(port),
        AUTH_KEY: KEYS.authKey,
        LB_AUTH_KEY: KEYS.fleetKey,
        FUNCTION_ENV_FILE: join(folder.path, 'settings'),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    supervisor.stdout?.on('data', (chunk) => {
      output += String(chunk)
    })
    supervisor.stderr?.on('data', (chunk) => {
      output += String(chunk)
    })
    await until(() => run('first'), 'the first answer')
  })
  after(async () => {
    if (supervisor.exitCode === null && supervisor.signalCode === null) {
      supervisor.kill('SIGKILL')
      await once(supervisor, 'exit')
    }
    folder[Symbol.dispose]()
  })

  const ask = (path: string, body?: string) =>
    fetch(url + path, {
      headers: { authorization: KEYS.authKey, connection: 'close' },
      ...(body === undefined ? {} : { method: 'POST', body }),
    })
  /** The result, or undefined while there is none. */
  const run = async (name: string): Promise<string | undefined> => {
    const answer = await ask('/task', JSON.stringify({ function: name }))
    if (answer.status !== 200) return undefined
    return ((await answer.json()) as { result: string }).result
  }
  const whenSays = (name: string, result: string) =>
    until(async () => ((await run(name)) === result ? true : undefined), `${name} says ${result}`)
  const hashOf = (balancer: FakeBalancer) => {
    const { interface: hash } = balancer.messages.find(({ type }) => type === 'hello') as {
      interface: string
    }
    return hash
  }
  const isPortFree = async () => ((await isFree(port)) ? true : undefined)
  /** One that leaves has closed its links and may take another yet. */
  const linkToNext = async (hash: string) => {
    const next = await FakeBalancer.link(url, KEYS)
    if (hashOf(next) !== hash) return next
    await next.close()
    return undefined
  }

  it('says its new interface soon after a save', async (t) => {
    let balancer = await FakeBalancer.link(url, KEYS)
    let hash = hashOf(balancer)
    const times: number[] = []
    for (const name of ['second', 'third', 'fourth']) {
      // The next worker is warm by now, as it is when a person has looked at what the last save did.
      await pause(700)
      const savedAt = performance.now()
      folder.write(`functions/${name}.ts`, answering(name))
      await balancer.closed
      balancer = await until(() => linkToNext(hash), 'the next hello')
      times.push(Math.round(performance.now() - savedAt))
      hash = hashOf(balancer)
      assert.equal(await run(name), name)
    }
    // Half a second where nothing else runs; a worker that began to load only now would take as long as a start.
    t.diagnostic(`from a save to the new interface: ${times} ms`)
    await balancer.close()
  })

  it('sees a save of a helper and of the environment’s file, and a file that goes', async () => {
    folder.write('helpers/value.ts', "export const value = '!'")
    await whenSays('first', 'one!')
    folder.write(
      'functions/env.ts',
      `import { defineFunction } from '@berth/worker'
export default defineFunction({ handler: (_input, ctx) => ctx.env.WHO })`,
    )
    await whenSays('env', 'first-value')
    folder.write('settings', 'WHO=second-value\n')
    await whenSays('env', 'second-value')
    rmSync(join(folder.path, 'functions/second.ts'))
    await until(
      async () => ((await ask('/task', '{"function":"second"}')).status === 404 ? true : undefined),
      'gone',
    )
  })

  it('goes on with the last good set when a file does not load, and shows why', async () => {
    const pids = output.match(/"worker ready"/g)?.length
    folder.write('functions/first.ts', 'enum Color { Red }\nexport default Color')
    const shown = await until(async () => {
      const { logs } = (await (await ask('/logs')).json()) as { logs: string[] }
      return logs.find((line) => line.includes('do not load'))
    }, 'the error in the log of the worker')
    assert.match(shown, /the last good ones go on: functions\/first\.ts: .*erasable TypeScript/)
    assert.match(output, /functions\/first\.ts: .*erasable TypeScript/)
    assert.equal(await run('first'), 'one!')
    assert.equal(output.match(/"worker ready"/g)?.length, pids, 'nobody was started again')
    folder.write('functions/first.ts', answering('repaired'))
    await whenSays('first', 'repaired!')
  })

  it('does not wait for a task that ignores its end', async () => {
    const hanging = ask('/task', '{"function":"hang"}').then(({ status }) => status)
    await until(async () => {
      const health = (await (await ask('/health')).json()) as { slots: { used: number } }
      return health.slots.used === 1 ? true : undefined
    }, 'the task runs')
    folder.write('functions/first.ts', answering('again'))
    await whenSays('first', 'again!')
    assert.equal(await hanging, 503)
  })

  it('starts a worker again that died', async () => {
    await ask('/task', '{"function":"crash"}').catch(() => {})
    await until(
      () => (output.includes('the worker ended (exit code 3)') ? true : undefined),
      'the death is told',
    )
    await whenSays('first', 'again!')
  })

  it('ends with its worker on SIGTERM', async () => {
    supervisor.kill('SIGTERM')
    const [code] = await once(supervisor, 'exit')
    assert.equal(code, 0)
    await until(isPortFree, 'the port is free', 2_000)
  })

  it('waits for a repair when the first set does not load, and leaves nobody behind when it is killed', async () => {
    folder.write('functions/first.ts', 'export default 1')
    output = ''
    supervisor = spawn(process.execPath, [MAIN, folder.path, '--watch'], {
      env: { PATH: process.env.PATH, PORT: String(port), AUTH_KEY: KEYS.authKey, LB_AUTH_KEY: KEYS.fleetKey },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    supervisor.stdout?.on('data', (chunk) => {
      output += String(chunk)
    })
    await until(() => /waiting for a change: functions\/first\.ts/.test(output) || undefined, 'the reason')
    folder.write('functions/first.ts', answering('up'))
    await whenSays('first', 'up!')
    supervisor.kill('SIGKILL')
    await once(supervisor, 'exit')
    await until(isPortFree, 'the port is free', 5_000)
  })
})
