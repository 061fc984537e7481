/** `setup`: once before the first attempt, inside its slot and outside its timeout; failing it is no attempt. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TASK_FLAG } from '@berth/protocol'
import { makeDirect, settle } from '../fixtures/test-direct.ts'
import { makeParts, TestFleet } from '../fixtures/test-parts.ts'
import { defineFunction, type SetupContext } from '../functions/define.ts'
import { MainRunner } from './main-seat.ts'

/** A function whose setups the test ends. */
function makePrepared(config: { timeout?: number } = {}) {
  const setups: (PromiseWithResolvers<void> & { ctx: SetupContext })[] = []
  const calls: number[] = []
  const definition = defineFunction({
    config,
    setup(ctx) {
      const setup = { ...Promise.withResolvers<void>(), ctx }
      setups.push(setup)
      return setup.promise
    },
    handler: () => calls.push(1),
  })
  return { setups, calls, definition }
}

describe('setup before direct tasks', () => {
  it('runs once, in the slot of the first task, and every task waits for it', async () => {
    const { setups, calls, definition } = makePrepared()
    const direct = makeDirect(makeParts({ slots: 2, functions: { f: definition } }))
    const [first, second] = [direct.submit('f'), direct.submit('f')]
    await settle()
    assert.deepEqual([setups.length, calls.length, direct.parts.intake.used], [1, 0, 2])
    setups[0]?.resolve()
    await settle()
    assert.deepEqual([await first.ended, await second.ended], ['1', '2'])
    assert.equal(await direct.submit('f').ended, '3')
    assert.deepEqual([setups.length, direct.parts.intake.used], [1, 0])
  })

  it('does not count into the timeout of the attempt', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { setups, definition } = makePrepared({ timeout: 100 })
    const direct = makeDirect(makeParts({ functions: { f: definition } }))
    const task = direct.submit('f')
    await settle()
    t.mock.timers.tick(60_000)
    setups[0]?.resolve()
    assert.equal(await task.ended, '1')
  })

  it('tells the caller why it failed, frees the slot, and is tried again at a later task, later each time', async () => {
    const { setups, definition } = makePrepared()
    const direct = makeDirect(makeParts({ functions: { f: definition } }))
    const waits: number[] = []
    for (let n = 0; n < 3; n++) {
      const task = direct.submit('f')
      await settle()
      assert.equal(setups.length, n + 1)
      setups[n]?.reject(new Error('no GPU'))
      const failure = await task.failed
      assert.equal(failure.code, 'NO_CAPACITY')
      assert.match(failure.message, /"f" could not be started here: its setup failed: no GPU/)
      assert.equal(direct.parts.intake.used, 0)
      const waitMs = failure.retryAfterMs ?? assert.fail()
      waits.push(waitMs)
      const meanwhile = await direct.submit('f').failed
      assert.match(meanwhile.message, /no GPU/)
      assert.equal(setups.length, n + 1, 'not tried before its time')
      direct.parts.clock.advance(waitMs)
    }
    assert.ok((waits[1] ?? 0) > (waits[0] ?? 0) && (waits[2] ?? 0) > (waits[1] ?? 0), waits.join())
    const task = direct.submit('f')
    await settle()
    setups[3]?.resolve()
    assert.equal(await task.ended, '1')
  })

  it('is not called beside itself when it overruns its limit, and may still succeed', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { setups, definition } = makePrepared()
    const parts = makeParts({ functions: { f: definition } })
    const fn = parts.registry.get('f') ?? assert.fail()
    const runner = new MainRunner(fn, { clock: parts.clock, log: parts.log, env: {}, setupLimitMs: 1000 })
    const first = runner.claim()
    await settle()
    t.mock.timers.tick(1000)
    const refused = await first
    assert.ok('ok' in refused && !refused.ok)
    assert.match(refused.reason, /longer than 1000 ms/)
    assert.equal(setups[0]?.ctx.signal.aborted, true)
    parts.clock.advance(refused.retryAfterMs)
    const second = runner.claim()
    await settle()
    assert.equal(setups.length, 1)
    setups[0]?.resolve()
    const claimed = await second
    assert.ok('ok' in claimed && claimed.ok)
    assert.ok(!(runner.claim() instanceof Promise))
  })

  it('keeps its slot until it has ended although its caller has left, or its deadline passed', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { setups, calls, definition } = makePrepared()
    const direct = makeDirect(makeParts({ slots: 2, functions: { f: definition } }))
    const left = direct.submit('f')
    const late = direct.submit('f', { remainingMs: 500 })
    await settle()
    left.order.leaveCaller()
    assert.equal((await left.failed).code, 'CANCELLED')
    t.mock.timers.tick(500)
    assert.equal((await late.failed).code, 'TIMEOUT')
    assert.equal(direct.parts.intake.used, 2)
    setups[0]?.resolve()
    await settle()
    assert.deepEqual([calls.length, direct.parts.intake.used], [0, 0])
  })

  it('is told when the worker stops', async () => {
    const { setups, definition } = makePrepared()
    const direct = makeDirect(makeParts({ functions: { f: definition } }))
    const task = direct.submit('f')
    await settle()
    direct.parts.intake.abandon()
    assert.equal((await task.failed).code, 'DRAINING')
    await direct.parts.runners.stop()
    assert.equal(setups[0]?.ctx.signal.aborted, true)
  })
})

