/** The choice by measured cost: fast workers first, ties by occupancy, unknown is the median, slow starts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FunctionTimes, ServiceTimes } from './service-times.ts'
import { seededRandom, TestScheduler, work, workerFacts } from './test-scheduler.ts'
import { Worker } from './worker.ts'

/** Runs so many tasks one after another at one worker, each for so long. */
function measure(bench: TestScheduler, host: string, runMs: number, count = 20): void {
  for (let i = 0; i < count; i++) {
    const run = bench.submit({ tags: { host } })
    bench.start(run)
    bench.now += runMs
    bench.finish(run, { runMs })
  }
}

function benchOf(times: Record<string, number>, slots = 10): TestScheduler {
  const bench = new TestScheduler()
  for (const host of Object.keys(times)) bench.worker(host, { slots, tags: { host } })
  for (const [host, runMs] of Object.entries(times)) if (runMs > 0) measure(bench, host, runMs)
  bench.sent.length = 0
  return bench
}

const chosen = (bench: TestScheduler) => bench.sent.map(({ worker }) => worker)

test('the fastest free worker first, whatever its occupancy', () => {
  const bench = benchOf({ fast: 10, middle: 20, slow: 40 }, 2)
  bench.submitMany(6)
  assert.deepEqual(chosen(bench), ['fast', 'fast', 'middle', 'middle', 'slow', 'slow'])
})

test('within 10 % the least occupied, beyond it the cheapest', () => {
  const near = benchOf({ a: 100, b: 106 })
  near.submitMany(6)
  assert.equal(chosen(near).filter((worker) => worker === 'b').length, 3)
  const far = benchOf({ a: 100, b: 130 })
  far.submitMany(6)
  assert.deepEqual(new Set(chosen(far)), new Set(['a']))
})

test('the preferred worker first while it has a free slot, whatever is faster or emptier; then any', () => {
  const bench = benchOf({ fast: 10, slow: 90 }, 2)
  const runs = [1, 2, 3, 4].map(() => bench.submit({ prefer: 'slow' }))
  assert.deepEqual(chosen(bench), ['slow', 'slow', 'fast', 'fast'])
  for (const run of runs) bench.finish(run, { outcome: 'cancelled' })
  bench.sent.length = 0
  bench.submit({ prefer: 'nobody' })
  bench.submit({ prefer: 'slow', tags: { host: 'fast' } })
  bench.core.setWorker({ ...workerFacts('slow', { tags: { host: 'slow' } }), isInService: false }, bench.now)
  bench.submit({ prefer: 'slow' })
  assert.deepEqual(
    chosen(bench),
    ['fast', 'fast', 'fast'].slice(0, chosen(bench).length),
    'never where it may not',
  )
})

test('who prefers a worker goes past nobody who waits for it', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 1 })
  const first = bench.submit({})
  const urgent = bench.submit({ priority: 1 })
  bench.submit({ prefer: 'a' })
  bench.start(first)
  bench.finish(first)
  assert.deepEqual(bench.order, [first, urgent])
})

test('relative occupancy alone until two workers have 20 samples each', () => {
  const bench = new TestScheduler()
  for (const host of ['fast', 'slow']) bench.worker(host, { tags: { host } })
  measure(bench, 'fast', 10)
  measure(bench, 'slow', 90, 19)
  bench.sent.length = 0
  const runs = bench.submitMany(4)
  assert.equal(chosen(bench).filter((worker) => worker === 'slow').length, 2)
  for (const run of runs) bench.finish(run, { outcome: 'cancelled' })
  measure(bench, 'slow', 90, 1)
  bench.sent.length = 0
  bench.submitMany(4)
  assert.deepEqual(new Set(chosen(bench)), new Set(['fast']))
})

test('a worker that has run none costs the median of the fleet', () => {
  const bench = benchOf({ fast: 10, middle: 50, slow: 90, fresh: 0 }, 1)
  bench.submitMany(4)
  const [first, second, third, last] = chosen(bench)
  assert.deepEqual([first, last], ['fast', 'slow'])
  assert.deepEqual([second, third].sort(), ['fresh', 'middle'])
})

