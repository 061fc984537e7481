/** What `start` shows to try works as pasted. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseExample, type PublishedFunction } from './example.ts'

const make = (name: string, properties: string[] = [], required: string[] = []): PublishedFunction => ({
  name,
  group: 'default',
  input: { properties: Object.fromEntries(properties.map((each) => [each, {}])), required },
})

test('hello comes first, then what needs no input, then nothing', () => {
  const convert = make('convert', ['image'], ['image'])
  const hello = make('hello', ['name'], ['name'])
  const ping = make('ping', ['times'])
  const named = { function: 'hello', group: 'default', input: { name: 'Ada' } }
  const pinged = { function: 'ping', group: 'default', input: {} }
  assert.deepEqual(chooseExample([convert, hello, ping]), named)
  assert.deepEqual(chooseExample([{ name: 'hello', group: 'default' }]), named, 'nothing is known of it')
  assert.deepEqual(chooseExample([convert, ping]), pinged)
  assert.deepEqual(chooseExample([convert, ping, make('hello', ['age'], ['age'])]), pinged)
  assert.deepEqual(chooseExample([make('hello', ['text'])])?.input, {}, 'a hello that takes no name')
  assert.equal(chooseExample([convert]), undefined)
  assert.equal(chooseExample([]), undefined)
})
