/** Streams on the link: what comes, what is credited for it and when, and what a slow reader costs others. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteReader, ByteWriter, DATA_KIND, DATA_MORE, LIMITS, RECORD } from '@berth/protocol'
import type { StreamItem } from '../ports/stream.ts'
import { makeAssignment, setUpReady, until } from './testing/fleet-bench.ts'
import type { ScriptedLink } from './testing/scripted-worker.ts'

const PIECE = 64 * 1024

function chunk(peer: ScriptedLink, task: number, bytes: Uint8Array, flags: number = DATA_KIND.chunk): void {
  const out = new ByteWriter()
  out.u8(RECORD.DATA)
  out.u8(flags)
  out.u32(task)
  out.u32(bytes.length)
  out.bytes(bytes)
  peer.raw(out.take())
}

/** Credit that a task was given so far. */
function creditOf({ records }: ScriptedLink, of: number): number {
  const given = records.filter(({ type, task }) => type === RECORD.CREDIT && task === of)
  return given.reduce((sum, { bytes }) => sum + new ByteReader(bytes).u32(), 0)
}

async function setUpStreams(t: Parameters<typeof setUpReady>[0], ...attemptIds: number[]) {
  const { bench, link: peer } = await setUpReady(t)
  const { fleet, workforce } = bench
  for (const attemptId of attemptIds)
    fleet.send(makeAssignment({ attemptId, run: `r_${attemptId}`, mode: 'stream' }))
  await peer.task(attemptIds.length - 1)
  const { items } = workforce
  const came = (count: number) => until(() => items.length >= count || undefined, `${count} items`)
  const take = (list: readonly StreamItem[]) => {
    for (const { source, bytes } of list) source.taken(bytes.length)
  }
  /** Everything that was written to the worker until now has arrived. */
  const settle = async () => {
    const { frames } = peer
    const before = frames.length
    fleet.recall('w1', 99)
    await peer.until(() => frames.length > before || undefined, 'another frame')
  }
  return { bench, fleet, workforce, peer, items, came, take, settle }
}

test('items come in order, with their kind, their bytes and whether they are whole', async (t) => {
  const { peer, items, came } = await setUpStreams(t, 1)
  chunk(peer, 1, Buffer.from('a'))
  chunk(peer, 1, Buffer.from('{}'), DATA_KIND.log)
  chunk(peer, 1, Buffer.from('b'), DATA_KIND.chunk | DATA_MORE)
  chunk(peer, 1, Buffer.from('c'))
  chunk(peer, 1, Buffer.from('{}'), DATA_KIND.progress)
  chunk(peer, 1, Buffer.from('{}'), DATA_KIND.usage)
  chunk(peer, 1, Buffer.from('x'), DATA_KIND.file)
  peer.end(1, 'result')
  await came(6)
  assert.deepEqual(
    items.map(({ kind, bytes, isLast }) => [kind, String(Buffer.from(bytes)), isLast]),
    [
      ['chunk', 'a', true],
      ['log', '{}', true],
      ['chunk', 'b', false],
      ['chunk', 'c', true],
      ['progress', '{}', true],
      ['usage', '{}', true],
    ],
  )
})

test('credit is given for what was taken, gathered, and never twice', async (t) => {
  const { peer, items, came, take, settle } = await setUpStreams(t, 1)
  for (let i = 0; i < 4; i++) chunk(peer, 1, new Uint8Array(PIECE))
  await came(4)
  await settle()
  assert.equal(creditOf(peer, 1), 0, 'nobody has taken anything')
  take(items.slice(0, 1))
  await peer.until(() => creditOf(peer, 1) === PIECE || undefined, 'credit')
  items[1]?.source.taken(1000)
  await settle()
  assert.equal(creditOf(peer, 1), PIECE, 'so little waits for more')
  items[1]?.source.taken(PIECE - 1000)
  await peer.until(() => creditOf(peer, 1) === 2 * PIECE || undefined, 'the rest')
})

test('a window that nobody reads stops its own stream and no other task', async (t) => {
  const { peer, items, came, take, workforce } = await setUpStreams(t, 1, 2, 3)
  for (let i = 0; i < 4; i++) chunk(peer, 1, new Uint8Array(PIECE))
  await came(4)
  for (let i = 0; i < 16; i++) {
    chunk(peer, 2, new Uint8Array(PIECE))
    await came(5 + i)
    take(items.slice(-1))
  }
  peer.end(3, new Uint8Array(3 * LIMITS.windowBytes))
  await until(() => workforce.count('finished w1 3 completed') || undefined, 'the result of another')
  assert.equal(creditOf(peer, 1), 0)
  assert.ok(creditOf(peer, 2) >= 15 * PIECE)
})

test('more than a window ends the link', async (t) => {
  const { peer, came } = await setUpStreams(t, 1)
  for (let i = 0; i < 4; i++) chunk(peer, 1, new Uint8Array(PIECE))
  await came(4)
  chunk(peer, 1, new Uint8Array(1))
  assert.equal((await peer.closed).code, 1002)
})

test('a cancelled stream is read to its end, so that its END does not wait', async (t) => {
  const { fleet, peer, items, came, take, workforce } = await setUpStreams(t, 1)
  for (let i = 0; i < 4; i++) chunk(peer, 1, new Uint8Array(PIECE))
  await came(4)
  fleet.cancel('w1', 1, 'caller')
  await peer.heard(RECORD.CANCEL, 1)
  await peer.until(() => creditOf(peer, 1) === LIMITS.windowBytes || undefined, 'credit for all')
  // A worker begins with a new window, and says the rest of what it has.
  for (let i = 0; i < 8; i++) chunk(peer, 1, new Uint8Array(PIECE))
  await peer.until(() => creditOf(peer, 1) >= 2 * LIMITS.windowBytes || undefined, 'credit for more')
  peer.end(1, null, {
    outcome: 'cancelled',
    runMs: 1,
    mediaType: '',
    error: { code: 'CANCELLED', message: '' },
  })
  await until(() => workforce.count('finished w1 1 cancelled') || undefined, 'its END')
  assert.equal(items.length, 4, 'nobody follows it')
  take(items)
  assert.ok(creditOf(peer, 1) <= 3 * LIMITS.windowBytes)
})

test('a reader that is late says nothing of a task that has ended', async (t) => {
  const { fleet, peer, items, came, take, settle } = await setUpStreams(t, 1)
  chunk(peer, 1, new Uint8Array(PIECE))
  peer.end(1, null)
  await came(1)
  await settle()
  take(items)
  await settle()
  assert.equal(creditOf(peer, 1), 0)
  fleet.send(makeAssignment({ attemptId: 2, run: 'r_2' }))
  await peer.task(1)
})
