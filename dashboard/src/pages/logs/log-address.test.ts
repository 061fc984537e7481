import { everyLogLine, writeLogWord } from '@berth/protocol'
import { expect, test } from 'vitest'
import { isNarrowed, logAddressSchema, queryOf } from './log-address.ts'

const read = (raw: Record<string, string>) => logAddressSchema.parse(raw)

test('an address without a filter means every line', () => {
  expect(queryOf(read({}), null)).toEqual(everyLogLine)
  expect(isNarrowed(read({}))).toBe(false)
})

test('an address is the query that the balancer is asked', () => {
  const address = read({
    source: 'workers',
    worker: 'a, b,a,',
    tag: 'zone=eu,gpu',
    level: 'warn',
    text: ' late ',
    task: 'r_1',
  })
  expect(isNarrowed(address)).toBe(true)
  expect(writeLogWord(queryOf(address, 'images'))).toBe(
    'logs?source=workers&worker=a&worker=b&tag=gpu&tag=zone%3Deu&level=warn&group=images&text=late&task=r_1',
  )
})

test('a pattern is taken as it is, blanks included', () => {
  expect(queryOf(read({ regex: ' a ' }), null).regex).toBe(' a ')
})
