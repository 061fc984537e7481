/** One link from hello to close, both ends in memory under a manual clock. */
import assert from 'node:assert/strict'
import { describe, it, mock } from 'node:test'
import { CLOSE, LIMITS, RECORD, TASK_FLAG } from '@berth/protocol'
import { z } from 'zod'
import { heldFunction, makeParts, TestFleet } from '../fixtures/test-parts.ts'
import { defineFunction } from '../functions/define.ts'

const echo = defineFunction({ input: z.looseObject({}), handler: (input) => input })

function makeFleet(slots = 2) {
  const held = heldFunction()
  const fleet = new TestFleet(makeParts({ slots, functions: { held: held.definition, echo } }))
  return { fleet, calls: held.calls, parts: fleet.parts }
}

describe('a task on the link', () => {
  it('is started before its handler is called, and ends with its result', async () => {
    const { fleet, calls } = makeFleet()
    const link = fleet.link()
    link.task(1, 'held')
    assert.equal(calls.length, 0, 'not before the end of the tick')
    await fleet.settle()
    assert.deepEqual(link.records(), ['STARTED 1'])
    calls[0]?.resolve({ ok: 1 })
    await fleet.settle()
    assert.deepEqual(link.records(), ['END 1 completed'])
    assert.equal(link.outcomes.get(1)?.result, '{"ok":1}')
  })

  it('shows its session and the turns before it', async () => {
    const tell = defineFunction({
      input: z.looseObject({}),
      handler: (input, { session, turns }) => ({ input, session, turns, isFrozen: Object.isFrozen(turns) }),
    })
    const fleet = new TestFleet(makeParts({ slots: 2, functions: { tell } }))
    const link = fleet.link()
    const before = [
      { input: { n: 1 }, output: 'one' },
      { input: { n: 2 }, output: null },
    ]
    const extras = { session: 'chat', turns: true } as const
    link.task(1, 'tell', { n: 3 }, { turns: JSON.stringify(before), extras })
    link.task(2, 'tell', { n: 1 }, { extras: { session: 'fresh' } })
    link.task(3, 'tell', {})
    await fleet.settle()
    const told = [1, 2, 3].map((number) => JSON.parse(link.outcomes.get(number)?.result ?? ''))
    assert.deepEqual(told, [
      { input: { n: 3 }, session: 'chat', turns: before, isFrozen: true },
      { input: { n: 1 }, session: 'fresh', turns: [], isFrozen: true },
      { input: {}, turns: [], isFrozen: true },
    ])
  })

  it('refuses more earlier turns than there may be', async () => {
    const { fleet } = makeFleet()
    const link = fleet.link()
    link.task(2, 'held', {}, { turns: 'x'.repeat(LIMITS.turnsBytes + 1) })
    for (let sent = 0; sent < LIMITS.turnsBytes; sent += LIMITS.windowBytes)
      link.write((writer) => writer.credit(2, LIMITS.windowBytes))
    await fleet.settle()
    assert.equal(link.outcomes.get(2)?.header.error?.code, 'PAYLOAD_TOO_LARGE')
  })

  it('waits with the handler until a backlog has gone', async () => {
    const { fleet, calls } = makeFleet()
    const link = fleet.link()
    link.isBlocked = true
    link.task(1, 'held')
    await fleet.settle()
    assert.deepEqual(link.records(), ['STARTED 1'])
    assert.equal(calls.length, 0)
    link.drain()
    assert.equal(calls.length, 1)
  })

  it('is never called when the link ends before its STARTED has gone', async () => {
    const { fleet, calls, parts } = makeFleet()
    const link = fleet.link()
    link.isBlocked = true
    link.task(1, 'held')
    await fleet.settle()
    link.cut()
    link.drain()
    await fleet.settle()
    assert.equal(calls.length, 0)
    assert.equal(parts.intake.used, 0)
    assert.deepEqual(fleet.dial().hello().started, [])
  })

  it('leaves in one frame with all that was written in the tick', async () => {
    const { fleet, calls } = makeFleet()
    const link = fleet.link()
    const frames = mock.method(link, 'sendFrame')
    link.write((writer) => {
      for (const number of [1, 2])
        writer.task(
          number,
          0,
          {
            run: `r_${number}`,
            fence: 1,
            function: 'held',
            contract: 1,
            priority: 1,
            attempt: 1,
            mode: 'sync',
            remainingMs: null,
            timeoutMs: null,
            trace: '',
          },
          '',
          Buffer.from('{}'),
        )
    })
    await fleet.settle()
    assert.equal(frames.mock.callCount(), 1)
    assert.equal(calls.length, 2)
  })

  it('brings occupancy with its end: the slot is free, and no longer this link’s', async () => {
    const { fleet, calls } = makeFleet()
    const link = fleet.link()
    link.task(1, 'held')
    link.task(2, 'held')
    await fleet.settle()
    assert.deepEqual([link.stamp?.occupancy?.used, link.stamp?.occupancy?.linked], [2, 2])
    calls[0]?.resolve(1)
    await fleet.settle()
    assert.deepEqual([link.stamp?.occupancy?.used, link.stamp?.occupancy?.linked], [1, 1])
  })

  it('is refused for what is wrong with it', async () => {
    const { fleet } = makeFleet()
    const link = fleet.link()
    link.task(1, 'nothing')
    link.task(2, 'held', {}, { contract: 2 })
    link.task(3, 'held', { extra: 1 })
    link.task(4, 'echo', '{"a":', {})
    link.task(5, 'echo', '[]', {})
    link.task(6, 'echo', '{"input":[]}', { flags: TASK_FLAG.ENVELOPE })
    link.task(7, 'echo', {}, { mode: 'stream' })
    link.task(8, 'echo', '{}', { mediaType: 'image/png', flags: TASK_FLAG.ENVELOPE })
    link.task(9, 'echo', `{"a":${'['.repeat(200)}${']'.repeat(200)}}`)
    await fleet.settle()
    const codes = [...link.outcomes.values()].map(({ header }) => [header.outcome, header.error?.code])
    assert.deepEqual(codes, [
      ['refused', 'UNKNOWN_FUNCTION'],
      ['refused', 'CONTRACT_MISMATCH'],
      ['refused', 'INVALID_INPUT'],
      ['refused', 'INVALID_REQUEST'],
      ['refused', 'INVALID_REQUEST'],
      ['refused', 'INVALID_REQUEST'],
      ['refused', 'INVALID_REQUEST'],
      ['refused', 'INVALID_REQUEST'],
      ['refused', 'INVALID_REQUEST'],
    ])
    assert.deepEqual(link.outcomes.get(6)?.header.error?.errors, [
      { pointer: '/input', detail: 'must be an object' },
    ])
    assert.equal(link.records().filter((line) => line.startsWith('STARTED')).length, 0)
  })

  it('takes nothing but `input` from an envelope, and {} when there is none', async () => {
    const { fleet } = makeFleet()
    const link = fleet.link()
    link.task(1, 'echo', '{"input":{"a":1},"function":"held","x":2}', { flags: TASK_FLAG.ENVELOPE })
    link.task(2, 'echo', '{"function":"held"}', { flags: TASK_FLAG.ENVELOPE })
    await fleet.settle()
    assert.equal(link.outcomes.get(1)?.result, '{"a":1}')
    assert.equal(link.outcomes.get(2)?.result, '{}')
  })

  it('assembles a long input, gives credit for each piece and bounds the whole', async () => {
    const { fleet } = makeFleet()
    const link = fleet.link()
    const text = 'x'.repeat(LIMITS.inlineBytes * 2)
    link.task(1, 'echo', { text })
    await fleet.settle()
    const kinds = new Set(link.records())
    assert.deepEqual([...kinds].toSorted(), ['CREDIT 1', 'DATA 1', 'END 1 completed', 'STARTED 1'])
    assert.equal(link.outcomes.get(1)?.result, JSON.stringify({ text }))
    link.task(2, 'echo', { text: 'x'.repeat(200_000) })
    await fleet.settle()
    assert.equal(link.outcomes.get(2)?.header.error?.code, 'PAYLOAD_TOO_LARGE')
  })

  it('is answered BUSY when its fence is older than one seen for its run', async () => {
    const { fleet } = makeFleet()
    const link = fleet.link()
    link.task(1, 'held', {}, { run: 'r_x', fence: 5 })
    link.task(2, 'held', {}, { run: 'r_x', fence: 4 })
    await fleet.settle()
    assert.deepEqual(link.records().toSorted(), ['BUSY 2', 'STARTED 1'])
  })

  it('waits ahead within four times the slots, and is answered BUSY beyond', async () => {
    const { fleet } = makeFleet(2)
    const link = fleet.link()
    for (let number = 1; number <= 11; number++) link.task(number, 'held', {}, { flags: TASK_FLAG.AHEAD })
    await fleet.settle()
    assert.deepEqual(link.records().toSorted(), ['BUSY 11', 'STARTED 1', 'STARTED 2'])
    assert.equal(link.stamp?.occupancy?.queued, 8)
  })

  it('is given back when it is older than two heartbeats as its turn comes', async () => {
    const { fleet, calls, parts } = makeFleet(1)
    const link = fleet.link()
    link.task(1, 'held')
    link.task(2, 'held', {}, { flags: TASK_FLAG.AHEAD })
    link.task(3, 'held', {}, { flags: TASK_FLAG.AHEAD })
    await fleet.settle()
    parts.clock.advance(12_001)
    link.task(4, 'held', {}, { flags: TASK_FLAG.AHEAD })
    calls[0]?.resolve(1)
    await fleet.settle()
    assert.deepEqual(link.records().slice(1).toSorted(), [
      'END 1 completed',
      'RECALLED 2',
      'RECALLED 3',
      'STARTED 4',
    ])
  })

  it('counts the time on the way into its age', async () => {
    const { fleet, parts } = makeFleet(1)
    const link = fleet.link()
    link.task(1, 'echo')
    await fleet.settle()
    // A frame stamped now and read 13 s later is that old: the first one was here at once.
    const held: Uint8Array[] = []
    const onBinary = mock.method(link.session, 'onBinary', (frame: Uint8Array) => held.push(frame))
    link.task(2, 'echo', {}, { flags: TASK_FLAG.AHEAD })
    onBinary.mock.restore()
    parts.clock.advance(13_000)
    link.task(3, 'held')
    for (const frame of held) link.session.onBinary(frame)
    await fleet.settle()
    const { length } = link.records()
    assert.ok(length > 0)
    assert.equal(link.outcomes.has(2), false)
  })

  it('is given back when it was on the way for too long, though it finds a free slot', async () => {
    const { fleet, parts } = makeFleet(2)
    const link = fleet.link()
    link.task(1, 'echo')
    await fleet.settle()
    const held: Uint8Array[] = []
    const onBinary = mock.method(link.session, 'onBinary', (frame: Uint8Array) => held.push(frame))
    link.task(2, 'echo', {}, { flags: TASK_FLAG.AHEAD })
    link.task(3, 'echo')
    onBinary.mock.restore()
    // The loop was held meanwhile, and whoever held it has left both slots. The third has one of its own.
    parts.clock.advance(12_001)
    for (const frame of held) link.session.onBinary(frame)
    await fleet.settle()
    assert.deepEqual(link.records().slice(2).toSorted(), ['END 3 completed', 'RECALLED 2', 'STARTED 3'])
  })

  it('is given back on RECALL or CANCEL while it waits, aborted on CANCEL once it runs', async () => {
    const { fleet, calls } = makeFleet(1)
    const link = fleet.link()
    for (const number of [1, 2, 3]) link.task(number, 'held')
    await fleet.settle()
    link.records()
    link.recall(1)
    link.recall(2)
    link.cancel(3)
    link.cancel(1)
    await fleet.settle()
    assert.deepEqual(link.records(), ['RECALLED 2', 'RECALLED 3'])
    assert.equal(calls[0]?.ctx.signal.aborted, true)
    calls[0]?.reject(new Error('stopped'))
    await fleet.settle()
    assert.deepEqual(link.records(), ['END 1 cancelled'])
  })

  it('may be recalled while an asynchronous schema thinks', async () => {
    const verdict = Promise.withResolvers<boolean>()
    const slow = defineFunction({
      input: z.object({}).refine(() => verdict.promise),
      handler: () => 1,
    })
    const fleet = new TestFleet(makeParts({ functions: { slow } }))
    const link = fleet.link()
    link.task(1, 'slow')
    link.task(2, 'slow')
    link.recall(1)
    verdict.resolve(true)
    await fleet.settle()
    assert.deepEqual(link.records(), ['RECALLED 1', 'STARTED 2', 'END 2 completed'])
  })
})

