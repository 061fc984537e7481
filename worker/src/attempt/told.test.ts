/** What a handler is told of what it tells. */
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { refuseFile } from './told.ts'

it('a file of a task that came past the balancer is refused with a code, and no attempt more', async () => {
  await assert.rejects(refuseFile('a.txt'), { name: 'NonRetryable', code: 'CONFLICT', nonRetryable: true })
})
