import { feedMessageSchema } from '@berth/protocol'
import { expect, test } from 'vitest'
import {
  byOperator,
  changesMessage,
  sampleLine,
  samplePoint,
  sampleWorker,
  snapshotMessage,
} from '../testing/samples.ts'
import { readMessage } from './read-message.ts'

const whole = sampleLine('a', { run: 'r_1', fields: { n: 1 } })
const withLines = (...lines: unknown[]) =>
  JSON.stringify({
    seq: 2,
    at: 'x',
    changes: { queue: { waiting: 1, running: 0 }, logs: { logs: { lines, dropped: 3 } } },
  })
const withFigures = (beats: unknown, slots: unknown) =>
  JSON.stringify({ seq: 2, at: 'x', changes: { beats, slots } })

const withSnapshot = (workers: readonly unknown[], points: readonly unknown[] = [samplePoint(1)]) =>
  JSON.stringify(snapshotMessage(1, { workers, points } as never))
const bySchema = (data: string) => {
  const parsed = feedMessageSchema.safeParse(JSON.parse(data))
  return parsed.success ? parsed.data : null
}

test('reads what the schema reads', () => {
  const good = [
    JSON.stringify(snapshotMessage(1)),
    JSON.stringify(changesMessage(2, {})),
    withLines(),
    withLines(whole, { ...whole, worker: 'w1' }, sampleLine('b')),
    withFigures({ w1: [120], w2: [3, 12, null, 0.5, 1] }, { w1: [8, 2, 0, 6, 0] }),
    withFigures({}, {}),
  ]
  for (const text of good) expect(readMessage(text)).toEqual(feedMessageSchema.parse(JSON.parse(text)))
})

test.each([
  ['not JSON', 'half a messa'],
  ['nothing', 'null'],
  ['no text', 7],
  ['a line that is none', withLines(7)],
  ['a line without a text', withLines({ ...whole, text: undefined })],
  ['a level that is none', withLines({ ...whole, level: 'loud' })],
  ['fields that are none', withLines({ ...whole, fields: [1] })],
  ['a run that is none', withLines({ ...whole, run: 7 })],
  ['no number of what was left out', withLines(whole).replace('"dropped":3', '"dropped":"3"')],
  ['a beat of nothing', withFigures({ w1: [] }, {})],
  ['a beat of too much', withFigures({ w1: [1, 2, 3, 4, 5, 6] }, {})],
  ['a beat of words', withFigures({ w1: ['1'] }, {})],
  ['beats that are a list', withFigures([[1]], {})],
  ['slots that are unknown', withFigures({}, { w1: [8, null, 0, 6, 0] })],
  ['slots without end', withFigures({}, { w1: [1] }).replace('[1]', '[8,2,0,6,1e999]')],
  ['too few slots', withFigures({}, { w1: [8, 2] })],
  ['another part that is wrong', withLines(whole).replace('"waiting":1', '"waiting":"1"')],
])('answers nothing for %s', (_what, data) => {
  expect(readMessage(data)).toBeNull()
})

/** Each member gone, of another kind, and with one more inside: the schema says what becomes of it. */
function* spoil(value: object): Iterable<object> {
  for (const [name, member] of Object.entries(value)) {
    for (const other of [undefined, null, 7, -1, 'x', true, {}, [], ['x'], [7], { x: 'y' }])
      yield { ...value, [name]: other }
    if (typeof member !== 'object' || member === null || Array.isArray(member)) continue
    for (const spoilt of spoil(member)) yield { ...value, [name]: spoilt }
  }
  yield { ...value, more: 1 }
}

const tags = { zone: 'eu', size: 2.5, isFast: true, told: ['a', 'b'] }
const stateless = sampleWorker('w2', { slots: null, system: null, contract: null, group: null })

test('workers of a snapshot are judged as by the schema, whatever is wrong with one', () => {
  let refused = 0
  for (const spoilt of spoil(sampleWorker('w1', { tags }))) {
    const data = withSnapshot([stateless, spoilt, sampleWorker('w3', { maintenance: byOperator })])
    const read = readMessage(data)
    expect(read, data).toEqual(bySchema(data))
    if (read === null) refused += 1
  }
  expect(refused).toBeGreaterThan(100)
})

test('points of a snapshot are judged as by the schema, and so is their number', () => {
  for (const spoilt of spoil(samplePoint(2))) {
    const data = withSnapshot([], [samplePoint(1, { slots: null }), spoilt])
    expect(readMessage(data), data).toEqual(bySchema(data))
  }
  for (const count of [900, 901]) {
    const points = Array.from({ length: count }, (_, t) => samplePoint(t))
    expect(readMessage(withSnapshot([], points)) === null).toBe(count > 900)
  }
})

test.each([
  ['too many tags', { tags: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`t${i}`, 1])) }],
  ['a tag with no name', { tags: { 'not a name': 1 } }],
  ['a long tag', { tags: { a: 'x'.repeat(129) } }],
  ['a long list', { tags: { a: Array.from({ length: 65 }, () => 'x') } }],
  ['a share above one', { system: { cpuLoad: 1.1, memoryUsed: 0, eventLoopDelayMs: 0, uptime: 0 } }],
  ['a function with no name', { functions: ['a', 7] as never }],
])('answers nothing for a worker with %s', (_what, changes) => {
  const data = withSnapshot([sampleWorker('w1', changes)])
  expect(bySchema(data)).toBeNull()
  expect(readMessage(data)).toBeNull()
})

test('services and maintenance are read, in the order of the workers', () => {
  const services = [{ name: 'db', state: 'running' as const }]
  const workers = [
    sampleWorker('a'),
    sampleWorker('b', { services }),
    sampleWorker('c', { maintenance: byOperator }),
  ]
  expect(readMessage(withSnapshot(workers))).toMatchObject({ snapshot: { workers } })
})
