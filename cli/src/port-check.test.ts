/** The answers about ports, with real ones on loopback. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { checkPort, findListener, isListening } from './port-check.ts'
import { findFreePorts } from './testing/sandbox.ts'

async function listen(context: TestContext): Promise<number> {
  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1')
  context.after(() => server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

test('a free port is free and stays so; 0 becomes one', async () => {
  const [port = 0] = await findFreePorts(1)
  assert.deepEqual(await checkPort('127.0.0.1', port), { ok: true, port })
  assert.equal(await isListening('127.0.0.1', port), false)
  const chosen = await checkPort('127.0.0.1', 0)
  assert.ok(chosen.ok && chosen.port > 0)
})

test('a taken port is named with its holder and another one to take, in one line', async (context) => {
  const port = await listen(context)
  assert.equal(await isListening('0.0.0.0', port), true)
  for (const host of ['127.0.0.1', '0.0.0.0']) {
    const check = await checkPort(host, port)
    assert.ok(!check.ok)
    assert.doesNotMatch(check.message, /\n/)
    assert.match(check.message, new RegExp(`port ${port} .*PORT=\\d+ npx`))
    if (existsSync('/proc/net/tcp')) assert.match(check.message, new RegExp(`by process ${process.pid} `))
  }
})

test('a host that is not of this machine is named', async () => {
  const check = await checkPort('192.0.2.1', 4000)
  assert.ok(!check.ok && /HOST 192\.0\.2\.1 is no address of this machine/.test(check.message))
})

test('nobody listens on a free port', async () => {
  const [port = 0] = await findFreePorts(1)
  assert.equal(findListener(port), undefined)
})
