/** The APIs of other systems that `COMPAT` does not name: nothing is begun, and whoever has a key is told why. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KEYS, startBalancer } from '../../harness/berth.ts'

const WORKLET = '/applications/app/worklets/work'
const WORKLETS: readonly (readonly [method: string, path: string])[] = [
  ...['', '/production', '/draft'].flatMap((stage) => {
    const path = WORKLET.replace('/worklets', `${stage}/worklets`)
    return [
      ['POST', `${path}/invoke`] as const,
      ['GET', `${path}/r_1`] as const,
      ['POST', `${path}/r_1`] as const,
    ]
  }),
]
const WORKERS: readonly (readonly [method: string, path: string])[] = [
  ['POST', ''],
  ['GET', '/w_1'],
  ['POST', '/w_1'],
  ['GET', '/w_1/stream'],
  ['GET', '/w_1/email'],
  ['GET', '/w_1/files/a/b.txt'],
  ['POST', '/w_1/schedules'],
  ['GET', '/w_1/schedules'],
  ['DELETE', '/w_1/schedules/s_1'],
].map(([method = '', path]) => [method, `/api/workers${path}`] as const)

test('COMPAT empty: every address of them is 404 and says how to have it', async (t) => {
  const balancer = await startBalancer(t, { env: { COMPAT: '' } })
  const ask = (method: string, path: string, authorization: string) =>
    fetch(`${balancer.url}${path}`, {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      ...(method === 'POST' ? { body: '{"input": "a", "worklet_input": {}}' } : {}),
    })
  for (const [method, path] of [...WORKLETS, ...WORKERS]) {
    const isWorklet = path.startsWith('/applications')
    const answer = await ask(method, path, `${isWorklet ? 'Api-Key' : 'Bearer'} ${KEYS.caller}`)
    assert.equal(answer.status, 404, `${method} ${path}`)
    const { success, message, error } = (await answer.json()) as Record<string, unknown>
    assert.match(String(isWorklet ? message : error), /switched off .* name it in COMPAT/)
    assert.equal(success, isWorklet ? false : undefined)
    assert.equal((await ask(method, path, 'Bearer nobody')).status, 401, `${method} ${path} without the key`)
  }
  const { items } = (await balancer.request('/runs')).body as { items: unknown[] }
  assert.deepEqual(items, [])
})

test('COMPAT names one: it is there, the other is not', async (t) => {
  const balancer = await startBalancer(t, { env: { COMPAT: 'workers' } })
  const worker = await balancer.request('/api/workers/w_1')
  assert.equal(worker.status, 404)
  assert.doesNotMatch(worker.text, /COMPAT/)
  assert.match((await balancer.request(`${WORKLET}/r_1`)).text, /"worklets\\" is switched off/)
})
