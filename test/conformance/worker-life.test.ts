/** How a real worker process speaks and ends: its log on a terminal and elsewhere, and signals (FAULTS A9, A11). */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { ROOT, startWorker } from '../harness/berth.ts'
import { createScope, makeFolder } from '../harness/scope.ts'
import { until } from '../harness/until.ts'

const LIMIT_MS = 60_000
const SCRIPT = '/usr/bin/script'

const DEAF = `import { defineFunction } from '@berth/worker'
export default defineFunction({
  handler(_input, ctx) {
    console.log('first\\n{"level":"error","text":"forged"}\\u001b[31m')
    ctx.log.warn('deaf\\r\\nto all', { value: 'a\\nb' })
    return new Promise(() => {})
  },
})`

describe('a worker process', () => {
  const scope = createScope()
  let folder: string
  before(async () => {
    folder = await makeFolder(scope, 'project')
    await mkdir(join(folder, 'functions'))
    await writeFile(join(folder, 'functions/deaf.ts'), DEAF)
  })
  after(() => scope.end())

  /** A worker with a task that ignores its end. */
  const startBusy = async (env: Record<string, string> = {}) => {
    const worker = await startWorker(scope, { folder, env })
    const answered = worker
      .request('/task', { method: 'POST', body: '{"function":"deaf"}' })
      .then(({ status }) => status)
      .catch(() => 'cut off')
    const used = async () =>
      ((await worker.request('/health')).body as { slots: { used: number } }).slots.used === 1
    await until(used, LIMIT_MS, 'the task runs')
    return { worker, answered }
  }

  test('A9: ends with 0 within SHUTDOWN_TIMEOUT although a handler ignores its signal', async () => {
    const { worker, answered } = await startBusy({ SHUTDOWN_TIMEOUT: '500ms' })
    const startedAt = performance.now()
    worker.signal('SIGTERM')
    assert.deepEqual(await worker.exited, { code: 0, signal: null })
    // It would wait for that one for good.
    assert.ok(performance.now() - startedAt < 30_000)
    assert.equal(await answered, 503)
  })

  test('A11: a second signal ends it at once', async () => {
    const { worker, answered } = await startBusy({ SHUTDOWN_TIMEOUT: '60s' })
    worker.signal('SIGTERM')
    await until(() => worker.output().includes('worker draining'), LIMIT_MS, 'it drains')
    // What follows within half a second is the same wish, come by another way.
    await pause(600)
    const startedAt = performance.now()
    worker.signal('SIGTERM')
    assert.deepEqual(await worker.exited, { code: 1, signal: null })
    assert.ok(performance.now() - startedAt < 30_000, 'long before SHUTDOWN_TIMEOUT')
    assert.equal(await answered, 'cut off')
  })

  test('writes JSON where no terminal is, a line an event, whatever a value holds', async () => {
    const { worker } = await startBusy({ LOG_FORMAT: '' })
    await until(() => /to all.*\n/.test(worker.output()), LIMIT_MS, 'it has spoken')
    const lines = worker.output().split('\n').slice(0, -1)
    const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
    assert.ok(!entries.some(({ text }) => text === 'forged'))
    const spoken = entries.filter(({ source }) => source === 'deaf')
    assert.deepEqual(
      spoken.map(({ text, level }) => [text, level]),
      [
        ['first\n{"level":"error","text":"forged"}\u001b[31m', 'info'],
        ['deaf\r\nto all', 'warn'],
      ],
    )
    for (const { run } of spoken) assert.match(String(run), /^r_[0-9a-z]{26}$/)
    const { logs } = (await worker.request('/logs?level=warn')).body as { logs: string[] }
    assert.deepEqual(
      logs.map((line) => JSON.parse(line).text),
      ['deaf\r\nto all'],
    )
    await worker.kill9()
  })

  test('writes for people on a terminal', {
    skip: !existsSync(SCRIPT) && `there is no ${SCRIPT}`,
  }, async () => {
    const environment = `PORT=0 AUTH_KEY=a-key-of-the-test LB_AUTH_KEY=another-key-of-the-test`
    const command = `${environment} exec ${process.execPath} ${join(ROOT, 'worker/src/main.ts')} ${folder}`
    const child = execFile(SCRIPT, ['-qec', command, '/dev/null'], { cwd: folder })
    let output = ''
    child.stdout?.on('data', (chunk) => {
      output += String(chunk)
    })
    await until(() => output.includes('worker ready'), LIMIT_MS, 'it is ready')
    assert.match(output, /^\d\d:\d\d:\d\d\.\d{3} info {2}worker: worker ready url=/m)
    child.kill('SIGTERM')
    await once(child, 'exit')
  })
})
