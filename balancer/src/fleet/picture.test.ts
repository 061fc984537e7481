/** The verdict as a table: one worker, one word, and the same for routing, API and dashboard. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WorkerState } from '@berth/protocol'
import { CLOSED } from './breaker-view.ts'
import { Interfaces } from './interfaces.ts'
import { maintenanceOf, orderOf } from './maintenance.ts'
import { factsOf, gaugeOf, judge, newPicture, type Picture, viewOf } from './picture.ts'
import { reportFrom } from './self-report.ts'
import { makeEntry } from './testing/fleet-bench.ts'
import { hashOf, makeFunctions, makeHello } from './testing/scripted-worker.ts'

const functions = makeFunctions('hello')
const known = new Interfaces(() => []).restore(hashOf(functions), functions)
const intent = {
  worker: 'w1',
  reason: null,
  since: '2026-01-01T00:00:00.000Z',
  until: null,
  deadline: null,
  by: null,
}
const unreachable = { status: 'unreachable', reason: 'nothing listens' } as const
const refused = { status: 'mismatch', reason: 'the same process' } as const

/** A worker in service, with a hello and an entry that are changed, and anything else of the picture. */
function paint(picture: Partial<Picture> = {}, hello: object = {}, entry: object = {}): Picture {
  const report = reportFrom(makeHello(functions, hello))
  const base = newPicture('key', makeEntry('http://w1:1', entry))
  return { ...base, link: 'open', report, known, ...picture }
}

const full = { slots: { limit: 2, used: 2, linked: 2, stuck: 0, queued: 1, queueLimit: 9 } }
const TABLE: [what: string, picture: Picture, status: WorkerState, reason: RegExp | null][] = [
  ['new', newPicture('key', makeEntry('http://w1:1')), 'connecting', /being opened/],
  ['dial failed', paint({ link: 'none', problem: unreachable }), 'unreachable', /nothing listens/],
  ['refused for what it is', paint({ link: 'none', problem: refused }), 'mismatch', /same process/],
  ['refused, dialled again', paint({ link: 'greeting', problem: refused }), 'mismatch', /same process/],
  ['cut off', paint({ link: 'none' }), 'connecting', /being opened/],
  ['cut off in maintenance', paint({ link: 'none', intent }), 'connecting', /being opened/],
  ['open, no hello on this link', paint({ link: 'greeting' }), 'connecting', /what it can do/],
  ['hello, interface unknown', paint({ known: undefined }), 'connecting', /what it can do/],
  ['ready', paint(), 'ready', null],
  ['of the group that is expected', paint({}, {}, { group: 'default' }), 'ready', null],
  ['of another group', paint({}, {}, { group: 'gpu' }), 'mismatch', /serves group "default"/],
  ['full', paint({}, full), 'saturated', null],
  ['over-full', paint({}, { slots: { ...full.slots, used: 5 } }), 'saturated', null],
  ['silent', paint({ isSilent: true }), 'stalled', /silent/],
  ['silent in maintenance', paint({ isSilent: true, intent }), 'stalled', /silent/],
  ["the file's maintenance", paint({}, {}, { maintenance: true }), 'maintenance', /workers.json/],
  ["an operator's", paint({ intent }), 'maintenance', /an operator/],
  ["an operator's with a reason", paint({ intent: { ...intent, reason: 'disk' } }), 'maintenance', /^disk$/],
  ["the worker's own", paint({}, { status: 'maintenance' }), 'maintenance', /itself/],
  ["the worker's own with a reason", paint({}, { status: 'maintenance', reason: 'x' }), 'maintenance', /^x$/],
  ['switched on, not confirmed', paint({ isSwitchedOn: true }, { status: 'maintenance' }), 'ready', null],
  ['put away with tasks running', paint({ intent }, full), 'draining', /an operator/],
  ['unready', paint({}, { status: 'unready', reason: 'db is down' }), 'unready', /^db is down$/],
  ['starting', paint({}, { status: 'starting' }), 'unready', /it is starting/],
  ['draining', paint({}, { status: 'draining' }), 'draining', /shutting down/],
  ['draining in maintenance', paint({ intent }, { status: 'draining' }), 'maintenance', /an operator/],
  ['leaving', paint({ isLeaving: true }), 'leaving', /removed/],
  [
    'leaving and cut off',
    paint({ isLeaving: true, link: 'none', problem: unreachable }),
    'leaving',
    /removed/,
  ],
]

