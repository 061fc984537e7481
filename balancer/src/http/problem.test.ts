import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ERRORS, type ErrorCode } from '@berth/protocol'
import { describeProblem, problem } from './problem.ts'

describe('describeProblem', () => {
  it('gives every code its status, title and type', () => {
    for (const code of Object.keys(ERRORS) as ErrorCode[]) {
      const { status, headers, body } = describeProblem({ code, detail: 'd' })
      assert.equal(status, ERRORS[code].status)
      assert.equal(headers['content-type'], 'application/problem+json')
      assert.deepEqual(JSON.parse(body), {
        type: `/problems/${code.toLowerCase().replaceAll('_', '-')}`,
        title: ERRORS[code].title,
        status,
        detail: 'd',
        code,
        success: false,
        error: 'd',
      })
      assert.equal(headers['www-authenticate'] !== undefined, status === 401, code)
      assert.equal(headers['retry-after'] !== undefined, [429, 503].includes(status), code)
    }
  })

  it('says when to come back in whole seconds, rounded up', () => {
    const after = (retryAfterMs?: number) =>
      describeProblem({ code: 'QUEUE_FULL', detail: 'd', retryAfterMs }).headers['retry-after']
    assert.deepEqual([after(), after(0), after(1), after(1000), after(1001)], ['1', '1', '1', '1', '2'])
  })

  it('lists what is wrong in the body', async () => {
    const errors = [{ pointer: '/a', detail: 'x' }]
    const answer = problem({ code: 'INVALID_REQUEST', detail: 'd', errors }, { status: 414 })
    assert.equal(answer.status, 414)
    const body = (await answer.json()) as { errors: unknown; status: number }
    assert.deepEqual(body.errors, errors)
    assert.equal(body.status, 414)
  })
})
