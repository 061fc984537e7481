import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ByteRoom } from './byte-room.ts'
import { DisabledUrls } from './disabled-urls.ts'
import { Receivers } from './receivers.ts'

function make(bounds = {}) {
  return new Receivers<string>({ atOnce: 100, atOnceEach: 16, window: 4, ...bounds })
}

function takeAll(receivers: Receivers<string>): string[] {
  const taken: string[] = []
  for (let job = receivers.take(); job !== undefined; job = receivers.take()) taken.push(job)
  return taken
}

function fill(receivers: Receivers<string>, name: string, count: number): void {
  for (let n = 0; n < count; n++) receivers.add(name, `${name}${n}`)
}

describe('Receivers', () => {
  it('lets receivers take turns, within the bound of all', () => {
    const receivers = make({ atOnce: 3 })
    fill(receivers, 'a', 3)
    fill(receivers, 'b', 3)
    assert.deepEqual(takeAll(receivers), ['a0', 'b0', 'a1'])
    receivers.release('a', true)
    assert.deepEqual(takeAll(receivers), ['b1'])
    assert.equal(receivers.active, 3)
  })

  it('trusts a receiver that answers with more, and one that does not with a single try', () => {
    const receivers = make()
    fill(receivers, 'a', 60)
    assert.equal(takeAll(receivers).length, 4)
    receivers.release('a', true)
    assert.equal(takeAll(receivers).length, 2)
    for (let n = 0; n < 4; n++) receivers.release('a', false)
    assert.deepEqual(takeAll(receivers), [])
    receivers.release('a', undefined)
    assert.equal(takeAll(receivers).length, 1)
    for (let n = 0; n < 20; n++) {
      receivers.release('a', true)
      takeAll(receivers)
    }
    assert.equal(receivers.active, 16)
  })

  it('remembers how a receiver answered while nothing waits for it', () => {
    const receivers = make()
    fill(receivers, 'a', 1)
    takeAll(receivers)
    receivers.release('a', false)
    fill(receivers, 'a', 5)
    assert.equal(takeAll(receivers).length, 2)
  })

  it('knows whose window is full', () => {
    const receivers = make({ atOnceEach: 1 })
    fill(receivers, 'a', 4)
    fill(receivers, 'b', 3)
    assert.deepEqual([receivers.full(), receivers.hasRoom('a'), receivers.hasRoom('b')], [['a'], false, true])
    assert.deepEqual([receivers.isLow('a'), receivers.isLow('c')], [false, true])
    assert.deepEqual(
      receivers.remove('a', (job) => job !== 'a1'),
      ['a0', 'a2', 'a3'],
    )
    assert.deepEqual([receivers.hasRoom('a'), receivers.isLow('a')], [true, true])
    assert.deepEqual(takeAll(receivers), ['a1', 'b0'])
  })
})

describe('ByteRoom', () => {
  it('lets in what fits, in the order of asking, and a piece that is too large alone', async () => {
    const room = new ByteRoom(10)
    const order: string[] = []
    assert.equal(room.tryTake(6), true)
    assert.equal(room.tryTake(5), false)
    const large = room.take(20).then(() => order.push('large'))
    const small = room.take(1).then(() => order.push('small'))
    assert.equal(room.tryTake(1), false)
    room.give(6)
    await large
    assert.deepEqual(order, ['large'])
    room.give(20)
    await small
    assert.deepEqual(order, ['large', 'small'])
  })
})

describe('DisabledUrls', () => {
  it('opens a URL for a try that began after it was closed', () => {
    const urls = new DisabledUrls(['old'])
    assert.equal(urls.has('old'), true)
    assert.deepEqual(urls.disable('a', 10), [{ kind: 'url-disabled', url: 'a', sinceMs: 10 }])
    assert.deepEqual([urls.isClosedSince('a', 10), urls.isClosedSince('a', 11)], [true, false])
    assert.deepEqual(urls.enable('a', 9), [])
    assert.deepEqual(urls.enable('a', 11), [{ kind: 'url-enabled', url: 'a' }])
    assert.deepEqual([urls.has('a'), urls.enable('a', 12)], [false, []])
  })

  it('forgets the oldest of very many', () => {
    const urls = new DisabledUrls(Array.from({ length: 10_000 }, (_, n) => `u${n}`))
    assert.deepEqual(urls.disable('new', 1).at(-1), { kind: 'url-enabled', url: 'u0' })
    assert.deepEqual([urls.has('u0'), urls.has('u1'), urls.has('new')], [false, true, true])
  })
})
