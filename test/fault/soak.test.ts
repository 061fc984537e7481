/** G20 in the small: twenty thousand mixed tasks with faults, a quarter of a minute; a million in the nightly set. */
import { test } from 'node:test'
import { soak } from './soak.ts'

test('G20: 20,000 tasks leave no memory, handles, timers or descriptors behind', {
  timeout: 500_000,
}, async (t) => {
  // A young process still compiles and fills its samples; two hundred bytes a task are more than that.
  await soak(t, { warmUp: 10, segments: 4, portions: 5, chanceBytes: 4 * 1024 * 1024 })
})