describe('maintenance and drain', () => {
  it('give back what waits, take nothing new and let the rest finish', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { fleet, calls, parts } = makeFleet(1)
    const link = fleet.link()
    link.task(1, 'held')
    link.task(2, 'held')
    await fleet.settle()
    link.records()
    link.say({ type: 'maintenance', on: true, by: 'operator', reason: 'disk' })
    link.task(3, 'held')
    await fleet.settle()
    assert.deepEqual(link.records(), ['RECALLED 2', 'BUSY 3'])
    t.mock.timers.tick(10)
    assert.equal(link.lastState().status, 'maintenance')
    assert.equal(link.lastState().reason, 'maintenance by operator: disk')
    calls[0]?.resolve(1)
    await fleet.settle()
    assert.deepEqual(link.records(), ['END 1 completed'])
    link.say({ type: 'maintenance', on: false, by: 'operator' })
    link.task(4, 'held')
    await fleet.settle()
    assert.deepEqual(link.records(), ['STARTED 4'])
    assert.equal(parts.condition.status, 'ready')
  })

  it('are ordered by the balancer of a boot: over its newest link, and for its lease without one', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { fleet, parts } = makeFleet(1)
    fleet.link().say({ type: 'maintenance', on: true, by: 'operator', reason: 'disk' })
    const newer = fleet.link()
    t.mock.timers.tick(40_000)
    assert.equal(parts.condition.status, 'maintenance')
    fleet.link({ bootId: 'balancer-2' }).say({ type: 'maintenance', on: false, by: 'file' })
    assert.equal(parts.condition.status, 'maintenance', 'it is of one name, and not in its place')
    newer.cut()
    t.mock.timers.tick(29_999)
    assert.equal(parts.condition.status, 'maintenance')
    t.mock.timers.tick(1)
    assert.equal(parts.condition.status, 'ready')
  })

  it('are told as they stand when a full link has room again', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { fleet, parts } = makeFleet(1)
    const link = fleet.link()
    link.said.length = 0
    link.backlogBytes = LIMITS.socketBytes
    link.say({ type: 'maintenance', on: true, by: 'operator', reason: 'disk' })
    for (let ms = 0; ms < 200; ms += 10) t.mock.timers.tick(10)
    parts.condition.drain()
    for (let ms = 0; ms < 200; ms += 10) t.mock.timers.tick(10)
    assert.deepEqual(link.said, [])
    link.backlogBytes = 0
    t.mock.timers.tick(10)
    assert.deepEqual(link.said, ['state draining'])
  })

  it('push `draining` before anything else is said', async () => {
    const { fleet, parts } = makeFleet(1)
    const link = fleet.link()
    link.task(1, 'held')
    link.task(2, 'held')
    await fleet.settle()
    link.said.length = 0
    parts.condition.drain()
    await fleet.settle()
    assert.deepEqual(link.said.slice(0, 1), ['state draining'])
    assert.deepEqual(link.records(), ['RECALLED 2'])
    link.session.bye('over')
    assert.deepEqual(link.said, ['bye'])
    assert.equal(link.closedWith, CLOSE.goingAway)
  })
})

