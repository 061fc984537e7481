import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { complete, makeSample, makeTally, Stage } from './test-stage.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

const numbers = (values: readonly unknown[]): number[] =>
  values.filter((value): value is number => typeof value === 'number')
const sumOf = (values: readonly unknown[]): number => numbers(values).reduce((sum, value) => sum + value, 0)

async function begin(): Promise<{ stage: Stage; hello: ReturnType<typeof makeTally> }> {
  const stage = new Stage()
  const hello = makeTally('hello')
  stage.tallies = [hello]
  await stage.open()
  return { stage, hello }
}

describe('series', () => {
  it('tell what happened in each second, and nothing of seconds that nobody saw', async () => {
    const { stage, hello } = await begin()
    await stage.seconds(5, (second) => complete(hello, second + 1))
    stage.clock.setWall(stage.clock.wallMs() + 5_000)
    await stage.seconds(5, () => complete(hello, 2))
    const values = await stage.values({ fromMs: stage.clock.wallMs() - 16_000, stepMs: 1_000 })
    assert.deepEqual(values, [null, 1, 2, 3, 4, 5, null, null, null, null, null, 2, 2, 2, 2, 2])
  })

  it('have what a late look has found in all of its seconds', async () => {
    const { stage, hello } = await begin()
    await stage.seconds(2, () => complete(hello, 2))
    complete(hello, 8)
    stage.waiting = [{ tally: hello, count: 3, oldestAt: 0 }]
    stage.clock.advance(3_000)
    stage.stats.tick()
    const metrics = ['completed', 'waiting'] as const
    const { series } = await stage.ask({ metrics, fromMs: stage.clock.wallMs() - 5_000, stepMs: 1_000 })
    assert.deepEqual(
      series.map(({ values }) => values),
      [
        [2, 2, 2, 3, 3],
        [0, 0, 3, 3, 3],
      ],
    )
  })

  it('say the same in every resolution: sums are those of the seconds', async () => {
    const { stage, hello } = await begin()
    const fromMs = stage.clock.wallMs()
    let all = 0
    await stage.seconds(2 * 3_600, (second) => {
      const count = (second * 7) % 11
      all += count
      complete(hello, count, 1 + (second % 50))
    })
    for (const [stepMs, windowMs] of [
      [15_000, 2 * HOUR],
      [MINUTE, 2 * HOUR],
      [HOUR, 2 * HOUR],
    ] as const) {
      const values = await stage.values({ fromMs, toMs: fromMs + windowMs, stepMs })
      assert.equal(values.length, windowMs / stepMs)
      assert.ok(Math.abs(sumOf(values) * (stepMs / 1_000) - all) < 1, `${stepMs}: ${sumOf(values)}`)
    }
    for (const by of ['group', 'contract', 'function'] as const) {
      const of = { group: 'default', contract: 'default@1', function: 'default/hello' }[by]
      assert.deepEqual(
        await stage.values({ by, of, fromMs, stepMs: MINUTE }),
        await stage.values({ fromMs, stepMs: MINUTE }),
      )
    }
  })

  it('add histograms up, from which quantiles follow at any step', async () => {
    const { stage, hello } = await begin()
    const fromMs = stage.clock.wallMs()
    await stage.seconds(600, (second) => complete(hello, 10, second < 300 ? 10 : 1_000))
    const metrics = ['runMs.p50', 'runMs.p99', 'runMs.histogram'] as const
    const { series } = await stage.ask({ metrics, fromMs, stepMs: 10 * MINUTE })
    const [p50, p99, histogram] = series.map(({ values }) => values[0])
    assert.ok(Number(p50) >= 10 && Number(p50) < 15, String(p50))
    assert.ok(Number(p99) >= 1_000 && Number(p99) < 1_400, String(p99))
    assert.equal(sumOf(histogram as number[]), 6_000)
    assert.deepEqual(
      (histogram as number[]).filter((count) => count > 0),
      [3_000, 3_000],
    )
  })

  it('know a function from its first task on, and zero from then on', async () => {
    const { stage, hello } = await begin()
    const late = makeTally('late')
    await stage.seconds(30, () => complete(hello))
    stage.tallies.push(late)
    complete(late, 3)
    await stage.seconds(3)
    const asked = { by: 'function', stepMs: 1_000, fromMs: stage.clock.wallMs() - 5_000 } as const
    assert.deepEqual(await stage.values({ ...asked, of: 'default/late' }), [null, null, 3, 0, 0])
    assert.deepEqual(await stage.values({ ...asked, of: 'default/hello' }), [1, 1, 0, 0, 0])
    const quantile = { ...asked, of: 'default/late', metrics: ['runMs.p95'] } as const
    assert.deepEqual((await stage.values(quantile)).slice(3), [null, null])
  })

  it('have waiting tasks as a mean and the oldest as the highest', async () => {
    const { stage, hello } = await begin()
    await stage.seconds(60, (second) => {
      stage.waiting = second < 30 ? [{ tally: hello, count: 4, oldestAt: stage.clock.monoMs() - 2_000 }] : []
    })
    const asked = { metrics: ['waiting', 'oldestMs'], stepMs: MINUTE, by: 'function' } as const
    const { series } = await stage.ask({ ...asked, of: 'default/hello' })
    assert.deepEqual(
      series.map(({ values }) => values[0]),
      [2, 3_000],
    )
  })

  it('know slots only while a worker has said how many it has', async () => {
    const { stage } = await begin()
    stage.samples = [makeSample('w1', { slots: null, status: 'connecting', isLinked: false, system: null })]
    await stage.seconds(2)
    stage.samples = [makeSample('w1'), makeSample('w2', { status: 'stalled' })]
    await stage.seconds(2)
    const metrics = ['slots.used', 'slots.free', 'slots.stalled', 'slots.limit'] as const
    const { series } = await stage.ask({ metrics, fromMs: stage.clock.wallMs() - 4_000, stepMs: 1_000 })
    assert.deepEqual(
      series.map(({ values }) => values),
      [
        [null, null, 1, 1],
        [null, null, 3, 3],
        [null, null, 4, 4],
        [null, null, 8, 8],
      ],
    )
  })

  it('keep of workers how they were, from 15 seconds up', async () => {
    const { stage } = await begin()
    const ended = { ok: 5, error: 0, timeout: 0, cancelled: 0 }
    stage.samples = [makeSample('w1', { ended })]
    await stage.seconds(15)
    ended.ok += 30
    await stage.seconds(45)
    const metrics = ['cpu', 'memory', 'loopMs', 'gapMs', 'used', 'limit', 'ok'] as const
    const { series, stepMs } = await stage.ask({ metrics, by: 'worker', of: 'w1', stepMs: 1_000 })
    assert.equal(stepMs, 15_000)
    assert.deepEqual(
      series.slice(0, 6).map(({ values }) => values[2]),
      [0.25, 0.5, 1.5, 900, 1, 4],
    )
    assert.equal(Math.round(sumOf(series[6]?.values ?? []) * 15), 30)
  })

  it('of a worker that never says a figure are unknown there, also on disk and beside what it says later', async () => {
    const { stage } = await begin()
    const asked = { metrics: ['cpu', 'memory', 'loopMs', 'used'], by: 'worker', of: 'w1' } as const
    const silent = { cpuLoad: null, memoryUsed: 0.5, eventLoopDelayMs: null }
    stage.samples = [makeSample('w1', { system: silent })]
    await stage.seconds(60)
    await stage.restart()
    stage.samples = [makeSample('w1', { system: silent })]
    await stage.seconds(30)
    const values = async (stepMs: number, fromMs: number) => {
      const { series } = await stage.ask({ ...asked, metrics: [...asked.metrics], stepMs, fromMs })
      return series.map((one) => numbers(one.values).at(-1) ?? null)
    }
    const fromMs = stage.clock.wallMs() - 2 * MINUTE
    assert.deepEqual(await values(15_000, fromMs), [null, 0.5, null, 1])
    stage.samples = [makeSample('w1')]
    await stage.seconds(60)
    const { series } = await stage.ask({ ...asked, metrics: ['cpu', 'loopMs'], stepMs: 5 * MINUTE, fromMs })
    const [cpu, loopMs] = series.map((one) => numbers(one.values))
    assert.ok(
      cpu?.every((value) => value === 0.25),
      'a mean over the time in which it was said',
    )
    assert.ok(loopMs?.every((value) => value === 1.5))
    assert.ok((cpu?.length ?? 0) > 0)
  })

  it('have the slots of a worker that says nothing of its system, and nothing of one that is not linked', async () => {
    const { stage } = await begin()
    stage.samples = [makeSample('w1', { system: null }), makeSample('w2', { isLinked: false, system: null })]
    await stage.seconds(60)
    const metrics = ['cpu', 'memory', 'loopMs', 'used', 'limit'] as const
    const lastOf = async (of: string) => {
      const { series } = await stage.ask({ metrics, by: 'worker', of, stepMs: 15_000 })
      return series.map(({ values }) => numbers(values).at(-1) ?? null)
    }
    assert.deepEqual(await lastOf('w1'), [null, null, null, 1, 4])
    assert.deepEqual(await lastOf('w2'), [null, null, null, null, null])
  })

  it('of a fleet that is read in slices are those of whole seconds, each fed once', async () => {
    const { stage } = await begin()
    const fleet = Array.from({ length: 100 }, (_, i) => makeSample(`w${i}`))
    let reads = 0
    stage.samples = {
      *[Symbol.iterator]() {
        for (const [index, sample] of fleet.entries()) {
          // Longer than a slice lasts.
          if (index === 60) stage.clock.advance(1)
          reads++
          yield sample
        }
      },
    }
    stage.clock.advance(1_000)
    stage.stats.tick()
    assert.equal(reads, 75)
    stage.stats.tick()
    assert.equal(reads, 75, 'one second at a time')
    const used = async () => numbers(await stage.values({ metrics: ['slots.used'], stepMs: 1_000 }))
    assert.ok((await used()).every((value) => value === 100))
    stage.clock.advance(999)
    stage.stats.tick()
    assert.equal(reads, 175, 'the one before is done at once when the next is over')
    await stage.stats.stop()
    assert.equal(reads, 200)
    assert.deepEqual(await used(), [100, 100])
  })
})