describe('setup before linked tasks', () => {
  function makeFleet() {
    const prepared = makePrepared()
    const fleet = new TestFleet(makeParts({ functions: { f: prepared.definition } }))
    return { ...prepared, fleet, parts: fleet.parts, link: fleet.link() }
  }

  it('comes before STARTED, with the slot counted as the balancer’s', async () => {
    const { fleet, link, setups, parts } = makeFleet()
    link.task(1, 'f')
    await fleet.settle()
    assert.deepEqual(link.records(), [])
    link.task(9, 'unknown')
    await fleet.settle()
    assert.deepEqual([link.stamp?.occupancy?.used, link.stamp?.occupancy?.linked], [1, 1])
    assert.deepEqual(link.records(), ['END 9 refused'])
    setups[0]?.resolve()
    await fleet.settle()
    assert.deepEqual(link.records(), ['STARTED 1', 'END 1 completed'])
    assert.equal(parts.intake.used, 0)
  })

  it('sends the task elsewhere as never started when it fails', async () => {
    const { fleet, link, setups, parts } = makeFleet()
    link.task(1, 'f')
    await fleet.settle()
    setups[0]?.reject(new Error('no GPU'))
    await fleet.settle()
    assert.deepEqual(link.records(), ['BUSY 1'])
    assert.equal(parts.intake.used, 0)
    assert.equal(link.stamp?.occupancy?.linked, 0)
    link.task(2, 'f')
    await fleet.settle()
    assert.deepEqual(link.records(), ['BUSY 2'])
    assert.equal(setups.length, 1)
  })

  it('gives back a task that is recalled meanwhile, and starts nothing afterwards', async () => {
    const { fleet, link, setups, calls, parts } = makeFleet()
    link.task(1, 'f')
    link.task(2, 'f')
    await fleet.settle()
    link.recall(1)
    link.cancel(2)
    await fleet.settle()
    assert.deepEqual(link.records(), ['RECALLED 1', 'RECALLED 2'])
    assert.deepEqual([parts.intake.used, link.stamp?.occupancy?.linked], [2, 0])
    setups[0]?.resolve()
    await fleet.settle()
    assert.deepEqual([link.records(), calls.length, parts.intake.used], [[], 0, 0])
  })

  it('starts nothing for a link that has gone', async () => {
    const { fleet, link, setups, calls, parts } = makeFleet()
    link.task(1, 'f')
    await fleet.settle()
    link.cut()
    assert.deepEqual(fleet.dial().hello().started, [])
    setups[0]?.resolve()
    await fleet.settle()
    assert.deepEqual([calls.length, parts.intake.used], [0, 0])
  })

  it('returns what was sent ahead and became too old, for it may run elsewhere by now', async () => {
    const { fleet, link, setups, parts } = makeFleet()
    link.task(1, 'f', {}, { flags: TASK_FLAG.AHEAD })
    link.task(2, 'f')
    await fleet.settle()
    parts.clock.advance(60_000)
    setups[0]?.resolve()
    await fleet.settle()
    assert.deepEqual(link.records(), ['RECALLED 1', 'STARTED 2', 'END 2 completed'])
  })

  it('gives the task back when the worker is told to stop', async () => {
    const { fleet, link, setups, parts } = makeFleet()
    link.task(1, 'f')
    await fleet.settle()
    parts.intake.abandon()
    parts.intake.leave()
    await fleet.settle()
    assert.deepEqual(link.records(), ['RECALLED 1'])
    setups[0]?.resolve()
    await fleet.settle()
    assert.equal(parts.intake.used, 0)
  })
})
