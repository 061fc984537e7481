import { expect, test } from 'vitest'
import { sampleWorker } from '../../testing/samples.ts'
import { isStarved, matrixOf } from './matrix.ts'

const slots = (used: number, limit: number) => ({ limit, used, stuck: 0, available: limit - used, queue: 0 })
const fleet = [
  sampleWorker('a', { functions: ['hello', 'ocr'], slots: slots(1, 4) }),
  sampleWorker('b', { functions: ['hello'], slots: slots(4, 4), status: 'saturated' }),
  sampleWorker('c', { functions: ['hello', 'draw'], contract: 2, status: 'maintenance' }),
  sampleWorker('d', { functions: ['draw'], group: 'gpu', slots: null }),
  sampleWorker('e', { functions: [], group: null, contract: null, status: 'unreachable' }),
]

test('counts who lists, who can, and what is free; the newest contract stands first', () => {
  const { columns, rows } = matrixOf(fleet, [])
  expect(columns.map(({ key, workers }) => [key, workers])).toEqual([
    ['default@2', 1],
    ['default@1', 2],
    ['gpu@1', 1],
  ])
  expect(rows.map(({ name }) => name)).toEqual(['draw', 'hello', 'ocr'])
  const hello = rows[1]?.cells
  expect(hello?.get('default@1')).toEqual({ listed: 2, capable: 2, free: 3, waiting: 0 })
  expect(hello?.get('default@2')).toEqual({ listed: 1, capable: 0, free: 0, waiting: 0 })
  expect(hello?.has('gpu@1')).toBe(false)
})

test('what waits is unknown until the queue was read', () => {
  const cell = matrixOf(fleet, null).rows[0]?.cells.get('gpu@1')
  expect(cell?.waiting).toBeNull()
  expect(cell && isStarved(cell)).toBe(false)
})

test('demand that nobody can take is named, the longest first, also where nobody lists it any more', () => {
  const lanes = [
    { group: 'default', contract: 2, function: 'draw', waiting: 2 },
    { group: 'default', contract: 2, function: 'draw', waiting: 1 },
    { group: 'default', contract: 1, function: 'hello', waiting: 9 },
    { group: 'mail', contract: 7, function: 'send', waiting: 5 },
    { group: 'mail', contract: 7, function: 'idle', waiting: 0 },
  ]
  const { starved, rows, columns } = matrixOf(fleet, lanes)
  expect(starved).toEqual([
    { name: 'send', key: 'mail@7', waiting: 5 },
    { name: 'draw', key: 'default@2', waiting: 3 },
  ])
  expect(rows.some(({ name }) => name === 'idle')).toBe(false)
  expect(columns.find(({ key }) => key === 'mail@7')?.workers).toBe(0)
})
