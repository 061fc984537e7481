/** The object `worker` of any session: failures, budgets, what functions put out by themselves, odd results. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunView } from '@berth/protocol'
import { currentOf, type SessionFacts, toWorker } from './worker-object.ts'

function makeRun(changes: Partial<RunView> = {}): RunView {
  return {
    id: 'r_1',
    status: 'completed',
    error: null,
    metadata: {},
    createdAt: '2026-01-01T00:00:01.900Z',
    input: { input: 'hi' },
    result: { output_text: 'hello' },
    messages: [],
    output: null,
    sources: [],
    files: [],
    ...changes,
  } as RunView
}

function show(changes: Partial<RunView> = {}, facts: Partial<SessionFacts> = {}) {
  const current = makeRun(changes)
  return toWorker({ id: 'w_1', runs: [current], current, before: [], usage: null, ...facts })
}

test('a failure is told in `error`, a budget that ran out in `incomplete_details`', () => {
  const failed = show({ status: 'failed', error: { code: 'FUNCTION_FAILED', message: 'boom' } })
  assert.deepEqual(failed.error, { code: 'FUNCTION_FAILED', message: 'boom' })
  assert.deepEqual([failed.status, failed.incomplete_details, failed.output], ['completed', null, []])
  const spent = show({ status: 'failed', error: { code: 'BUDGET_EXHAUSTED', message: '100 tokens' } })
  assert.equal(spent.error, null)
  assert.deepEqual(spent.incomplete_details, { reason: 'budget_exhausted', message: '100 tokens' })
  assert.equal(show({ status: 'cancelled' }).error?.code, 'CANCELLED')
})

test('pending, running and completed are told of all turns together', () => {
  const of = (...statuses: RunView['status'][]) => {
    const runs = statuses.map((status) => makeRun({ status }))
    return toWorker({ id: 'w', runs, current: runs[0] as RunView, before: [], usage: null })
  }
  assert.deepEqual([of('scheduled').status, of('queued', 'failed').status], ['pending', 'pending'])
  assert.deepEqual([of('queued', 'running').status, of('queued', 'running').running], ['running', true])
  assert.equal(of('completed', 'failed').status, 'completed')
})

test('the current turn is the oldest that has not ended, else the newest', () => {
  const turns = (...statuses: RunView['status'][]) => statuses.map((status, id) => ({ status, id }))
  assert.equal(currentOf(turns('queued', 'running', 'completed'))?.id, 1)
  assert.equal(currentOf(turns('completed', 'failed'))?.id, 0)
  assert.equal(currentOf([]), undefined)
})

test('what a function puts out by itself goes before its result; any result has a text', () => {
  const content = [{ type: 'output_text', text: 'said' }]
  const output = [{ id: 'msg_1', type: 'message', role: 'assistant', status: 'completed', content }]
  const said = show({ output, messages: ['said', { role: 'tool', content: '1' }] })
  assert.equal(said.output_text, 'said')
  assert.deepEqual(said.messages, [
    { role: 'user', content: 'hi' },
    { role: 'assistant', content: 'said' },
    { role: 'tool', content: '1' },
  ])
  for (const [result, text] of [
    ['plain', 'plain'],
    [{ text: 'a' }, 'a'],
    [{ n: 1 }, '{"n":1}'],
    [null, ''],
    [[1], '[1]'],
  ] as const)
    assert.equal(show({ result }).output_text, text)
})

test('files of all turns, by path, the newest first; their paths are safe in an address', () => {
  const file = (path: string, mediaType: string) => ({ path, mediaType, size: 1, url: '' })
  const runs = [
    makeRun({ files: [file('b/ä?.txt', 'new/er')] }),
    makeRun({ files: [file('b/ä?.txt', 'old/er'), file('a', 'x/y')], metadata: { first: 'yes' } }),
  ]
  const worker = show({}, { runs })
  assert.deepEqual(worker.files, [
    { filename: 'a', mediaType: 'x/y', url: '/api/workers/w_1/files/a' },
    { filename: 'b/ä?.txt', mediaType: 'new/er', url: '/api/workers/w_1/files/b/%C3%A4%3F.txt' },
  ])
  assert.deepEqual(worker.metadata, { first: 'yes' })
  assert.equal(worker.created_at, 1_767_225_601)
})

test('earlier turns, sources with ids, amounts that nobody told are 0', () => {
  const before = [{ input: { input: 'a' }, output: { output_text: 'b' } }]
  const sources = [{ url: 'https://x.example', title: 'X' }, { url: 'https://y.example' }]
  const worker = show({ sources }, { before, usage: { inputTokens: 2, toolCostUsd: 0.5 } })
  assert.deepEqual(
    worker.messages.map(({ role, content }) => `${role} ${content}`),
    ['user a', 'assistant b', 'user hi', 'assistant hello'],
  )
  assert.deepEqual(worker.sources, [
    { id: 'src_1_1', type: 'url', url: 'https://x.example', title: 'X' },
    { id: 'src_1_2', type: 'url', url: 'https://y.example' },
  ])
  assert.deepEqual([worker.usage.inputTokens, worker.usage.credits], [2, 0])
  assert.deepEqual([worker.costs.toolCostUsd, worker.costs.modelCostUsd], [0.5, 0])
})
