/** Sessions in the small: without faults on their warm workers, with kills in order all the same. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Execution } from '../harness/executions.ts'
import { judgeSessions, playSessions, type SessionStory } from './sessions.ts'

const LIMIT_MS = 240_000
const PLAN = { sessions: 24, turns: 8, workers: 3, slots: 12, taskMs: 10, limitMs: LIMIT_MS }

describe('sessions on real processes', { concurrency: 2 }, () => {
  test('keep to their warm worker', { timeout: 2 * LIMIT_MS }, async (t) => {
    const { violations, warm, repeats } = await playSessions({ ...PLAN, kills: 0, scope: t })
    assert.deepEqual(violations.slice(0, 20), [])
    assert.equal(repeats, 0)
    assert.ok(warm >= 0.95, `${warm} of the turns ran where the one before had run`)
  })

  test('go on in order through kills of balancer and workers', { timeout: 2 * LIMIT_MS }, async (t) => {
    const { violations } = await playSessions({ ...PLAN, turns: 12, taskMs: 60, kills: 4, scope: t })
    assert.deepEqual(violations.slice(0, 20), [])
  })
})

// --- The checkers refuse what they are there for -------------------------------------------------------

function ran(event: Execution['event'], turn: number, over: Partial<Execution> = {}): Execution {
  const told = event === 'started' ? { session: 's1', turns: turn - 1 } : {}
  const lastTurn = event === 'started' && turn > 1 ? { lastTurn: `s1/${turn - 1}` } : {}
  return {
    event,
    id: `s1/${turn}`,
    runId: `r_${turn}`,
    attempt: 1,
    pid: 7,
    atMs: 1_000,
    ...told,
    ...lastTurn,
    ...over,
  }
}

const RIGHT: SessionStory = {
  executions: [ran('started', 1), ran('finished', 1), ran('started', 2), ran('finished', 2)],
  shown: [1, 2].map((turn) => ({ id: `r_${turn}`, status: 'completed', metadata: { id: `s1/${turn}` } })),
  faults: [],
  sessions: 1,
  turns: 2,
}
const [start, end, next, last] = RIGHT.executions as [Execution, Execution, Execution, Execution]
const AGAIN = [start, { ...start, pid: 8, attempt: 2 }, { ...end, pid: 8 }, next, last]

test('a right story of a session, with and without a death', () => {
  assert.deepEqual(judgeSessions(RIGHT), [])
  const killed = { kind: 'worker-killed' as const, pid: 7, beganAtMs: 1_000 }
  assert.deepEqual(judgeSessions({ ...RIGHT, executions: AGAIN, faults: [killed] }), [])
})

const WRONG: Readonly<Record<string, Partial<SessionStory>>> = {
  'a turn is lost': { shown: RIGHT.shown.slice(1) },
  'a turn is there twice': { shown: [...RIGHT.shown, ...RIGHT.shown] },
  'a turn failed': { shown: RIGHT.shown.map((each) => ({ ...each, status: 'failed' })) },
  'two at once': { executions: [start, next, end, last] },
  'in another order': { executions: [next, last, start, end] },
  'one is left out': { executions: [start, end, ran('started', 3), ran('finished', 3)] },
  'again without need': { executions: AGAIN },
  'not told of the turn before': { executions: [start, end, { ...next, turns: 0 }, last] },
  'told of another': { executions: [start, end, { ...next, lastTurn: 's1/9' }, last] },
  'of another session': { executions: [{ ...start, session: 's2' }, end, next, last] },
}

for (const [what, story] of Object.entries(WRONG))
  test(`the checkers of sessions refuse: ${what}`, () => {
    assert.notDeepEqual(judgeSessions({ ...RIGHT, ...story }), [])
  })
