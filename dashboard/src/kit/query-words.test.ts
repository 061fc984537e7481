import { expect, test } from 'vitest'
import { completionsOf, parseQuery, type Qualifier } from './query-words.ts'

const qualifiers: readonly Qualifier[] = [
  { name: 'fn', member: 'function', values: [{ word: 'hello' }, { word: 'resize image' }] },
  {
    name: 'state',
    member: 'status',
    isClosed: true,
    isList: true,
    values: [{ word: 'waiting', value: 'queued' }, { word: 'failed' }],
  },
]
const isUnsearchable = (name: string) => name === 'wait' || name.startsWith('input.')
const parse = (typed: string) => parseQuery(typed, qualifiers, isUnsearchable)

test('qualifiers become members, the rest are words', () => {
  expect(parse('fn:hello order 4711 state:Waiting,failed')).toEqual({
    members: { function: 'hello', status: 'queued,failed' },
    words: 'order 4711',
    unsearchable: [],
    unknown: [],
  })
  expect(parse('fn:"resize image" "fn:x"')).toMatchObject({
    members: { function: 'resize image' },
    words: 'fn:x',
  })
  expect(parse('fn:other').members).toEqual({ function: 'other' })
})

test('what cannot be asked for is told and never passed over', () => {
  expect(parse('wait>5s input.name:Ada').unsearchable).toEqual(['wait>', 'input.name:'])
  expect(parse('colour:red state:odd').unknown).toEqual(['colour:', 'state:odd'])
  expect(parse('https://example.com 12:30').words).toBe('https://example.com 12:30')
})

test('the last word is completed: names, values, values of a list', () => {
  const complete = (typed: string) => completionsOf(typed, qualifiers, ({ member }) => member)
  expect(complete('').map(({ label }) => label)).toEqual(['fn:', 'state:'])
  expect(complete('order fn:he')).toEqual([
    { text: 'order fn:hello', label: 'fn:hello', detail: undefined, isWhole: true },
  ])
  expect(complete('fn:res')[0]?.text).toBe('fn:"resize image"')
  expect(complete('state:waiting,f')[0]?.text).toBe('state:waiting,failed')
  expect(complete('fail')[0]?.text).toBe('state:failed')
  expect(complete('nothing:x')).toEqual([])
})