test('a worker that was slow long ago is tried again', () => {
  const bench = benchOf({ a: 10, b: 10, c: 30 }, 4)
  bench.submitMany(2)
  assert.ok(!chosen(bench).includes('c'))
  bench.now += 10 * 60_000
  const runs = Array.from({ length: 12 }, () => {
    const run = bench.submit()
    bench.finish(run, { runMs: 10 })
    return run
  })
  assert.ok(runs.some((run) => bench.last(run).worker === 'c'))
})

test('slots that share cores: the measured slowdown spreads the tasks', () => {
  const bench = benchOf({ a: 0, b: 0 })
  for (let round = 0; round < 12; round++) {
    const runs = bench.submitMany(20)
    bench.start(...runs)
    for (const run of runs) bench.finish(run, { runMs: 20 * (1 + (bench.last(run).used > 5 ? 2 : 0)) })
  }
  bench.sent.length = 0
  bench.submitMany(10)
  assert.equal(chosen(bench).filter((worker) => worker === 'a').length, 5)
})

test('a worker that is far away comes after those that are near, one busy moment does not make it far', () => {
  const bench = benchOf({ near: 50, far: 50 })
  const tripTo = (host: string, ms: number) => {
    const run = bench.submit({ tags: { host } })
    bench.now += ms
    bench.start(run)
    bench.finish(run, { runMs: 50 })
  }
  tripTo('near', 80)
  for (let i = 0; i < 64; i++) {
    tripTo('far', 40)
    tripTo('near', i % 9 === 0 ? 60 : 1)
  }
  bench.sent.length = 0
  bench.submitMany(10)
  assert.deepEqual(new Set(chosen(bench)), new Set(['near']))
})

test('weight 0 stays last although it is the fastest', () => {
  const bench = new TestScheduler()
  bench.worker('main', { slots: 2, tags: { host: 'main' } })
  bench.worker('spare', { slots: 2, tags: { host: 'spare' }, weight: 0 })
  measure(bench, 'main', 50)
  measure(bench, 'spare', 5)
  bench.sent.length = 0
  bench.submitMany(3)
  assert.deepEqual(chosen(bench), ['main', 'main', 'spare'])
})

// --- Slow start ----------------------------------------------------------------------------------

test('a worker that joins a warm fleet gets a tenth of its share, more as it warms, all after 30 s', () => {
  const shareAfter = (ms: number) => {
    const bench = new TestScheduler()
    bench.worker('old', { slots: 100 })
    bench.advance(31_000)
    bench.worker('new', { slots: 100 })
    bench.advance(ms)
    // Time passes with the tasks: one look each.
    bench.submitMany(100)
    return chosen(bench).filter((worker) => worker === 'new').length
  }
  assert.ok(shareAfter(0) <= 11 && shareAfter(0) >= 8, `${shareAfter(0)} at first`)
  assert.ok(shareAfter(15_000) > 30 && shareAfter(15_000) < 40, `${shareAfter(15_000)} half way`)
  assert.equal(shareAfter(30_000), 50)
})

test('who starts with the fleet, or alone, does not start slowly; nothing waits for a slow start', () => {
  const bench = new TestScheduler()
  bench.worker('a', { slots: 10 })
  bench.advance(5_000)
  bench.worker('b', { slots: 10 })
  bench.submitMany(10)
  assert.equal(chosen(bench).filter((worker) => worker === 'b').length, 5)
  bench.advance(60_000)
  bench.worker('cold', { slots: 10 })
  bench.submitMany(20)
  assert.equal(bench.core.traffic().waiting, 0)
})

test('a worker that was lost and is back starts slowly', () => {
  const bench = new TestScheduler()
  for (const id of ['a', 'b']) bench.worker(id, { slots: 10 })
  bench.advance(40_000)
  bench.core.troubled('b', 'unlinked', bench.now, bench.now)
  bench.advance(1_000)
  bench.core.relinked('b', [], bench.now)
  bench.submitMany(10)
  assert.ok(chosen(bench).filter((worker) => worker === 'b').length <= 1)
  bench.advance(30_000)
  bench.submitMany(8)
  assert.ok(chosen(bench).filter((worker) => worker === 'b').length >= 8)
})

// --- What is measured ----------------------------------------------------------------------------

