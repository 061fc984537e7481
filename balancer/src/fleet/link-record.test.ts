/** What is remembered of a line: bounded, told in order, and honest about what never came. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ByteWriter, LinkWriter, RECORD } from '@berth/protocol'
import { ManualClock } from '@berth/runtime'
import { kindOfFrame, LinkRecord } from './link-record.ts'
import { setUpReady, until } from './testing/fleet-bench.ts'

test('the last ten messages, oldest first, with their instants', () => {
  const clock = new ManualClock()
  const record = new LinkRecord(clock)
  assert.deepEqual(record.view(null).lastMessages, [])
  for (let n = 1; n <= 13; n++) {
    clock.advance(100)
    record.note(n % 2 === 0, `kind-${n}`, n)
  }
  clock.advance(50)
  const { lastMessages } = record.view(null)
  assert.deepEqual(
    lastMessages.map(({ kind, direction, bytes }) => [kind, direction, bytes]),
    Array.from({ length: 10 }, (_, i) => [`kind-${i + 4}`, i % 2 === 0 ? 'out' : 'in', i + 4]),
  )
  assert.equal(lastMessages.at(-1)?.at, new Date(clock.wallMs() - 50).toISOString())
  assert.equal(lastMessages[0]?.at, new Date(clock.wallMs() - 950).toISOString())
})

test('numbers that never came are counted, also those of a time without a link, but not over a restart', () => {
  const record = new LinkRecord(new ManualClock())
  record.greeted('a', 5)
  for (const seq of [6, 7, 10, 9, 11]) record.numbered(seq)
  assert.equal(record.view(null).gaps, 2)
  record.ended()
  record.greeted('a', 15)
  assert.equal(record.view(null).gaps, 5)
  record.greeted('b', 1)
  record.numbered(2)
  assert.equal(record.view(null).gaps, 5)
  assert.equal(record.view(null).reconnects, 2)
})

test('without a link there is no instant of it and no age', () => {
  const clock = new ManualClock()
  const record = new LinkRecord(clock)
  assert.deepEqual(record.view(null), {
    rttMs: null,
    reconnects: 0,
    gaps: 0,
    connectedAt: null,
    clockAgeMs: null,
    lastMessages: [],
  })
  record.greeted('a', 1)
  const connectedAt = new Date(clock.wallMs()).toISOString()
  record.stamped(1_000)
  clock.advance(130)
  record.stamped(1_100)
  const { connectedAt: shown, clockAgeMs, rttMs } = record.view(1.5)
  assert.deepEqual([shown, clockAgeMs, rttMs], [connectedAt, 30, 1.5])
  record.ended()
  assert.deepEqual([record.view(null).connectedAt, record.view(null).clockAgeMs], [null, null])
})

test('a frame is known by its first record behind the stamp, whatever it holds', () => {
  const writer = new LinkWriter(() => ({ at: 1 }))
  writer.control(RECORD.CANCEL, 9, (out: ByteWriter) => out.u8(0))
  assert.equal(kindOfFrame(writer.take() as Uint8Array), 'CANCEL')
  assert.equal(kindOfFrame(new Uint8Array()), 'unknown')
  assert.equal(kindOfFrame(new Uint8Array([0xee])), 'unknown')
  assert.equal(kindOfFrame(new Uint8Array([RECORD.STAMP])), 'STAMP')
  assert.equal(kindOfFrame(new Uint8Array([RECORD.STAMP, 0, 0, 0, 0, 0, 0, 0, 255, 255, 1])), 'STAMP')
})

test('a worker that is looked at shows its line and what it serves; a list does not', async (t) => {
  const { bench, link } = await setUpReady(t, { hello: { seq: 3 } })
  link.state({ seq: 6 })
  const detail = await until(() => {
    const seen = bench.fleet.detail('w1')
    return seen && seen.link.gaps > 0 ? seen : undefined
  }, 'the state has come')
  assert.equal(detail.link.gaps, 2)
  assert.equal(detail.link.reconnects, 0)
  assert.notEqual(detail.link.connectedAt, null)
  const said = detail.link.lastMessages.map(({ direction, kind }) => `${direction} ${kind}`)
  assert.ok(said.includes('in state'), said.join())
  assert.ok(said.includes('out welcome') || said.length === 10, said.join())
  assert.ok(detail.link.lastMessages.every(({ bytes }) => bytes > 10))
  assert.deepEqual(
    detail.interface?.functions.map(({ name, hash }) => [name, hash.length]),
    [['hello', 64]],
  )
  assert.equal(detail.interface?.contract, 1)
  assert.equal('link' in (bench.fleet.worker('w1') ?? {}), false)
  link.socket.terminate()
  await until(() => (bench.fleet.detail('w1')?.link.reconnects ?? 0) > 0, 'it is linked again')
})
