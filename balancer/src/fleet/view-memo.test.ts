/** A view is given again only while it would be made the same. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Interfaces } from './interfaces.ts'
import { newPicture, type Picture, viewOf } from './picture.ts'
import { applyOccupancy, applyState, reportFrom } from './self-report.ts'
import { makeEntry } from './testing/fleet-bench.ts'
import { hashOf, makeFunctions, makeHello } from './testing/scripted-worker.ts'
import { ViewMemo } from './view-memo.ts'

const BREAKER = { state: 'closed', since: null, until: null, reason: null, failures: 0 } as const
const functions = makeFunctions('hello')
const known = new Interfaces(() => []).restore(hashOf(functions), functions)
const intent = { worker: 'w1', reason: null, since: '', until: null, deadline: null, by: null }

function linked(): Picture {
  const picture = newPicture('key', makeEntry('http://w1:1'))
  return Object.assign(picture, { link: 'open', known, report: reportFrom(makeHello(functions)) } as const)
}

test('nothing has changed: the very same view', () => {
  const memo = new ViewMemo()
  const picture = linked()
  const view = memo.of(picture, 'w1', BREAKER)
  assert.equal(memo.of(picture, 'w1', BREAKER), view)
  assert.deepEqual(view, viewOf(picture, 'w1', BREAKER))
})

const { slots } = makeHello([])
const state = { type: 'state', at: 1, seq: 9, status: 'ready', slots } as const
const CHANGES: [what: string, change: (picture: Picture) => unknown][] = [
  ['the entry', (picture) => Object.assign(picture, { entry: makeEntry('http://w1:2') })],
  ['leaving', (picture) => Object.assign(picture, { isLeaving: true })],
  ['the link', (picture) => Object.assign(picture, { link: 'none' })],
  ['silence', (picture) => Object.assign(picture, { isSilent: true })],
  ['an intent', (picture) => Object.assign(picture, { intent })],
  ['an oddity', (picture) => Object.assign(picture, { oddity: { reason: 'odd' } })],
  ['a sign of life', (picture) => Object.assign(picture, { lastSeenMs: 1 })],
  ['the way there', (picture) => Object.assign(picture, { latencyMs: 7 })],
  [
    'slots in a push',
    ({ report }) => report && applyState(report, { ...state, slots: { ...slots, used: 3 } }),
  ],
  ['tags in a push', ({ report }) => report && applyState(report, { ...state, tags: { gpu: true } })],
  ['a status in a push', ({ report }) => report && applyState(report, { ...state, status: 'unready' })],
  [
    'slots on a frame',
    ({ report }) => report && applyOccupancy(report, { seq: 9, used: 2, linked: 2, queued: 1 }),
  ],
]

for (const [what, change] of CHANGES)
  test(`${what} changed: another view, which says so`, () => {
    const memo = new ViewMemo()
    const picture = linked()
    const before = memo.of(picture, 'w1', BREAKER)
    change(picture)
    const after = memo.of(picture, 'w1', BREAKER)
    assert.notDeepEqual(after, before)
    assert.deepEqual(after, viewOf(picture, 'w1', BREAKER))
  })

test('a push that changes nothing else leaves the other parts as they were', () => {
  const memo = new ViewMemo()
  const picture = linked()
  const before = memo.of(picture, 'w1', BREAKER)
  picture.lastSeenMs = 5
  const after = memo.of(picture, 'w1', BREAKER)
  assert.notEqual(after, before)
  assert.equal(after.tags, before.tags)
  assert.equal(after.functions, before.functions)
  assert.equal(after.services, before.services)
})

test('another id or breaker: another view', () => {
  const memo = new ViewMemo()
  const picture = linked()
  memo.of(picture, 'w1', BREAKER)
  assert.equal(memo.of(picture, 'w1 (old)', BREAKER).id, 'w1 (old)')
  const open = { ...BREAKER, state: 'open', reason: 'it failed' } as const
  assert.equal(memo.of(picture, 'w1', open).status, 'ejected')
})
