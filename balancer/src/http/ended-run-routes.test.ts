import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FieldError, RunView } from '@berth/protocol'
import type { EndedRunsPort, FunctionTarget, KeyUse, RetryChanges } from '../ports/runs.ts'
import { endedRunRoutes } from './ended-run-routes.ts'
import { fromPage, makeBench, withKey } from './test-bench.ts'

const OLD = `r_${'0'.repeat(25)}1`
const NEW = `r_${'0'.repeat(25)}2`
const LIMIT = 1_000

function begin() {
  const retried: [string, RetryChanges][] = []
  const keys: (KeyUse | undefined)[] = []
  const removed: string[] = []
  const checked: [FunctionTarget, object][] = []
  const state: { refusal?: Awaited<ReturnType<EndedRunsPort['remove']>>; wrong: readonly FieldError[] } = {
    wrong: [],
  }
  const old = { id: OLD, group: 'g', function: 'f', contract: 2, files: [] as RunView['files'] } as RunView
  const routes = endedRunRoutes({
    runs: { find: async (id) => (id === OLD ? old : undefined) },
    ended: {
      async retry(id, changes, key) {
        if (id !== OLD) return undefined
        if (state.refusal && !state.refusal.ok) return state.refusal
        retried.push([id, changes])
        const isReplay = key !== undefined && keys.some((one) => one?.hash === key.hash)
        keys.push(key)
        return { ok: true, run: { ...old, id: NEW, retryOf: OLD }, isReplay }
      },
      async remove(id) {
        if (id !== OLD) return undefined
        if (state.refusal) return state.refusal
        removed.push(id)
        return { ok: true }
      },
    },
    inputs: {
      check(target, input) {
        checked.push([target, input])
        return state.wrong
      },
    },
    bodyLimitBytes: LIMIT,
  })
  const bench = makeBench({ routes })
  const ask = async (path: string, method: string, body?: unknown, headers = {}) => {
    const init = withKey(method, body)
    const answer = await bench.ask(path, { ...init, headers: { ...init.headers, ...headers } })
    const text = await answer.text()
    return {
      status: answer.status,
      of: (name: string) => answer.headers.get(name),
      json: text === '' ? null : JSON.parse(text),
    }
  }
  return { ask, bench, state, retried, removed, checked, keys }
}

test('a retry answers the new run, with whose retry it is', async () => {
  const { ask, retried, checked } = begin()
  const { status, json, of } = await ask(`/runs/${OLD}/retry`, 'POST')
  assert.deepEqual([status, json.runId, json.id, json.retryOf, json.success], [202, NEW, NEW, OLD, true])
  assert.deepEqual([of('location'), of('x-run-id')], [`/runs/${NEW}`, NEW])
  assert.deepEqual(retried, [[OLD, { input: undefined, priority: undefined, trigger: 'api' }]])
  assert.deepEqual(checked, [])
})

test('with another input and priority, held against the schema of the run\u2019s own contract', async () => {
  const { ask, retried, checked, state } = begin()
  const body = { input: { a: 1 }, priority: 7 }
  assert.equal((await ask(`/runs/${OLD}/retry`, 'POST', body)).status, 202)
  assert.deepEqual(retried, [[OLD, { ...body, trigger: 'api' }]])
  assert.deepEqual(checked, [[{ group: 'g', function: 'f', contract: 2 }, { a: 1 }]])
  state.wrong = [{ pointer: '/a', detail: 'must be string' }]
  const wrong = await ask(`/runs/${OLD}/retry`, 'POST', body)
  assert.deepEqual([wrong.status, wrong.json.errors[0].pointer], [422, '/input/a'])
  assert.equal(retried.length, 1)
})

test('an input with a number that JSON cannot hold is refused', async () => {
  const { bench, retried } = begin()
  const request = { ...withKey('POST', {}), body: '{"input":{"ms":1e999}}' }
  const answer = await bench.ask(`/runs/${OLD}/retry`, request)
  const { errors } = (await answer.json()) as { errors: { pointer: string }[] }
  assert.deepEqual([answer.status, errors[0]?.pointer, retried.length], [422, '/input/ms', 0])
})

test('a key begins one retry of one run, and what is none is refused', async () => {
  const { ask, keys, retried } = begin()
  const keyed = { 'idempotency-key': 'k' }
  const first = await ask(`/runs/${OLD}/retry`, 'POST', { priority: 7 }, keyed)
  assert.deepEqual([first.status, first.of('idempotency-replayed')], [202, null])
  const again = await ask(`/runs/${OLD}/retry`, 'POST', { priority: 7 }, keyed)
  assert.deepEqual([again.status, again.of('idempotency-replayed')], [202, 'true'])
  await ask(`/runs/${OLD}/retry`, 'POST', { priority: 8 }, keyed)
  const [one, two, other] = keys
  assert.deepEqual(one, two)
  assert.deepEqual([one?.hash === other?.hash, one?.bodyHash === other?.bodyHash], [true, false])
  assert.equal(one?.answer, 'accepted')
  assert.equal(
    (await ask(`/runs/${OLD}/retry`, 'POST', {}, { 'idempotency-key': 'x'.repeat(256) })).status,
    400,
  )
  assert.equal(retried.length, 3)
})

test('from the dashboard it says so', async () => {
  const { bench, retried } = begin()
  const answer = await bench.ask(`/runs/${OLD}/retry`, fromPage(bench.signIn()))
  assert.equal(answer.status, 202)
  assert.equal(retried[0]?.[1].trigger, 'ui')
})

test('what is wrong is refused before anything is done', async () => {
  const { ask, retried, removed } = begin()
  for (const [body, pointer] of [
    [{ input: [] }, '/input'],
    [{ input: null }, '/input'],
    [{ priority: 0 }, '/priority'],
    [{ priority: 'high' }, '/priority'],
    [{ mode: 'sync' }, '/mode'],
  ] as const) {
    const { status, json } = await ask(`/runs/${OLD}/retry`, 'POST', body)
    assert.deepEqual([status, json.errors[0].pointer], [400, pointer])
  }
  assert.equal((await ask(`/runs/${OLD}/retry`, 'POST', { input: { a: 'x'.repeat(LIMIT) } })).status, 413)
  assert.equal((await ask(`/runs/${OLD}/retry?x=1`, 'POST')).status, 400)
  assert.equal((await ask(`/runs/${OLD}?x=1`, 'DELETE')).status, 400)
  assert.equal((await ask(`/runs/${NEW}/retry`, 'POST', { input: {} })).status, 404)
  assert.equal((await ask(`/runs/${NEW}`, 'DELETE')).status, 404)
  assert.deepEqual([retried, removed], [[], []])
})

test('a run that has ended is forgotten; one that goes on is not', async () => {
  const { ask, removed, state } = begin()
  assert.equal((await ask(`/runs/${OLD}`, 'DELETE')).status, 204)
  assert.deepEqual(removed, [OLD])
  state.refusal = { ok: false, error: { code: 'NOT_FINISHED', detail: 'goes on' } }
  for (const [path, method] of [
    [`/runs/${OLD}`, 'DELETE'],
    [`/runs/${OLD}/retry`, 'POST'],
  ] as const) {
    const { status, json } = await ask(path, method)
    assert.deepEqual([status, json.code], [409, 'NOT_FINISHED'])
  }
})

test('needs the key', async () => {
  const { bench } = begin()
  assert.equal((await bench.ask(`/runs/${OLD}`, { method: 'DELETE' })).status, 401)
  assert.equal((await bench.ask(`/runs/${OLD}/retry`, { method: 'POST' })).status, 401)
})
