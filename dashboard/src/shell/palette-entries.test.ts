import { expect, test } from 'vitest'
import { sampleWorker } from '../testing/samples.ts'
import { type Entry, findEntries, groupEntries, scoreOf } from './palette-entries.ts'

const pages: readonly Entry[] = ['Overview', 'Workers', 'Queue'].map((label) => ({
  id: label,
  kind: 'pages',
  label,
  icon: 'overview',
  path: `/${label}`,
}))
const workers = new Map(
  ['gpu-1', 'gpu-2', 'cpu-1'].map((id) => [id, sampleWorker(id, { functions: ['queue-report', 'hello'] })]),
)
const labels = (typed: string) => findEntries(typed, pages, workers).map(({ label }) => label)

test('nothing typed shows what every page has', () => {
  expect(labels(' ')).toEqual(['Overview', 'Workers', 'Queue'])
})

test('finds by letters, a beginning before a middle, each function once', () => {
  expect(labels('qu')).toEqual(['Queue', 'queue-report'])
  expect(labels('gpu')).toEqual(['gpu-1', 'gpu-2'])
  expect(labels('ovw')).toEqual(['Overview'])
  expect(labels('xyz')).toEqual([])
})

test('what may be an id of a run can be opened', () => {
  const [entry] = findEntries('0199-abc-def', pages, workers)
  expect(entry).toMatchObject({ kind: 'runs', path: '/tasks/0199-abc-def' })
})

test('a few of each kind', () => {
  const many = new Map(Array.from({ length: 50 }, (_, i) => [`w${i}`, sampleWorker(`w${i}`)]))
  expect(findEntries('w', [], many).filter(({ kind }) => kind === 'workers')).toHaveLength(8)
})

test('grouped in a fixed order', () => {
  expect(groupEntries(findEntries('u', pages, workers)).map(({ title }) => title)).toEqual([
    'Pages',
    'Workers',
    'Functions',
  ])
})

test('scores', () => {
  expect([
    scoreOf('wo', 'workers'),
    scoreOf('k', 'a k'),
    scoreOf('or', 'workers'),
    scoreOf('wr', 'workers'),
  ]).toEqual([4, 3, 2, 1])
  expect(scoreOf('z', 'workers')).toBe(0)
})
