import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FeedMessage } from '@berth/protocol'
import { BEHIND_BYTES, WORKERS_AT_ONCE } from './feed.ts'
import { makeWorker, setStage } from './test-stage.ts'

/** What a page makes of frames: the picture after them. */
function picture(frames: readonly FeedMessage[]): Map<string, object> {
  const workers = new Map<string, object>()
  for (const frame of frames) {
    if ('snapshot' in frame) {
      workers.clear()
      for (const worker of frame.snapshot.workers) workers.set(worker.id, worker)
    } else
      for (const [id, change] of Object.entries(frame.changes.workers ?? {}))
        if (change === null) workers.delete(id)
        else workers.set(id, { ...workers.get(id), ...change })
  }
  return workers
}

describe('a page', () => {
  it('begins with everything', () => {
    const { attach, fleet, balancer } = setStage()
    const snapshot = attach().takeSnapshot()
    assert.deepEqual(snapshot.workers, fleet.list)
    assert.deepEqual(snapshot.balancer, balancer)
    assert.deepEqual(snapshot.config, fleet.config())
    assert.deepEqual(snapshot.queue, { waiting: 0, running: 0 })
    assert.deepEqual(snapshot.points, [])
    assert.deepEqual(snapshot.logs, {})
  })

  it('gets only what differs, at the next quarter', () => {
    const { attach, fleet, quarters } = setStage()
    const page = attach()
    page.take()
    quarters(1)
    assert.deepEqual(page.take(), [])
    const slots = { limit: 4, used: 2, stuck: 0, available: 2, queue: 0 }
    fleet.change('w1', { slots, status: 'saturated' })
    quarters(1)
    assert.deepEqual(page.takeChanges(), {
      workers: { w1: { status: 'saturated' } },
      slots: { w1: [4, 2, 0, 2, 0] },
    })
    fleet.change('w1', { slots: { ...slots }, tags: { gpu: 'h200' } })
    quarters(1)
    assert.deepEqual(page.take(), [])
  })

  it('gets each part that changes, and none that does not', () => {
    const stage = setStage()
    const page = stage.attach()
    page.take()
    stage.traffic.waiting = 3
    stage.quarters(1)
    assert.deepEqual(page.takeChanges(), { queue: { waiting: 3, running: 0 } })
    stage.fleet.state = 'stale'
    stage.balancer = { ...stage.balancer, status: 'draining' }
    stage.quarters(1)
    assert.deepEqual(page.takeChanges(), { balancer: stage.balancer, config: stage.fleet.config() })
  })

  it('sees a worker come whole and go', () => {
    const { attach, fleet, quarters } = setStage()
    const page = attach()
    page.take()
    const w3 = makeWorker('w3')
    fleet.list = [fleet.list[0] ?? w3, w3]
    quarters(1)
    assert.deepEqual(page.takeChanges(), { workers: { w3, w2: null } })
  })

  it('gets at most four frames a second, however often things change', () => {
    const { attach, fleet, clock, feed } = setStage()
    const page = attach()
    page.take()
    for (let ms = 0; ms < 1000; ms += 10) {
      fleet.change('w1', { latencyMs: ms })
      clock.advance(10)
      if ((ms + 10) % 250 === 0) feed.tick()
    }
    assert.equal(page.take().length, 4)
  })

  it('gets every number without a gap, also when only another one watches logs', () => {
    const { attach, fleet, log, quarters } = setStage()
    const plain = attach()
    const reader = attach()
    reader.page?.watch(['workers', 'logs'])
    for (let i = 0; i < 20; i++) {
      if (i % 3 === 0) fleet.change('w1', { latencyMs: i + 10 })
      else log.info(`line ${i}`)
      quarters(1)
    }
    for (const page of [plain, reader]) {
      const numbers = page.take().map(({ seq }) => seq)
      assert.deepEqual(
        numbers,
        numbers.map((_, i) => (numbers[0] ?? 0) + i),
      )
      assert.equal(numbers.length, 21)
    }
  })

  it('that comes in the middle of a reading gets what differs from its snapshot, and every number', () => {
    const { attach, fleet, quarters } = setStage()
    attach()
    let late: ReturnType<typeof attach> | undefined
    fleet.onReading = () => {
      fleet.onReading = () => {}
      late = attach()
    }
    fleet.change('w1', { latencyMs: 20, reason: 'changed before' })
    quarters(1)
    fleet.change('w2', { reason: 'changed behind' })
    quarters(1)
    const [first, ...frames] = late?.take() ?? []
    assert.ok(first !== undefined && 'snapshot' in first)
    const reasons = new Map(first.snapshot.workers.map(({ id, reason }) => [id, reason]))
    for (const [index, frame] of frames.entries()) {
      assert.equal(frame.seq, first.seq + index + 1)
      if (!('changes' in frame)) throw new Error('a second snapshot')
      for (const [id, change] of Object.entries(frame.changes.workers ?? {}))
        if (change?.reason !== undefined) reasons.set(id, change.reason)
    }
    assert.deepEqual(Object.fromEntries(reasons), { w1: 'changed before', w2: 'changed behind' })
  })

  it('shares frames that are the same', () => {
    const { attach, fleet, quarters } = setStage()
    const pages = [attach(), attach()]
    for (const page of pages) page.take()
    let serialised = 0
    const version = {
      toJSON: () => {
        serialised += 1
        return 'v'
      },
    }
    fleet.change('w1', { version: version as unknown as string })
    quarters(1)
    assert.equal(serialised, 1)
    for (const page of pages) assert.equal(page.take().length, 1)
  })

  it('names the instant of each frame', () => {
    const { attach, quarters } = setStage()
    const page = attach()
    quarters(4)
    assert.deepEqual(
      page.take().map(({ at }) => at),
      ['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:01.000Z'],
    )
  })

  it('is left alone once it is detached', () => {
    const { attach, fleet, quarters } = setStage()
    const page = attach()
    page.page?.watch(['workers', 'logs:w1'])
    page.page?.detach()
    page.page?.watch(['workers', 'logs:w1'])
    page.take()
    quarters(8)
    assert.deepEqual(page.take(), [])
    assert.equal(fleet.followers.get('w1')?.size, 0)
  })

  it('may do without the picture, and gets it whole when it asks again', () => {
    const { attach, fleet, quarters } = setStage()
    const page = attach()
    page.take()
    page.page?.watch(['logs'])
    fleet.change('w1', { latencyMs: 7 })
    quarters(1)
    assert.deepEqual(page.takeChanges(), { logs: { logs: { lines: [], dropped: 0 } } })
    page.page?.watch(['workers'])
    quarters(1)
    assert.deepEqual(page.takeSnapshot().workers, fleet.list)
  })
})

