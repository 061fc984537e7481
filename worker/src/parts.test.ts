/** The small parts: JSON of bytes, push rhythm, log lines of a link, fences, ids, figures of the system. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type LogEntry, logEntrySchema, systemSchema } from '@berth/protocol'
import { createLog, ManualClock } from '@berth/runtime'
import { Fences } from './fences.ts'
import { parseJsonBytes } from './json-body.ts'
import { LogFollower } from './logs.ts'
import { Pulse } from './pulse.ts'
import { encodeResult, messageOf } from './result.ts'
import { makeRunId } from './run-id.ts'
import { SystemMeter } from './system.ts'

describe('parseJsonBytes', () => {
  it('tells what is wrong', () => {
    const detailOf = (bytes: Uint8Array) => {
      const parsed = parseJsonBytes(bytes)
      return parsed.ok ? parsed.value : parsed.detail
    }
    assert.deepEqual(detailOf(Buffer.from('{"a":[1]}')), { a: [1] })
    assert.match(String(detailOf(Buffer.from(''))), /empty/)
    assert.match(String(detailOf(Buffer.from('{'))), /not JSON/)
    assert.match(String(detailOf(Buffer.from([0x22, 0xc3, 0x22]))), /not UTF-8/)
    assert.match(String(detailOf(Buffer.from('['.repeat(200_000) + ']'.repeat(200_000)))), /nested over 100/)
  })

  it('counts levels exactly', () => {
    const isFine = (text: string) => parseJsonBytes(Buffer.from(text)).ok
    const nested = (levels: number) => '{"a":['.repeat(levels / 2) + ']}'.repeat(levels / 2)
    assert.equal(isFine(nested(100)), true)
    assert.equal(isFine(`[${nested(100)}]`), false)
    assert.equal(isFine(`[${'[],{},'.repeat(200)}1]`), true)
    assert.equal(isFine(`"${'['.repeat(200)}"`), true)
    assert.equal(isFine(JSON.stringify(`\\"${'['.repeat(200)}`)), true)
    assert.equal(isFine(`{"\\\\":[${nested(100)}]}`), false)
  })
})

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

describe('LogFollower', () => {
  it('begins with what is kept, goes on with what comes, by level', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const log = createLog({ source: 'w', level: 'debug', write: () => {} })
    const sent: LogEntry[] = []
    const follower = new LogFollower(log, { send: (lines) => sent.push(...lines) > 0 })
    log.warn('before')
    log.info('not urgent')
    follower.follow(true, 'warn')
    log.child({ run: 'r_1', source: 'hello' }).error('after', { n: 1, deep: { a: 'b\n' } })
    log.info('not urgent')
    t.mock.timers.tick(100)
    assert.deepEqual(
      sent.map(({ text, run, source }) => [text, run, source]),
      [
        ['before', undefined, 'w'],
        ['after n=1 deep={"a":"b\\n"}', 'r_1', 'hello'],
      ],
    )
    for (const line of sent) logEntrySchema.parse(line)
    follower.follow(false, 'warn')
    log.error('nobody listens')
    t.mock.timers.tick(1000)
    assert.equal(sent.length, 2)
  })

  it('sends at most 2,000 a second and counts the rest, also what had no room', (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] })
    const log = createLog({ source: 'w', capacity: 0, write: () => {} })
    const batches: [number, number][] = []
    let hasRoom = true
    const follower = new LogFollower(log, {
      send: (lines, dropped) => {
        if (hasRoom) batches.push([lines.length, dropped])
        return hasRoom
      },
    })
    follower.follow(true, 'info')
    for (let index = 0; index < 2500; index++) log.info('x')
    t.mock.timers.tick(100)
    assert.deepEqual(batches, [[2000, 500]])
    hasRoom = false
    log.info('dropped too')
    t.mock.timers.tick(100)
    hasRoom = true
    log.info('dropped as well: the second is not over')
    t.mock.timers.tick(100)
    assert.deepEqual(batches[1], [0, 2])
    follower.stop()
  })
})

describe('Fences', () => {
  it('refuses what is lower, and forgets the runs not heard of for longest', () => {
    const fences = new Fences(2)
    assert.equal(fences.note('a', 5), true)
    assert.equal(fences.note('a', 5), true)
    assert.equal(fences.note('a', 4), false)
    fences.note('b', 1)
    fences.note('a', 6)
    fences.note('c', 1)
    assert.equal(fences.note('a', 5), false, 'kept: it was heard of last')
    assert.equal(fences.note('b', 0), true, 'forgotten')
  })
})

describe('results and messages', () => {
  it('count bytes, not characters', () => {
    assert.equal(encodeResult('é'.repeat(4), 10).ok, true)
    assert.equal(encodeResult('é'.repeat(5), 10).ok, false)
  })

  it('of anything that was thrown', () => {
    assert.equal(messageOf(new Error('')), 'Error')
    assert.equal(messageOf(Symbol('s')), 'Symbol(s)')
    assert.equal(messageOf(12n), '12')
  })
})

describe('makeRunId', () => {
  it('sorts by time and does not repeat', () => {
    const ids = [1_700_000_000_000, 1_700_000_000_001, 1_800_000_000_000].map(makeRunId)
    assert.deepEqual(ids.toSorted(), ids)
    for (const id of ids) assert.match(id, /^r_[0-9a-hjkmnp-tv-z]{26}$/)
    assert.equal(new Set(Array.from({ length: 1000 }, () => makeRunId(1))).size, 1000)
  })
})

describe('SystemMeter', () => {
  it('gives figures that the wire takes', () => {
    const meter = new SystemMeter()
    systemSchema.parse(meter.latest)
    const first = systemSchema.parse(meter.read())
    assert.ok(first.memoryUsed > 0)
    systemSchema.parse(meter.read())
    meter.stop()
  })
})
