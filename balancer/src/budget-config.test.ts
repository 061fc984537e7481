import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BudgetTable, DEFAULT_BUDGETS, readBudgets } from './budget-config.ts'

test('unset, every level has a limit of time and no other', () => {
  assert.deepEqual(readBudgets(''), {
    low: { runMs: 60_000 },
    standard: { runMs: 600_000 },
    high: { runMs: 3_600_000 },
    unlimited: {},
  })
})

test('a level that is named has what stands there, another one its default', () => {
  const text =
    '{"low":{"tokens":1000,"costUsd":0.05,"steps":5,"runMs":"90s"},"high":{"runMs":5},"unlimited":{}}'
  assert.deepEqual(readBudgets(text), {
    low: { tokens: 1000, costUsd: 0.05, steps: 5, runMs: 90_000 },
    standard: DEFAULT_BUDGETS.standard,
    high: { runMs: 5 },
    unlimited: {},
  } satisfies BudgetTable)
  assert.deepEqual((readBudgets('{"low":{}}') as BudgetTable).low, {})
})

test('what is wrong is said, with where it stands', () => {
  for (const [text, wrong] of [
    ['{', /^must be JSON, such as \{"low"/],
    ['[]', /^it must be an object, such as/],
    ['7', /^it must be an object/],
    ['{"lower":{}}', /^it knows only low, standard, high \(there is "lower"\)$/],
    ['{"low":{"token":1}}', /^"low" knows only tokens, costUsd, steps, runMs \(there is "token"\)$/],
    ['{"low":{"tokens":1.5}}', /^"low.tokens" must be a whole number from 0 to 1000000000000000$/],
    ['{"low":{"steps":-1}}', /^"low.steps" must be a whole number from 0 to 1000000000000000$/],
    ['{"low":{"costUsd":"1"}}', /^"low.costUsd" must be a number from 0 to 1000000000000000$/],
    ['{"low":{"costUsd":-0.1}}', /^"low.costUsd" must be a number from 0 to 1000000000000000$/],
    ['{"high":{"runMs":0}}', /^"high.runMs" must be a duration such as 60000 or "60s"$/],
    ['{"high":{"runMs":"soon"}}', /^"high.runMs" must be a duration/],
    ['{"low":5}', /^"low" must be an object with limits, such as \{"low": \{"tokens": 20000.*default$/],
    ['{"low":null}', /^"low" must be an object with limits, such as \{"low"/],
    ['{"high":[]}', /^"high" must be an object with limits/],
    ['{"low":{"tokens":1e16}}', /^"low.tokens" must be a whole number from 0 to 1000000000000000$/],
    ['{"low":{"costUsd":1e16}}', /^"low.costUsd" must be a number from 0 to 1000000000000000$/],
    ['{"low":{"tokens":null}}', /^"low.tokens" must be a whole number from 0 to 1000000000000000$/],
    ['{"unlimited":5}', /^"unlimited" has no limits; leave it out$/],
    ['null', /^it must be an object, such as/],
    ['{"unlimited":{"tokens":1}}', /^"unlimited" has no limits; leave it out/],
  ] as const)
    assert.match(String(readBudgets(text)), wrong, text)
})
