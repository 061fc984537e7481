/** How a wrong place is worded. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { wrongField } from './wrong-field.ts'

test('the place is named, unless it is the whole body', () => {
  assert.equal(wrongField('/a', 'is required').error.detail, 'The body is wrong at /a: is required.')
  assert.equal(wrongField('', 'must be an object').error.detail, 'The body is wrong: must be an object.')
})
