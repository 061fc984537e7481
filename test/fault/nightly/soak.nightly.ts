/** G20 in the large: a million mixed tasks with faults, about ten minutes. */
import { test } from 'node:test'
import { soak } from '../soak.ts'

test('G20: a million tasks leave no memory, handles, timers or descriptors behind', async (t) => {
  await soak(t, { warmUp: 100, segments: 10, portions: 100, chanceBytes: 1024 * 1024 })
})
