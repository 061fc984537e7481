/** A task that comes over a link, to its end, both ends in memory under a manual clock. */
import assert from 'node:assert/strict'
import { describe, it, mock } from 'node:test'
import { LIMITS, TASK_FLAG } from '@berth/protocol'
import { z } from 'zod'
import { makeHeldFleet, makeParts, TestFleet } from '../fixtures/test-parts.ts'
import { defineFunction } from '../functions/define.ts'

describe('a task on the link', () => {
  it('is started before its handler is called, and ends with its result', async () => {
    const { fleet, calls } = makeHeldFleet()
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
    const { fleet } = makeHeldFleet()
    const link = fleet.link()
    link.task(2, 'held', {}, { turns: 'x'.repeat(LIMITS.turnsBytes + 1) })
    for (let sent = 0; sent < LIMITS.turnsBytes; sent += LIMITS.windowBytes)
      link.write((writer) => writer.credit(2, LIMITS.windowBytes))
    await fleet.settle()
    assert.equal(link.outcomes.get(2)?.header.error?.code, 'PAYLOAD_TOO_LARGE')
  })

  it('waits with the handler until a backlog has gone', async () => {
    const { fleet, calls } = makeHeldFleet()
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
    const { fleet, calls, parts } = makeHeldFleet()
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
    const { fleet, calls } = makeHeldFleet()
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
    const { fleet, calls } = makeHeldFleet()
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
    const { fleet } = makeHeldFleet()
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
    const { fleet } = makeHeldFleet()
    const link = fleet.link()
    link.task(1, 'echo', '{"input":{"a":1},"function":"held","x":2}', { flags: TASK_FLAG.ENVELOPE })
    link.task(2, 'echo', '{"function":"held"}', { flags: TASK_FLAG.ENVELOPE })
    await fleet.settle()
    assert.equal(link.outcomes.get(1)?.result, '{"a":1}')
    assert.equal(link.outcomes.get(2)?.result, '{}')
  })

  it('assembles a long input, gives credit for each piece and bounds the whole', async () => {
    const { fleet } = makeHeldFleet()
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
    const { fleet } = makeHeldFleet()
    const link = fleet.link()
    link.task(1, 'held', {}, { run: 'r_x', fence: 5 })
    link.task(2, 'held', {}, { run: 'r_x', fence: 4 })
    await fleet.settle()
    assert.deepEqual(link.records().toSorted(), ['BUSY 2', 'STARTED 1'])
  })

  it('waits ahead within four times the slots, and is answered BUSY beyond', async () => {
    const { fleet } = makeHeldFleet(2)
    const link = fleet.link()
    for (let number = 1; number <= 11; number++) link.task(number, 'held', {}, { flags: TASK_FLAG.AHEAD })
    await fleet.settle()
    assert.deepEqual(link.records().toSorted(), ['BUSY 11', 'STARTED 1', 'STARTED 2'])
    assert.equal(link.stamp?.occupancy?.queued, 8)
  })

  it('is given back when it is older than two heartbeats as its turn comes', async () => {
    const { fleet, calls, parts } = makeHeldFleet(1)
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
    const { fleet, parts } = makeHeldFleet(1)
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
    const { fleet, parts } = makeHeldFleet(2)
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
    const { fleet, calls } = makeHeldFleet(1)
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
