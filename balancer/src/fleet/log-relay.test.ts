import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LogEntry } from '@berth/protocol'
import { LogRelay } from './log-relay.ts'

function lines(...numbers: number[]): LogEntry[] {
  return numbers.map((n) => ({ at: `t${n}`, level: 'info', text: `line ${n}`, source: 'w1' }))
}

function makeRelay(followed = 1) {
  const switches: boolean[] = []
  return {
    relay: new LogRelay(
      (order) => switches.push(order !== undefined),
      () => followed,
    ),
    switches,
  }
}

test('the worker is told with the first follower and after the last', () => {
  const { relay, switches } = makeRelay()
  const first = relay.follow(() => {})
  const second = relay.follow(() => {})
  first.stop()
  first.stop()
  assert.deepEqual(switches, [true])
  second.stop()
  assert.deepEqual(switches, [true, false])
  assert.equal(relay.isFollowed, false)
})

test('one function that follows twice is two followers', () => {
  const { relay, switches } = makeRelay()
  const onLines = () => {}
  relay.follow(onLines).stop()
  const stays = relay.follow(onLines)
  relay.follow(onLines).stop()
  assert.deepEqual(switches, [true, false, true])
  stays.stop()
})

test('a second follower begins with what has come, at most the last 500', () => {
  const { relay } = makeRelay()
  const seen: number[] = []
  relay.follow((got, dropped) => seen.push(got.length, dropped))
  for (let n = 0; n < 600; n += 100) relay.deliver(lines(...Array.from({ length: 100 }, (_, i) => n + i)), n)
  assert.deepEqual(seen.slice(-2), [100, 500])
  const { recent } = relay.follow(() => {})
  assert.equal(recent.length, 500)
  assert.equal(recent[0]?.text, 'line 100')
  relay.deliver(lines(600), 0)
  assert.equal(recent.length, 500, 'a copy')
})

test('of a thousand workers that are followed at once ten lines stay of each', () => {
  const { relay } = makeRelay(1_000)
  relay.follow(() => {})
  for (let n = 0; n < 100; n++) relay.deliver(lines(n), 0)
  const { recent } = relay.follow(() => {})
  assert.deepEqual(
    recent.map(({ text }) => text),
    lines(90, 91, 92, 93, 94, 95, 96, 97, 98, 99).map(({ text }) => text),
  )
})

test('what comes while nobody follows is dropped', () => {
  const { relay } = makeRelay()
  relay.deliver(lines(1), 0)
  assert.deepEqual(relay.follow(() => {}).recent, [])
})

test('lines that a worker sends again after a reconnect are not shown twice', () => {
  const { relay } = makeRelay()
  const texts: string[] = []
  relay.follow((got) => texts.push(...got.map(({ text }) => text)))
  relay.deliver(lines(1, 2, 3), 0)
  relay.expectRepeats()
  relay.deliver(lines(2, 3, 4, 5), 0)
  relay.deliver(lines(3), 0)
  relay.expectRepeats()
  relay.deliver(lines(90, 91), 0)
  assert.deepEqual(texts, ['line 1', 'line 2', 'line 3', 'line 4', 'line 5', 'line 3', 'line 90', 'line 91'])
})

test('the worker is told what its followers want together, and anew when that changes', () => {
  const orders: (object | undefined)[] = []
  const relay = new LogRelay(
    (order) => orders.push(order),
    () => 1,
  )
  const loud = relay.follow(() => {}, { level: 'error', backlog: 10, perSecond: 100 })
  const same = relay.follow(() => {}, { level: 'error', backlog: 5, perSecond: 50 })
  const whole = relay.follow(() => {})
  whole.stop()
  same.stop()
  assert.deepEqual(orders, [
    { level: 'error', backlog: 10, perSecond: 100 },
    { level: 'debug', backlog: 200, perSecond: 2000 },
    { level: 'error', backlog: 10, perSecond: 100 },
  ])
  assert.deepEqual(relay.order, orders[0])
  loud.stop()
  assert.equal(orders.at(-1), undefined)
  assert.equal(orders.length, 4)
})
