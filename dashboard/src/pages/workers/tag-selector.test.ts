import { compileSelector, firstMismatch } from '@berth/protocol'
import { describe, expect, test } from 'vitest'
import { sampleWorker } from '../../testing/samples.ts'
import { countMatches, selectorText, type WrittenSelector, writeSelector } from './tag-selector.ts'
import type { FacetName } from './worker-filter.ts'

const write = (...pairs: [FacetName, ...string[]][]) =>
  writeSelector(new Map(pairs.map(([name, ...values]) => [name, new Set(values)])))
const written = (...pairs: [FacetName, ...string[]][]): Extract<WrittenSelector, { ok: true }> => {
  const result = write(...pairs)
  if (!result.ok) throw new Error(result.why)
  return result
}

describe('the selector of a request', () => {
  test('one value is a text, several are alternatives', () => {
    const { selector, group, contract } = written(
      ['tag:zone', 'us', 'eu'],
      ['tag:gpu', 'h200'],
      ['group', 'default'],
      ['contract', '2'],
      ['state', 'ready'],
    )
    expect(selector).toEqual({ zone: ['eu', 'us'], gpu: 'h200' })
    expect([group, contract]).toEqual(['default', 2])
    expect(JSON.parse(selectorText({ ok: true, selector, group, contract }))).toEqual({
      group: 'default',
      contract: 2,
      tags: { zone: ['eu', 'us'], gpu: 'h200' },
    })
  })

  test('two groups are none: a request has one', () => {
    expect(written(['tag:a', 'b'], ['group', 'x', 'y']).group).toBeNull()
  })

  test('a value that looks like an operator means itself', () => {
    for (const value of ['<3', '>=80', '!=x', '=', '==']) {
      const { selector } = written(['tag:note', value])
      expect(firstMismatch(compileSelector(selector), { note: value })).toBeUndefined()
      expect(firstMismatch(compileSelector(selector), { note: '1' })).toBe('note')
    }
  })

  test('without a tag, or with more than a request may have, there is none', () => {
    expect(write(['group', 'x'])).toEqual({ ok: false, why: 'empty' })
    const many = Array.from({ length: 65 }, (_, i) => `v${i}`)
    expect(write(['tag:a', ...many])).toEqual({ ok: false, why: 'too-many' })
  })

  test('counts as the balancer chooses', () => {
    const fleet = [
      sampleWorker('a', { tags: { zone: 'eu' } }),
      sampleWorker('b', { tags: { zone: 'eu' }, status: 'maintenance' }),
      sampleWorker('c', { tags: { zone: ['eu', 'us'] }, group: 'gpu' }),
      sampleWorker('d', { tags: {} }),
    ]
    expect(countMatches(written(['tag:zone', 'eu']), fleet)).toEqual({
      matching: 3,
      inService: 2,
      freeSlots: 10,
    })
    expect(countMatches(written(['tag:zone', 'eu'], ['group', 'gpu']), fleet).matching).toBe(1)
    expect(countMatches(written(['tag:zone', 'eu'], ['contract', '9']), fleet).matching).toBe(0)
  })
})
