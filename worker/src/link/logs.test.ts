/** The log lines of a link: by level, and never too many. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type LogEntry, logEntrySchema } from '@berth/protocol'
import { createLog } from '@berth/runtime'
import { LogFollower } from './logs.ts'

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
