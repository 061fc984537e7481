/** When a link pushes its state. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { ManualClock } from '@berth/runtime'
import { Pulse } from './pulse.ts'

function make(t: TestContext) {
  const clock = new ManualClock()
  const pushes: boolean[] = []
  const link = { hasRoom: true, asked: 0 }
  const pulse = new Pulse(clock, (hasFigures) => {
    link.asked++
    if (link.hasRoom) pushes.push(hasFigures)
    return link.hasRoom
  })
  const pass = (ms: number) => {
    clock.advance(ms)
    t.mock.timers.tick(ms)
  }
  return { pulse, pushes, pass, link }
}

describe('Pulse', () => {
  it('pushes the first change at once, gathers within 10 ms, and every second at least', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { pulse, pushes, pass } = make(t)
    pulse.note()
    assert.equal(pushes.length, 1)
    for (let index = 0; index < 5; index++) {
      pass(1)
      pulse.note()
    }
    assert.equal(pushes.length, 1)
    pass(5)
    assert.equal(pushes.length, 2)
    pulse.note(true)
    assert.equal(pushes.length, 3, 'urgent')
    pass(500)
    pulse.tick()
    assert.equal(pushes.length, 3)
    pass(300)
    pulse.tick()
    assert.deepEqual(pushes.at(-1), true)
    pulse.note()
    pulse.stop()
    pass(1000)
    pulse.tick()
    assert.equal(pushes.length, 4)
  })

  it('says what had no room as soon as there is some, with the figures that were due', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { pulse, pushes, pass, link } = make(t)
    pulse.note()
    pass(760)
    link.hasRoom = false
    pulse.tick()
    for (let ms = 0; ms < 500; ms += 10) {
      pulse.note()
      pass(10)
    }
    assert.deepEqual(pushes, [true])
    assert.ok(link.asked < 60, `asked ${link.asked} times in half a second`)
    link.hasRoom = true
    pass(10)
    assert.deepEqual(pushes, [true, true])
    pass(100)
    assert.equal(pushes.length, 2, 'once')
    link.hasRoom = false
    pulse.note()
    pulse.stop()
    link.hasRoom = true
    pass(1_000)
    assert.equal(pushes.length, 2, 'nothing once it is over')
  })

  it('carries the figures every second, and not more often, when something changes all the time', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { pulse, pushes, pass } = make(t)
    for (let ms = 0; ms < 3_000; ms += 5) {
      pulse.note()
      if (ms % 50 === 0) pulse.tick()
      pass(5)
    }
    pulse.stop()
    assert.ok(pushes.length > 200, `${pushes.length} pushes`)
    assert.equal(pushes.filter(Boolean).length, 5, 'at 0, 0.75 … 3 s')
  })
})
