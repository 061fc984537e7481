/**
 * `start` as a process of its own, with stand-ins for balancer and worker: what it prints, what it writes down,
 * how it looks after its children, and how all of it ends.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, rmSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { runDown } from './down.ts'
import { readStartFile, startFilePath } from './start-file.ts'
import { makeSandbox, type Sandbox, waitUntil, waitUntilGone } from './testing/sandbox.ts'
import { runToken } from './token.ts'

const LIMIT = { timeout: 180_000 }
const READY = /Berth is running/

function listChildPids({ dataDir }: Sandbox): number[] {
  return (readStartFile(dataDir)?.children ?? []).map(({ pid }) => pid)
}

function writeTwoWorkers({ writeWorkers, workerPorts }: Sandbox): void {
  writeWorkers([
    {
      url: `http://127.0.0.1:${workerPorts[0]}`,
      name: 'one',
      start: { slots: 4, tags: { gpu: 'h200', spot: true } },
    },
    { url: `http://127.0.0.1:${workerPorts[1]}`, name: 'two', start: {} },
    { url: 'http://10.0.0.1:3000', name: 'elsewhere', start: {} },
    { url: 'http://127.0.0.1:1', name: 'not-ours' },
  ])
}

test(
  'a whole life: screen, start.json, a second start, and an end in the right order',
  LIMIT,
  async (context) => {
    const sandbox = await makeSandbox(context)
    writeTwoWorkers(sandbox)
    const start = sandbox.start()
    await start.waitFor(/^ {2}Next.* into examples\/fleet\/functions, /)
    const screen = start.lines.join('\n')
    assert.ok(
      screen.includes(
        `http://127.0.0.1:${sandbox.port} with 2 workers on ports ${sandbox.workerPorts.join(', ')}`,
      ),
    )
    assert.ok(
      screen.includes(
        `curl -s http://127.0.0.1:${sandbox.port}/task -H @${join(sandbox.dataDir, 'curl.headers')}`,
      ),
    )
    await start.waitFor(/one +│ up NAME=one SLOTS=4 TAGS=gpu=h200,spot=true/)
    await start.waitFor(/two +│ up NAME=two SLOTS=undefined TAGS=undefined/)
    assert.doesNotMatch(screen, /stand-in-key/)

    const record = readStartFile(sandbox.dataDir)
    assert.equal(record?.pid, start.process.pid)
    assert.deepEqual(record?.ports, { balancer: sandbox.port, workers: sandbox.workerPorts })
    assert.deepEqual(
      record?.children.map(({ name }) => name),
      ['balancer', 'one', 'two'],
    )
    assert.equal(statSync(startFilePath(sandbox.dataDir)).mode & 0o777, 0o600)
    assert.equal(statSync(join(sandbox.dataDir, 'curl.headers')).mode & 0o777, 0o600)

    const second = sandbox.start()
    const line = await second.waitFor(/running already/)
    assert.ok(
      line.includes(String(start.process.pid)) &&
        line.includes(String(sandbox.port)) &&
        line.includes('berth down'),
    )
    assert.equal(await second.ended, 1)

    const pids = listChildPids(sandbox)
    start.process.kill('SIGINT')
    start.process.kill('SIGTERM')
    assert.equal(await start.ended, 0)
    const end = start.lines
      .filter((text) => /SIGTERM|drained/.test(text))
      .map((text) => text.replace(/ +│ /, ' '))
    assert.deepEqual(end.slice(0, 2), ['balancer got SIGTERM', 'balancer drained'])
    assert.deepEqual(end.slice(2).sort(), ['one got SIGTERM', 'two got SIGTERM'])
    await waitUntilGone(pids)
    for (const name of ['start.json', 'start.lock', 'curl.headers']) {
      assert.equal(existsSync(join(sandbox.dataDir, name)), false, name)
    }
  },
)

test(
  'when start is killed its children end by themselves, and the next start takes over',
  LIMIT,
  async (context) => {
    const sandbox = await makeSandbox(context)
    writeTwoWorkers(sandbox)
    const start = sandbox.start()
    await start.waitFor(READY)
    const pids = listChildPids(sandbox)
    assert.equal(pids.length, 3)
    start.process.kill('SIGKILL')
    await waitUntilGone(pids)
    const next = sandbox.start()
    await next.waitFor(READY)
    assert.equal(listChildPids(sandbox).length, 3)
    next.process.kill('SIGHUP')
    assert.equal(await next.ended, 0)
  },
)

test(
  'a worker that dies is started again, and the file decides which ones there are',
  LIMIT,
  async (context) => {
    const sandbox = await makeSandbox(context)
    const [first, other] = sandbox.workerPorts.map((port) => `http://127.0.0.1:${port}`)
    sandbox.writeWorkers([{ url: first, name: 'one', start: {} }])
    const start = sandbox.start()
    await start.waitFor(READY)
    const pid = Number(/pid=(\d+)/.exec(await start.waitFor(/one +│ up/))?.[1])
    process.kill(pid, 'SIGKILL')
    await start.waitFor(/start +│ one was killed by SIGKILL; starting it again in 0\.5 s/)
    await waitUntil(() => start.lines.filter((line) => /one +│ up/.test(line)).length === 2, 'a second life')

    sandbox.writeWorkers([
      { url: first, name: 'one', start: {} },
      { url: other, name: 'two', start: {} },
    ])
    await start.waitFor(/two +│ up/)
    sandbox.writeWorkers([{ url: first, name: 'one', start: { slots: 0 } }])
    await start.waitFor(/workers\.json:\d+:\d+: .*the workers stay/)
    sandbox.writeWorkers([{ url: other, name: 'two', start: { slots: 7 } }])
    await start.waitFor(/start +│ one was removed; draining it/)
    await start.waitFor(/two +│ up NAME=two SLOTS=7/)
    await waitUntil(
      () => readStartFile(sandbox.dataDir)?.children.length === 2,
      'the record without the first worker',
    )
    assert.deepEqual(readStartFile(sandbox.dataDir)?.ports.workers, [sandbox.workerPorts[1]])
    start.process.kill('SIGTERM')
    assert.equal(await start.ended, 0)
  },
)

test('a balancer with a configuration error ends the start with 78', LIMIT, async (context) => {
  const sandbox = await makeSandbox(context)
  const start = sandbox.start({ STAND_IN_BALANCER: 'misconfigured' })
  assert.equal(await start.ended, 78)
  const output = start.lines.join('\n')
  assert.match(output, /balancer │ HOST is not loopback\nstart {4}│ balancer has a configuration error/)
})

test(
  'a data folder that cannot be is a configuration error; one that vanishes leaves the fleet alone',
  LIMIT,
  async (context) => {
    const sandbox = await makeSandbox(context)
    writeTwoWorkers(sandbox)
    const refused = sandbox.start({ DATA_DIR: join(sandbox.root, 'workers.json', 'data') })
    assert.equal(await refused.ended, 78)
    assert.match(refused.lines.join(), /^DATA_DIR .*workers\.json/)

    const start = sandbox.start()
    await start.waitFor(READY)
    const [, pid = 0] = listChildPids(sandbox)
    rmSync(sandbox.dataDir, { recursive: true })
    process.kill(pid, 'SIGKILL')
    await start.waitFor(/start\.json cannot be written/)
    await start.waitFor(/starting it again/)
    start.process.kill('SIGTERM')
    assert.equal(await start.ended, 0)
  },
)

test('a second signal ends at once what does not end', LIMIT, async (context) => {
  const sandbox = await makeSandbox(context)
  writeTwoWorkers(sandbox)
  const start = sandbox.start({ STAND_IN_BALANCER: 'deaf', SHUTDOWN_TIMEOUT: '1h' })
  await start.waitFor(READY)
  const pids = listChildPids(sandbox)
  start.process.kill('SIGTERM')
  await start.waitFor(/balancer │ got SIGTERM/)
  const again = setInterval(() => start.process.kill('SIGINT'), 50)
  const code = await start.ended
  clearInterval(again)
  assert.equal(code, 130)
  await waitUntilGone(pids)
  assert.equal(start.lines.filter((line) => line.includes('got SIGTERM')).length, 1)
})

test('a port in use is one line that names it and its holder', LIMIT, async (context) => {
  const sandbox = await makeSandbox(context)
  const server = createServer().listen(sandbox.port, '127.0.0.1')
  context.after(() => server.close())
  await once(server, 'listening')
  const start = sandbox.start()
  assert.equal(await start.ended, 1)
  assert.equal(start.lines.length, 1)
  assert.match(start.lines[0] ?? '', new RegExp(`port ${sandbox.port} on 127\\.0\\.0\\.1 is in use`))
  if (existsSync('/proc/net/tcp')) assert.match(start.lines[0] ?? '', new RegExp(`process ${process.pid} `))
})

test('a worker whose port is taken gets no process', LIMIT, async (context) => {
  const sandbox = await makeSandbox(context)
  writeTwoWorkers(sandbox)
  const server = createServer((socket) => socket.destroy()).listen(sandbox.workerPorts[0], '127.0.0.1')
  context.after(() => server.close())
  await once(server, 'listening')
  const start = sandbox.start()
  await start.waitFor(
    new RegExp(`something listens on http://127.0.0.1:${sandbox.workerPorts[0]} already; one gets no`),
  )
  await start.waitFor(READY)
  assert.deepEqual(readStartFile(sandbox.dataDir)?.ports.workers, [sandbox.workerPorts[1]])
  start.process.kill('SIGTERM')
  assert.equal(await start.ended, 0)
})

test(
  'token prints a new address, down ends it all, and both say when nothing runs',
  LIMIT,
  async (context) => {
    const sandbox = await makeSandbox(context)
    writeTwoWorkers(sandbox)
    const printed: string[] = []
    const command = { env: sandbox.env, print: (line: string) => printed.push(line) }
    const start = sandbox.start()
    await start.waitFor(READY)
    assert.equal(await runToken(command), 0)
    assert.equal(printed.pop(), `http://127.0.0.1:${sandbox.port}/dashboard#token=one-time-token`)
    assert.equal(await runToken({ ...command, env: { ...sandbox.env, LB_AUTH_KEY: 'wrong-key' } }), 1)
    assert.match(printed.pop() ?? '', /refused LB_AUTH_KEY/)

    const pids = listChildPids(sandbox)
    assert.equal(await runDown(command), 0)
    assert.match(
      printed[0] ?? '',
      new RegExp(`^Stopping start \\(${start.process.pid}\\), balancer \\(${pids[0]}\\), one`),
    )
    assert.equal(printed[1], 'Stopped.')
    assert.equal(await start.ended, 0)
    await waitUntilGone(pids)

    printed.length = 0
    assert.equal(await runDown(command), 0)
    assert.match(printed.pop() ?? '', /^Nothing is running/)
    assert.equal(await runToken(command), 1)
    assert.match(printed.pop() ?? '', /No balancer answers .*nothing listens there/)
  },
)
