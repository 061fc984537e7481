import { expect, test } from 'vitest'
import { findRoute, HOME, redirectOf } from './routes.ts'

test('the bare address and trailing slashes lead on', () => {
  expect(redirectOf('/dashboard')).toBe(HOME)
  expect(redirectOf('/dashboard/')).toBe(HOME)
  expect(redirectOf('/dashboard/workers/')).toBe(HOME)
  expect(redirectOf('/dashboard/workers')).toBeNull()
})

test('an unknown page is none', () => {
  expect(findRoute(HOME)).not.toBeNull()
  expect(findRoute('/dashboard/nothing')).toBeNull()
})
