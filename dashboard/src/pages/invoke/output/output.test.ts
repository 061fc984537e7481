import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { bytesOf, decodeBase64, TABLE_COLUMNS, TABLE_ROWS, tableOf, viewsOf } from './output.ts'
import { TAIL_CHARACTERS, type Tail, TextTail } from './text-tail.ts'

const PIXEL = { mediaType: 'image/png', base64: 'iVBORw0KGgo=' }

describe('the ways to show an output', () => {
  it.each([
    [{ words: 3, topWords: [{ word: 'a', count: 2 }] }, ['table', 'json']],
    [
      [{ a: 1 }, { b: 2 }],
      ['table', 'json'],
    ],
    [
      [1, 2],
      ['table', 'json'],
    ],
    [{ message: 'Hello' }, ['json', 'table']],
    [{ deep: { a: 1 } }, ['json']],
    ['text', ['text', 'json']],
    [null, ['json']],
    [7, ['json']],
    [[], ['json']],
    [{}, ['json']],
    [PIXEL, ['picture', 'file', 'json']],
    [{ ...PIXEL, width: 3 }, ['picture', 'file', 'json']],
    [{ image: PIXEL, name: 'x' }, ['picture', 'file', 'json']],
    ['data:image/png;base64,iVBORw0KGgo=', ['picture', 'file', 'json']],
    [{ mediaType: 'application/pdf', base64: 'AAAA' }, ['file', 'json']],
    [{ mediaType: 'no type', base64: 'AAAA' }, ['json', 'table']],
  ])('of %j are %j', (output, views) => {
    expect(viewsOf(output)).toEqual(views)
  })

  it('a table has the columns of all its rows, and a missing value stays missing', () => {
    expect(tableOf([{ a: 1 }, { b: null, a: 2 }])).toEqual({
      pointer: '',
      columns: ['a', 'b'],
      rows: [
        [1, undefined],
        [2, null],
      ],
      rowCount: 2,
      columnCount: 2,
      beside: [],
    })
    expect(tableOf([[1], [2, 3]])).toMatchObject({
      columns: ['0', '1'],
      rows: [
        [1, undefined],
        [2, 3],
      ],
    })
    expect(tableOf([{ toString: 1 }])?.rows).toEqual([[1]])
    expect(tableOf([{ a: 1 }, {}])?.rows).toEqual([[1], [undefined]])
    expect(tableOf({ total: 2, items: [{ a: 1 }] })).toMatchObject({
      pointer: '/items',
      columns: ['a'],
      beside: [['total', 2]],
    })
    expect(tableOf({ one: [{ a: 1 }], two: [{ a: 1 }] })).toBeNull()
  })

  it('a large table is cut and says how large it is', () => {
    const wide = Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`c${at}`, at]))
    const table = tableOf(Array.from({ length: 5_000 }, () => wide))
    expect(table?.rows).toHaveLength(TABLE_ROWS)
    expect(table?.columns).toHaveLength(TABLE_COLUMNS)
    expect([table?.rowCount, table?.columnCount]).toEqual([5_000, 50])
  })

  it('reads base64, and says when it is none', () => {
    expect(decodeBase64('AAEC\n')).toEqual(new Uint8Array([0, 1, 2]))
    expect(decodeBase64('%%%')).toBeNull()
    expect(bytesOf({ mediaType: 'image/png', base64: 7 })).toBeNull()
  })
})

describe('the text of a stream', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('is told at most ten times a second, and whole at the end', () => {
    const told: Tail[] = []
    const tail = new TextTail((now) => told.push(now))
    for (let n = 0; n < 1_000; n++) {
      tail.add('x')
      vi.advanceTimersByTime(1)
    }
    expect(told.length).toBeLessThanOrEqual(10)
    tail.flush()
    expect(told.at(-1)).toMatchObject({ chunks: 1_000, dropped: 0 })
    expect(told.at(-1)?.text).toHaveLength(1_000)
  })

  it('keeps its newest part and counts the rest', () => {
    const told: Tail[] = []
    const tail = new TextTail((now) => told.push(now))
    tail.add('a'.repeat(TAIL_CHARACTERS))
    tail.add('end')
    tail.flush()
    expect(told.at(-1)?.text.endsWith('aend')).toBe(true)
    expect(told.at(-1)).toMatchObject({ dropped: 3 })
    expect(told.at(-1)?.text).toHaveLength(TAIL_CHARACTERS)
  })

  it('that is stopped tells nothing more', () => {
    const told: Tail[] = []
    const tail = new TextTail((now) => told.push(now))
    tail.add('x')
    tail.stop()
    vi.advanceTimersByTime(1_000)
    tail.flush()
    expect(told).toEqual([])
  })
})
