/** A worker that has answered fifty thousand tasks holds what it held before: heap, handles and timers. */
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeFolder } from '../harness/scope.ts'
import { type Holding, SOAK_KEY } from './soak-worker.ts'

const CONNECTIONS = 32
const WARM_UP = 5_000
const TASKS = 50_000
const MAY_GROW_BYTES = 1024 * 1024
/** Node's own clock for the Date header comes and goes by the second. */
const MAY_DIFFER_TIMERS = 1

const SMALL = `import { defineFunction } from '@berth/worker'
export default defineFunction({
  params: { n: { type: 'integer', required: true } },
  config: { timeout: 60_000 },
  async handler({ n }, ctx) {
    ctx.signal.addEventListener('abort', () => {})
    await null
    return { n }
  },
})`

test('50,000 tasks leave no memory, handles or timers behind', async (t) => {
  const folder = await makeFolder(t, 'soak')
  await mkdir(join(folder, 'functions'))
  await writeFile(join(folder, 'functions/small.ts'), SMALL)
  const child = fork(join(import.meta.dirname, 'soak-worker.ts'), [folder], {
    execArgv: ['--expose-gc'],
    env: { PATH: process.env.PATH },
  })
  const exited = once(child, 'exit')
  t.after(async () => {
    child.kill('SIGKILL')
    await exited
  })
  const [url] = (await once(child, 'message')) as [string]

  await runTasks(url, WARM_UP)
  const before = await weigh(child)
  await runTasks(url, TASKS)
  const after = await weigh(child)

  t.diagnostic(`heap: ${before.heapUsed} bytes before, ${after.heapUsed} after`)
  t.diagnostic(`${after.resources.join(' ')}; ${before.timers} timers before, ${after.timers} after`)
  const grownBytes = after.heapUsed - before.heapUsed
  assert.ok(grownBytes < MAY_GROW_BYTES, `the heap has grown by ${grownBytes} bytes`)
  assert.deepEqual(after.resources, before.resources)
  assert.ok(
    after.timers - before.timers <= MAY_DIFFER_TIMERS,
    `${after.timers - before.timers} timers are left`,
  )
  assert.ok(!after.resources.includes('TCPSocketWrap'), 'a connection is left')

  child.send('stop')
  assert.deepEqual(await exited, [0, null])
})

async function weigh(child: ChildProcess): Promise<Holding> {
  child.send('weigh')
  const [holding] = (await once(child, 'message')) as [Holding]
  return holding
}

/** Over connections that are kept alive, one request at a time on each; every answer is the right one. */
async function runTasks(url: string, count: number): Promise<void> {
  const { port } = new URL(url)
  let next = 0
  const take = () => (next < count ? next++ : undefined)
  await Promise.all(Array.from({ length: CONNECTIONS }, () => runOn(Number(port), take)))
}

async function runOn(port: number, take: () => number | undefined): Promise<void> {
  const socket = connect(port, '127.0.0.1').setNoDelay(true).setEncoding('latin1')
  await once(socket, 'connect')
  await new Promise<void>((resolve, reject) => {
    let answer = ''
    let n = take()
    const step = () => {
      if (n === undefined) return resolve()
      ask(socket, n)
    }
    socket.on('data', (chunk: string) => {
      answer += chunk
      if (!answer.endsWith('}}')) return
      const isRight = answer.startsWith('HTTP/1.1 200 ') && answer.endsWith(`"result":{"n":${n}}}`)
      if (!isRight) return reject(new Error(`task ${n} was answered ${answer}`))
      answer = ''
      n = take()
      step()
    })
    socket.once('error', reject).once('close', () => reject(new Error('the worker closed the connection')))
    step()
  })
  socket.destroy()
  await once(socket, 'close')
}

function ask(socket: Socket, n: number): void {
  const body = `{"function":"small","input":{"n":${n}}}`
  const head = `POST /task HTTP/1.1\r\nhost: worker\r\nauthorization: ${SOAK_KEY}\r\ncontent-length: ${body.length}`
  socket.write(`${head}\r\n\r\n${body}`)
}
