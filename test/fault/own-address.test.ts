/** H14: the balancer in its own list of workers. It is no worker, which is said, and no task goes in circles. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type Balancer, postTask, startBalancer, startWorker } from '../harness/berth.ts'
import { findFreePort } from '../harness/ports.ts'
import { until } from '../harness/until.ts'

type Listed = { items: { id: string; status: string; reason: string | null }[] }

async function startListedTwice(t: TestContext): Promise<Balancer> {
  const worker = await startWorker(t)
  const port = await findFreePort()
  return startBalancer(t, {
    env: { PORT: String(port) },
    workers: [
      { url: `http://127.0.0.1:${port}`, name: 'itself' },
      { url: worker.url, name: 'worker' },
    ],
  })
}

test('H14: a balancer that lists itself is unreachable as a worker, and serves with the others', async (t) => {
  const balancer = await startListedTwice(t)
  let itself: Listed['items'][number] | undefined
  await until(
    async () => {
      const { items } = (await balancer.request('/workers')).body as Listed
      itself = items.find(({ id }) => id === 'itself')
      return itself?.status === 'unreachable' && items.some(({ status }) => status === 'ready')
    },
    20_000,
    'it is told that it is no worker',
  )
  assert.match(itself?.reason ?? '', /\S/)
  for (let n = 0; n < 20; n++)
    assert.equal((await postTask(balancer, { function: 'hello', input: {} })).status, 200)
})
