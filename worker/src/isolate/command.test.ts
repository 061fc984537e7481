/** `defineCommand` on a whole worker, with real processes. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { makeFolder, type TestFolder } from '../fixtures/test-folder.ts'
import { startTestWorker, type TestWorker } from '../fixtures/test-worker.ts'
import { registerFunction } from '../functions/registry.ts'
import { defineCommand } from './define-command.ts'

/** What the executable does is in its input. */
const PROGRAM = `
import { readFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { connect } from 'node:net'
const says = (text) => process.stdout.write(text)
const [first] = process.argv.slice(2)
if (first === 'deaf') { says('"deaf"'); process.exit(0) }
const input = JSON.parse(readFileSync(0, 'utf8'))
const hello = (more = {}) => new Promise((resolve) => {
  const socket = connect(input.port, '127.0.0.1', () => socket.write(JSON.stringify({ pid: process.pid, ...more }) + '\\n', resolve))
  socket.on('close', () => process.exit(9))
})
switch (input.do) {
  case 'env': says(JSON.stringify({ ...process.env, cwd: process.cwd(), argv: process.argv.slice(2) })); break
  case 'echo': says('  ' + JSON.stringify(input) + '\\n'); break
  case 'nothing': break
  case 'nonsense': says('{"half":'); break
  case 'fail': process.stderr.write('first line\\nlast ' + 'x'.repeat(20000) + ' the end'); process.exitCode = 3; break
  case 'signal': process.kill(process.pid, 'SIGSEGV'); setInterval(() => {}, 1000); break
  case 'flood': for (;;) if (!says('x'.repeat(65536))) await new Promise((resolve) => process.stdout.once('drain', resolve)); break
  case 'warn': process.stderr.write('one\\r\\ntwo'); says('1'); break
  case 'wait': await hello(); setInterval(() => {}, 1000); break
  case 'stubborn': process.on('SIGTERM', () => {}); await hello(); setInterval(() => {}, 1000); break
  case 'family': {
    const child = spawn(process.execPath, [process.argv[1]], { stdio: ['pipe', 'inherit', 'inherit'] })
    child.stdin.end(JSON.stringify({ do: 'stubborn', port: input.port }))
    await hello(); if (input.leaves) { says('"left"'); process.exit(0) } else setInterval(() => {}, 1000)
  }
}`

const source = (more: string) => `import { defineCommand } from '@berth/worker'
import { z } from 'zod'
export default defineCommand({ command: ${JSON.stringify(process.execPath)}, ${more} })`

/** Processes that say hello here are alive until their connection closes. */
class Roll {
  readonly #server: Server
  readonly #sockets: Socket[] = []
  #waiting: (() => void) | undefined

  constructor() {
    this.#server = createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => {
        this.#sockets.push(socket)
        this.#waiting?.()
      })
    })
  }

  async open(): Promise<number> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return (this.#server.address() as { port: number }).port
  }

  async present(count: number): Promise<void> {
    while (this.#sockets.length < count)
      await new Promise<void>((resolve) => {
        this.#waiting = resolve
      })
  }

  /** All that were here are gone. */
  async gone(): Promise<void> {
    await Promise.all(
      this.#sockets.splice(0).map((socket) => (socket.closed ? undefined : once(socket, 'close'))),
    )
  }

  close(): void {
    this.#server.close()
  }
}

let worker: TestWorker
let program: TestFolder
let port: number
const roll = new Roll()

before(async () => {
  program = makeFolder({ 'program.mjs': PROGRAM })
  port = await roll.open()
  const args = [join(program.path, 'program.mjs')]
  worker = await startTestWorker(
    { SLOTS: '4', RESULT_LIMIT: '1mb' },
    {
      'functions/run.ts': source(`args: ${JSON.stringify([...args, '$HOME; *'])}, env: { MINE: 'm' }`),
      'functions/quick.ts': source(`args: ${JSON.stringify(args)}, graceMs: 50`),
      'functions/deaf.ts': source(`args: ${JSON.stringify([...args, 'deaf'])}`),
      'functions/typed.ts': source(
        `args: ${JSON.stringify(args)}, input: z.object({ do: z.string() }), output: z.object({ do: z.literal('echo') })`,
      ),
      'functions/missing.ts': `import { defineCommand } from '@berth/worker'
export default defineCommand({ command: 'there-is-no-such-program' })`,
    },
    { env: { REGION: 'eu' }, processEnv: { PATH: process.env.PATH ?? '' } },
  )
})
after(async () => {
  roll.close()
  await worker[Symbol.asyncDispose]()
  program[Symbol.dispose]()
})

async function run(what: string, more: object = {}, name = 'run') {
  const response = await worker.task({ function: name, input: { do: what, port }, ...more })
  const body = (await response.json()) as { result?: unknown; code?: string; detail?: string }
  return { status: response.status, ...body }
}