describe('a link that ends', () => {
  it('keeps what started, and gives up what did not', async () => {
    const { fleet, calls, parts } = makeFleet(1)
    const first = fleet.link()
    first.task(1, 'held')
    first.task(2, 'held')
    await fleet.settle()
    first.cut()
    assert.equal(parts.intake.queued, 0)
    const second = fleet.dial()
    assert.deepEqual(second.hello().started, [{ run: 'r_1', fence: 1, durable: false, finished: false }])
    second.welcome({ adopt: [{ run: 'r_1', fence: 1, task: 77 }] })
    await fleet.settle()
    assert.equal(second.lastState().slots.linked, 1)
    calls[0]?.resolve('late')
    await fleet.settle()
    assert.deepEqual(second.records(), ['END 77 completed'])
    assert.equal(calls.length, 1)
  })

  it('keeps a result that was finished meanwhile for the next link', async () => {
    const { fleet, calls } = makeFleet()
    const first = fleet.link()
    first.task(1, 'held')
    await fleet.settle()
    first.cut()
    calls[0]?.resolve('kept')
    await fleet.settle()
    const second = fleet.dial()
    assert.equal(second.hello().started[0]?.finished, true)
    second.welcome({ adopt: [{ run: 'r_1', fence: 1, task: 5 }] })
    await fleet.settle()
    assert.equal(second.outcomes.get(5)?.result, '"kept"')
  })

  it('still knows what it had handed to the system: the break may have swallowed STARTED and END', async () => {
    const { fleet, calls } = makeFleet()
    const first = fleet.link()
    first.task(1, 'held')
    await fleet.settle()
    calls[0]?.resolve('said once')
    await fleet.settle()
    assert.equal(first.outcomes.get(1)?.result, '"said once"')
    first.cut()
    const second = fleet.dial()
    assert.deepEqual(second.hello().started, [{ run: 'r_1', fence: 1, durable: false, finished: true }])
    second.welcome({ adopt: [{ run: 'r_1', fence: 1, task: 6 }] })
    await fleet.settle()
    assert.equal(second.outcomes.get(6)?.result, '"said once"')
    assert.equal(calls.length, 1)
  })

  it('forgets what it delivered when the balancer had heard it, and the oldest beyond what can be under way', async () => {
    const { fleet, calls } = makeFleet(1)
    const first = fleet.link()
    for (let number = 1; number <= 7; number++) {
      first.task(number, 'held')
      await fleet.settle()
      calls[number - 1]?.resolve(null)
      await fleet.settle()
    }
    first.cut()
    const second = fleet.dial()
    const listed = second.hello().started.map(({ run }) => run)
    assert.deepEqual(listed, ['r_3', 'r_4', 'r_5', 'r_6', 'r_7'])
    second.welcome()
    await fleet.settle()
    second.cut()
    assert.deepEqual(fleet.dial().hello().started, [])
  })

  it('keeps a result that lay in the socket’s buffer', async () => {
    const { fleet, calls } = makeFleet()
    const first = fleet.link()
    first.task(1, 'held')
    await fleet.settle()
    first.backlogBytes = 1
    calls[0]?.resolve('kept')
    await fleet.settle()
    first.cut()
    assert.equal(fleet.dial().hello().started[0]?.finished, true)
  })

  it('aborts memory tasks that a welcome does not adopt, and keeps durable ones', async () => {
    const { fleet, calls } = makeFleet()
    const first = fleet.link()
    first.task(1, 'held')
    first.task(2, 'held', {}, { flags: TASK_FLAG.DURABLE })
    await fleet.settle()
    first.cut()
    const second = fleet.link()
    assert.equal(calls[0]?.ctx.signal.aborted, true)
    assert.equal(calls[1]?.ctx.signal.aborted, false)
    calls[1]?.resolve('durable')
    calls[0]?.reject(new Error('gone'))
    await fleet.settle()
    assert.deepEqual(second.records(), [])
    second.cut()
    const third = fleet.dial()
    assert.deepEqual(third.hello().started, [{ run: 'r_2', fence: 2, durable: true, finished: true }])
    third.welcome({ bootId: 'balancer-2', adopt: [{ run: 'r_2', fence: 2, task: 1 }] })
    await fleet.settle()
    assert.equal(third.outcomes.get(1)?.result, '"durable"')
    third.ack(1, 2)
    third.cut()
    assert.deepEqual(fleet.dial().hello().started, [])
  })

  it('answers an adoption of what it has not', async () => {
    const { fleet } = makeFleet()
    const link = fleet.link({ adopt: [{ run: 'r_none', fence: 1, task: 3 }] })
    await fleet.settle()
    assert.deepEqual(link.records(), ['END 3 lost'])
  })

  it('aborts memory tasks when it stays away for two heartbeats', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const { fleet, calls } = makeFleet()
    const link = fleet.link()
    link.task(1, 'held')
    link.task(2, 'held', {}, { flags: TASK_FLAG.DURABLE })
    await fleet.settle()
    link.cut()
    t.mock.timers.tick(11_999)
    assert.equal(calls[0]?.ctx.signal.aborted, false)
    t.mock.timers.tick(1)
    assert.equal(calls[0]?.ctx.signal.aborted, true)
    assert.equal(calls[1]?.ctx.signal.aborted, false)
    const { started } = fleet.dial().hello()
    assert.deepEqual(
      started.map(({ run }) => run),
      ['r_2'],
    )
  })

  it('is replaced by a second one of the same balancer', async () => {
    const { fleet, calls, parts } = makeFleet(1)
    const first = fleet.link()
    first.task(1, 'held')
    first.task(2, 'held')
    await fleet.settle()
    const second = fleet.dial()
    assert.deepEqual(first.records(), ['STARTED 1', 'RECALLED 2'], 'what waits could start unseen')
    first.task(3, 'held')
    await fleet.settle()
    assert.deepEqual(first.records(), ['BUSY 3'])
    second.welcome({ adopt: [{ run: 'r_1', fence: 1, task: 1 }] })
    assert.equal(first.closedWith, CLOSE.replaced)
    assert.equal(calls[0]?.ctx.signal.aborted, false)
    calls[0]?.resolve('on the new one')
    await fleet.settle()
    assert.equal(second.outcomes.get(1)?.result, '"on the new one"')
    assert.deepEqual(first.records(), [])
    assert.equal(parts.intake.used, 0)
  })

  it('leaves the tasks of another balancer alone', async () => {
    const { fleet, calls } = makeFleet()
    const one = fleet.link({ bootId: 'balancer-1' })
    one.task(1, 'held')
    await fleet.settle()
    const two = fleet.link({ bootId: 'balancer-2' })
    two.task(1, 'held', {}, { run: 'r_other' })
    await fleet.settle()
    assert.equal(one.closedWith, undefined)
    assert.deepEqual([two.stamp?.occupancy?.used, two.stamp?.occupancy?.linked], [2, 1])
    two.cut()
    calls[0]?.resolve(1)
    await fleet.settle()
    assert.equal(one.outcomes.get(1)?.header.outcome, 'completed')
  })
})

