/** Events of runs from the handler to who follows: order, resuming, bounds, and what outlives a balancer. */
import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { RunView } from '@berth/protocol'
import type { LiveRun } from '../../ports/stored-run.ts'
import { MemoryDisk } from '../../store/memory-store.ts'
import { type EventBench, type EventBenchOptions, makeEventBench, tick } from '../testing/event-bench.ts'

let benches: EventBench[] = []
afterEach(async () => {
  for (const bench of benches) await bench.stop()
  benches = []
})

async function make(options?: EventBenchOptions): Promise<EventBench> {
  const bench = await makeEventBench(options)
  benches.push(bench)
  return bench
}

const RUNNING = { status: 'running', attempt: 1, worker: 'w1', startedMs: 2 } as const
const FIRST = { n: 1, worker: 'w1', startedMs: 2, finishedMs: 3, outcome: 'completed' } as const
const ENDED = { history: [FIRST], startedMs: 2, finishedMs: 9 }

async function untilSaved(bench: EventBench, run: LiveRun, count: number): Promise<void> {
  while ((bench.disk.runs.events.get(run.seq)?.events.size ?? 0) < count) await tick()
}

describe('a run that tells something', () => {
  it('is followed from the first event to the last, each once and in order', async () => {
    const bench = await make()
    const run = await bench.accept({ acceptedMs: 1 })
    const follower = await bench.follow(run.id)
    bench.events.onMoved({ ...run, ...RUNNING })
    bench.tell(run, 'chunk', 'Hello ')
    bench.tell(run, 'log', '{"level":"info","text":"a"}')
    bench.tell(run, 'progress', '{"fraction":0.5,"text":"half"}')
    await follower.until(5)
    bench.tell(run, 'usage', '{"tokens":3}')
    bench.tell(run, 'chunk', 'ü🎈')
    await bench.end(run, { ...ENDED, result: { mediaType: '', bytes: Buffer.from('{"a":1.0}') } })
    await follower.ended
    assert.deepEqual(follower.seen, [
      [1, 'status', 'queued'],
      [2, 'status', 'running 1'],
      [3, 'chunk', 'Hello '],
      [4, 'log', { level: 'info', text: 'a' }],
      [5, 'progress', { fraction: 0.5, text: 'half' }],
      [6, 'usage', { tokens: 3 }],
      [7, 'chunk', 'ü🎈'],
      [8, 'status', 'completed'],
      [9, 'result', { a: 1 }],
    ])
    const later = await bench.follow(run.id)
    await later.ended
    assert.deepEqual(later.seen, follower.seen)
    assert.equal(bench.events.recorded, 0)
  })

  it('resumes behind any event, and has nothing behind the last', async () => {
    const bench = await make()
    const run = await bench.accept()
    for (let n = 0; n < 5; n++) bench.tell(run, 'chunk', String(n))
    await untilSaved(bench, run, 4)
    for (let n = 5; n < 9; n++) bench.tell(run, 'chunk', String(n))
    const live = await bench.follow(run.id, 4)
    await live.until(7)
    await bench.end(run, ENDED)
    await live.ended
    const numbers = live.seen.map(([n]) => n)
    assert.deepEqual(numbers, [5, 6, 7, 8, 9, 10, 11, 12, 13])
    for (let after = 0; after < 13; after++) {
      const again = await bench.follow(run.id, after)
      await again.ended
      assert.deepEqual(
        again.seen.map(([n]) => n),
        Array.from({ length: 13 - after }, (_, at) => after + at + 1),
      )
    }
    assert.equal(await bench.ask(run.id, 13), 'over')
    assert.equal(await bench.ask(run.id, 14), 'over')
    assert.equal(await bench.ask('r_none'), 'unknown')
  })

  it('tells the end only when it is on disk, whatever was under way before', async () => {
    const bench = await make()
    const run = await bench.accept()
    const follower = await bench.follow(run.id)
    const disk = bench.holdWrites()
    bench.tell(run, 'chunk', 'x'.repeat(70_000))
    await bench.end(run, ENDED, async () => {
      // The chunk is on disk, the end is not yet.
      disk.release()
      await follower.until(3)
      for (let n = 0; n < 10; n++) await tick()
      assert.equal(follower.seen.length, 3)
    })
    await follower.ended
    assert.deepEqual(
      follower.seen.map(([, type]) => type),
      ['status', 'status', 'chunk', 'status', 'result'],
    )
  })

  it('shows its attempts, and the error at its end', async () => {
    const bench = await make()
    const run = await bench.accept({ acceptedMs: 1 })
    const follower = await bench.follow(run.id)
    bench.tell(run, 'chunk', 'a', 1)
    const failed = { ...FIRST, outcome: 'failed' as const }
    bench.events.onMoved({ ...run, status: 'queued', attempt: 1, history: [failed] })
    bench.tell(run, 'chunk', 'b', 2)
    const error = { code: 'FUNCTION_FAILED', detail: 'no paper' } as const
    await bench.end(run, {
      ...ENDED,
      status: 'failed',
      error,
      result: null,
      history: [failed, { ...FIRST, n: 2 }],
    })
    await follower.ended
    assert.deepEqual(
      follower.seen.map(([, , data]) => data),
      [
        'queued',
        'running 1',
        'a',
        'queued',
        'running 2',
        'b',
        'failed',
        { code: 'FUNCTION_FAILED', message: 'no paper' },
      ],
    )
  })

  it('is written in batches, and the handler has its credit at once', async () => {
    const bench = await make()
    const run = await bench.accept()
    for (let n = 0; n < 2_000; n++) bench.tell(run, 'chunk', 'x'.repeat(10))
    assert.equal(bench.taken(), 20_000)
    await untilSaved(bench, run, 2_002)
    const written = bench.writes.filter(({ kind }) => kind === 'run-events')
    assert.ok(written.length <= 6, String(written.length))
  })

  it('waits for the disk when it is far ahead of it, and no longer than it must', async () => {
    const bench = await make()
    const run = await bench.accept()
    const megabyte = 'x'.repeat(64 * 1024)
    for (let n = 0; n < 16; n++) bench.tell(run, 'chunk', megabyte)
    assert.ok(bench.taken() < 512 * 1024, String(bench.taken()))
    while (bench.taken() < 1024 ** 2) await tick()
    bench.disk.fault = 'the disk is full'
    for (let n = 0; n < 200; n++) bench.tell(run, 'chunk', megabyte)
    while (bench.taken() < 217 * 64 * 1024 - 1024 ** 2) await tick()
    bench.disk.fault = undefined
    await bench.end(run, ENDED)
    const follower = await bench.follow(run.id)
    await follower.ended
    assert.deepEqual(follower.seen.at(-1)?.[1], 'result')
    assert.ok(follower.seen.length < 120, 'what the disk refused is bounded')
  })

  it('keeps the newest of very much, and says how much went', async () => {
    const bench = await make({ terms: { eventsBytes: 20_000 } })
    const run = await bench.accept()
    for (let n = 0; n < 300; n++) {
      bench.tell(run, 'chunk', `${n} ${'x'.repeat(100)}`)
      if (n % 10 === 9) await untilNoneDirty(bench, run, n + 3)
    }
    await bench.end(run, ENDED)
    const { events } = bench.disk.runs.events.get(run.seq) ?? { events: new Map() }
    const bytes = [...events.values()].reduce((sum, { data }) => sum + data.length, 0)
    assert.ok(bytes <= 20_000 && bytes > 15_000, String(bytes))
    const follower = await bench.follow(run.id)
    await follower.ended
    const numbers = follower.seen.map(([n]) => n)
    assert.deepEqual([numbers.at(-1), numbers.length], [304, (numbers.at(-1) ?? 0) - (numbers[0] ?? 0) + 1])
    assert.equal(bench.disk.runs.events.get(run.seq)?.dropped, (numbers[0] ?? 0) - 1)
  })

  it('has lines of its own, the newest of them', async () => {
    const bench = await make({ terms: { lines: 5 } })
    const run = await bench.accept()
    for (let n = 0; n < 8; n++) bench.tell(run, 'log', `{"n":${n}}`)
    assert.deepEqual(await bench.events.lines(run.id), {
      lines: [3, 4, 5, 6, 7].map((n) => `{"n":${n}}`),
      dropped: 3,
    })
    bench.tell(run, 'log', '{"n":8}')
    await bench.end(run, ENDED)
    const after = await bench.events.lines(run.id)
    assert.deepEqual([after?.lines.length, after?.lines.at(-1), after?.dropped], [5, '{"n":8}', 4])
    assert.equal(await bench.events.lines('r_none'), undefined)
  })

  it('says how far it is while it is live', async () => {
    const bench = await make()
    const run = await bench.accept()
    assert.equal(bench.events.progressOf(run.id), null)
    bench.tell(run, 'progress', '{"fraction":0.25}')
    assert.deepEqual(bench.events.progressOf(run.id), { fraction: 0.25, text: null })
    bench.tell(run, 'progress', 'none')
    assert.equal(bench.events.progressOf(run.id), null)
  })
})

