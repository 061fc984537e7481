import assert from 'node:assert/strict'
import { test } from 'node:test'
import { completeUsage, costsOf, readUsage, USAGE_NAMES, UsageSum } from './usage.ts'

test('amounts add up to what their digits say, in any order', () => {
  const costs = [0.1, 0.2, 0.3, 0.000000001, 1234.000000007, 1e-9]
  const there = new UsageSum()
  const back = new UsageSum()
  for (const costUsd of costs) there.add({ costUsd })
  for (const costUsd of [...costs].reverse()) back.add({ costUsd })
  assert.deepEqual(there.toUsage(), { costUsd: 1234.600000009 })
  assert.deepEqual(back.toUsage(), there.toUsage())
  const many = new UsageSum()
  for (let index = 0; index < 10_000; index++) many.add({ costUsd: 0.0001, steps: 1 })
  assert.deepEqual(many.toUsage(), { costUsd: 1, steps: 10_000 })
})

test('what is shown can be read back and goes on from there', () => {
  const sum = new UsageSum({ costUsd: 0.123456789, inputTokens: 9_007_199 })
  const again = new UsageSum(sum.toUsage())
  again.add({ costUsd: 0.000000001 })
  assert.deepEqual(again.toUsage(), { costUsd: 0.12345679, inputTokens: 9_007_199 })
})

test('totals of a report follow from its parts, unless it names them', () => {
  for (const [report, completed] of [
    [
      { inputTokens: 10, outputTokens: 5 },
      { inputTokens: 10, outputTokens: 5, totalTokens: 15 },
    ],
    [{ reasoningTokens: 2 }, { reasoningTokens: 2, totalTokens: 2 }],
    [
      { inputTokens: 10, totalTokens: 7 },
      { inputTokens: 10, totalTokens: 7 },
    ],
    [{ cacheReadTokens: 9 }, { cacheReadTokens: 9 }],
    [
      { modelCostUsd: 0.1, toolCostUsd: 0.2 },
      { modelCostUsd: 0.1, toolCostUsd: 0.2, costUsd: 0.3 },
    ],
    [
      { modelCostUsd: 0.1, costUsd: 0.5 },
      { modelCostUsd: 0.1, costUsd: 0.5 },
    ],
    [
      { steps: 1, pages: 3 },
      { steps: 1, pages: 3 },
    ],
    [{}, {}],
  ] as const)
    assert.deepEqual(completeUsage(report), completed, JSON.stringify(report))
})

test('a total of an attempt is taken over name by name, and tells by how much it grew', () => {
  const sum = new UsageSum({ steps: 3 })
  assert.deepEqual(sum.raise({ steps: 5, costUsd: 0.1 }).toUsage(), { steps: 2, costUsd: 0.1 })
  assert.deepEqual(sum.raise({ steps: 5, costUsd: 0.1 }).toUsage(), null, 'said again it is the same')
  assert.deepEqual(sum.raise({ steps: 1 }).toUsage(), null, 'it never shrinks')
  assert.deepEqual(sum.toUsage(), { steps: 5, costUsd: 0.1 })
  assert.deepEqual(sum.raise({ pages: 0 }).toUsage(), { pages: 0 }, 'a name that is told is shown')
})

test('names and amounts have a bound', () => {
  const names = Object.fromEntries(Array.from({ length: USAGE_NAMES }, (_, index) => [`n${index}`, 1]))
  const sum = new UsageSum(names)
  sum.add({ more: 1, n0: 1 })
  assert.equal(Object.keys(sum.toUsage() ?? {}).length, USAGE_NAMES)
  assert.equal(sum.of('n0'), 2)
  assert.equal(sum.raise({ more: 1 }).isEmpty, true)
  const large = new UsageSum({ steps: Number.MAX_VALUE })
  large.add({ steps: Number.POSITIVE_INFINITY })
  assert.equal(large.of('steps'), 1e15)
})

test('of what somebody sent only numbers from 0 count', () => {
  const sent = JSON.parse('{"steps":2,"a":-1,"b":"3","c":null,"":4,"__proto__":5}') as unknown
  assert.deepEqual(Object.entries(readUsage(sent) ?? {}), [
    ['steps', 2],
    ['__proto__', 5],
  ])
  assert.deepEqual(readUsage({ ['x'.repeat(65)]: 1 }), {})
  for (const wrong of [null, 1, 'steps', [1]]) assert.equal(readUsage(wrong), undefined)
})

test('costs are the whole and its kinds', () => {
  assert.deepEqual(costsOf({ steps: 1, costUsd: 0.3, modelCostUsd: 0.1, gpuCostUsd: 0.2 }), {
    costUsd: 0.3,
    modelCostUsd: 0.1,
    gpuCostUsd: 0.2,
  })
  assert.equal(costsOf({ steps: 1 }), null)
  assert.equal(costsOf(null), null)
})
