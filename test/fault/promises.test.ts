/** Each checker of durable runs accepts a story that is right and refuses the one that it is there for. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Execution } from '../harness/executions.ts'
import { countRepeats, judgePromises, type PromiseStory } from './promises.ts'

const RUN = 'r_1'

function ran(event: Execution['event'], over: Partial<Execution> = {}): Execution {
  return { event, id: 'a', runId: RUN, attempt: 1, pid: 7, atMs: 1_000, ...over }
}

const RIGHT: PromiseStory = {
  wanted: [{ id: 'a', hasKey: true, mode: 'webhook', promised: [RUN, RUN], refused: ['ECONNRESET'] }],
  shown: [{ id: RUN, status: 'completed', attempt: 1, metadata: { id: 'a' } }],
  seen: [{ id: RUN, status: 'completed' }],
  executions: [ran('started'), ran('finished', { atMs: 1_010 })],
  faults: [],
  messages: [
    { id: 'd_1', run: RUN, type: 'task.completed', status: 500 },
    { id: 'd_1', run: RUN, type: 'task.completed', status: 200 },
  ],
  attemptsAllowed: 3,
}
const AGAIN = [
  ran('started'),
  ran('started', { attempt: 2, pid: 8, atMs: 2_000 }),
  ran('finished', { attempt: 2, pid: 8, atMs: 2_010 }),
]

test('a promise that was kept', () => {
  assert.deepEqual(judgePromises(RIGHT), [])
  const killed = { kind: 'worker-killed' as const, pid: 7, beganAtMs: 1_500 }
  assert.deepEqual(judgePromises({ ...RIGHT, executions: AGAIN, faults: [killed] }), [])
})

test('a run that may not be repeated has failed at its first loss', () => {
  const [wish] = RIGHT.wanted
  assert.ok(wish)
  const [shown] = RIGHT.shown
  assert.ok(shown)
  const story = { ...RIGHT, shown: [{ ...shown, status: 'failed' }], seen: [], executions: [ran('started')] }
  const isTold = (isOnce: boolean) =>
    judgePromises({ ...story, wanted: [{ ...wish, isOnce }], messages: [] }).some((one) =>
      /in attempt 1/.test(one),
    )
  assert.deepEqual([isTold(true), isTold(false)], [false, true])
})

test('a start that nobody was left to know of', () => {
  const executions = AGAIN.map((each) => ({ ...each, attempt: 1 }))
  const faults = [
    { kind: 'worker-killed' as const, pid: 7, beganAtMs: 1_020 },
    { kind: 'balancer-killed' as const, pid: undefined, beganAtMs: 1_020 },
  ]
  assert.deepEqual(judgePromises({ ...RIGHT, executions, faults }), [])
})

/** Process 9 is of another make: it calls the run by a name of its own, and every attempt the first. */
const foreign = new Set([9])
const ABROAD = { pid: 9, runId: 'its own' }
const AGAIN_ABROAD = [
  ran('started', ABROAD),
  ran('started', { ...ABROAD, runId: 'another', atMs: 2_000 }),
  ran('finished', { ...ABROAD, runId: 'another', atMs: 2_010 }),
]

test('a worker of another make: by the wish, and again when it died or the balancer that asked it', () => {
  const once = [ran('started', ABROAD), ran('finished', { ...ABROAD, atMs: 1_010 })]
  assert.deepEqual(judgePromises({ ...RIGHT, foreign, executions: once }), [])
  for (const [kind, pid] of [['balancer-killed', undefined] as const, ['worker-killed', 9] as const]) {
    const story = { ...RIGHT, foreign, executions: AGAIN_ABROAD, faults: [{ kind, pid, beganAtMs: 1_500 }] }
    assert.deepEqual(judgePromises(story), [])
    const { foreignKilled, foreignUnasked, nativeKilled, unexplained } = countRepeats(story)
    const counts = [foreignKilled, foreignUnasked, nativeKilled, unexplained]
    assert.deepEqual(counts, kind === 'worker-killed' ? [1, 0, 0, 0] : [0, 1, 0, 0])
  }
})

