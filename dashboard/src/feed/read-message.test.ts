import { feedMessageSchema } from '@berth/protocol'
import { expect, test } from 'vitest'
import { changesMessage, sampleLine, snapshotMessage } from '../testing/samples.ts'
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