describe('a restart', () => {
  for (const how of ['clean', 'killed'] as const)
    it(`(${how}) gives the same values, and a gap for the time between`, async () => {
      const { stage, hello } = await begin()
      stage.samples = [makeSample('w1')]
      const fromMs = stage.clock.wallMs()
      await stage.seconds(1_200, (second) => complete(hello, second % 5, 20))
      const metrics = ['completed', 'runMs.p95', 'slots.used'] as const
      const before = await stage.ask({ metrics, fromMs, stepMs: 15_000 })
      const worker = { by: 'worker', of: 'w1', metrics: ['cpu', 'gapMs'], fromMs, stepMs: 15_000 } as const
      const workerBefore = await stage.ask(worker)
      stage.clock.advance(120_000)
      await stage.restart(how)
      await stage.seconds(60, () => complete(stage.tallies[0] ?? hello, 2, 20))
      const after = await stage.ask({ metrics, fromMs, stepMs: 15_000 })
      // What was killed within a minute loses that minute at most.
      const kept = how === 'clean' ? 80 : 76
      before.series.forEach(({ values }, at) => {
        assert.deepEqual(after.series[at]?.values.slice(0, kept), values.slice(0, kept))
      })
      assert.deepEqual(after.series[0]?.values.slice(81, 88), [null, null, null, null, null, null, null])
      assert.equal(after.series[0]?.values.at(-2), 2)
      const workerAfter = await stage.ask(worker)
      const whole = how === 'clean' ? 79 : 75
      workerBefore.series.forEach(({ values }, at) => {
        assert.deepEqual(workerAfter.series[at]?.values.slice(0, whole), values.slice(0, whole))
      })
      const asked = { fromMs, toMs: fromMs + 20 * MINUTE, stepMs: 5 * MINUTE }
      assert.deepEqual(numbers(await stage.values(asked)).slice(0, 3), [2, 2, 2])
    })

  it('leaves out a block that was damaged, names it in the log, and has the rest', async () => {
    const { stage, hello } = await begin()
    const fromMs = stage.clock.wallMs()
    await stage.seconds(300, () => complete(hello))
    await stage.stats.settled()
    const damaged = [...stage.disk.blocks.values()].filter(({ stepS }) => stepS === 1)[1]
    assert.ok(damaged)
    damaged.bytes[damaged.bytes.length - 1] = 1 ^ (damaged.bytes.at(-1) ?? 0)
    await stage.restart('killed')
    const lines = stage.log.entries().filter(({ level }) => level === 'warn')
    assert.equal(lines.length, 1)
    assert.equal(lines[0]?.series, damaged.series)
    const values = await stage.values({ fromMs, toMs: fromMs + 240_000, stepMs: MINUTE, by: 'fleet' })
    assert.equal(values.length, 4)
    assert.ok(numbers(values).length >= 3)
  })

  it('writes nothing while the disk is at its reserve, and all of it later', async () => {
    const { stage, hello } = await begin()
    stage.disk.freeBytes = 999
    await stage.seconds(180, () => complete(hello))
    assert.equal(stage.disk.writes, 0)
    stage.disk.freeBytes = 1_000_000
    await stage.seconds(60, () => complete(hello))
    const minutes = [...stage.disk.blocks.values()].filter((block) => block.series === 'fleet')
    assert.ok(minutes.length >= 3, String(minutes.length))
  })

  it('writes a block a series and minute, whatever happens in it', async () => {
    const { stage, hello } = await begin()
    await stage.seconds(120, () => complete(hello, 40))
    await stage.stats.settled()
    const before = stage.disk.writes
    await stage.seconds(60, () => complete(hello, 40))
    await stage.stats.settled()
    // Fleet, group, contract, function.
    assert.equal(stage.disk.writes - before, 4)
  })
})

