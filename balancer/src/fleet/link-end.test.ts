/** What ends a link on a real socket, what still leaves before it does, and that nothing comes after. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CLOSE, LIMITS, RECORD } from '@berth/protocol'
import { makeAssignment } from './testing/fleet-bench.ts'
import { closes, connect, MB, makeBytes, rawRecord, recordsOf } from './testing/link-pair.ts'
import type { ScriptedLink } from './testing/scripted-worker.ts'

const BREACHES: [string, number, (peer: ScriptedLink) => void][] = [
  ['not JSON', 1002, (peer) => peer.raw('{"type":')],
  ['no object', 1002, (peer) => peer.raw('[]')],
  ['no type', 1002, (peer) => peer.raw('{"at":1}')],
  ['a known type of the wrong shape', 1002, (peer) => peer.say({ type: 'ping', id: -1 })],
  [
    'negative slots',
    1002,
    (peer) => peer.say({ type: 'state', seq: 2, status: 'ready', slots: { limit: -1 } }),
  ],
  ['a reason of the parser that is long and not ASCII', 1002, (peer) => tagBreach(peer)],
  ['bad UTF-8 in a text frame', 1007, (peer) => peer.raw(Buffer.from([0x22, 0xff, 0x22]), false)],
  ['a text frame over 8 MiB', 1009, (peer) => peer.raw('x'.repeat(LIMITS.textBytes + 1))],
  ['a binary frame over 256 KiB', 1009, (peer) => peer.raw(makeBytes(LIMITS.frameBytes + 1))],
  ['a record over 64 KiB', 1009, (peer) => peer.raw(rawRecord(0x7f, 1, makeBytes(LIMITS.recordBytes + 1)))],
  [
    'half a record header',
    1002,
    (peer) => peer.raw(rawRecord(RECORD.STARTED, 1, makeBytes(0)).subarray(0, 7)),
  ],
  ['half a record', 1002, (peer) => peer.raw(rawRecord(0x7f, 1, makeBytes(100)).subarray(0, 60))],
  ['a stamp that is no time', 1002, (peer) => peer.raw(rawRecord(RECORD.STAMP, 0, makeBytes(8).fill(0xff)))],
  ['half a stamp', 1002, (peer) => peer.raw(rawRecord(RECORD.STAMP, 0, makeBytes(5)))],
  [
    'an outcome that is none',
    1002,
    (peer) => peer.raw(rawRecord(RECORD.END, 1, Buffer.from([0, 9, 77, 0, 0, 0, 0, 0, 0]))),
  ],
  ['an END without its header', 1002, (peer) => peer.raw(rawRecord(RECORD.END, 1, makeBytes(1)))],
  ['half a credit', 1002, (peer) => peer.raw(rawRecord(RECORD.CREDIT, 1, makeBytes(2)))],
]

function tagBreach(peer: ScriptedLink): void {
  const slots = { limit: 1, used: 0, linked: 0, stuck: 0, queued: 0, queueLimit: 0 }
  peer.say({ type: 'state', seq: 2, status: 'ready', slots, tags: { ['日本語'.repeat(60)]: 'x' } })
}

for (const [what, code, misbehave] of BREACHES)
  test(`${what} closes with ${code}, and nothing after it counts`, async (t) => {
    const { link, peer, heard } = await connect(t)
    link.task(makeAssignment({ attemptId: 1 }))
    await peer.task()
    misbehave(peer)
    peer.started(1)
    await closes(heard)
    assert.equal((await peer.closed).code, code)
    assert.ok(!heard.events.includes('started 1'))
    assert.deepEqual(heard.faults, [])
  })

test('a frame that is wrong in its lengths is refused whole', async (t) => {
  const { link, peer, heard } = await connect(t)
  link.task(makeAssignment({ attemptId: 1 }))
  await peer.task()
  const good = rawRecord(RECORD.STARTED, 1, makeBytes(0))
  peer.raw(Buffer.concat([good, rawRecord(0x7f, 1, makeBytes(100)).subarray(0, 60)]))
  await closes(heard)
  assert.ok(!heard.events.includes('started 1'))
})

test('a worker that sends more than its window is cut off', async (t) => {
  const { link, peer, heard } = await connect(t)
  link.task(makeAssignment({ attemptId: 1 }))
  await peer.task()
  // In one turn, so that no credit can have left between them.
  const piece = rawRecord(RECORD.DATA, 1, makeBytes(64_000))
  const frame = Buffer.concat([piece, piece, piece, piece])
  peer.socket.send(frame)
  peer.socket.send(frame)
  peer.socket.send(frame)
  const { code } = await closes(heard)
  assert.equal(code, 1002)
})

test('a fault of ours while a frame is read is told, ends the link, and is not thrown', async (t) => {
  const pair = await connect(t)
  pair.on = [
    'message ping',
    () => {
      throw new Error('a fault of ours')
    },
  ]
  pair.peer.say({ type: 'ping', id: 1 })
  const { code } = await closes(pair.heard)
  assert.equal(code, 1011)
  assert.match(String(pair.heard.faults[0]), /a fault of ours/)
})

test('after its end a link takes everything and does nothing', async (t) => {
  const { link, peer, heard } = await connect(t)
  link.task(makeAssignment({ attemptId: 1 }))
  link.close(CLOSE.mismatch, 'wörd '.repeat(60))
  assert.equal(heard.closed?.code, CLOSE.mismatch)
  link.task(makeAssignment({ attemptId: 2 }))
  link.recall(1)
  link.cancel(1, 'caller')
  link.acknowledge(1, 1)
  link.message({ type: 'ping', id: 1 })
  link.close(CLOSE.normal, 'again')
  const { code, reason } = await peer.closed
  assert.equal(code, CLOSE.mismatch)
  assert.ok(reason.startsWith('wörd ') && Buffer.byteLength(reason) <= 123)
  assert.deepEqual(recordsOf(peer), ['TASK 1'])
})

test('what is queued leaves before a close on purpose, and not before one for a breach', async (t) => {
  for (const code of [CLOSE.goingAway, CLOSE.silent, CLOSE.protocolError]) {
    const { link, peer } = await connect(t)
    link.task(makeAssignment({ attemptId: 1 }))
    await peer.task()
    link.cancel(1, 'drain')
    link.acknowledge(1, 1)
    link.close(code, 'over')
    await peer.closed
    const last = code === CLOSE.protocolError ? [] : ['CANCEL 1', 'RESULT_ACK 1']
    assert.deepEqual(recordsOf(peer), ['TASK 1', ...last])
  }
})

test('a close waits for no worker that does not read', async (t) => {
  const { link, peer, heard } = await connect(t)
  peer.socket.pause()
  const bytes = makeBytes(LIMITS.windowBytes)
  for (let attemptId = 1; attemptId <= 200; attemptId++)
    link.task(makeAssignment({ attemptId, payload: { bytes, mediaType: '', isEnvelope: false } }))
  link.close(CLOSE.goingAway, 'over')
  assert.equal(heard.closed?.code, CLOSE.goingAway)
  peer.socket.resume()
  await peer.closed
  const handedOver = peer.frames.reduce((sum, frame) => sum + frame, 0)
  assert.ok(handedOver < 200 * LIMITS.windowBytes, `${handedOver} bytes were handed over`)
})

test('a peer that closes or dies ends the link once', async (t) => {
  const closing = await connect(t)
  closing.peer.socket.close(1001, 'bye')
  assert.deepEqual(await closes(closing.heard), { code: 1001, reason: 'bye' })
  const dying = await connect(t)
  dying.peer.socket.terminate()
  assert.equal((await closes(dying.heard)).code, 1006)
})

test('a worker that does not read holds one frame of ours, and gets no credit', async (t) => {
  const { link, peer, heard } = await connect(t)
  peer.socket.pause()
  const bytes = makeBytes(8 * MB)
  const before = process.memoryUsage().arrayBuffers
  for (let attemptId = 1; attemptId <= 200; attemptId++)
    link.task(makeAssignment({ attemptId, payload: { bytes, mediaType: '', isEnvelope: false } }))
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
  const grown = process.memoryUsage().arrayBuffers - before
  assert.ok(grown < 8 * MB, `${grown} bytes wait for a worker that does not read`)
  for (let id = 0; id < 200_000 && !heard.closed; id++) link.message({ type: 'pong', id })
  assert.equal(heard.closed?.code, CLOSE.silent, 'text messages are bounded too')
  peer.socket.resume()
})
