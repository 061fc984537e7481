import { expect, test } from 'vitest'
import { addressOf, paths, withQuery } from './paths.ts'
import { findRoute } from './routes.ts'

const nameOf = (path: string) => findRoute(path)?.route.name ?? null

test('the bare address is the overview, with or without a slash', () => {
  expect(nameOf('/dashboard')).toBe('overview')
  expect(nameOf('/dashboard/')).toBe('overview')
  expect(nameOf('/dashboard/workers/')).toBe('workers')
})

test('an unknown page is none', () => {
  expect(nameOf('/dashboard/nothing')).toBeNull()
  expect(nameOf('/dashboards')).toBeNull()
  expect(nameOf('/dashboard/workers/a/b')).toBeNull()
  expect(nameOf('/dashboard/workers/%ff')).toBeNull()
})

test('an id comes back from its permalink as it was, whatever it holds', () => {
  for (const id of ['w1', '10.0.0.1:3000/a b', '50%', 'a%2Fb', 'größe', '../x']) {
    expect(findRoute(`/dashboard${paths.worker(id)}`)?.params).toEqual({ id })
    expect(findRoute(`/dashboard${paths.run(id)}`)?.params).toEqual({ id })
    expect(findRoute(`/dashboard${paths.function('g/1', id)}`)?.params).toEqual({ group: 'g/1', name: id })
  }
})

test('a query leaves out what is not set', () => {
  expect(withQuery('/tasks', { status: 'failed', group: null, q: undefined, limit: 5 })).toBe(
    '/tasks?status=failed&limit=5',
  )
  expect(withQuery('/tasks', {})).toBe('/tasks')
})

test('a copied address is whole', () => {
  expect(addressOf('/', 'http://h')).toBe('http://h/dashboard')
  expect(addressOf(paths.run('a/b'), 'http://h')).toBe('http://h/dashboard/tasks/a%2Fb')
})

test('a page is known once its code has been fetched, and not before', async () => {
  const route = findRoute('/dashboard/queue')?.route
  expect(route?.loaded()).toBeNull()
  const page = await route?.load()
  expect(page).toBeTypeOf('function')
  expect(route?.loaded()).toBe(page)
})
