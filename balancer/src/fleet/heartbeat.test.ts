import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Heartbeat } from './heartbeat.ts'

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
