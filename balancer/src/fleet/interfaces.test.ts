import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FunctionInterface } from '@berth/protocol'
import { findInterfaceDifference } from './compatibility/interface-difference.ts'
import { functionViews } from './function-views.ts'
import { Interfaces, type KnownInterface } from './interfaces.ts'
import { newPicture, type Picture } from './picture.ts'
import { makeEntry } from './testing/fleet-bench.ts'
import { hashOf, makeFunctions } from './testing/scripted-worker.ts'

test('is kept once by content; the order of keys makes no difference', () => {
  const interfaces = new Interfaces(() => [])
  const functions = makeFunctions('a', 'b')
  const turned = functions.map(
    (each) => Object.fromEntries(Object.entries(each).reverse()) as FunctionInterface,
  )
  const known = interfaces.learn(hashOf(functions), functions)
  assert.equal(interfaces.learn(hashOf(turned), turned), known)
  assert.equal(interfaces.get(hashOf(functions)), known)
  assert.equal(interfaces.size, 1)
})

test('is believed only under its own hash', () => {
  const interfaces = new Interfaces(() => [])
  assert.equal(interfaces.learn(hashOf(makeFunctions('a')), makeFunctions('b')), undefined)
  assert.equal(interfaces.size, 0)
})

test('the backoff of a function is passed on, and sets nobody apart', () => {
  const plain = makeFunctions('a')
  const patient = plain.map((each) => ({ ...each, backoff: { baseMs: 5, later: 'field' } }))
  const known = new Interfaces(() => []).learn(hashOf(patient), patient)
  assert.equal(known?.facts.get('a')?.backoff?.baseMs, 5)
  assert.equal(findInterfaceDifference(plain, patient), undefined)
  assert.equal(findInterfaceDifference(patient, plain), undefined)
})

test('names such as constructor are names', () => {
  const functions = makeFunctions('constructor', 'toString')
  const known = new Interfaces(() => []).learn(hashOf(functions), functions)
  assert.deepEqual(known?.names, ['constructor', 'toString'])
  assert.equal(known?.facts.get('hasOwnProperty'), undefined)
})

test('beyond a thousand those that nobody has are forgotten', () => {
  const used: KnownInterface[] = []
  const interfaces = new Interfaces(() => used)
  for (let i = 0; i < 5_000; i++) {
    const functions = makeFunctions(`f${i}`)
    const known = interfaces.learn(hashOf(functions), functions)
    if (known && i % 100 === 0) used.push(known)
  }
  assert.ok(interfaces.size <= 1_000, `${interfaces.size}`)
  for (const { hash } of used) assert.ok(interfaces.get(hash))
})

const kept = new Interfaces(() => [])

function serving(
  id: string,
  group: string,
  contract: number,
  names: string[],
  more: Partial<Picture> = {},
): Picture {
  const functions = makeFunctions(...names)
  const known = kept.restore(hashOf(functions), functions)
  return {
    ...newPicture(id, makeEntry(`http://${id}`, { id })),
    known,
    remembered: { group, contract },
    ...more,
  }
}

test('one view a group, contract and name, newest contract first, workers in order', () => {
  const views = functionViews([
    serving('w3', 'b', 1, ['hello']),
    serving('w1', 'a', 1, ['hello', 'sleep']),
    serving('w2', 'a', 2, ['hello']),
    serving('w4', 'a', 1, ['hello']),
    serving('w5', 'a', 1, ['hello', 'sleep']),
    serving('w6', 'a', 1, ['hello'], { isLeaving: true }),
    newPicture('w7', makeEntry('http://w7')),
  ])
  assert.deepEqual(
    views.map(({ group, name, contract, workers }) => [group, name, contract, workers]),
    [
      ['a', 'hello', 2, ['w2']],
      ['a', 'hello', 1, ['w1', 'w5', 'w4']],
      ['a', 'sleep', 1, ['w1', 'w5']],
      ['b', 'hello', 1, ['w3']],
    ],
  )
  const { workers: _, ...view } = views[0] ?? assert.fail()
  assert.deepEqual(view, {
    name: 'hello',
    group: 'a',
    contract: 2,
    description: null,
    examples: [],
    maxRetries: 0,
    input: { type: 'object' },
    output: null,
    supportsStreaming: false,
    idempotent: null,
    slots: 1,
    timeout: null,
    background: false,
    keepWarm: false,
  })
})

test('10,000 equal workers of 200 functions are gathered, not multiplied', () => {
  const names = Array.from({ length: 200 }, (_, i) => `f${i}`)
  const pictures = Array.from({ length: 10_000 }, (_, i) => serving(`w${i}`, 'a', 1, i === 0 ? names : []))
  const { known } = pictures[0] as Picture
  for (const picture of pictures) picture.known = known
  const before = process.cpuUsage()
  const views = functionViews(pictures)
  const { user, system } = process.cpuUsage(before)
  assert.equal(views.length, 200)
  assert.equal(views[0]?.workers.length, 10_000)
  assert.ok(user + system < 400_000, `${(user + system) / 1000} ms of CPU`)
})
