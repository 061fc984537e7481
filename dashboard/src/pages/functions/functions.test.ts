import { bucketOf, HISTOGRAM } from '@berth/protocol'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { figuresOf, quantileOf } from './function-data.ts'
import { isMeant } from './functions-page.tsx'
import { schemaRows } from './schema-rows.ts'
import { beginWishes, readWishes } from './settings-wishes.ts'

const NOTHING = {
  concurrency: null,
  rate: null,
  paused: null,
  defaultContract: null,
  background: null,
  keepWarm: null,
  used: { concurrency: null },
}

function counts(...ms: number[]): number[] {
  const list = Array.from({ length: HISTOGRAM.buckets }, () => 0)
  for (const one of ms) list[bucketOf(one)] = (list[bucketOf(one)] ?? 0) + 1
  return list
}

describe('the figures of a function', () => {
  it('are added up over the buckets, not averaged from percentiles', () => {
    const fast = counts(...Array.from({ length: 99 }, () => 10))
    const slow = counts(1_000)
    const series = [
      { metric: 'runMs.histogram', of: 'default/hello', values: [fast, null, slow] },
      { metric: 'completed', of: 'default/hello', values: [0.9, null, 0.1] },
      { metric: 'failed', of: 'default/hello', values: [0.1, 0, null] },
      { metric: 'completed', of: 'other', values: [null] },
    ]
    const figures = figuresOf({ series })
    const hello = figures.get('default/hello')
    expect(hello?.p50Ms).toBeGreaterThan(7)
    expect(hello?.p50Ms).toBeLessThan(14)
    expect(hello?.p95Ms).toBeLessThan(14)
    expect(hello?.perSecond).toBeCloseTo(0.55)
    expect(hello?.errorShare).toBeCloseTo(0.05 / 0.55)
    expect(figures.get('other')).toEqual({ p50Ms: null, p95Ms: null, errorShare: null, perSecond: null })
  })

  it('a percentile lies in its bucket, and none is none', () => {
    expect(quantileOf([], 0.5)).toBeNull()
    expect(quantileOf(counts(), 0.5)).toBeNull()
    for (const ms of [0.2, 5, 80, 40_000]) {
      const found = quantileOf(counts(ms, ms, ms), 0.5) ?? 0
      expect(Math.abs(Math.log10(found / ms))).toBeLessThan(1 / HISTOGRAM.perDecade)
    }
    expect(quantileOf(counts(1, 1, 1, 1_000), 0.95)).toBeGreaterThan(700)
  })
})

describe('the filter of the catalogue', () => {
  const item = { background: false, paused: null, description: 'Counts words' }
  const row = {
    key: 'default/word-count',
    newest: item,
    schedules: 1,
    inService: 2,
  } as unknown as Parameters<typeof isMeant>[0]

  it('looks for every word in group, name and description', () => {
    expect(['', 'word', 'COUNTS default', 'count  words'].every((q) => isMeant(row, q, ''))).toBe(true)
    expect(isMeant(row, 'word nothing', '')).toBe(false)
  })

  it('narrows to a kind', () => {
    expect(['scheduled', 'background', 'paused', 'unserved'].map((only) => isMeant(row, '', only))).toEqual([
      true,
      false,
      false,
      false,
    ])
    expect(isMeant({ ...row, inService: 0 }, '', 'unserved')).toBe(true)
  })
})

describe('a schema for readers', () => {
  it('lists fields and what is in them', () => {
    const schema = z.toJSONSchema(
      z.object({
        name: z.string(),
        list: z.array(z.object({ n: z.int().nullable() })).optional(),
        map: z.record(z.string(), z.boolean()),
        pick: z.enum(['a', 'b']),
        pair: z.tuple([z.string(), z.number()]),
        any: z.unknown(),
      }),
    )
    expect(
      schemaRows(schema).map(
        ({ path, kind, isRequired, depth }) => `${depth} ${path} ${kind}${isRequired ? '!' : ''}`,
      ),
    ).toEqual([
      '0 /name text!',
      '0 /list list of object',
      '1 /list/0/n whole number or null!',
      '0 /map object of yes or no!',
      '0 /pick a | b!',
      '0 /pair 2 values!',
      '0 /any any JSON!',
    ])
    expect(schemaRows(null)).toEqual([])
    expect(schemaRows({})).toEqual([])
  })
})

describe('a change of settings', () => {
  it('names only what is another, and how it comes back', () => {
    const before = { ...NOTHING, concurrency: 10 }
    const read = readWishes({ ...beginWishes(before), concurrency: '3', limit: '5', period: '1000' }, before)
    expect(read).toMatchObject({
      ok: true,
      change: {
        body: { concurrency: 3, rate: { limit: 5, perMs: 1_000 } },
        before: { concurrency: 10, rate: null },
        hurts: true,
        isEmpty: false,
      },
    })
    expect(readWishes(beginWishes(before), before)).toMatchObject({ change: { isEmpty: true, hurts: false } })
  })

  it('hurts where it takes something away, not where it gives', () => {
    const before = { ...NOTHING, concurrency: 3, rate: { limit: 5, perMs: 7_000 } }
    const wish = (change: object) => readWishes({ ...beginWishes(before), ...change }, before)
    expect(wish({ concurrency: '' })).toMatchObject({ change: { body: { concurrency: null }, hurts: false } })
    expect(wish({ concurrency: '9' })).toMatchObject({ change: { hurts: false } })
    expect(wish({ concurrency: '2' })).toMatchObject({ change: { hurts: true } })
    expect(wish({ limit: '' })).toMatchObject({ change: { body: { rate: null }, hurts: false } })
    expect(wish({ limit: '6' })).toMatchObject({
      change: { body: { rate: { limit: 6, perMs: 7_000 } }, hurts: true },
    })
    expect(wish({ keepWarm: 'on' })).toMatchObject({ change: { body: { keepWarm: true }, hurts: false } })
    expect(wish({ background: 'off' })).toMatchObject({
      change: { body: { background: false }, hurts: true },
    })
  })

  it('refuses what is no count', () => {
    for (const wrong of ['0', '-1', '1.5', 'many', '1000001'])
      expect(readWishes({ ...beginWishes(NOTHING), concurrency: wrong }, NOTHING)).toMatchObject({
        ok: false,
        errors: { limit: undefined },
      })
  })
})
