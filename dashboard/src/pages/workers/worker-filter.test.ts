import { describe, expect, test } from 'vitest'
import { sampleWorker } from '../../testing/samples.ts'
import { en } from '../../text/en/index.ts'
import { readPicked, writePicked } from './filter-address.ts'
import {
  countFacets,
  type FacetName,
  filterFleet,
  matchesWorker,
  type Picked,
  togglePicked,
} from './worker-filter.ts'

const fleet = [
  sampleWorker('a', { tags: { zone: 'eu', gpu: true, racks: ['r1', 'r2'] }, version: '1.0' }),
  sampleWorker('b', { tags: { zone: 'us', vram: 80 }, status: 'maintenance', version: '1.1' }),
  sampleWorker('c', { tags: { zone: 'eu' }, group: 'gpu', contract: 2, version: '1.1' }),
  sampleWorker('d', { tags: {}, group: null, contract: null, version: null, status: 'unreachable' }),
]

const pick = (...pairs: [FacetName, ...string[]][]): Picked =>
  new Map(pairs.map(([name, ...values]) => [name, new Set(values)]))
const find = (picked: Picked, words = '') =>
  filterFleet(fleet, { words, picked }, en.states).map(({ id }) => id)
const countsOf = (picked: Picked, name: FacetName) =>
  Object.fromEntries(countFacets(fleet, { words: '', picked }, en.states).get(name) ?? [])

describe('facets', () => {
  test('values of one are alternatives, facets must all hold', () => {
    expect(find(pick(['state', 'ready', 'maintenance']))).toEqual(['a', 'b', 'c'])
    expect(find(pick(['tag:zone', 'eu'], ['group', 'default']))).toEqual(['a'])
    expect(find(pick(['tag:racks', 'r2']))).toEqual(['a'])
    expect(find(pick(['tag:gpu', 'true']))).toEqual(['a'])
    expect(find(pick(['tag:vram', '80']))).toEqual(['b'])
    expect(find(pick(['contract', '2'], ['version', '1.1']))).toEqual(['c'])
    expect(find(pick(['tag:none', 'x']))).toEqual([])
  })

  test('a count says what picking the value would show beside what other facets ask', () => {
    expect(countsOf(pick(), 'tag:zone')).toEqual({ eu: 2, us: 1 })
    expect(countsOf(pick(['tag:zone', 'eu']), 'tag:zone')).toEqual({ eu: 2, us: 1 })
    expect(countsOf(pick(['tag:zone', 'eu']), 'group')).toEqual({ default: 1, gpu: 1 })
    expect(countsOf(pick(['tag:zone', 'eu'], ['group', 'gpu']), 'group')).toEqual({ default: 1, gpu: 1 })
    expect(countsOf(pick(['tag:zone', 'eu'], ['group', 'gpu']), 'state')).toEqual({ ready: 1 })
    expect(countsOf(pick(), 'tag:racks')).toEqual({ r1: 1, r2: 1 })
  })

  test('words and facets must both hold', () => {
    expect(find(pick(['tag:zone', 'eu']), 'gpu@2')).toEqual(['c'])
    expect(find(pick(), 'unreachable')).toEqual(['d'])
    expect(find(pick(), 'zone:us')).toEqual(['b'])
    expect(find(pick(), 'HELLO maintenance')).toEqual(['b'])
    expect(find(pick(), 'a.*')).toEqual([])
  })

  test('a tag key of an object’s own is none', () => {
    expect(find(pick(['tag:constructor', 'x']))).toEqual([])
  })

  test('what is searched follows the worker', () => {
    const filter = { words: 'maintenance', picked: pick() }
    const [first] = fleet
    if (!first) throw new Error('no worker')
    expect(matchesWorker(first, filter, en.states)).toBe(false)
    expect(matchesWorker({ ...first, status: 'maintenance' }, filter, en.states)).toBe(true)
    expect(matchesWorker({ ...first, tags: { note: 'maintenance' } }, filter, en.states)).toBe(true)
    expect(matchesWorker(first, filter, en.states)).toBe(false)
  })

  test('picking again takes back, and leaves the old choice as it was', () => {
    const one = togglePicked(pick(), 'state', 'ready')
    const two = togglePicked(one, 'state', 'draining')
    expect([...(two.get('state') ?? [])]).toEqual(['ready', 'draining'])
    expect(togglePicked(togglePicked(two, 'state', 'ready'), 'state', 'draining').size).toBe(0)
    expect([...(one.get('state') ?? [])]).toEqual(['ready'])
  })

  test('a keystroke over 1,000 workers is a matter of milliseconds', () => {
    const many = Array.from({ length: 1_000 }, (_, i) =>
      sampleWorker(`worker-${i}`, { tags: { zone: `z${i % 5}`, host: `host-${i}`, vram: i % 7 } }),
    )
    const filter = (words: string) => filterFleet(many, { words, picked: pick() }, en.states)
    filter('w')
    const spansMs = Array.from({ length: 5 }, () =>
      ['wo', 'wor', 'work', 'worker-1', 'worker-12'].map((words) => {
        const startedAt = performance.now()
        filter(words)
        return performance.now() - startedAt
      }),
    )
    // The shortest of each: whoever else is at work on this machine makes any of them longer.
    for (const at of [0, 1, 2, 3, 4])
      expect(Math.min(...spansMs.map((round) => round[at] ?? 0))).toBeLessThan(50)
    expect(filter('worker-12')).toHaveLength(11)
  })
})

describe('the address', () => {
  test('brings back what was picked, whatever it holds', () => {
    const picked = pick(
      ['state', 'ready', 'draining'],
      ['group', 'a'],
      ['tag:zone', 'eu:1', 'x,y', 'back\\slash'],
      ['tag:note', '<b>', ''],
    )
    expect(readPicked(writePicked(picked))).toEqual(
      pick(
        ['state', 'ready', 'draining'],
        ['group', 'a'],
        ['tag:zone', 'eu:1', 'x,y', 'back\\slash'],
        ['tag:note', '<b>', ''],
      ),
    )
  })

  test('what cannot be read is left out', () => {
    const empty = { state: '', group: ',,', contract: '', version: '', tag: 'nothing,:x,zone:eu' }
    expect(readPicked(empty)).toEqual(pick(['tag:zone', 'eu']))
  })
})