async function untilNoneDirty(bench: EventBench, run: LiveRun, lastN: number): Promise<void> {
  const newest = () => Math.max(0, ...(bench.disk.runs.events.get(run.seq)?.events.keys() ?? []))
  while (newest() < lastN - 1) await tick()
}

describe('a run that tells nothing', () => {
  it('costs no write, and has its statuses all the same', async () => {
    const bench = await make()
    const run = await bench.accept({ acceptedMs: 1, dueMs: 2 })
    bench.events.onMoved({ ...run, ...RUNNING })
    await bench.end(run, ENDED)
    assert.deepEqual(bench.writes, [])
    const follower = await bench.follow(run.id)
    await follower.ended
    assert.deepEqual(follower.seen, [
      [1, 'status', 'scheduled'],
      [2, 'status', 'queued'],
      [3, 'status', 'running 1'],
      [4, 'status', 'completed'],
      [5, 'result', { message: 'hi' }],
    ])
    assert.equal(await bench.ask(run.id, 4), 'events')
    assert.equal(await bench.ask(run.id, 5), 'over')
  })

  it('is forgotten here when nobody follows any more, and keeps its numbers', async () => {
    const bench = await make()
    const run = await bench.accept({ acceptedMs: 1 })
    const leaving = new AbortController()
    const first = await bench.follow(run.id, 0, leaving.signal)
    await first.until(1)
    leaving.abort()
    await first.ended
    while (bench.events.recorded > 0) await tick()
    const second = await bench.follow(run.id, 1)
    bench.events.onMoved({ ...run, ...RUNNING })
    await second.until(1)
    await bench.end(run, ENDED)
    await second.ended
    assert.deepEqual(
      second.seen.map(([n, , data]) => [n, data]),
      [
        [2, 'running 1'],
        [3, 'completed'],
        [4, { message: 'hi' }],
      ],
    )
  })
})

