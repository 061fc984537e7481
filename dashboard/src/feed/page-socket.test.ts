import { expect, test } from 'vitest'
import { FakeSocket } from '../testing/fake-feed.ts'
import { changesMessage, snapshotMessage } from '../testing/samples.ts'
import { holdSocket } from './page-socket.ts'

/** Takes the socket and notes what it tells, in order. */
function listen(held: ReturnType<typeof holdSocket>) {
  const told: unknown[] = []
  const taken = held.take()
  taken.onopen = () => told.push('open')
  taken.onmessage = ({ data }) => told.push(JSON.parse(String(data)).seq)
  taken.onclose = ({ code }) => told.push(code)
  return { taken, told }
}

test('what was said before anybody listened is heard, and then what follows', async () => {
  const socket = new FakeSocket(null)
  const held = holdSocket(socket)
  socket.open()
  socket.say(snapshotMessage(1))
  const { taken, told } = listen(held)
  expect(told).toEqual([])
  await Promise.resolve()
  expect(told).toEqual(['open', 1])
  socket.say(changesMessage(2, {}))
  socket.end(1006)
  expect(told).toEqual(['open', 1, 2, 1006])
  taken.send('a word')
  expect(socket.sent).toEqual(['a word'])
})

test('an end before anybody listened is heard as well', async () => {
  const socket = new FakeSocket(null)
  const held = holdSocket(socket)
  socket.end(4401)
  const { told } = listen(held)
  await Promise.resolve()
  expect(told).toEqual([4401])
})

test('a socket that nobody takes is closed before it holds much', () => {
  const socket = new FakeSocket(null)
  holdSocket(socket)
  for (let seq = 1; seq <= 40; seq++) socket.say(changesMessage(seq, {}))
  expect(socket.isClosed).toBe(false)
  socket.say(changesMessage(41, {}))
  expect(socket.isClosed).toBe(true)
})

test('who gave up before it was told hears nothing', async () => {
  const socket = new FakeSocket(null)
  const held = holdSocket(socket)
  socket.say(snapshotMessage(1))
  const { taken, told } = listen(held)
  taken.onmessage = null
  await Promise.resolve()
  expect(told).toEqual([])
})
