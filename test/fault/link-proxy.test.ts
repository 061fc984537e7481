/** The bad network itself: what it is told to do to bytes is what it does, and nothing else. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { until } from '../harness/until.ts'
import { LinkProxy, resetNow } from './link-proxy.ts'

const LIMIT_MS = 10_000

type Ends = { proxy: LinkProxy; near: Socket; far: Socket; heard: { near: string; far: string } }

/** A client through the proxy, and the server's end of it. */
async function joinEnds(t: TestContext): Promise<Ends> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy = await LinkProxy.start(t, (server.address() as AddressInfo).port)
  const near = connect(proxy.port, '127.0.0.1')
  const [far] = (await once(server, 'connection')) as [Socket]
  t.after(() => {
    near.destroy()
    far.destroy()
    server.close()
  })
  const heard = { near: '', far: '' }
  near.on('error', () => {}).on('data', (bytes) => (heard.near += bytes))
  far.on('error', () => {}).on('data', (bytes) => (heard.far += bytes))
  return { proxy, near, far, heard }
}

test('bytes pass both ways, and an end as an end', async (t) => {
  const { near, far, heard, proxy } = await joinEnds(t)
  near.write('down')
  far.write('up')
  await until(() => heard.far === 'down' && heard.near === 'up', LIMIT_MS)
  assert.deepEqual([proxy.passedBytes('down'), proxy.passedBytes('up'), proxy.connections], [4, 2, 1])
  const ended = once(far, 'end')
  near.end()
  await ended
  await until(() => proxy.connections === 0, LIMIT_MS)
})

test('a frozen direction is mute, its end included, the other goes on; healed, all arrives in order', async (t) => {
  const { near, far, heard, proxy } = await joinEnds(t)
  proxy.freeze('down')
  near.write('one ')
  near.end('two')
  far.write('up')
  await until(() => heard.near === 'up', LIMIT_MS)
  assert.equal(heard.far, '')
  const ended = once(far, 'end')
  proxy.heal()
  await ended
  assert.equal(heard.far, 'one two')
})

test('a cut lets exactly n bytes through and resets both ends', async (t) => {
  const { near, far, heard, proxy } = await joinEnds(t)
  const cut = proxy.cutAfter('down', 5)
  near.write('123')
  near.write('456789')
  await cut
  await until(() => near.destroyed && far.destroyed, LIMIT_MS)
  assert.equal(heard.far, '12345')
  assert.equal(proxy.passedBytes('down'), 5)
})

test('a cut with a mark counts from the bytes that hold it, and not before', async (t) => {
  for (const direction of ['down', 'up'] as const) {
    const { proxy, near, far, heard } = await joinEnds(t)
    const cut = proxy.cutAfter(direction, 6, 'mark')
    near.write('before ')
    far.write('before ')
    await until(() => heard.far === 'before ' && heard.near === 'before ', LIMIT_MS)
    near.write('a mark')
    await until(() => heard.far === 'before a mark', LIMIT_MS)
    if (direction === 'up') far.write('behind it')
    await cut
    const [there, back] = direction === 'down' ? ['a mark', ''] : ['a mark', 'behind']
    await until(() => heard.far === `before ${there}` && heard.near === `before ${back}`, LIMIT_MS)
  }
})

test('a delay and a pace take their time', async (t) => {
  const { near, far, heard, proxy } = await joinEnds(t)
  proxy.delay(80, 'down')
  proxy.limit({ bytes: 1, everyMs: 20 }, 'up')
  const beganAt = performance.now()
  near.write('late')
  far.write('abcde')
  await until(() => heard.far === 'late', LIMIT_MS)
  assert.ok(performance.now() - beganAt >= 79)
  await until(() => heard.near === 'abcde', LIMIT_MS)
  assert.ok(performance.now() - beganAt >= 79)
})

test('a connection whose end is on its way is closed by a reset too', async (t) => {
  const { near, far } = await joinEnds(t)
  const failed = once(near, 'error').then(([error]) => error)
  const closed = new Promise((resolve) => near.once('close', () => resolve('closed')))
  near.end()
  resetNow(near)
  assert.equal(await Promise.race([closed, failed]), 'closed')
  await until(() => far.destroyed, LIMIT_MS)
})