describe('a clock that is set', () => {
  it('back by a little stands still: nothing is lost and nothing told twice', async () => {
    const { stage, hello } = await begin()
    const fromMs = stage.clock.wallMs()
    await stage.seconds(60, () => complete(hello, 2))
    stage.clock.setWall(stage.clock.wallMs() - 10_000)
    await stage.seconds(30, () => complete(hello, 2))
    const values = await stage.values({ fromMs, toMs: fromMs + 80_000, stepMs: 1_000 })
    const known = numbers(values)
    assert.ok(
      known.every((value) => value === 2 || value === 0),
      JSON.stringify(known),
    )
    const { series } = await stage.ask({ fromMs, toMs: fromMs + 2 * MINUTE, stepMs: 2 * MINUTE })
    // As a rate over the seconds that were known.
    assert.ok(Math.abs(Number(series[0]?.values[0]) - 2) < 0.05)
  })

  it('back by far takes back what it will say again', async () => {
    const { stage, hello } = await begin()
    const fromMs = stage.clock.wallMs()
    await stage.seconds(1_200, () => complete(hello, 1))
    stage.clock.setWall(fromMs + 600_000)
    await stage.seconds(120, () => complete(hello, 3))
    const values = await stage.values({ fromMs, toMs: fromMs + 1_200_000, stepMs: MINUTE })
    assert.deepEqual(values.slice(0, 12), [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 3])
    assert.ok(values.slice(13).every((value) => value === null))
    await stage.restart()
    const again = await stage.values({ fromMs, toMs: fromMs + 1_200_000, stepMs: MINUTE })
    assert.deepEqual(again.slice(0, 12), values.slice(0, 12))
  })

  it('forward leaves a gap', async () => {
    const { stage, hello } = await begin()
    await stage.seconds(60, () => complete(hello, 1))
    stage.clock.setWall(stage.clock.wallMs() + 3 * HOUR)
    await stage.seconds(60, () => complete(hello, 1))
    const values = await stage.values({ fromMs: stage.clock.wallMs() - 3 * HOUR, stepMs: HOUR })
    assert.deepEqual(values.slice(1, 3), [null, null])
    assert.equal(values.at(-1), 1)
  })
})

