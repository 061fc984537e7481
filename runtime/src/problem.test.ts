/** The body of an error answer has the standard members, and extra ones cannot replace them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { problemBody } from './problem.ts'

test('a problem carries its code in three forms', () => {
  const body = problemBody({
    status: 429,
    code: 'QUEUE_FULL',
    title: 'Queue full',
    detail: 'The lane is full.',
  })
  assert.deepEqual(body, {
    type: '/problems/queue-full',
    title: 'Queue full',
    status: 429,
    detail: 'The lane is full.',
    code: 'QUEUE_FULL',
    success: false,
    error: 'The lane is full.',
  })
})

test('extra members are added and replace nothing', () => {
  const extra = { retryAfterMs: 5, status: 200, success: true }
  const body = problemBody({
    status: 400,
    code: 'BAD',
    title: 'Bad',
    detail: 'no',
    errors: [{ path: 'x' }],
    extra,
  })
  assert.deepEqual([body.retryAfterMs, body.status, body.success], [5, 400, false])
  assert.deepEqual(body.errors, [{ path: 'x' }])
})