describe('defineCommand', () => {
  it('gives the input as JSON and takes JSON, whatever else the input holds', async () => {
    const input = { do: 'echo', text: 'ö\u2028"', list: [1, { a: null }] }
    const response = await worker.task({ function: 'run', input })
    assert.deepEqual(await response.json(), { success: true, result: input })
  })

  it('names its environment, without the keys, in the project folder and without a shell', async () => {
    const env = (await run('env')).result as Record<string, unknown>
    const { PATH, BERTH_RUN_ID, BERTH_ATTEMPT, BERTH_DEADLINE, REGION, MINE, cwd, argv, ...rest } = env
    assert.deepEqual([REGION, MINE, BERTH_ATTEMPT, argv], ['eu', 'm', '1', ['$HOME; *']])
    assert.match(String(BERTH_RUN_ID), /^r_/)
    assert.ok(!Number.isNaN(Date.parse(String(BERTH_DEADLINE))))
    assert.match(String(cwd), /berth-worker-/)
    assert.deepEqual(rest, { BERTH_TELL_FD: '3' })
  })

  it('takes silence for null', async () => {
    const { status, result } = await run('nothing')
    assert.deepEqual([status, result], [200, null])
  })

  it('says what is no JSON', async () => {
    const failure = await run('nonsense')
    assert.deepEqual([failure.status, failure.code], [500, 'RESULT_UNSERIALISABLE'])
    assert.match(failure.detail ?? '', /standard output is not JSON/)
  })

  it('fails with the exit code and the end of standard error', async () => {
    const failure = await run('fail')
    assert.deepEqual([failure.status, failure.code], [500, 'FUNCTION_FAILED'])
    assert.match(failure.detail ?? '', /ended with exit code 3: .*x the end$/s)
    assert.ok((failure.detail ?? '').length < 5000)
    assert.match((await run('signal')).detail ?? '', /was ended by SIGSEGV/)
  })

  it('fails when there is no such program', async () => {
    const response = await worker.task({ function: 'missing' })
    const body = (await response.json()) as { code: string; detail: string }
    assert.equal(body.code, 'FUNCTION_FAILED')
    assert.match(body.detail, /"there-is-no-such-program" could not be started.*install it/)
  })

  it('logs lines of standard error with the run', async () => {
    const response = await worker.task({ function: 'run', input: { do: 'warn' } })
    assert.equal(response.status, 200)
    const id = response.headers.get('x-run-id')
    const lines = worker.running.parts.log.entries().filter((entry) => entry.run === id)
    assert.deepEqual(
      lines.map(({ text, source, level }) => [text, source, level]),
      [
        ['one', 'run', 'info'],
        ['two', 'run', 'info'],
      ],
    )
  })

  it('stops at the limit of results', async () => {
    const failure = await run('flood')
    assert.equal(failure.code, 'RESULT_TOO_LARGE')
  })

  it('survives a program that never reads its input', async () => {
    const response = await worker.task({ function: 'deaf', input: { text: 'x'.repeat(4_000_000) } })
    assert.deepEqual(await response.json(), { success: true, result: 'deaf' })
  })

  it('checks input and output when it has schemas', async () => {
    const typed = (input: object) => worker.task({ function: 'typed', input })
    assert.equal((await typed({ do: 3 })).status, 422)
    assert.equal((await typed({ do: 'echo' })).status, 200)
    const wrong = (await (await typed({ do: 'nothing' })).json()) as { code: string; detail: string }
    assert.match(wrong.detail, /breaks the function's own output schema/)
  })

  it('ends at its timeout', async () => {
    const failure = await run('stubborn', { timeout: 300 }, 'quick')
    assert.deepEqual([failure.status, failure.code], [504, 'TIMEOUT'])
    assert.equal(worker.running.parts.intake.used, 0)
    await roll.gone()
  })

  it('is killed with all its children when it does not obey, and is not stuck', async () => {
    const caller = new AbortController()
    const input = { do: 'family', port }
    const request = worker.task({ function: 'quick', input }, { signal: caller.signal })
    await roll.present(2)
    caller.abort()
    await assert.rejects(request)
    await roll.gone()
    await worker.running.parts.intake.whenIdle()
    assert.equal(worker.running.parts.intake.stuck, 0)
  })

  it('leaves nothing behind when it ends by itself', async () => {
    const response = await worker.task({ function: 'run', input: { do: 'family', leaves: true, port } })
    const body = (await response.json()) as { result?: unknown }
    assert.equal(body.result, 'left')
    await roll.gone()
  })

  it('ends when its caller leaves', async () => {
    const controller = new AbortController()
    const request = worker.task(
      { function: 'run', input: { do: 'wait', port } },
      { signal: controller.signal },
    )
    await roll.present(1)
    controller.abort()
    await assert.rejects(request)
    await roll.gone()
    await worker.running.parts.intake.whenIdle()
  })

  it('refuses a definition that cannot be used', () => {
    for (const [spec, says] of [
      [{ command: '' }, /`command`/],
      [{ command: 'a\0b' }, /`command`/],
      [{ command: 'a', args: 'b' }, /`args`/],
      [{ command: 'a', env: { B: 1 } }, /`env`/],
      [{ command: 'a', graceMs: -1 }, /`graceMs`/],
    ] as const)
      assert.throws(() => registerFunction('f', defineCommand(spec as never)), says)
  })
})