describe('a page of a fleet of thousands', () => {
  const crowd = (count: number) => Array.from({ length: count }, (_, i) => makeWorker(`w${i}`))

  it('gets the workers in parts, a part a frame, and all of them as they are then', () => {
    const { attach, fleet, quarters } = setStage()
    fleet.list = crowd(2 * WORKERS_AT_ONCE + 10)
    quarters(1)
    const page = attach()
    const frames = page.take()
    fleet.change(`w${WORKERS_AT_ONCE}`, { status: 'saturated' })
    fleet.change('w7', { status: 'draining' })
    fleet.list = fleet.list.filter(({ id }) => id !== `w${WORKERS_AT_ONCE + 1}`)
    quarters(1)
    const last = `w${2 * WORKERS_AT_ONCE + 9}`
    fleet.change(last, { status: 'maintenance' })
    quarters(3)
    frames.push(...page.take())
    const sizes = frames.map((frame) =>
      'snapshot' in frame ? frame.snapshot.workers.length : Object.keys(frame.changes.workers ?? {}).length,
    )
    assert.ok(Math.max(...sizes) <= WORKERS_AT_ONCE + 2, sizes.join())
    const numbers = frames.map(({ seq }) => seq)
    assert.deepEqual(
      numbers,
      numbers.map((_, i) => (numbers[0] ?? 0) + i),
    )
    const seen = picture(frames)
    assert.deepEqual(
      [...seen].sort(([a], [b]) => a.localeCompare(b)).map(([, worker]) => worker),
      [...fleet.list].sort((a, b) => a.id.localeCompare(b.id)),
    )
    quarters(1)
    assert.deepEqual(page.take(), [], 'nothing is left to send')
  })

  it('is told how many are to come, until the last part is there', () => {
    const { attach, fleet, quarters } = setStage()
    fleet.list = crowd(2 * WORKERS_AT_ONCE + 10)
    quarters(1)
    const page = attach()
    quarters(2)
    fleet.change('w7', { status: 'draining' })
    quarters(1)
    const frames = page.take()
    const toCome = (frame: FeedMessage) => ('snapshot' in frame ? frame.snapshot : frame.changes).toCome
    assert.deepEqual(frames.map(toCome), [WORKERS_AT_ONCE + 10, 10, undefined, undefined])
    // It may have left before it had all.
    const back = attach(frames[0]?.seq)
    quarters(2)
    assert.deepEqual(back.take().map(toCome), [WORKERS_AT_ONCE + 10, 10, undefined])
    fleet.list = crowd(WORKERS_AT_ONCE)
    quarters(1)
    assert.equal(attach().takeSnapshot().toCome, undefined)
  })

  it('gets no second snapshot while the first is on its way', () => {
    const { attach, fleet, quarters } = setStage()
    fleet.list = crowd(3 * WORKERS_AT_ONCE)
    quarters(1)
    const page = attach()
    page.buffered = BEHIND_BYTES - 1
    quarters(1)
    assert.equal(page.take().filter((frame) => 'snapshot' in frame).length, 1)
  })
})