type Law = (random: () => number) => number

const LAWS: Readonly<Record<string, Law>> = {
  exponential: (random) => -30 * Math.log(1 - random()),
  bimodal: (random) => (random() < 0.05 ? 500 : 10),
  pareto: (random) => Math.min(10_000, 10 * (1 - random()) ** (-1 / 1.5)),
  sleep: (random) => 50 + 2 * random(),
}

/** Ten workers of such speeds, each with so many tasks of one law, one after another. */
function observe(law: Law, speeds: readonly number[], count: number, seed = 1): ServiceTimes[] {
  const random = seededRandom(seed)
  const fleet = new FunctionTimes()
  const workers = speeds.map(() => new ServiceTimes(fleet))
  const nowOf = speeds.map(() => 0)
  for (let i = 0; i < count; i++)
    for (const [index, times] of workers.entries()) {
      const ms = law(random) / (speeds[index] as number)
      nowOf[index] = (nowOf[index] as number) + ms
      times.note(ms, 0.5, nowOf[index] as number)
    }
  return workers
}

/** Who is left out although it has a free slot: its cost is more than the least one and what counts as equal. */
function leftOut(workers: readonly ServiceTimes[]): number {
  const costs = workers.map((times) => times.expectedMs(0.5, false))
  const least = Math.min(...costs)
  const leeway = workers[costs.indexOf(least)]?.leeway ?? 0
  return costs.filter((cost) => cost > least * (1 + Math.max(0.11, leeway))).length
}

test('chance does not make equal workers look unequal, whatever the law', () => {
  const equal = Array.from({ length: 10 }, () => 1)
  for (const [name, law] of Object.entries(LAWS)) {
    let out = 0
    for (let seed = 1; seed <= 40; seed++)
      for (const count of [25, 100, 400]) out += leftOut(observe(law, equal, count, seed))
    assert.ok(out <= 0.02 * 1_200, `${name}: ${out} of 1,200 looked unequal`)
  }
})

test('a true difference of 1.3 is found after some tens of samples, later where times vary much', () => {
  const speeds = Array.from({ length: 10 }, (_, index) => (index < 2 ? 1 / 1.3 : 1))
  const foundAfter = (law: Law, count: number) => {
    let out = 0
    for (let seed = 1; seed <= 20; seed++) out += leftOut(observe(law, speeds, count, seed))
    return out / 40
  }
  assert.equal(foundAfter(LAWS.sleep as Law, 21), 1)
  assert.ok(foundAfter(LAWS.exponential as Law, 300) > 0.8)
  assert.ok(foundAfter(LAWS.bimodal as Law, 3_000) > 0.8)
})

test('a moment in which a worker stands still is one observation, however many tasks it touched', () => {
  const fleet = new FunctionTimes()
  const [stalled, ...others] = Array.from({ length: 4 }, () => new ServiceTimes(fleet))
  assert.ok(stalled)
  for (let round = 0; round < 12; round++)
    for (const times of [stalled, ...others])
      for (let slot = 0; slot < 20; slot++)
        times.note(50 + (slot % 3) + (times === stalled && round % 6 === 5 ? 45 : 0), 0.5, 52 * round)
  assert.ok(stalled.meanMs > 1.12 * fleet.medianMs, `${stalled.meanMs} of ${fleet.medianMs}`)
  assert.equal(leftOut([stalled, ...others]), 0)
})

test('who was slow long ago is tried with one task at a time', () => {
  const workers = observe(LAWS.sleep as Law, [1, 1, 1, 0.5], 40)
  const slow = workers[3] as ServiceTimes
  assert.ok(slow.expectedMs(0.5, true) > 90)
  slow.age(600_000)
  assert.ok(slow.expectedMs(0.1, true) < 60)
  assert.ok(slow.expectedMs(0.2, false) > 90)
})

test('nobody has a free slot: sent ahead where one comes free soonest', () => {
  const bench = benchOf({ fast: 10, slow: 40 }, 2)
  const runs = bench.submitMany(4)
  bench.now += 2
  bench.start(...runs)
  bench.sent.length = 0
  bench.submitMany(2)
  assert.deepEqual(chosen(bench), ['fast', 'fast'])
})