describe('what a balancer may not do', () => {
  it('breaks the link with 1002', async () => {
    const { fleet } = makeFleet()
    const early = fleet.dial()
    early.task(1, 'held')
    assert.equal(early.closedWith, 1002)
    early.task(2, 'held')
    assert.deepEqual(early.records(), [], 'nothing more is read')
    const commanding = fleet.dial()
    commanding.say({ type: 'maintenance', on: true, by: 'operator' })
    assert.equal(commanding.closedWith, 1002)
    const twice = fleet.link()
    twice.task(1, 'held')
    twice.task(1, 'held')
    assert.equal(twice.closedWith, 1002)
    const wrong = fleet.dial()
    wrong.say({ type: 'welcome' })
    assert.equal(wrong.closedWith, 1002)
    const short = fleet.dial()
    short.session.onBinary(new Uint8Array([1, 2, 3]))
    assert.equal(short.closedWith, 1002)
  })

  it('leaves what it does not know aside', async () => {
    const { fleet } = makeFleet()
    const link = fleet.link()
    link.say({ type: 'later', x: 1 })
    link.write((writer) => {
      writer.control(0x7f, 1)
      writer.control(RECORD.CREDIT, 99, (out) => out.u32(1))
      writer.control(RECORD.RECALL, 99)
      writer.control(RECORD.CANCEL, 99)
    })
    await fleet.settle()
    assert.equal(link.closedWith, undefined)
    assert.deepEqual(link.records(), [])
  })
})