describe('a page that comes back', () => {
  it('gets what it missed as one message', () => {
    const { attach, fleet, quarters } = setStage()
    const page = attach()
    const before = page.take()
    const since = before[0]?.seq
    fleet.change('w1', { status: 'maintenance' })
    quarters(1)
    fleet.change('w1', { latencyMs: 9, status: 'ready' })
    fleet.list = fleet.list.slice(0, 1)
    quarters(1)
    fleet.list = [...fleet.list, makeWorker('w3'), makeWorker('w2', { latencyMs: 5 })]
    quarters(10)
    const back = attach(since)
    const frames = back.take()
    assert.equal(frames.length, 1)
    assert.ok(frames[0] && 'changes' in frames[0])
    assert.equal(frames[0].seq, page.take().at(-1)?.seq)
    assert.equal(frames[0].changes.points?.length, 3)
    assert.deepEqual(
      [...picture([...before, ...frames]).values()].sort((a, b) =>
        JSON.stringify(a).localeCompare(JSON.stringify(b)),
      ),
      [...fleet.list].sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b))),
    )
  })

  it('gets how every worker is now, since beats are not kept', () => {
    const { attach, fleet, quarters } = setStage()
    const since = attach().take()[0]?.seq
    const slots = { limit: 4, used: 3, stuck: 0, available: 1, queue: 0 }
    fleet.change('w2', { slots })
    quarters(2)
    assert.deepEqual(attach(since).takeChanges().slots, { w1: [4, 1, 0, 3, 0], w2: [4, 3, 0, 1, 0] })
  })

  it('gets nothing but the number when it missed nothing', () => {
    const { attach } = setStage()
    const since = attach().take()[0]?.seq
    assert.deepEqual(attach(since).takeChanges(), {})
  })

  it('gets a snapshot after more than a minute, from the future, and for a number of no kind', () => {
    const stage = setStage()
    const since = stage.attach().take()[0]?.seq ?? 0
    stage.quarters(4 * 59)
    assert.ok('changes' in (stage.attach(since).take()[0] ?? {}))
    stage.quarters(4 * 3)
    stage.attach(since).takeSnapshot()
    stage.attach(since + 1_000_000).takeSnapshot()
    stage.attach(1).takeSnapshot()
  })

  it('never takes a number of one process for one of the next', () => {
    const first = setStage()
    const page = first.attach()
    first.quarters(4 * 30)
    const last = page.take().at(-1)?.seq ?? 0
    assert.ok(last < first.clock.wallMs(), 'a process that starts now begins above every number given so far')
  })
})

