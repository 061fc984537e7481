/** When a link pushes its state. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ManualClock } from '@berth/runtime'
import { Pulse } from './pulse.ts'

describe('Pulse', () => {
  it('pushes the first change at once, gathers within 10 ms, and every second at least', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const clock = new ManualClock()
    const pushes: boolean[] = []
    const pulse = new Pulse(clock, (isRegular) => pushes.push(isRegular))
    const pass = (ms: number) => {
      clock.advance(ms)
      t.mock.timers.tick(ms)
    }
    pulse.note()
    assert.deepEqual(pushes, [false])
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
})
