/** The log lines of a link: by level, and never too many. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { type LogEntry, logEntrySchema } from '@berth/protocol'
import { createLog } from '@berth/runtime'
import { LogFollower } from './logs.ts'

/** Timers fire when they are told to, and a second does not end in the midst of a busy machine. */
function stopClock(t: TestContext): void {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  t.mock.method(performance, 'now', () => 5_000)
}

describe('LogFollower', () => {
  it('begins with what is kept, goes on with what comes, by level', (t) => {
    stopClock(t)
    const log = createLog({ source: 'w', level: 'debug', write: () => {} })
    const sent: LogEntry[] = []
    const follower = new LogFollower(log, { send: (lines) => sent.push(...lines) > 0 })
    log.warn('before')
    log.info('not urgent')
    follower.follow({ follow: true, level: 'warn' })
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
    follower.follow({ follow: false, level: 'warn' })
    log.error('nobody listens')
    t.mock.timers.tick(1000)
    assert.equal(sent.length, 2)
  })

  it('sends at most 2,000 a second and counts the rest, also what had no room', (t) => {
    stopClock(t)
    const log = createLog({ source: 'w', capacity: 0, write: () => {} })
    const batches: [number, number][] = []
    let hasRoom = true
    const follower = new LogFollower(log, {
      send: (lines, dropped) => {
        if (hasRoom) batches.push([lines.length, dropped])
        return hasRoom
      },
    })
    follower.follow({ follow: true, level: 'info' })
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

  it('keeps to what the balancer asks for: how many come first, how many a second, fields apart', (t) => {
    stopClock(t)
    const log = createLog({ source: 'w', write: () => {} })
    const sent: LogEntry[] = []
    const dropped: number[] = []
    const follower = new LogFollower(log, {
      send: (lines, left) => sent.push(...lines) > 0 && dropped.push(left) > 0,
    })
    for (let index = 0; index < 5; index++) log.info(`kept ${index}`)
    follower.follow({ follow: true, level: 'info', backlog: 2, perSecond: 4, fields: true })
    log.info('with fields', { run: 'r_1', n: 1, deep: { a: 'b' } })
    log.info('with too many', { long: 'x'.repeat(10_000) })
    for (let index = 0; index < 3; index++) log.info('over')
    t.mock.timers.tick(100)
    assert.deepEqual(
      sent.map(({ text }) => text.slice(0, 20)),
      ['kept 3', 'kept 4', 'with fields', 'with too many long="'],
    )
    assert.deepEqual(sent[2]?.fields, { n: 1, deep: { a: 'b' } })
    assert.equal(sent[3]?.fields, undefined)
    assert.deepEqual(dropped, [3])
    for (const line of sent) logEntrySchema.parse(line)
    follower.stop()
  })

  it('sends what it keeps once more, by itself, behind what was to be sent', (t) => {
    stopClock(t)
    const log = createLog({ source: 'w', level: 'debug', write: () => {} })
    const sent: string[] = []
    const follower = new LogFollower(log, {
      send: (lines, dropped, tail) =>
        sent.push(`${tail ? 'tail' : 'live'} ${lines.map(({ text }) => text).join()} ${dropped}`) > 0,
    })
    log.info('one')
    log.error('two')
    follower.follow({ follow: true, level: 'error', perSecond: 2 })
    t.mock.timers.tick(100)
    log.error('three')
    log.error('over')
    log.info('four')
    follower.follow({ follow: true, level: 'debug', backlog: 4, perSecond: 2, tail: 'debug' })
    assert.deepEqual(sent, ['live two 0', 'live three 1', 'tail two,three,over,four 0'])
    t.mock.timers.tick(100)
    assert.equal(sent.length, 3)
    follower.follow({ follow: true, level: 'debug', backlog: 0, tail: 'debug' })
    assert.equal(sent.at(-1), 'tail  0')
    follower.stop()
    // Turned on, it begins with what it keeps in any case.
    follower.follow({ follow: true, level: 'error', backlog: 1, tail: 'error' })
    t.mock.timers.tick(100)
    assert.equal(sent.at(-1), 'live over 0')
    follower.stop()
  })

  it('sends what was asked for as soon as the link has room', (t) => {
    stopClock(t)
    const log = createLog({ source: 'w', level: 'debug', write: () => {} })
    const sent: string[] = []
    let hasRoom = true
    const follower = new LogFollower(log, {
      send: (lines, dropped, tail) =>
        hasRoom && sent.push(`${tail ?? 'live'} ${lines.map(({ text }) => text).join()} ${dropped}`) > 0,
    })
    log.info('one')
    log.error('two')
    follower.follow({ follow: true, level: 'debug', backlog: 0 })
    hasRoom = false
    follower.follow({ follow: true, level: 'debug', tail: 'error' })
    follower.follow({ follow: true, level: 'debug', tail: 'debug' })
    t.mock.timers.tick(1_000)
    assert.deepEqual(sent, [])
    hasRoom = true
    t.mock.timers.tick(100)
    assert.deepEqual(sent, ['error two 0', 'debug one,two 0'])
    t.mock.timers.tick(1_000)
    assert.equal(sent.length, 2)
    follower.stop()
  })

  it('sends a megabyte at most in one message', (t) => {
    stopClock(t)
    const log = createLog({ source: 'w', write: () => {} })
    let count = 0
    let left = 0
    const follower = new LogFollower(log, {
      send: (lines, dropped) => {
        count += lines.length
        left += dropped
        return true
      },
    })
    follower.follow({ follow: true, level: 'info', backlog: 0 })
    for (let index = 0; index < 1_000; index++) log.info('y'.repeat(8_000))
    t.mock.timers.tick(100)
    assert.ok(count > 120 && count < 150, `${count} lines of 8 KB`)
    assert.equal(count + left, 1_000)
    follower.stop()
  })
})
