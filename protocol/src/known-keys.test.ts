import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { knownKeysOf } from './known-keys.ts'

describe('knownKeysOf', () => {
  it('follows references, and ends where they go in circles', () => {
    const schema = {
      $ref: '#/$defs/node',
      $defs: { node: { type: 'object', properties: { next: {} }, anyOf: [{ $ref: '#/$defs/node' }] } },
    }
    assert.deepEqual([...(knownKeysOf(schema) ?? [])], ['next'])
  })

  it('takes any key of a schema that says nothing', () => {
    assert.equal(knownKeysOf({}), null)
    assert.equal(knownKeysOf({ type: 'object', patternProperties: { '^x': {} } }), null)
    assert.deepEqual(knownKeysOf({ type: 'object' }), new Set())
  })
})
