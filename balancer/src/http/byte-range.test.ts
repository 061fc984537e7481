/** Ranges: what is a part, what the whole, what lies beyond. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readRange } from './byte-range.ts'

describe('readRange', () => {
  it('reads single ranges, open ones and the last bytes', () => {
    const cases: [string, number, number][] = [
      ['bytes=0-0', 0, 0],
      ['bytes=2-5', 2, 5],
      ['bytes=5-', 5, 9],
      ['bytes=5-100', 5, 9],
      ['bytes=-3', 7, 9],
      ['bytes=-100', 0, 9],
      ['Bytes=9-9', 9, 9],
    ]
    for (const [header, from, to] of cases)
      assert.deepEqual(readRange(header, 10), { kind: 'part', from, to }, header)
  })

  it('answers with the whole where it is none, or several', () => {
    for (const header of [
      undefined,
      '',
      'bytes',
      'bytes=-',
      'lines=1-2',
      'bytes=5-2',
      'bytes=0-1,3-4',
      'bytes=a-b',
    ])
      assert.deepEqual(readRange(header, 10), { kind: 'whole' }, String(header))
  })

  it('knows what lies beyond', () => {
    for (const header of ['bytes=10-', 'bytes=10-20', 'bytes=-0'])
      assert.deepEqual(readRange(header, 10), { kind: 'beyond' }, header)
    assert.deepEqual(readRange('bytes=0-', 0), { kind: 'beyond' })
    assert.deepEqual(readRange('bytes=-5', 0), { kind: 'beyond' })
  })
})
