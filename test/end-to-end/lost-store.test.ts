/** A balancer whose data folder goes away under it: what it cannot keep it does not promise, and it says so. */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { test } from 'node:test'
import { KEYS, startBalancer } from '../harness/berth.ts'
import { until } from '../harness/until.ts'

test('without its data folder a decision is refused, the state is shown, sign-in goes on', {
  timeout: 60_000,
}, async (t) => {
  const workers = [{ url: 'http://127.0.0.1:9', name: 'w1' }]
  const balancer = await startBalancer(t, { workers })
  assert.equal((await balancer.request('/workers/w1/off', { method: 'POST' })).status, 200)
  assert.equal((await balancer.request('/readyz')).status, 200)

  await rm(balancer.dataDir, { recursive: true, maxRetries: 5 })
  const on = await balancer.request('/workers/w1/on', { method: 'POST' })
  assert.equal(on.status, 503)
  assert.equal((on.body as { code: string }).code, 'STORE_UNAVAILABLE')
  const worker = (await balancer.request('/workers/w1')).body as { maintenance: { by: string } | null }
  assert.equal(worker.maintenance?.by, 'operator', 'nothing was changed')

  assert.equal((await balancer.request('/readyz')).status, 503)
  const health = (await balancer.request('/health')).body as { store: { state: string; error: string } }
  assert.equal(health.store.state, 'failed')
  assert.match(health.store.error, /moved or removed while in use/)

  const signIn = await fetch(`${balancer.url}/sign-in`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ key: KEYS.caller }),
  })
  assert.equal(signIn.status, 200)
  const cookie = (signIn.headers.getSetCookie()[0] ?? '').split(';')[0] ?? ''
  assert.equal((await fetch(`${balancer.url}/workers`, { headers: { cookie } })).status, 200)
})

test('the loss is seen though nobody writes', { timeout: 60_000 }, async (t) => {
  const balancer = await startBalancer(t)
  await rm(balancer.dataDir, { recursive: true, maxRetries: 5 })
  await until(async () => (await balancer.request('/readyz')).status === 503, 20_000, 'not ready')
})
