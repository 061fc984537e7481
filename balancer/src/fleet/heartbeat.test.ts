import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Heartbeat, pingsOfLook } from './heartbeat.ts'

const TERMS = { heartbeatIntervalMs: 2_000, heartbeatTimeoutMs: 4_000, leaseMs: 30_000 }

test('the longest silence is that since it was asked last, the one that goes on included', () => {
  const heartbeat = new Heartbeat(TERMS)
  assert.equal(heartbeat.takeGapMs(500), null)
  heartbeat.begin(1_000)
  heartbeat.heard(1_400)
  heartbeat.heard(3_000)
  heartbeat.heard(3_100)
  assert.equal(heartbeat.takeGapMs(3_200), 1_600)
  assert.equal(heartbeat.takeGapMs(3_300), 200)
  heartbeat.heard(3_400)
  assert.equal(heartbeat.takeGapMs(9_400), 6_000)
})

test('a new link ends the silence, which counts as one', () => {
  const heartbeat = new Heartbeat(TERMS)
  heartbeat.begin(0)
  heartbeat.begin(20_000)
  assert.equal(heartbeat.takeGapMs(20_500), 20_000)
})

test('thousands that are due at once are pinged over half an interval, and stay apart', () => {
  const everyMs = 250
  const beats = Array.from({ length: 4_000 }, () => new Heartbeat(TERMS))
  for (const beat of beats) beat.begin(0)
  const pingedAt = (nowMs: number) => {
    const pings = pingsOfLook(beats.length, everyMs, TERMS.heartbeatIntervalMs)
    return beats.filter((beat) => beat.takePing(nowMs, pings) !== undefined).length
  }
  const first = [10_000, 10_250, 10_500, 10_750, 11_000].map(pingedAt)
  assert.deepEqual(first, [1_100, 1_100, 1_100, 700, 0])
  assert.deepEqual([12_000, 12_250, 12_500, 12_750].map(pingedAt), [1_100, 1_100, 1_100, 700])
})

test('a small fleet is pinged in one turn', () => {
  assert.ok(pingsOfLook(50, 250, 3_000).left >= 50)
})
