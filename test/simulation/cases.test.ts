/** Single cases of the catalogue of faults, with few seeds; main.ts runs them with many. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CASES } from './cases.ts'

for (const { id, what, seeds, run } of CASES)
  test(`${id}: ${what}`, () => {
    for (let seed = 1; seed <= seeds; seed++) {
      const wrong = run(seed)
      const again = `node test/simulation/main.ts --case "${id}" --from ${seed} --seeds 1`
      assert.deepEqual(wrong.slice(0, 3), [], `seed ${seed}: ${again}`)
    }
  })
