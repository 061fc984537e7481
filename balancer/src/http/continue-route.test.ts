import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FieldError, RunView } from '@berth/protocol'
import type { BegunRun, Continuation, KeyUse } from '../ports/runs.ts'
import { continueRoutes } from './continue-route.ts'
import { fromPage, makeBench, withKey } from './test-bench.ts'

const OLD = `r_${'0'.repeat(25)}1`
const NEW = `r_${'0'.repeat(25)}2`
const TRACE = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`

function begin() {
  const continued: [string, Continuation, KeyUse | undefined][] = []
  const state: { answer?: BegunRun; wrong: readonly FieldError[] } = { wrong: [] }
  const old = { id: OLD, group: 'g', function: 'f', contract: 2, files: [] as RunView['files'] } as RunView
  const routes = continueRoutes({
    runs: { find: async (id) => (id === OLD ? old : undefined) },
    continued: {
      async continue(id, next, key) {
        if (id !== OLD) return undefined
        continued.push([id, next, key])
        return state.answer ?? { ok: true, run: { ...old, id: NEW, session: OLD }, isReplay: false }
      },
    },
    inputs: { check: () => state.wrong },
    bodyLimitBytes: 1_000,
  })
  const bench = makeBench({ routes })
  const ask = async (id: string, body?: unknown, headers: Record<string, string> = {}) => {
    const request = withKey('POST', body)
    const answer = await bench.ask(`/runs/${id}/continue`, {
      ...request,
      headers: { ...request.headers, ...headers },
    })
    const json = JSON.parse(await answer.text())
    return { status: answer.status, json, of: (name: string) => answer.headers.get(name) }
  }
  return { ask, bench, state, continued }
}

test('another turn is answered 202, with the run that it is', async () => {
  const { ask, continued } = begin()
  const { status, json, of } = await ask(OLD, { input: { n: 1 } }, { traceparent: TRACE })
  assert.deepEqual([status, json.runId, json.session, json.success], [202, NEW, OLD, true])
  assert.deepEqual([of('location'), of('x-run-id')], [`/runs/${NEW}`, NEW])
  assert.deepEqual(continued, [[OLD, { input: { n: 1 }, trigger: 'api', trace: TRACE }, undefined]])
  await ask(OLD)
  assert.deepEqual(continued[1]?.[1], { input: {}, trigger: 'api', trace: '' })
})

test('a key begins one turn of one run', async () => {
  const { ask, state, continued } = begin()
  await ask(OLD, { input: { n: 1 } }, { 'idempotency-key': 'k' })
  await ask(OLD, { input: { n: 2 } }, { 'idempotency-key': 'k' })
  const [first, second] = continued.map(([, , key]) => key)
  assert.equal(first?.answer, 'accepted')
  assert.equal(first?.hash, second?.hash)
  assert.notEqual(first?.bodyHash, second?.bodyHash)
  state.answer = { ok: true, run: { id: NEW, files: [] as RunView['files'] } as RunView, isReplay: true }
  const again = await ask(OLD, { input: { n: 1 } }, { 'idempotency-key': 'k' })
  assert.deepEqual([again.status, again.of('idempotency-replayed')], [202, 'true'])
})

test('what is wrong is refused before anything is begun', async () => {
  const { ask, state, continued, bench } = begin()
  const cases: [string, unknown, Record<string, string>, number, string?][] = [
    [OLD, { input: [] }, {}, 400, '/input'],
    [OLD, { more: 1 }, {}, 400, '/more'],
    [OLD, { input: { x: 'x'.repeat(2_000) } }, {}, 413],
    [OLD, {}, { 'idempotency-key': 'ü' }, 400],
    [NEW, {}, {}, 404],
  ]
  for (const [id, body, headers, status, pointer] of cases) {
    const refused = await ask(id, body, headers)
    assert.deepEqual([refused.status, refused.json.errors?.[0]?.pointer], [status, pointer])
  }
  state.wrong = [{ pointer: '/n', detail: 'must be a number' }]
  const refused = await ask(OLD, { input: { n: 'x' } })
  assert.deepEqual([refused.status, refused.json.errors[0].pointer], [422, '/input/n'])
  assert.deepEqual(continued, [])
  assert.equal((await bench.ask(`/runs/${OLD}/continue`, { method: 'POST' })).status, 401)
  state.wrong = []
  state.answer = { ok: false, error: { code: 'CONFLICT', detail: 'it lived in memory' } }
  assert.equal((await ask(OLD, {})).status, 409)
})

test('from the dashboard it says so', async () => {
  const { bench, continued } = begin()
  await bench.ask(`/runs/${OLD}/continue`, fromPage(bench.signIn()))
  assert.equal(continued[0]?.[1].trigger, 'ui')
})