describe('a slow page', () => {
  it('is skipped, and gets a snapshot when it has drained', () => {
    const { attach, fleet, quarters } = setStage()
    const slow = attach()
    const quick = attach()
    slow.take()
    slow.buffered = BEHIND_BYTES + 1
    fleet.change('w1', { latencyMs: 7 })
    quarters(8)
    assert.deepEqual(slow.take(), [])
    slow.buffered = BEHIND_BYTES - 1
    quarters(1)
    assert.deepEqual(slow.take(), [])
    slow.buffered = 0
    quarters(1)
    const snapshot = slow.takeSnapshot()
    assert.deepEqual(snapshot.workers, fleet.list)
    fleet.change('w1', { latencyMs: 8 })
    quarters(1)
    const [next] = slow.take()
    assert.ok(next && 'changes' in next && next.seq === snapshot.seq + 1)
    assert.equal(quick.take().filter((frame) => 'snapshot' in frame).length, 1)
  })
})

describe('the chart', () => {
  it('has a point a second with what happened in it', () => {
    const stage = setStage()
    const page = stage.attach()
    page.take()
    stage.traffic.submitted = 5
    stage.traffic.completed = 3
    stage.quarters(4)
    stage.traffic.failed = 2
    stage.traffic.waiting = 1
    stage.quarters(4)
    const points = page.take().flatMap((frame) => ('changes' in frame ? (frame.changes.points ?? []) : []))
    const t = Date.UTC(2026, 0, 1) / 1000
    const slots = { used: 2, free: 6, maintenance: 0, stalled: 0 }
    assert.deepEqual(points, [
      { t, slots, waiting: 0, submitted: 5, completed: 3, failed: 0 },
      { t: t + 1, slots, waiting: 1, submitted: 0, completed: 0, failed: 2 },
    ])
    assert.deepEqual(stage.attach().takeSnapshot().points, points)
  })

  it('goes on while nobody looks, and what is shown afterwards is of now', () => {
    const stage = setStage()
    const page = stage.attach()
    const since = page.take()[0]?.seq
    page.page?.detach()
    stage.quarters(4 * 200)
    stage.fleet.change('w1', { latencyMs: 77 })
    const back = stage.attach(since).takeSnapshot()
    assert.equal(back.points.length, 200)
    assert.equal(back.workers[0]?.latencyMs, 77)
  })

  it('never takes what it did not look at for nothing', () => {
    const stage = setStage()
    const page = stage.attach()
    const since = page.take()[0]?.seq
    page.page?.detach()
    // The machine slept: no reading for more than a minute, and no number given.
    stage.clock.advance(61_000)
    stage.quarters(1)
    stage.fleet.change('w1', { latencyMs: 77 })
    assert.equal(stage.attach(since).takeSnapshot().workers[0]?.latencyMs, 77)
  })

  it('rests after a minute without a page', () => {
    const stage = setStage()
    const page = stage.attach()
    page.page?.detach()
    stage.quarters(4 * 62)
    let configReads = 0
    const config = stage.fleet.config.bind(stage.fleet)
    stage.fleet.config = () => {
      configReads += 1
      return config()
    }
    stage.quarters(8)
    assert.equal(configReads, 0)
    const next = stage.attach()
    stage.quarters(1)
    assert.ok('snapshot' in (next.take()[0] ?? {}))
  })
})

describe('the feed as a service', () => {
  it('reads by itself between start and stop', async () => {
    const { feed, fleet, attach } = setStage()
    const page = attach()
    page.take()
    await feed.start()
    const sent = Promise.withResolvers<string>()
    page.send = sent.resolve
    fleet.change('w1', { latencyMs: 7 })
    const keepAlive = setTimeout(() => {}, 5000)
    assert.match(await sent.promise, /"latencyMs":7/)
    clearTimeout(keepAlive)
    await feed.stop()
    await feed.stop()
  })
})
