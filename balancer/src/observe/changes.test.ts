import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FeedChanges, WorkerView } from '@berth/protocol'
import { ChangeHistory, diffWorkers, isSame, joinChanges } from './changes.ts'
import { PointMaker, Series, sumSlots } from './series.ts'
import { makePoint, makeWorker } from './test-stage.ts'

const byId = (...workers: WorkerView[]) => new Map(workers.map((worker) => [worker.id, worker]))

describe('diffWorkers', () => {
  it('finds what came, went and changed, and nothing else', () => {
    const last = byId(makeWorker('a'), makeWorker('b'), makeWorker('c'))
    const next = byId(makeWorker('a'), makeWorker('b', { latencyMs: 9, version: null }), makeWorker('d'))
    assert.deepEqual(diffWorkers(last, next), {
      b: { latencyMs: 9, version: null },
      c: null,
      d: makeWorker('d'),
    })
    assert.equal(diffWorkers(last, byId(...last.values())), undefined)
  })
})

describe('isSame', () => {
  it('compares plain data by value', () => {
    const cases: [unknown, unknown, boolean][] = [
      [1, 1, true],
      [Number.NaN, Number.NaN, true],
      [null, {}, false],
      [{ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }, true],
      [{ a: undefined }, { b: undefined }, false],
      [[1, 2], [1], false],
      [[], {}, false],
      [{ a: 1 }, { a: 1, b: 2 }, false],
      ['1', 1, false],
    ]
    for (const [a, b, expected] of cases) assert.equal(isSame(a, b), expected, JSON.stringify([a, b]))
  })
})

describe('joinChanges', () => {
  it('stands for all of them in order', () => {
    const all: FeedChanges[] = [
      {
        workers: { a: { latencyMs: 1, status: 'ready' }, b: null, c: makeWorker('c') },
        points: [makePoint(1)],
      },
      {
        queue: { waiting: 1, running: 0 },
        workers: { a: { latencyMs: 2 }, b: makeWorker('b'), c: { version: 'x' } },
      },
      { queue: { waiting: 2, running: 0 }, workers: { c: null }, points: [makePoint(2)] },
    ]
    assert.deepEqual(joinChanges(all), {
      queue: { waiting: 2, running: 0 },
      workers: { a: { latencyMs: 2, status: 'ready' }, b: makeWorker('b'), c: null },
      points: [makePoint(1), makePoint(2)],
    })
    assert.deepEqual(joinChanges([]), {})
  })
})

describe('ChangeHistory', () => {
  it('answers only what it has without a gap', () => {
    const history = new ChangeHistory()
    for (let seq = 10; seq <= 20; seq++)
      history.push(seq, seq * 10_000, { queue: { waiting: seq, running: 0 } })
    assert.equal(history.after(12, 20), undefined)
    assert.deepEqual(history.after(13, 20), { queue: { waiting: 20, running: 0 } })
    assert.deepEqual(history.after(20, 20), {})
    assert.equal(history.after(21, 20), undefined)
  })

  it('holds less of large fleets', () => {
    const history = new ChangeHistory()
    const workers = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`w${i}`, { latencyMs: i }]))
    for (let seq = 1; seq <= 5; seq++) history.push(seq, seq, { workers })
    assert.equal(history.after(2, 5), undefined)
    assert.ok(history.after(3, 5))
  })
})

describe('Series', () => {
  it('keeps the last 15 minutes, gaps included', () => {
    const series = new Series()
    for (let t = 0; t < 1000; t++) if (t % 10 !== 0) series.push(makePoint(t))
    assert.equal(series.points[0]?.t, 101)
    assert.equal(series.points.length, 810)
    assert.equal(series.points.at(-1)?.t, 999)
  })

  it('stays in order when the clock is set back', () => {
    const series = new Series()
    for (const t of [1, 2, 3, 2, 3, 4]) series.push(makePoint(t))
    assert.deepEqual(
      series.points.map(({ t }) => t),
      [1, 2, 3, 4],
    )
  })
})

describe('PointMaker', () => {
  const traffic = (submitted: number) => ({
    submitted,
    completed: 0,
    failed: 0,
    cancelled: 0,
    waiting: 0,
    running: 0,
  })

  it('knows nothing of slots until a worker has reported, and zero from then on', () => {
    const maker = new PointMaker()
    const unknown = [makeWorker('a', { slots: null, status: 'connecting' })]
    maker.read(0, () => unknown, traffic(0))
    assert.equal(maker.read(1000, () => unknown, traffic(0))?.slots, null)
    assert.equal(maker.read(2000, () => [makeWorker('a')], traffic(0))?.slots?.used, 1)
    assert.deepEqual(maker.read(3000, () => unknown, traffic(0))?.slots, {
      used: 0,
      free: 0,
      maintenance: 0,
      stalled: 0,
    })
  })

  it('loses no count over a pause or a clock that is set back', () => {
    const maker = new PointMaker()
    const read = (wallMs: number, submitted: number) =>
      maker.read(wallMs, () => [], traffic(submitted))?.submitted
    assert.equal(read(10_000, 100), undefined)
    assert.equal(read(10_500, 101), undefined)
    assert.equal(read(15_000, 107), 7)
    assert.equal(read(3_000, 109), undefined)
    assert.equal(read(4_000, 110), 3)
  })
})

describe('sumSlots', () => {
  it('counts slots by what they are good for', () => {
    const slots = { limit: 10, used: 4, stuck: 0, available: 6, queue: 0 }
    const sum = (status: WorkerView['status']) =>
      Object.values(sumSlots([makeWorker('a', { slots, status })]))
    assert.deepEqual(sum('ready'), [4, 6, 0, 0])
    assert.deepEqual(sum('saturated'), [4, 6, 0, 0])
    assert.deepEqual(sum('maintenance'), [4, 0, 6, 0])
    assert.deepEqual(sum('stalled'), [0, 0, 0, 10])
    for (const status of ['unready', 'draining', 'leaving', 'ejected'] as const)
      assert.deepEqual(sum(status), [4, 0, 0, 0], status)
    for (const status of ['connecting', 'mismatch', 'unreachable'] as const)
      assert.deepEqual(sum(status), [0, 0, 0, 0], status)
    const both = sumSlots([makeWorker('a', { slots }), makeWorker('b', { slots, status: 'stalled' })])
    assert.deepEqual(both, { used: 4, free: 6, maintenance: 0, stalled: 10 })
  })
})
