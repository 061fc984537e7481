/** Calls between functions with real processes: a chain on one slot, and full load with every task calling another. */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { postTask, startBalancer, startWorker, waitForWorkers } from '../harness/berth.ts'
import { makeFolder } from '../harness/scope.ts'
import { loadCalls, unexplained } from './call-load.ts'

const CHAIN = 8

test('a chain of eight functions ends on one worker of one slot, however many come at once', async (t) => {
  const folder = await makeFolder(t, 'chain')
  await mkdir(join(folder, 'functions'))
  for (let n = 1; n <= CHAIN; n++) {
    const handler =
      n === CHAIN ? `() => ['f${n}']` : `async (_input, { call }) => ['f${n}', ...(await call('f${n + 1}'))]`
    const source = `import { defineFunction } from '@berth/worker'\nexport default defineFunction({ handler: ${handler} })\n`
    await writeFile(join(folder, 'functions', `f${n}.ts`), source)
  }
  const worker = await startWorker(t, { folder, env: { SLOTS: '1' } })
  const balancer = await startBalancer(t, { workers: [worker.url] })
  await waitForWorkers(balancer, 1)
  const beganAt = performance.now()
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => postTask(balancer, { function: 'f1', input: {} })),
  )
  const names = Array.from({ length: CHAIN }, (_none, n) => `f${n + 1}`)
  for (const { status, body, text } of answers) {
    assert.equal(status, 200, text)
    assert.deepEqual((body as { result: string[] }).result, names)
  }
  t.diagnostic(`50 chains of ${CHAIN} on one slot in ${Math.round(performance.now() - beganAt)} ms`)
})

test('at full load with every task calling another nothing locks up', async (t) => {
  const report = await loadCalls(t, { seconds: 6, callers: 60 })
  const { answered, tasks, stillMs, trees, wrong } = report
  t.diagnostic(
    `${answered} answers, ${tasks} tasks, ${trees} trees read, at most ${Math.round(stillMs)} ms without an answer`,
  )
  assert.deepEqual([wrong, unexplained(report)], [[], []])
  assert.ok(answered >= 60, 'each caller was answered once at least')
})