test('costs of a redeployed function are measured anew', () => {
  const bench = benchOf({ a: 10, b: 40 })
  bench.worker('a', { slots: 10, tags: { host: 'a' }, interfaceHash: 'two', functions: work() })
  bench.submitMany(4)
  assert.equal(chosen(bench).filter((worker) => worker === 'b').length, 2)
})

test('10,000 workers: a choice costs about as much as among 100', { timeout: 60_000 }, () => {
  const perTask = (count: number) => {
    const bench = new TestScheduler()
    for (let i = 0; i < count; i++) bench.worker(`w${i}`, { slots: 2 })
    const seen: string[] = []
    for (let round = 0; round < 25; round++) {
      const runs = bench.submitMany(200)
      bench.start(...runs)
      for (const run of runs) bench.finish(run, { runMs: 10 })
      bench.sent.length = 0
    }
    const startedAt = performance.now()
    for (let i = 0; i < 2_000; i++) seen.push(bench.submit())
    return (performance.now() - startedAt) / seen.length
  }
  perTask(1_000)
  // Of what is measured the best counts: what else the machine does is not the choice's.
  let [few, many] = [perTask(1_000), perTask(10_000)]
  for (let more = 0; more < 4 && many >= 8 * few + 0.02; more++) {
    few = Math.min(few, perTask(1_000))
    many = Math.min(many, perTask(10_000))
  }
  assert.ok(many < 8 * few + 0.02, `${few} ms among 1,000, ${many} ms among 10,000`)
})

const usedOf = Object.getOwnPropertyDescriptor(Worker.prototype, 'used') as PropertyDescriptor

/** Calls back at every look at a worker's occupancy or its rank, until the function that it returns is called. */
function watchLooks(onLook: (worker: Worker) => void): () => void {
  Object.defineProperty(Worker.prototype, 'used', {
    configurable: true,
    get(this: Worker) {
      onLook(this)
      return usedOf.get?.call(this)
    },
  })
  return () => Object.defineProperty(Worker.prototype, 'used', usedOf)
}

function watchRank(worker: Worker, onLook: () => void): void {
  let { ratio } = worker
  Object.defineProperty(worker, 'ratio', {
    get: () => {
      onLook()
      return ratio
    },
    set: (next: number) => {
      ratio = next
    },
  })
}

/** Looks at workers that a submission takes on average, in a fleet whose costs are compared. */
function looksPerTask(count: number): number {
  let looks = 0
  const workers = new Set<Worker>()
  const bench = new TestScheduler()
  const stop = watchLooks((worker) => {
    looks++
    workers.add(worker)
  })
  try {
    for (let i = 0; i < count; i++) bench.worker(`w${i}`, { slots: 4, tags: i < 2 ? { host: `w${i}` } : {} })
    // From then on costs are compared.
    for (const host of ['w0', 'w1']) measure(bench, host, 10)
    for (let round = 0; round < 10; round++) {
      bench.sent.length = 0
      const runs = bench.submitMany(Math.min(2 * count, 200))
      bench.start(...runs)
      for (const run of runs) bench.finish(run, { runMs: 10 })
    }
    assert.equal(workers.size, count)
    for (const worker of workers) watchRank(worker, () => looks++)
    looks = 0
    const tasks = Math.min(count, 200)
    bench.submitMany(tasks)
    return looks / tasks
  } finally {
    stop()
  }
}

test('looks of a choice grow with the logarithm of the fleet at most', () => {
  const few = looksPerTask(10)
  for (const count of [1_000, 10_000]) {
    const looks = looksPerTask(count)
    assert.ok(looks <= few + 40 * Math.log2(count / 10), `${few} among 10, ${looks} among ${count}`)
  }
})

test('told not to compare speed, the least occupied is chosen whatever was measured', () => {
  const bench = new TestScheduler({ comparesSpeed: false })
  for (const host of ['fast', 'slow']) bench.worker(host, { tags: { host } })
  measure(bench, 'fast', 10)
  measure(bench, 'slow', 90)
  bench.sent.length = 0
  bench.submitMany(4)
  assert.equal(chosen(bench).filter((worker) => worker === 'slow').length, 2)
})