describe('signs of life', () => {
  it('pings a silent balancer, and closes with 4004 when it stays silent', async () => {
    const { fleet, parts } = makeFleet()
    const link = fleet.link()
    const wait = (ms: number) => {
      for (let at = 0; at < ms; at += 250) {
        parts.clock.advance(250)
        link.session.tick()
      }
    }
    wait(3000)
    assert.equal(link.messages.filter(({ type }) => type === 'ping').length, 1)
    link.say({ type: 'pong', id: 0 })
    wait(6000)
    assert.equal(link.closedWith, undefined)
    wait(250)
    assert.equal(link.closedWith, CLOSE.silent)
  })

  it('does not blame the balancer for its own standstill', async () => {
    const { fleet, parts } = makeFleet()
    const link = fleet.link()
    link.session.tick()
    parts.clock.advance(60_000)
    link.session.tick()
    assert.equal(link.closedWith, undefined)
  })

  it('forgives itself exactly as long as it stood still', () => {
    const { fleet, parts } = makeFleet()
    const link = fleet.link({ heartbeatIntervalMs: 300, heartbeatTimeoutMs: 300 })
    for (const ms of [250, 700]) {
      parts.clock.advance(ms)
      link.session.tick()
    }
    assert.equal(link.closedWith, undefined)
    parts.clock.advance(250)
    link.session.tick()
    assert.equal(link.closedWith, CLOSE.silent)
  })

  it('answers a ping, and pushes a regular state with the figures of the system', async () => {
    const { fleet, parts } = makeFleet()
    const link = fleet.link()
    link.say({ type: 'ping', id: 9 })
    assert.ok(link.messages.some((message) => message.type === 'pong' && message.id === 9))
    parts.clock.advance(1000)
    link.session.tick()
    assert.deepEqual(link.lastState().system, parts.system.latest)
    assert.ok(link.lastState().seq > link.hello().seq)
  })
})