describe('a question', () => {
  it('without a key is answered by keys, the first ones and the rest as `other`', async () => {
    const { stage } = await begin()
    stage.tallies = Array.from({ length: 60 }, (_, at) => makeTally(`f${at}`))
    await stage.seconds(10, () => {
      for (const [at, tally] of stage.tallies.entries()) complete(tally, at + 1)
    })
    const { series } = await stage.ask({
      by: 'function',
      fromMs: stage.clock.wallMs() - 10_000,
      stepMs: 10_000,
    })
    assert.equal(series.length, 51)
    assert.equal(series[0]?.of, 'default/f59')
    assert.deepEqual(series.at(-1), { metric: 'completed', by: 'function', of: 'other', values: [55] })
    const ranked = series.slice(0, 50).map(({ values }) => values[0])
    assert.deepEqual(
      ranked,
      Array.from({ length: 50 }, (_, at) => 60 - at),
    )
  })

  it('is answered in at most 5,000 values, by longer steps that it is told of', async () => {
    const { stage } = await begin()
    stage.tallies = Array.from({ length: 30 }, (_, at) => makeTally(`f${at}`))
    await stage.seconds(600, () => {
      for (const tally of stage.tallies) complete(tally)
    })
    const answer = await stage.ask({ by: 'function', fromMs: stage.clock.wallMs() - 600_000, stepMs: 1_000 })
    const count = answer.series.reduce((sum, { values }) => sum + values.length, 0)
    assert.ok(count <= 5_000 && count > 1_000, String(count))
    assert.match(answer.note ?? '', /instead of 1 s/)
  })

  it('of the past is answered in the steps that are kept', async () => {
    const { stage, hello } = await begin()
    await stage.seconds(1_500, () => complete(hello))
    const early = await stage.ask({ fromMs: stage.clock.wallMs() - 1_400_000, stepMs: 1_000 })
    assert.equal(early.stepMs, 15_000)
    const late = await stage.ask({ fromMs: stage.clock.wallMs() - 300_000, stepMs: 1_000 })
    assert.equal(late.stepMs, 1_000)
    assert.equal(late.note, null)
  })

  it('says from when on its newest bucket is not over', async () => {
    const { stage, hello } = await begin()
    await stage.seconds(90, () => complete(hello, 4))
    const answer = await stage.ask({ fromMs: stage.clock.wallMs() - 90_000, stepMs: MINUTE })
    assert.equal(Date.parse(answer.partial) + 30_000, stage.clock.wallMs())
    assert.equal(Date.parse(answer.to), Date.parse(answer.partial) + MINUTE)
    assert.deepEqual(answer.series[0]?.values.slice(-2), [4, 4])
  })

  it('of a key that nobody knows has no series', async () => {
    const { stage } = await begin()
    assert.deepEqual((await stage.ask({ by: 'group', of: 'nobody' })).series, [])
  })
})