const shown = RIGHT.shown[0]
const wanted = RIGHT.wanted[0]
assert.ok(shown && wanted)

const WRONG: readonly (readonly [checker: string, what: string, story: Partial<PromiseStory>])[] = [
  ['C1', 'lost', { shown: [], seen: [], messages: [], executions: [] }],
  ['C1', 'without an end', { shown: [{ ...shown, status: 'running' }], seen: [] }],
  ['C1', 'shown twice', { shown: [shown, shown] }],
  ['C2', 'shown and not wanted', { shown: [shown, { ...shown, id: 'r_2', metadata: {} }] }],
  ['C2', 'ran and is not shown', { executions: [...RIGHT.executions, ran('started', { runId: 'r_9' })] }],
  [
    'C2',
    'told and not shown',
    { messages: [...RIGHT.messages, { id: 'd', run: 'r_9', type: 'x', status: 200 }] },
  ],
  ['C3', 'again without need', { executions: AGAIN }],
  [
    'C3',
    'again because only the balancer died',
    { executions: AGAIN, faults: [{ kind: 'balancer-killed', pid: undefined, beganAtMs: 1_500 }] },
  ],
  [
    'C3',
    'the same attempt again',
    {
      executions: AGAIN.map((each) => ({ ...each, attempt: 1 })),
      faults: [{ kind: 'worker-killed', pid: 7, beganAtMs: 1_500 }],
    },
  ],
  ['C3', 'too often', { attemptsAllowed: 0 }],
  ['C3', 'again at another make without need', { foreign, executions: AGAIN_ABROAD }],
  [
    'C3',
    'too often, counted over both makes',
    {
      foreign,
      attemptsAllowed: 2,
      executions: [...AGAIN_ABROAD, ran('started', { attempt: 3, atMs: 3_000 })],
      faults: [{ kind: 'worker-killed', pid: 9, beganAtMs: 1_500 }],
    },
  ],
  [
    'C3',
    'an attempt abroad that did not count',
    {
      foreign,
      executions: [...AGAIN_ABROAD, ran('started', { attempt: 2, atMs: 3_000 })],
      faults: [
        { kind: 'worker-killed', pid: 9, beganAtMs: 1_500 },
        { kind: 'worker-killed', pid: 9, beganAtMs: 2_500 },
      ],
    },
  ],
  [
    'C2',
    'ran at another make and nobody wanted it',
    { foreign, executions: [ran('started', { ...ABROAD, id: 'b' })] },
  ],
  ['C4', 'completed and not done, at another make', { foreign, executions: [ran('started', ABROAD)] }],
  ['C4', 'completed and not done', { executions: [ran('started')] }],
  [
    'C4',
    'given up too early',
    { shown: [{ ...shown, status: 'failed', attempt: 2 }], seen: [], messages: [] },
  ],
  ['C4', 'another end than before', { seen: [{ id: RUN, status: 'failed' }] }],
  ['C15', 'two runs of a key', { wanted: [{ ...wanted, promised: [RUN, 'r_2'] }] }],
  ['C15', 'a run that nobody was told of', { shown: [shown, { ...shown, id: 'r_2' }] }],
  ['webhooks', 'nobody told', { messages: [] }],
  ['webhooks', 'refused for ever', { messages: RIGHT.messages.slice(0, 1) }],
  [
    'webhooks',
    'forged',
    { messages: [...RIGHT.messages, { id: 'd', run: '', type: '', status: 200, forged: 'no' }] },
  ],
  [
    'webhooks',
    'two ids',
    { messages: [...RIGHT.messages, { id: 'd_2', run: RUN, type: 'task.completed', status: 200 }] },
  ],
  ['webhooks', 'another end', { messages: RIGHT.messages.map((each) => ({ ...each, type: 'task.failed' })) }],
]

for (const [checker, what, story] of WRONG)
  test(`${checker} refuses: ${what}`, () => {
    const said = judgePromises({ ...RIGHT, ...story })
    assert.ok(
      said.some((sentence) => sentence.startsWith(`${checker}:`)),
      said.join('\n') || 'nothing was said',
    )
  })
