/** Files and bytes from a signed-in page, at a real balancer: never by the cookie alone, but by a key it asks for. */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Balancer, startBalancer, startWorker, waitForWorkers } from '../harness/berth.ts'
import { createScope, makeFolder } from '../harness/scope.ts'

const COUNT = `import { defineFunction } from '@berth/worker'

export default defineFunction({
  async handler(_input, { body, files }) {
    if (body) return { bytes: (await body.arrayBuffer()).byteLength }
    return { files: files.list().map(({ path }) => path) }
  },
})
`

describe('uploads of a page', () => {
  const scope = createScope()
  let balancer: Balancer
  let cookie: string

  before(async () => {
    const folder = await makeFolder(scope, 'uploads')
    await mkdir(join(folder, 'functions'), { recursive: true })
    await writeFile(join(folder, 'functions', 'count.ts'), COUNT)
    const worker = await startWorker(scope, { env: { NAME: 'w1' }, folder })
    balancer = await startBalancer(scope, { workers: [{ name: 'w1', url: worker.url }] })
    await waitForWorkers(balancer, 1)
    cookie = await signIn()
  })
  after(() => scope.end())

  async function signIn(): Promise<string> {
    const { body } = await balancer.request('/sign-in/tokens', { method: 'POST' })
    const answer = await ask('/sign-in', { json: { token: (body as { token: string }).token } })
    assert.equal(answer.status, 200)
    return answer.headers.getSetCookie()[0]?.split(';', 1)[0] ?? ''
  }

  /** As a page of ours sends it; no key of the operator goes along. */
  function ask(
    path: string,
    {
      json,
      body,
      headers = {},
    }: { json?: unknown; body?: string | FormData; headers?: Record<string, string> },
  ): Promise<Response> {
    const type: Record<string, string> = json === undefined ? {} : { 'content-type': 'application/json' }
    const own = { origin: balancer.url, 'sec-fetch-site': 'same-origin', ...type, ...headers }
    return fetch(`${balancer.url}${path}`, {
      method: 'POST',
      headers: own,
      body: body ?? JSON.stringify(json),
    })
  }

  async function takeKey(): Promise<string> {
    const made = await ask('/upload-keys', { json: {}, headers: { cookie } })
    assert.equal(made.status, 201)
    return ((await made.json()) as { key: string }).key
  }

  function form(): FormData {
    const data = new FormData()
    data.set('task', new Blob([JSON.stringify({ function: 'count' })], { type: 'application/json' }))
    data.append('file', new Blob(['abc'], { type: 'text/plain' }), 'in/a.txt')
    return data
  }

  test('a cookie alone sends no files and no bytes', async () => {
    const files = await ask('/task', { body: form(), headers: { cookie } })
    assert.equal(files.status, 415)
    const bytes = await ask('/task/default/count', {
      body: 'abc',
      headers: { cookie, 'content-type': 'image/png' },
    })
    assert.equal(bytes.status, 415)
  })

  test('a key sends both, as a task of the dashboard, and opens nothing else', async () => {
    const authorization = `Bearer ${await takeKey()}`
    const files = await ask('/task', { body: form(), headers: { authorization } })
    assert.deepEqual(await files.json(), { success: true, result: { files: ['in/a.txt'] } })
    const { body } = await balancer.request(`/runs/${files.headers.get('x-run-id')}`)
    assert.equal((body as { trigger: string }).trigger, 'ui')
    const headers = { authorization, 'content-type': 'image/png' }
    const bytes = await ask('/task/default/count', { body: 'abcd', headers })
    assert.deepEqual(await bytes.json(), { success: true, result: { bytes: 4 } })
    for (const path of ['/upload-keys', '/workers/w1/off', '/runs/r_1/cancel', '/tasks'])
      assert.equal((await ask(path, { json: {}, headers: { authorization } })).status, 401, path)
    assert.equal((await fetch(`${balancer.url}/workers`, { headers: { authorization } })).status, 401)
  })

  test('a key ends with the session it was made with', async () => {
    const own = await signIn()
    const made = await ask('/upload-keys', { json: {}, headers: { cookie: own } })
    const { key } = (await made.json()) as { key: string }
    assert.equal((await ask('/sign-out', { json: {}, headers: { cookie: own } })).status, 200)
    const late = await ask('/task', { body: form(), headers: { authorization: `Bearer ${key}` } })
    assert.equal(late.status, 401)
  })
})