describe('over a restart', () => {
  it('a run goes on behind what it had told, lines and bounds included', async () => {
    const disk = new MemoryDisk()
    const before = await make({ disk, terms: { lines: 3 } })
    const run = await before.accept({ acceptedMs: 1, ...RUNNING })
    before.tell(run, 'chunk', 'a')
    for (const n of [1, 2]) before.tell(run, 'log', `{"n":${n}}`)
    await untilSaved(before, run, 5)
    const after = await make({ disk, terms: { lines: 3 } })
    const follower = await after.follow(run.id, 5)
    after.tell(run, 'chunk', 'b')
    for (const n of [3, 4]) after.tell(run, 'log', `{"n":${n}}`)
    await follower.until(3)
    await after.end(run, ENDED)
    await follower.ended
    assert.deepEqual(
      follower.seen.map(([, , data]) => data),
      ['b', { n: 3 }, { n: 4 }, 'completed', { message: 'hi' }],
    )
    const whole = await after.follow(run.id)
    await whole.ended
    assert.deepEqual(
      whole.seen.map(([, , data]) => data),
      [
        'queued',
        'running 1',
        'a',
        { n: 1 },
        { n: 2 },
        'b',
        { n: 3 },
        { n: 4 },
        'completed',
        { message: 'hi' },
      ],
    )
    assert.deepEqual([...new Set(whole.seen.map(([n]) => n))].length, whole.seen.length)
    assert.deepEqual(await after.events.lines(run.id), {
      lines: [2, 3, 4].map((n) => `{"n":${n}}`),
      dropped: 1,
    })
  })

  it('a run that had told nothing yet shows the statuses it had', async () => {
    const disk = new MemoryDisk()
    const before = await make({ disk })
    const run = await before.accept({ acceptedMs: 1, ...RUNNING })
    const after = await make({ disk })
    after.tell(run, 'chunk', 'b')
    const follower = await after.follow(run.id)
    await follower.until(3)
    await after.end(run, ENDED)
    await follower.ended
    const again = await after.follow(run.id)
    await again.ended
    for (const { seen } of [follower, again])
      assert.deepEqual(
        seen.map(([, , data]) => data),
        ['queued', 'running 1', 'b', 'completed', { message: 'hi' }],
      )
  })

  it('the end of a run whose recorder was lost is told behind all that may have been told', async () => {
    const disk = new MemoryDisk()
    const before = await make({ disk })
    const run = await before.accept()
    before.tell(run, 'chunk', 'a')
    await untilSaved(before, run, 3)
    const after = await make({ disk })
    await after.end(run, ENDED)
    const follower = await after.follow(run.id, 50)
    await follower.ended
    assert.deepEqual(
      follower.seen.map(([, type]) => type),
      ['status', 'result'],
    )
    const last = follower.seen.at(-1)?.[0] ?? 0
    assert.equal(await after.ask(run.id, last), 'over')
    assert.equal(await after.ask(run.id, last - 1), 'events')
  })

  it('the end that comes before the totals of an earlier balancer is not lost', async () => {
    const disk = new MemoryDisk()
    const before = await make({ disk })
    const run = await before.accept({ acceptedMs: 1 })
    const after = await make({ disk })
    after.tell(run, 'chunk', 'b')
    await after.end(run, ENDED)
    while (after.events.recorded > 0) await tick()
    const follower = await after.follow(run.id)
    await follower.ended
    assert.deepEqual(
      follower.seen.map(([, , data]) => data),
      ['queued', 'running 1', 'b', 'completed', { message: 'hi' }],
    )
  })
})

