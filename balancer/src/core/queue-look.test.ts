import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { seededRandom, TestScheduler, work, workerFacts } from './test-scheduler.ts'

/** One worker of one slot, taken by a first task; times are known, so charges are what they cost. */
const BOTH = new Map([...work(), ...[...work().values()].map((facts) => ['other', facts] as const)])

function makeBusy(functions = work()): { bench: TestScheduler; first: string } {
  const bench = new TestScheduler()
  bench.worker('w1', { slots: 1, takesAhead: false, functions })
  const taught = bench.submit()
  bench.start(taught)
  bench.now += 100
  bench.finish(taught, { runMs: 100 })
  const first = bench.submit({ fairnessKey: 'first' })
  bench.start(first)
  return { bench, first }
}

const head = (bench: TestScheduler, limit = 200, group?: string) =>
  bench.core.queue(group, limit, bench.now).head

describe('the order of those who wait', () => {
  test('is the one in which they go, with priorities and fairness keys', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const { bench, first } = makeBusy()
      const random = seededRandom(seed)
      for (let task = 0; task < 60; task++) {
        const fairnessKey = random() < 0.2 ? undefined : `key ${Math.floor(random() * 5)}`
        bench.submit({ priority: 1 + Math.floor(random() * 3), fairnessKey })
      }
      const foretold = head(bench).map(({ run }) => run)
      assert.equal(foretold.length, 60)
      const before = bench.sent.length
      let running = first
      while (bench.sent.length - before < 60) {
        bench.now += 100
        bench.finish(running, { runMs: 100 })
        running = bench.order.at(-1) ?? ''
        bench.start(running)
      }
      assert.deepEqual(bench.order.slice(before), foretold, `seed ${seed}`)
    }
  })

  test('goes across the lanes of a group, and a key is charged in all of them', () => {
    const { bench } = makeBusy(BOTH)
    const a1 = bench.submit({ fairnessKey: 'a' })
    const a2 = bench.submit({ fairnessKey: 'a', function: 'other' })
    const b1 = bench.submit({ fairnessKey: 'b' })
    const urgent = bench.submit({ fairnessKey: 'a', priority: 1, function: 'other' })
    assert.deepEqual(
      head(bench).map(({ run }) => run),
      [urgent, b1, a1, a2],
    )
    assert.deepEqual(
      head(bench).map(({ position }) => position),
      [1, 2, 3, 4],
    )
    assert.deepEqual(
      head(bench, 2).map(({ run }) => run),
      [urgent, b1],
    )
  })

  test('changes with a priority, and reading changes nothing', () => {
    const { bench } = makeBusy()
    const [one, two, three] = bench.submitMany(3)
    assert.deepEqual(
      head(bench).map(({ run }) => run),
      [one, two, three],
    )
    bench.core.reprioritise(three ?? '', 1, bench.now)
    for (let look = 0; look < 3; look++)
      assert.deepEqual(
        head(bench).map(({ run }) => run),
        [three, one, two],
      )
  })

  for (const [name, functions, keys] of [
    ['one lane with a thousand keys', 1, 1_000],
    ['two thousand lanes', 2_000, 50],
  ] as const) {
    test(`is found in a moment among 40,000 in ${name}`, () => {
      const bench = new TestScheduler({ limits: { tasksPerLane: 200_000, bytes: 1e9 } })
      const names = Array.from({ length: functions }, (_, at) => `work ${at}`)
      const facts = { slots: 1, idempotent: null, maxRetries: 0 }
      const served = new Map(names.map((one) => [one, facts] as const))
      bench.worker('w1', { slots: 1, takesAhead: false, functions: served })
      const random = seededRandom(7)
      for (let task = 0; task < 40_000; task++) {
        const priority = 1 + Math.floor(random() * 100)
        bench.submit({ function: names[task % functions], priority, fairnessKey: `key ${task % keys}` })
      }
      head(bench)
      const before = process.cpuUsage()
      for (let look = 0; look < 10; look++) assert.equal(head(bench).length, 200)
      const { user, system } = process.cpuUsage(before)
      assert.ok((user + system) / 10 < 60_000, `${(user + system) / 10} µs of CPU a look`)
    })
  }
})

describe('lanes in figures', () => {
  test('say who waits, since when, who could serve them and what holds them back', () => {
    const { bench } = makeBusy()
    bench.now += 500
    const since = bench.now
    bench.submit({ fairnessKey: 'a' })
    bench.now += 500
    bench.submit({ fairnessKey: 'b' })
    bench.submit({ fairnessKey: 'b' })
    bench.core.setLimits({ group: 'default', fairnessKey: 'b' }, { weight: 3 }, bench.now)
    const { lanes, waiting } = bench.core.queue(undefined, 10, bench.now)
    assert.equal(waiting, 3)
    assert.deepEqual(lanes, [
      {
        group: 'default',
        contract: 1,
        function: 'work',
        selector: '',
        waiting: 3,
        hasMore: false,
        oldestAt: since,
        capable: 1,
        free: 0,
        fairness: [
          { key: 'b', weight: 3, running: 0, waiting: 2 },
          { key: 'a', weight: 1, running: 0, waiting: 1 },
        ],
      },
    ])
    assert.deepEqual(
      head(bench).map(({ why }) => why),
      ['no_slot', 'no_slot', 'no_slot'],
    )
  })

  test('tell limits, pauses and missing workers apart', () => {
    const { bench } = makeBusy()
    bench.submit()
    const why = () => head(bench)[0]?.why
    bench.core.setLimits({ group: 'default' }, { concurrency: 1 }, bench.now)
    assert.equal(why(), 'concurrency')
    bench.core.setLimits({ group: 'default' }, { rate: { limit: 1, perMs: 60_000 } }, bench.now)
    bench.core.setLimits({ group: 'default' }, {}, bench.now)
    assert.equal(why(), 'no_slot')
    bench.core.setWorker(workerFacts('w1', { isInService: false, outReason: 'in maintenance' }), bench.now)
    assert.equal(why(), 'no_worker')
  })

  test('of another group are left out when one is named', () => {
    const { bench } = makeBusy()
    bench.worker('g1', { slots: 1, group: 'gpu', takesAhead: false })
    bench.submit({ group: 'gpu' })
    const waits = bench.submit({ group: 'gpu' })
    const mine = bench.submit()
    assert.deepEqual(
      head(bench, 10, 'gpu').map(({ run }) => run),
      [waits],
    )
    assert.deepEqual(
      head(bench).map(({ run, position }) => [run, position]),
      [
        [waits, 1],
        [mine, 1],
      ],
    )
  })
})