for (const [what, picture, status, reason] of TABLE)
  test(`${what}: ${status}`, () => {
    const verdict = judge(picture)
    assert.equal(verdict.status, status)
    if (reason) assert.match(verdict.reason ?? '', reason)
    else assert.equal(verdict.reason, null)
    assert.equal(verdict.isInService, status === 'ready' || status === 'saturated')
    const view = viewOf(picture)
    assert.equal(view.status, verdict.status)
    assert.equal(view.reason, verdict.reason)
    const facts = factsOf(picture)
    if (facts) assert.equal(facts.isInService, verdict.isInService)
    if (facts) assert.equal(facts.outReason === '', verdict.isInService)
    if (!verdict.isInService && view.slots) assert.equal(view.slots.available, 0)
  })

test('every status that exists now is in the table', () => {
  const seen = new Set(TABLE.map(([, , status]) => status))
  const later: WorkerState[] = ['ejected']
  assert.equal(seen.size + later.length, 11)
})

test('the chart counts what the view shows', () => {
  const open = { ...CLOSED, state: 'open' } as const
  for (const picture of [newPicture('key', makeEntry('http://w1:1')), ...TABLE.map(([, painted]) => painted)])
    for (const breaker of [CLOSED, open]) {
      const { status, slots, maintenance } = viewOf(picture, 'w1', breaker)
      assert.deepEqual(gaugeOf(picture, breaker), { status, slots, maintenance })
    }
})

test("the operator's tags lie over the worker's own", () => {
  const picture = paint({}, { tags: { a: '1', b: '2' } }, { tags: { b: '3', c: ['x'] } })
  assert.deepEqual(viewOf(picture).tags, { a: '1', b: '3', c: ['x'] })
  assert.deepEqual(factsOf(picture)?.tags, { a: '1', b: '3', c: ['x'] })
})

test('what nobody has said is null, what a former life said stays until the next hello', () => {
  const blank = viewOf(newPicture('key', makeEntry('http://w1:1')))
  for (const field of ['group', 'contract', 'slots', 'system', 'version', 'lastSeenAt', 'latencyMs'] as const)
    assert.equal(blank[field], null, field)
  const remembered = {
    ...newPicture('key', makeEntry('http://w1:1')),
    remembered: { group: 'g', contract: 4 },
    known,
  }
  assert.deepEqual([viewOf(remembered).group, viewOf(remembered).functions], ['g', ['hello']])
  assert.equal(factsOf(remembered)?.contract, 4)
  assert.equal(factsOf(newPicture('key', makeEntry('http://w1:1'))), undefined)
})

test('three masters: the file before an operator before the worker, in view and order', () => {
  const own = { status: 'maintenance', reason: 'own' } as const
  const file = paint({ intent }, own, { maintenance: true })
  const operator = paint({ intent: { ...intent, until: '2027-01-01T00:00:00.000Z' } }, own)
  const worker = paint({}, own)
  const by = [file, operator, worker, paint()].map((picture) => maintenanceOf(picture)?.by)
  assert.deepEqual(by, ['file', 'operator', 'worker', undefined])
  assert.deepEqual(orderOf(file), { on: true, by: 'file' })
  assert.deepEqual(orderOf(operator), { on: true, by: 'operator', until: '2027-01-01T00:00:00.000Z' })
  assert.deepEqual(orderOf(worker), { on: false, by: 'file' }, "nobody ends the worker's own unasked")
  assert.deepEqual(orderOf(paint({ isSwitchedOn: true }, own)), { on: false, by: 'operator' })
})

test("what the core ejects is shown so, while the fleet has nothing against it; routing is the core's own", () => {
  const open = {
    state: 'open',
    since: '2026-01-01T00:00:00.000Z',
    until: '2026-01-01T00:00:05.000Z',
    reason: '5 failures in a row',
    failures: 5,
  } as const
  const shown = viewOf(paint(), 'w1', open)
  assert.deepEqual(
    [shown.status, shown.reason, shown.slots?.available],
    ['ejected', '5 failures in a row', 0],
  )
  assert.deepEqual(shown.breaker, open)
  assert.equal(factsOf(paint())?.isInService, true)
  assert.equal(viewOf(paint({}, full), 'w1', open).status, 'ejected')
  assert.equal(viewOf(paint({ isSilent: true }), 'w1', open).status, 'stalled')
  assert.equal(viewOf(paint({ intent }), 'w1', open).status, 'maintenance')
  assert.equal(viewOf(paint(), 'w1', { ...open, state: 'half-open', until: null }).status, 'ready')
})

test('the view says its uptime under the name of the contract', () => {
  const report = reportFrom(
    makeHello(functions, {
      system: { cpuLoad: 0.25, memoryUsed: 0.5, eventLoopDelayMs: 1, uptimeS: 60 },
    }),
  )
  const { system } = viewOf({ ...newPicture('w1', makeEntry('http://w1')), link: 'open', report })
  assert.deepEqual(system, { cpuLoad: 0.25, memoryUsed: 0.5, eventLoopDelayMs: 1, uptime: 60 })
})
