import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isWithin, readArguments } from './arguments.ts'

const NAMES = ['lint', 'unit', 'e2e']

test('words that name a part choose it, others are paths', () => {
  assert.deepEqual(readArguments(['e2e', './balancer/src/core/', 'unit'], NAMES), {
    parts: ['e2e', 'unit'],
    paths: ['balancer/src/core'],
  })
})

test('no words choose nothing in particular', () => {
  assert.deepEqual(readArguments(['--'], NAMES), { parts: [], paths: [] })
})

test('a path keeps what lies below it', () => {
  assert.equal(isWithin('worker/src/slots.test.ts', ['balancer', 'worker/src']), true)
  assert.equal(isWithin('worker/src/slots.test.ts', ['worker/src/slots.test.ts']), true)
  assert.equal(isWithin('worker/src/slots.test.ts', ['src']), false)
  assert.equal(isWithin('worker/src/slots.test.ts', []), true)
})
