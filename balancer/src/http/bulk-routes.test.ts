import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BulkView } from '@berth/protocol'
import type { RunFilter } from '../ports/run-filter.ts'
import type { BulkPort } from '../ports/runs.ts'
import { bulkRoutes } from './bulk-routes.ts'
import { makeBench, withKey } from './test-bench.ts'

const VIEW: BulkView = {
  id: `b_${'0'.repeat(26)}`,
  action: 'cancel',
  state: 'running',
  matched: 7,
  done: 1,
  failed: 0,
  createdAt: '2026-01-01T00:00:00.000Z',
  finishedAt: null,
}

const PARTS = [
  { group: 'g', function: 'f', status: 'queued', count: 5 },
  { group: 'g', function: 'f', status: 'running', count: 2 },
] as const

function begin() {
  const asked: [string, string, RunFilter][] = []
  const bulk: BulkPort = {
    async count(action, filter) {
      asked.push(['count', action, filter])
      return 7
    },
    async preview(action, filter) {
      asked.push(['preview', action, filter])
      return { parts: PARTS, oldestMs: 0, newestMs: null }
    },
    async begin(action, filter) {
      asked.push(['begin', action, filter])
      return { ok: true, bulk: VIEW }
    },
    find: async (id) => (id === VIEW.id ? VIEW : undefined),
    stop: async (id) => (id === VIEW.id ? { ...VIEW, state: 'stopped' } : undefined),
  }
  const bench = makeBench({ routes: bulkRoutes(bulk) })
  const ask = async (path: string, method = 'GET', body?: unknown) => {
    const answer = await bench.ask(path, withKey(method, body))
    const json = (await answer.json()) as Record<string, unknown> & { errors?: { pointer: string }[] }
    return { status: answer.status, location: answer.headers.get('location'), json }
  }
  return { ask, asked, bench }
}

test('counts, begins, shows and stops', async () => {
  const { ask, asked } = begin()
  const filter = { status: 'queued,running', function: 'f', q: 'x', from: '2026-01-01T00:00:00Z' }
  const dry = await ask('/bulk', 'POST', { action: 'cancel', filter, dryRun: true })
  assert.deepEqual(
    [dry.status, dry.json],
    [200, { id: null, matched: 7, parts: PARTS, oldestAt: '1970-01-01T00:00:00.000Z', newestAt: null }],
  )
  const begun = await ask('/bulk', 'POST', { action: 'retry', filter: { status: ['failed'] } })
  assert.deepEqual(
    [begun.status, begun.json, begun.location],
    [202, { id: VIEW.id, matched: 7 }, `/bulk/${VIEW.id}`],
  )
  const [counted, started] = asked
  assert.deepEqual(
    [counted?.[1], counted?.[2].status, counted?.[2].function, counted?.[2].q, counted?.[2].fromMs],
    ['cancel', ['queued', 'running'], 'f', 'x', Date.parse(filter.from)],
  )
  assert.deepEqual([started?.[0], started?.[1], started?.[2].status], ['begin', 'retry', ['failed']])
  assert.deepEqual((await ask(`/bulk/${VIEW.id}`)).json, VIEW)
  assert.equal((await ask(`/bulk/${VIEW.id}`, 'DELETE')).json.state, 'stopped')
  assert.equal((await ask('/bulk/b_other')).status, 404)
  assert.equal((await ask('/bulk/b_other', 'DELETE')).status, 404)
})

test('what is wrong is 400 with its place, and touches nothing', async () => {
  const { ask, asked } = begin()
  const filter = { function: 'f' }
  for (const [body, pointer] of [
    [{}, '/action'],
    [{ action: 'pause', filter }, '/action'],
    [{ action: 'cancel' }, '/filter'],
    [{ action: 'cancel', filter: {} }, '/filter'],
    [{ action: 'cancel', filter: [] }, '/filter'],
    [{ action: 'cancel', filter: { colour: 'x' } }, '/filter/colour'],
    [{ action: 'cancel', filter: { status: 'gone' } }, '/filter/status'],
    [{ action: 'cancel', filter: { status: '' } }, '/filter/status'],
    [{ action: 'cancel', filter: { status: [] } }, '/filter/status'],
    [{ action: 'cancel', filter: { status: 7 } }, '/filter/status'],
    [{ action: 'cancel', filter: { function: '' } }, '/filter/function'],
    [{ action: 'cancel', filter: { q: 'x'.repeat(257) } }, '/filter/q'],
    [{ action: 'cancel', filter: { q: ' ' } }, '/filter/q'],
    [{ action: 'cancel', filter: { q: '\u00a0\t' } }, '/filter/q'],
    [{ action: 'cancel', filter: { q: '*' } }, '/filter/q'],
    [{ action: 'cancel', filter: { from: 'yesterday' } }, '/filter/from'],
    [
      { action: 'cancel', filter: { from: '2026-03-02T00:00:00Z', to: '2026-03-01T00:00:00Z' } },
      '/filter/from',
    ],
    [{ action: 'cancel', filter, dryRun: 'yes' }, '/dryRun'],
    [{ action: 'cancel', filter, more: 1 }, '/more'],
  ] as [unknown, string][]) {
    const { status, json } = await ask('/bulk', 'POST', body)
    assert.deepEqual([status, json.errors?.[0]?.pointer], [400, pointer], JSON.stringify(body))
  }
  assert.equal((await ask('/bulk?x=1', 'POST', { action: 'cancel', filter })).status, 400)
  assert.equal((await ask(`/bulk/${VIEW.id}?x=1`)).status, 400)
  assert.deepEqual(asked, [])
})

test('needs the key', async () => {
  const { bench } = begin()
  for (const [path, method] of [
    ['/bulk', 'POST'],
    [`/bulk/${VIEW.id}`, 'GET'],
    [`/bulk/${VIEW.id}`, 'DELETE'],
  ] as const)
    assert.equal((await bench.ask(path, { method })).status, 401)
})
