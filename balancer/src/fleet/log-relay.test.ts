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

test('of two hundred workers that are followed at once ten lines stay of each', () => {
  const { relay } = makeRelay(200)
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

/** Numbers of lines, as they come, and what is asked of the worker. */
function makeAsking(followed = 1) {
  const asked: string[] = []
  const relay = new LogRelay(
    (order, tail) => asked.push(`${order?.level} ${order?.backlog}${tail ? ` tail ${tail}` : ''}`),
    () => followed,
  )
  const follow = (wish?: Parameters<typeof relay.follow>[1]) => {
    const got: string[] = []
    const { recent, stop } = relay.follow((some, _, isOld = false) => {
      for (const { text } of some) got.push(`${isOld ? 'old' : 'new'} ${text.slice(5)}`)
    }, wish)
    return { got, stop, recent: recent.map(({ text }) => text.slice(5)) }
  }
  return { relay, asked, follow }
}

test('who wants a lower level than others do gets the older lines of that level, and nobody gets one twice', () => {
  const { relay, asked, follow } = makeAsking()
  const errors = follow({ level: 'error' })
  relay.deliver(lines(3), 0)
  const all = follow()
  assert.deepEqual([asked, all.recent], [['error 200', 'debug 200 tail debug'], ['3']])
  // On its way when the worker was asked.
  relay.deliver(lines(6), 0)
  relay.deliverTail(lines(1, 2, 3, 4, 5, 6), 'debug')
  relay.deliver(lines(7), 0)
  assert.deepEqual(all.got, ['new 6', 'old 1', 'old 2', 'old 4', 'old 5', 'new 7'])
  assert.deepEqual(errors.got, ['new 3', 'new 6', 'new 7'])
  // They are here now.
  assert.deepEqual(follow().recent, ['1', '2', '3', '4', '5', '6', '7'])
  assert.equal(asked.length, 2)
})

test('of a thousand that are followed two lines of each stay, the last ones, message by message', () => {
  let followed = 1_000
  const relay = new LogRelay(
    () => {},
    () => followed,
  )
  relay.follow(() => {})
  for (let n = 0; n < 5; n++) relay.deliver(lines(2 * n, 2 * n + 1), 0)
  relay.deliver(lines(10), 0)
  // It may keep more from now on.
  followed = 1
  assert.deepEqual(
    relay.follow(() => {}).recent.map(({ text }) => text),
    ['line 9', 'line 10'],
  )
})

test('what came while only errors were wanted again is asked for by the next who wants all', () => {
  const { relay, asked, follow } = makeAsking()
  follow({ level: 'error' })
  const all = follow()
  relay.deliverTail(lines(1, 2), 'debug')
  all.stop()
  const next = follow()
  relay.deliverTail(lines(1, 2, 3), 'debug')
  assert.deepEqual(asked, ['error 200', 'debug 200 tail debug', 'error 200', 'debug 200 tail debug'])
  assert.deepEqual([next.recent, next.got], [['1', '2'], ['old 3']])
})

test("a worker's own tail is asked for where few lines stay of each, and again by the next", () => {
  const { relay, asked, follow } = makeAsking(200)
  follow({ backlog: 1, perSecond: 20 })
  relay.deliver(lines(...Array.from({ length: 30 }, (_, n) => n)), 0)
  follow({ backlog: 1, perSecond: 20 })
  assert.deepEqual(asked, ['debug 1'])
  for (let n = 0; n < 2; n++) {
    const own = follow()
    assert.equal(own.recent.length, 10)
    relay.deliverTail(lines(...Array.from({ length: 30 }, (_, at) => at)), 'debug')
    assert.equal(own.got.length, 20)
    own.stop()
  }
  assert.deepEqual(asked, ['debug 1', 'debug 200 tail debug', 'debug 1', 'debug 200 tail debug', 'debug 1'])
})

test('a worker that answers with a new link instead of a tail is heard by who waits for it', () => {
  const { relay, follow } = makeAsking()
  const errors = follow({ level: 'error' })
  relay.deliver(lines(3), 0)
  const all = follow()
  relay.expectRepeats()
  relay.deliver(lines(1, 2, 3, 4), 0)
  assert.deepEqual(all.got, ['old 1', 'old 2', 'new 4'])
  assert.deepEqual(errors.got, ['new 3', 'new 4'])
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

const FAILED: LogEntry[] = lines(1, 2).map((line) => ({ ...line, level: 'error' }))

test('who wants errors gets those that the worker keeps, however many other lines came since', () => {
  const { relay, asked, follow } = makeAsking()
  follow()
  relay.deliver(FAILED, 0)
  for (let n = 0; n < 12; n++) relay.deliver(lines(...Array.from({ length: 100 }, () => 200 + n)), 0)
  for (let n = 0; n < 2; n++) {
    const errors = follow({ level: 'error' })
    relay.deliverTail(FAILED, 'error')
    assert.deepEqual(errors.got, ['old 1', 'old 2'])
    errors.stop()
  }
  assert.deepEqual(asked, ['debug 200', 'debug 200 tail error', 'debug 200 tail error'])
})

test('two who wait for two levels get what they asked for, each', () => {
  const { relay, follow } = makeAsking()
  follow({ level: 'warn', backlog: 0 })
  const errors = follow({ level: 'error' })
  const all = follow()
  relay.deliverTail(FAILED, 'error')
  relay.deliverTail(lines(0, 3).concat(FAILED), 'debug')
  assert.deepEqual(
    [errors.got, all.got],
    [
      ['old 1', 'old 2'],
      ['old 0', 'old 3', 'old 1', 'old 2'],
    ],
  )
  assert.deepEqual(follow().recent, ['0', '1', '2', '3'])
})

test('lines are asked for where fewer stay of each worker than when they were', () => {
  let followed = 1
  const asked: string[] = []
  const relay = new LogRelay(
    (_, tail) => asked.push(tail ?? 'order'),
    () => followed,
  )
  relay.follow(() => {})
  relay.deliver(lines(...Array.from({ length: 200 }, (_, n) => n)), 0)
  followed = 20
  assert.equal(relay.follow(() => {}).recent.length, 100)
  assert.deepEqual(asked, ['order', 'debug'])
})

test('a tail that comes when those who asked have gone is shown to nobody, and kept once', () => {
  const { relay, follow } = makeAsking()
  const first = follow({ level: 'error' })
  const all = follow()
  all.stop()
  first.stop()
  const next = follow()
  relay.deliver(lines(1, 2), 0)
  relay.deliverTail(lines(1, 2), 'debug')
  assert.deepEqual(next.got, ['new 1', 'new 2'])
  assert.deepEqual(follow().recent, ['1', '2'])
})
