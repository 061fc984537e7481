/** J7 in the large: what two readers make of random expressions of cron, wrong ones among them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tryRandomExpressions } from '../../../balancer/src/runs/schedules/testing/cron-fires.ts'

const ZONES = ['America/New_York', 'Europe/Vienna', 'Australia/Lord_Howe', 'America/Sao_Paulo', 'Asia/Gaza']

test('J7: 100,000 random expressions are read and fire as a second reader says', (t) => {
  const seed = Date.now() % 2 ** 31
  t.diagnostic(`seed ${seed}`)
  const { taken, fires } = tryRandomExpressions(100_000, seed, ZONES)
  t.diagnostic(`${taken} were taken and fired ${fires} times in the time that was looked at`)
  assert.ok(taken > 30_000, `seed ${seed}: ${taken} were taken`)
})
