import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { WorkerView } from '@berth/protocol'
import { allBeats, BeatHeap, BeatTeller } from './beats.ts'
import { diffWorkers } from './changes.ts'
import { makeWorker } from './test-stage.ts'

const AT_MS = Date.parse('2026-01-01T00:00:10.000Z')
const system = { cpuLoad: 0.251, memoryUsed: 0.5, eventLoopDelayMs: 1.23, uptime: 100 }
const seen = (ms: number) => new Date(AT_MS - ms).toISOString()
const base = makeWorker('a', { system, lastSeenAt: seen(1000) })
const byId = (...workers: WorkerView[]) => new Map(workers.map((worker) => [worker.id, worker]))

/** What a page is told when `base` changes like this. */
function told(changes: Partial<WorkerView>, from: WorkerView = base) {
  const [last, next] = [byId(from), byId({ ...from, ...changes })]
  return { members: diffWorkers(last, next)?.a, ...new BeatTeller().diff(last, next, AT_MS) }
}

describe('what moves all the time', () => {
  it('is only said as far as it is shown', () => {
    const moved = { ...system, cpuLoad: 0.2512, eventLoopDelayMs: 1.24, uptime: 101 }
    assert.deepEqual(told({ system: moved, lastSeenAt: seen(20) }), {
      members: undefined,
      beats: { a: [20] },
    })
    assert.deepEqual(told({ system: { ...moved, cpuLoad: 0.26 }, lastSeenAt: seen(20) }), {
      members: undefined,
      beats: { a: [20, 26, 50, 1.2, 1] },
    })
    assert.deepEqual(told({ latencyMs: 1234.5 }).beats, { a: [1000, 25, 50, 1.2, 1235] })
    assert.deepEqual(told({}), { members: undefined })
  })

  it('is as old as it is when the last worker has been looked at', () => {
    const heap = new BeatHeap()
    const teller = new BeatTeller()
    teller.add(heap, base, { ...base, lastSeenAt: seen(20) }, AT_MS)
    const other = makeWorker('b', { system, lastSeenAt: seen(1000) })
    teller.add(heap, other, { ...other, lastSeenAt: seen(-70) }, AT_MS + 80)
    assert.deepEqual(heap.pack(AT_MS + 80).beats, { a: [100], b: [10] })
  })

  it('is slots in five figures', () => {
    const slots = { limit: 8, used: 2, stuck: 1, available: 6, queue: 3 }
    assert.deepEqual(told({ slots }), { members: undefined, slots: { a: [8, 2, 1, 6, 3] } })
  })

  it('is left to the members where it begins or ends to be known', () => {
    assert.deepEqual(told({ slots: null, system: null }).members, { slots: null, system: null })
    const unknown = { ...base, slots: null, system: null, lastSeenAt: null, latencyMs: null }
    const { slots, lastSeenAt, latencyMs } = base
    assert.deepEqual(told({ slots, system, lastSeenAt, latencyMs }, unknown).members, {
      slots,
      system,
      lastSeenAt,
      latencyMs,
    })
    const silent = { ...base, lastSeenAt: null }
    assert.deepEqual(told({ latencyMs: 5 }, silent), { members: { latencyMs: 5 } })
  })

  it('leaves a figure out that nobody knows, and to the members where it begins or ends to be known', () => {
    const foreign = { cpuLoad: 0.25, memoryUsed: null, eventLoopDelayMs: null, uptime: null }
    const from = { ...base, system: foreign }
    assert.deepEqual(told({ system: { ...foreign, cpuLoad: 0.5 } }, from), {
      members: undefined,
      beats: { a: [1000, 50, null, null, 1] },
    })
    const more = { ...foreign, memoryUsed: 0.5 }
    assert.deepEqual(told({ system: more }, from).members, { system: more })
    assert.deepEqual(told({ system: foreign }, { ...base, system: more }).members, { system: foreign })
    const older = { ...foreign, uptime: 7 }
    assert.deepEqual(told({ system: older }, from).members, { system: older })
  })

  it('tells a restart by the uptime', () => {
    const next = { system: { ...system, uptime: 1 }, lastSeenAt: seen(0) }
    assert.deepEqual(told(next).members, { system: next.system })
    const later = { system: { ...system, uptime: 101.2 }, lastSeenAt: seen(0) }
    assert.equal(told(later).members, undefined)
  })

  it('is all there for a page that comes back', () => {
    const silent = makeWorker('b', { slots: null })
    assert.deepEqual(allBeats(byId(base, silent), AT_MS), {
      beats: { a: [1000, 25, 50, 1.2, 1] },
      slots: { a: [4, 1, 0, 3, 0] },
    })
  })

  it('is told again of a worker that is heard often no sooner than it is looked at', () => {
    const teller = new BeatTeller()
    const heard = (ms: number) => byId({ ...base, lastSeenAt: new Date(AT_MS + ms).toISOString() })
    const told: (object | undefined)[] = []
    for (let ms = 0; ms < 2000; ms += 250)
      told.push(teller.diff(heard(ms - 250), heard(ms), AT_MS + ms).beats)
    const beat = { a: [0] }
    assert.deepEqual(told, [beat, undefined, undefined, beat, undefined, undefined, beat, undefined])
    // It has fallen silent: the last time it was heard is told all the same.
    assert.deepEqual(teller.diff(heard(1750), heard(1750), AT_MS + 2250).beats, { a: [500] })
    assert.equal(teller.diff(heard(1750), heard(1750), AT_MS + 3000).beats, undefined)
  })

  it('costs a thousand workers that push once a second less than 40 KB', () => {
    const fleet = (n: number) =>
      byId(
        ...Array.from({ length: 1000 }, (_, i) =>
          makeWorker(`worker-${i}`, {
            lastSeenAt: seen(900 - n * 800),
            latencyMs: 1 + n,
            system: {
              cpuLoad: (i % 90) / 100 + n / 50,
              memoryUsed: 0.5,
              eventLoopDelayMs: 1 + n,
              uptime: 1 + n,
            },
          }),
        ),
      )
    const [last, next] = [fleet(0), fleet(1)]
    const text = JSON.stringify({
      workers: diffWorkers(last, next),
      ...new BeatTeller().diff(last, next, AT_MS),
    })
    assert.ok(text.length < 40_000, `${text.length} characters`)
  })
})
