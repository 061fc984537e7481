/**
 * The older lines that a page begins with when another page follows the same worker already, and wants less of it.
 * Real processes.
 */
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { postTask, startBalancer, startWorker, waitForWorkers } from '../harness/berth.ts'
import { followLog } from '../harness/log-feed.ts'
import { makeFolder } from '../harness/scope.ts'
import { until } from '../harness/until.ts'
import { LIMIT_MS } from './fleet.ts'

const SAY = `import { defineFunction } from '@berth/worker'
import { z } from 'zod'

export default defineFunction({
  input: z.object({ level: z.enum(['info', 'error']), text: z.string() }),
  handler({ level, text }, { log }) {
    log[level](text)
    return text
  },
})
`

test('who opens all levels of a worker that is followed for errors gets its older lines, each once', async (t) => {
  const folder = await makeFolder(t)
  await mkdir(join(folder, 'functions'))
  await writeFile(join(folder, 'functions/say.ts'), SAY)
  const worker = await startWorker(t, { folder })
  const balancer = await startBalancer(t, { workers: [{ url: worker.url, name: 'w1' }] })
  await waitForWorkers(balancer, 1)
  const say = async (level: string, text: string) => {
    const answer = await postTask(balancer, { function: 'say', input: { level, text } })
    assert.equal(answer.status, 200, answer.text)
  }
  const own = (texts: readonly string[]) => texts.filter((text) => /^(note|fault) \d$/.test(text))

  await say('info', 'note 1')
  await say('error', 'fault 2')
  const { texts: errors } = followLog(t, balancer, 'logs?worker=w1&level=error')
  await until(() => own(errors).length === 1, LIMIT_MS, 'the error that was there')
  await say('info', 'note 3')
  await say('error', 'fault 4')
  await until(() => own(errors).length === 2, LIMIT_MS, 'the error that has come')
  const { texts: all } = followLog(t, balancer, 'logs:w1')
  await until(() => own(all).length === 4, LIMIT_MS, 'all that there was')
  await say('error', 'fault 5')
  await until(
    () => own(all).includes('fault 5') && own(errors).includes('fault 5'),
    LIMIT_MS,
    'a line for both',
  )
  assert.deepEqual(own(all).toSorted(byNumber), ['note 1', 'fault 2', 'note 3', 'fault 4', 'fault 5'])
  assert.deepEqual(own(errors), ['fault 2', 'fault 4', 'fault 5'])
})

function byNumber(a: string, b: string): number {
  return Number(a.at(-1)) - Number(b.at(-1))
}
