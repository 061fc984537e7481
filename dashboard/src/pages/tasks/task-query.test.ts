import { expect, test } from 'vitest'
import { parseQuery } from '../../kit/query-words.ts'
import {
  filterOf,
  isUnsearchable,
  qualifiersOf,
  searchOf,
  statusesOf,
  taskQuerySchema,
  typedQuery,
} from './task-query.ts'

const qualifiers = qualifiersOf({
  functions: [
    { name: 'hello', group: 'default' },
    { name: 'hello', group: 'gpu' },
  ],
  groups: ['default', 'gpu'],
  workers: ['w1'],
})

test('what is typed becomes the query of GET /runs', () => {
  const { members, words } = parseQuery(
    'fn:hello state:waiting,failed worker:w1 order',
    qualifiers,
    isUnsearchable,
  )
  const query = taskQuerySchema.parse({ ...members, q: words })
  expect(searchOf(filterOf(query))).toBe('status=queued%2Cfailed&function=hello&worker=w1&q=order')
  expect(statusesOf(query)).toEqual(['queued', 'failed'])
  expect(typedQuery(query, qualifiers)).toBe('fn:hello state:queued,failed worker:w1 order')
  expect(filterOf(taskQuerySchema.parse({}))).toEqual({})
})

test('a function is completed with the groups that have it; what no index has is said', () => {
  expect(qualifiers[0]?.values).toEqual([{ word: 'hello', detail: 'default, gpu' }])
  const { unsearchable } = parseQuery(
    'input.name:Ada wait>5s tag.gpu:h200 contract:2',
    qualifiers,
    isUnsearchable,
  )
  expect(unsearchable).toEqual(['input.name:', 'wait>', 'tag.gpu:', 'contract:'])
})
