import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type StatsAnswer, statsAnswerSchema } from '@berth/protocol'
import type { StatsQuery } from '../ports/stats.ts'
import { statsRoutes } from './stats-routes.ts'
import { makeBench, withKey } from './test-bench.ts'

const ANSWER: StatsAnswer = {
  from: '2026-01-01T00:00:00.000Z',
  to: '2026-01-01T01:00:00.000Z',
  stepMs: 60_000,
  partial: '2026-01-01T01:00:00.000Z',
  note: null,
  series: [{ metric: 'completed', by: 'fleet', of: '', values: [1, null] }],
  markers: [],
}

function open() {
  const asked: StatsQuery[] = []
  const stats = {
    query: async (query: StatsQuery) => {
      asked.push(query)
      return ANSWER
    },
  }
  const clock = { wallMs: () => Date.UTC(2026, 0, 2), monoMs: () => 0 }
  return { asked, bench: makeBench({ routes: statsRoutes({ stats, clock }) }) }
}

test('a question is read, the last hour of the fleet unless it says otherwise', async () => {
  const { asked, bench } = open()
  const answer = await bench.ask('/stats?metric=completed,runMs.p95', withKey())
  assert.equal(answer.status, 200)
  assert.deepEqual(statsAnswerSchema.parse(await answer.json()), ANSWER)
  const toMs = Date.UTC(2026, 0, 2)
  const usual = { by: 'fleet', of: undefined, fromMs: toMs - 3_600_000, toMs, stepMs: undefined }
  assert.deepEqual(asked, [{ metrics: ['completed', 'runMs.p95'], ...usual }])
  const from = '2026-01-01T00:00:00%2B01:00'
  const more = `by=function&of=default/hello&from=${from}&to=2026-01-01T00:00:00Z&step=5m`
  await bench.ask(`/stats?metric=waiting&${more}`, withKey())
  const midnight = Date.UTC(2026, 0, 1)
  assert.deepEqual(asked[1], {
    metrics: ['waiting'],
    by: 'function',
    of: 'default/hello',
    fromMs: midnight - 3_600_000,
    toMs: midnight,
    stepMs: 300_000,
  })
})

test('what is wrong is 400 with the place, and nobody is asked', async () => {
  const { asked, bench } = open()
  const wrong: [query: string, pointer: string][] = [
    ['', '/metric'],
    ['metric=nothing', '/metric'],
    ['metric=completed,', '/metric'],
    ['metric=cpu', '/metric'],
    ['metric=slots.used&by=function', '/metric'],
    ['metric=completed&by=worker', '/metric'],
    ['metric=completed&by=planet', '/by'],
    ['metric=completed&of=default', '/of'],
    ['metric=completed&by=group&of=', '/of'],
    ['metric=completed&step=0', '/step'],
    ['metric=completed&step=1.5', '/step'],
    ['metric=completed&step=2w', '/step'],
    ['metric=completed&from=yesterday', '/from'],
    ['metric=completed&from=2026-01-01T00:00:00', '/from'],
    ['metric=completed&from=2026-01-03T00:00:00Z', '/from'],
    ['metric=completed&from=1999-01-01T00:00:00Z', '/from'],
    ['metric=completed&metric=failed', '/metric'],
    ['metric=completed&limit=3', '/limit'],
  ]
  for (const [query, pointer] of wrong) {
    const answer = await bench.ask(`/stats?${query}`, withKey())
    assert.equal(answer.status, 400, query)
    const { errors } = (await answer.json()) as { errors: { pointer: string; detail: string }[] }
    assert.equal(errors[0]?.pointer, pointer, query)
  }
  assert.deepEqual(asked, [])
  assert.equal((await bench.ask('/stats?metric=completed')).status, 401)
})
