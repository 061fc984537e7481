/**
 * What a store tells, for tests that ask it by other means. Used by the tests of stores.
 * The invariant: a batch that is given up fails the test; everything else is passed over.
 */
import assert from 'node:assert/strict'
import type { StoreEvents } from '../../ports/store.ts'

export const SILENT: StoreEvents = {
  onPersisted() {},
  onFailed: (_batch, detail) => assert.fail(detail),
  onClaimed() {},
  onDue() {},
  onTurns() {},
}
