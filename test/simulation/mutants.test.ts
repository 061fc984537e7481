/** Every checker catches what it is there for: each mutant is found within a few seeds. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MUTANTS } from './mutants.ts'
import { simulate } from './simulate.ts'

const SEEDS = 60
const TASKS = 400

for (const { what, caughtBy, flaws, tasks = TASKS } of MUTANTS) {
  test(`${caughtBy} catches: ${what}`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const { violations } = simulate(seed, tasks, flaws)
      if (violations.some(({ checker }) => checker === caughtBy)) return
    }
    assert.fail(`no seed of ${SEEDS} was found wrong by ${caughtBy}`)
  })
}
