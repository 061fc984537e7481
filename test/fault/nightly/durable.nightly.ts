/** No loss in the large: 10,000 runs, 500 of them with webhooks, 200 kills; about six minutes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { spreadChaos } from '../chaos.ts'

test('no promise is broken by 200 kills of balancer and workers', async (t) => {
  const { violations, repeats, story } = await spreadChaos({
    runs: 10_000,
    webhooks: 500,
    kills: 200,
    scope: t,
  })
  const promised = story.wanted.filter(({ promised }) => promised.length > 0).length
  t.diagnostic(`${promised} promised, ${repeats} repeats, ${story.messages.length} messages`)
  assert.equal(violations.length, 0, violations.slice(0, 50).join('\n'))
})