describe('who follows', () => {
  it('leaves a balancer that drains, and goes on elsewhere', async () => {
    const bench = await make()
    const run = await bench.accept()
    const follower = await bench.follow(run.id)
    await follower.until(1)
    bench.events.beginDrain()
    await follower.ended
    assert.equal(await bench.ask(run.id), 'refused')
    bench.tell(run, 'chunk', 'a')
    await untilSaved(bench, run, 3)
  })

  it('hears now and then that nothing happens, and leaves when it wants', async () => {
    const bench = await make({ quietMs: 5 })
    const run = await bench.accept()
    const leaving = new AbortController()
    const follower = await bench.follow(run.id, 0, leaving.signal)
    while (follower.quiet.length < 3) await tick()
    leaving.abort()
    await follower.ended
    assert.equal(follower.seen.length, 1)
  })

  it('is one of at most a thousand', async () => {
    const bench = await make()
    const run = await bench.accept()
    const leaving = new AbortController()
    const followers = await Promise.all(
      Array.from({ length: 1_000 }, () => bench.follow(run.id, 0, leaving.signal)),
    )
    assert.equal(await bench.ask(run.id), 'refused')
    leaving.abort()
    await Promise.all(followers.map(({ ended }) => ended))
    assert.equal(await bench.ask(run.id), 'events')
  })

  it('of a task in memory sees its statuses and its end, without its result', async () => {
    const view = {
      id: 'r_m',
      status: 'running',
      createdAt: '2026-01-01T00:00:00.000Z',
      finishedAt: null,
    } as RunView
    const attempt = {
      n: 1,
      worker: 'w1',
      startedAt: '2026-01-01T00:00:01.000Z',
      finishedAt: null,
      outcome: null,
    }
    let now: RunView = { ...view, error: null, attempts: [attempt] }
    const waits: (() => void)[] = []
    const bench = await make({
      memory: {
        find: async (id) => (id === 'r_m' ? now : undefined),
        waitFor: () => new Promise((resolve) => waits.push(() => resolve({ ok: true, run: now }))),
      },
    })
    const follower = await bench.follow('r_m')
    await follower.until(2)
    now = {
      ...now,
      status: 'failed',
      finishedAt: '2026-01-01T00:00:02.000Z',
      error: { code: 'FUNCTION_FAILED', message: 'no paper' },
    }
    while (waits.length === 0) await tick()
    waits.shift()?.()
    await follower.ended
    assert.deepEqual(
      follower.seen.map(([n, type]) => [n, type]),
      [
        [1, 'status'],
        [2, 'status'],
        [3, 'status'],
        [4, 'error'],
      ],
    )
    assert.equal(await bench.ask('r_m', 4), 'over')
    assert.deepEqual(await bench.events.lines('r_m'), { lines: [], dropped: 0 })
  })
})
