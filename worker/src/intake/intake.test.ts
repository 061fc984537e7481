import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Condition } from './condition.ts'
import { Intake, type Order, type SlotHold } from './intake.ts'

class TestOrder implements Order {
  readonly cost: number
  readonly priority: number
  readonly isLinked: boolean
  readonly log: string[] = []
  hold: SlotHold | undefined
  due = true

  constructor(options: { cost?: number; priority?: number; isLinked?: boolean } = {}) {
    this.cost = options.cost ?? 1
    this.priority = options.priority ?? 100
    this.isLinked = options.isLinked ?? false
  }
  isDue() {
    return this.due
  }
  start(hold: SlotHold) {
    this.hold = hold
  }
  abort(cause: string) {
    this.log.push(`abort ${cause}`)
  }
  leave() {
    this.log.push('leave')
  }
  giveUp(code: string) {
    this.log.push(`give up ${code}`)
  }
  onHeldUp() {
    this.log.push('held up')
  }
}

function makeIntake(slots = 1, queueLimit = 10) {
  const condition = new Condition()
  condition.started()
  return { condition, intake: new Intake(condition, { slots, queueLimit }) }
}

describe('Intake', () => {
  it('keeps one queue and one order for direct and linked tasks', () => {
    const { intake } = makeIntake()
    const [running, direct, linked, urgent] = [
      new TestOrder(),
      new TestOrder(),
      new TestOrder({ isLinked: true }),
      new TestOrder({ isLinked: true, priority: 1 }),
    ]
    for (const order of [running, direct, linked, urgent]) assert.equal(intake.admit(order), undefined)
    assert.deepEqual([intake.used, intake.queued], [1, 3])
    const started: string[] = []
    for (const order of [running, urgent, direct, linked]) {
      assert.ok(order.hold, 'its turn has come')
      started.push(String(order.priority))
      order.hold.release()
    }
    assert.deepEqual(started, ['100', '1', '100', '100'])
    assert.deepEqual([intake.used, intake.queued], [0, 0])
  })

  it('passes over an order that is no longer due', () => {
    const { intake } = makeIntake()
    const [first, stale, next] = [new TestOrder(), new TestOrder(), new TestOrder()]
    for (const order of [first, stale, next]) intake.admit(order)
    stale.due = false
    first.hold?.release()
    assert.equal(stale.hold, undefined)
    assert.ok(next.hold)
  })

  it('does not let narrow tasks overtake a wide one', () => {
    const { intake } = makeIntake(3)
    const [a, b, wide, narrow] = [
      new TestOrder(),
      new TestOrder(),
      new TestOrder({ cost: 3 }),
      new TestOrder(),
    ]
    for (const order of [a, b, wide, narrow]) intake.admit(order)
    a.hold?.release()
    assert.equal(narrow.hold, undefined)
    b.hold?.release()
    assert.ok(wide.hold)
    wide.hold.release()
    assert.ok(narrow.hold)
    assert.equal(intake.admit(new TestOrder({ cost: 4 })), 'SLOT_COST_TOO_BIG')
  })

  it('releases slots once, and counts what is stuck', () => {
    const { intake } = makeIntake(2)
    const order = new TestOrder({ cost: 2 })
    intake.admit(order)
    order.hold?.markStuck()
    order.hold?.markStuck()
    assert.deepEqual([intake.used, intake.stuck], [2, 2])
    order.hold?.release()
    order.hold?.release()
    order.hold?.markStuck()
    assert.deepEqual([intake.used, intake.stuck], [0, 0])
  })

  it('in maintenance gives back linked orders, runs direct ones, takes none', () => {
    const { intake, condition } = makeIntake()
    const [running, direct, linked] = [new TestOrder(), new TestOrder(), new TestOrder({ isLinked: true })]
    for (const order of [running, direct, linked]) intake.admit(order)
    condition.off()
    assert.deepEqual(linked.log, ['give up MAINTENANCE'])
    assert.equal(intake.admit(new TestOrder()), 'MAINTENANCE')
    assert.equal(intake.available, 0)
    running.hold?.release()
    assert.ok(direct.hold)
  })

  it('starts nothing while a service is down, and goes on by itself', () => {
    const { intake, condition } = makeIntake()
    condition.setDown('db is down')
    const [direct, linked] = [new TestOrder(), new TestOrder({ isLinked: true })]
    assert.equal(intake.admit(direct), undefined)
    assert.deepEqual(direct.log, ['held up'])
    assert.equal(intake.admit(linked), 'NO_CAPACITY')
    assert.equal(direct.hold, undefined)
    condition.setDown(undefined)
    assert.ok(direct.hold)
  })

  it('refuses beyond the queue, and while it drains', () => {
    const { intake, condition } = makeIntake(1, 1)
    intake.admit(new TestOrder())
    intake.admit(new TestOrder())
    assert.equal(intake.admit(new TestOrder()), 'QUEUE_FULL')
    condition.drain()
    assert.equal(intake.admit(new TestOrder()), 'DRAINING')
  })

  it('tells when nothing is left, and abandons what does not finish', async () => {
    const { intake } = makeIntake()
    const [running, waiting] = [new TestOrder(), new TestOrder()]
    intake.admit(running)
    intake.admit(waiting)
    let isIdle = false
    const idle = intake.whenIdle().then(() => {
      isIdle = true
    })
    intake.abandon()
    assert.deepEqual(running.log, ['abort shutdown'])
    assert.deepEqual(waiting.log, ['give up DRAINING'])
    assert.equal(isIdle, false)
    intake.leave()
    assert.deepEqual(running.log, ['abort shutdown', 'leave'])
    running.hold?.release()
    await idle
    await intake.whenIdle()
  })

  it('starts orders that end while they are being started, all of them', () => {
    const { intake } = makeIntake()
    const blocker = new TestOrder()
    intake.admit(blocker)
    let started = 0
    for (let index = 0; index < 5; index++) {
      const order = new TestOrder()
      order.start = (hold) => {
        started++
        hold.release()
      }
      intake.admit(order)
    }
    blocker.hold?.release()
    assert.equal(started, 5)
    assert.equal(intake.used, 0)
  })

  it('moves by itself when slots free, maintenance ends and a service recovers, whatever a task costs', () => {
    const { intake, condition } = makeIntake(3)
    const [wide, narrow, next] = [new TestOrder({ cost: 3 }), new TestOrder(), new TestOrder({ cost: 2 })]
    for (const order of [wide, narrow, next]) assert.equal(intake.admit(order), undefined)
    assert.deepEqual([intake.used, intake.queued], [3, 2])
    condition.setDown('service x is down')
    wide.hold?.release()
    assert.deepEqual([intake.used, narrow.hold], [0, undefined], 'nothing begins while a service is down')
    condition.off()
    condition.setDown(undefined)
    assert.ok(narrow.hold && next.hold, 'what was here goes on, also in maintenance')
    assert.equal(intake.used, 3)
    assert.equal(intake.admit(new TestOrder()), 'MAINTENANCE')
    condition.on()
    const last = new TestOrder({ cost: 2 })
    assert.equal(intake.admit(last), undefined)
    narrow.hold.release()
    assert.equal(last.hold, undefined, 'one free slot is not enough')
    next.hold.release()
    assert.ok(last.hold)
    assert.equal(intake.admit(new TestOrder({ cost: 4 })), 'SLOT_COST_TOO_BIG')
  })

  it('lends slots, and gives them back before anything that waits', async () => {
    const { intake } = makeIntake(2)
    const [lender, first, second] = [
      new TestOrder({ cost: 2 }),
      new TestOrder(),
      new TestOrder({ priority: 1 }),
    ]
    intake.admit(lender)
    lender.hold?.lend()
    lender.hold?.lend()
    assert.equal(intake.used, 0)
    intake.admit(first)
    assert.ok(first.hold)
    let isBack = false
    const back = lender.hold?.reclaim().then(() => {
      isBack = true
    })
    intake.admit(second)
    await null
    assert.deepEqual([isBack, intake.used, intake.queued, second.hold], [false, 1, 1, undefined])
    first.hold.release()
    await back
    assert.deepEqual([intake.used, intake.queued], [2, 1])
    lender.hold?.release()
    assert.ok(second.hold)
  })

  it('ends what lends without slots, and counts it as stuck only with them', async () => {
    const { intake } = makeIntake(1)
    const [lender, other] = [new TestOrder(), new TestOrder()]
    intake.admit(lender)
    lender.hold?.lend()
    lender.hold?.markStuck()
    assert.deepEqual([intake.used, intake.stuck, intake.isIdle], [0, 0, false])
    intake.admit(other)
    const back = lender.hold?.reclaim()
    other.hold?.release()
    await back
    assert.deepEqual([intake.used, intake.stuck], [1, 1])
    lender.hold?.lend()
    assert.deepEqual([intake.used, intake.stuck], [0, 0])
    const never = lender.hold?.reclaim()
    lender.hold?.release()
    await never
    assert.deepEqual([intake.used, intake.stuck, intake.isIdle], [0, 0, true])
    lender.hold?.release()
    await lender.hold?.reclaim()
    assert.equal(intake.used, 0)
  })

  it('has at most slots and queue together, with those that rest, and lets children in', () => {
    const { intake } = makeIntake(1, 1)
    const [resting, running] = [new TestOrder(), new TestOrder()]
    intake.admit(resting)
    intake.rest(resting)
    resting.hold?.release()
    assert.deepEqual([intake.used, intake.isIdle], [0, false])
    assert.equal(intake.admit(running), undefined)
    assert.equal(intake.admit(new TestOrder()), 'QUEUE_FULL')
    const child = Object.assign(new TestOrder(), { isChild: true, rank: 0 })
    assert.equal(intake.admit(child), undefined)
    assert.equal(intake.resume(resting), true)
    assert.equal(intake.resume(resting), false)
    assert.equal(intake.queued, 2)
    running.hold?.release()
    assert.ok(child.hold ?? resting.hold)
    intake.abandon()
    assert.equal(intake.admit(Object.assign(new TestOrder(), { isChild: true })), 'DRAINING')
  })
})
