/** G20 in the small: twenty thousand mixed tasks with faults, a quarter of a minute; a million in the nightly set. */
import { test } from 'node:test'
import { soak } from './soak.ts'

test('G20: 20,000 tasks leave no memory, handles, timers or descriptors behind', {
  timeout: 150_000,
}, async (t) => {
  // A young process still compiles; a leak of a hundred bytes a task is more than chance.
  await soak(t, { warmUp: 10, segments: 4, portions: 5, chanceBytes: 2 * 1024 * 1024 })
})
