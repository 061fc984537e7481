/**
 * `config.backoff` behind a balancer: the worker publishes it, the balancer waits by it. Told by the attempts that
 * are made before a deadline, so that nothing is timed: a wait that the default does not know leaves no room for one.
 */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { postTask, startBalancer, startWorker, waitForWorkers } from '../harness/berth.ts'
import { makeFolder } from '../harness/scope.ts'
import { bodyOf } from './fleet.ts'

const failing = (backoff: string, body = "throw new Error('not yet')") => `
import { defineFunction } from '@berth/worker'
export default defineFunction({
  config: { maxRetries: 2, backoff: ${backoff} },
  handler(_input, ctx) { ${body} },
})
`

test('the balancer repeats after the backoff of the function', async (t) => {
  const folder = await makeFolder(t, 'backoff')
  await mkdir(join(folder, 'functions'))
  const write = (name: string, source: string) => writeFile(join(folder, 'functions', `${name}.ts`), source)
  await write('hasty', failing('{ baseMs: 1, maxMs: 5 }'))
  await write('patient', failing('{ baseMs: 3_600_000, maxMs: 3_600_000, jitter: 0 }'))
  await write('told', failing('{ baseMs: 3_600_000, maxMs: 3_600_000, jitter: 0 }', 'ctx.retryAfter(1)'))
  const worker = await startWorker(t, { folder })
  const balancer = await startBalancer(t, { workers: [worker.url] })
  await waitForWorkers(balancer, 1)
  for (const [name, attempts] of [
    ['hasty', '3'],
    ['patient', '1'],
    ['told', '3'],
  ] as const) {
    const answer = await postTask(balancer, { function: name })
    const { code } = bodyOf(answer)
    assert.deepEqual([name, answer.headers.get('x-attempt'), code], [name, attempts, 'FUNCTION_FAILED'])
  }
})
