/** A child hears of the end of its supervisor, and the lifeline does not keep it alive. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import { watchLifeline } from './lifeline.ts'

const MODULE = new URL('./lifeline.ts', import.meta.url).href

function startChild(context: TestContext, body: string): ChildProcess {
  const script = `import { watchLifeline } from ${JSON.stringify(MODULE)}\n${body}`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    env: { ...process.env, BERTH_LIFELINE_FD: '3' },
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
  })
  context.after(() => child.kill('SIGKILL'))
  return child
}

test('the end of the pipe is heard once', async (context) => {
  const child = startChild(
    context,
    `const alive = setInterval(() => {}, 1000)
     watchLifeline(() => { console.log('lost'); clearInterval(alive) })
     console.log('up')`,
  )
  const output: string[] = []
  child.stdout?.setEncoding('utf8').on('data', (text: string) => output.push(text))
  await once(child.stdout as NodeJS.ReadableStream, 'data')
  assert.deepEqual(output, ['up\n'])
  const closed = once(child, 'close')
  child.stdio[3]?.destroy()
  const [code] = await closed
  assert.deepEqual([output.join(''), code], ['up\nlost\n', 0])
})

test('watching does not keep a process alive, and its end is not announced as a loss', async (context) => {
  const child = startChild(context, "watchLifeline(() => console.log('lost'))")
  const output: string[] = []
  child.stdout?.setEncoding('utf8').on('data', (text: string) => output.push(text))
  const [code] = await once(child, 'close')
  assert.deepEqual([output.join(''), code], ['', 0])
})

test('without the variable nothing is watched, with a wrong one the error names it', () => {
  watchLifeline(() => assert.fail('nothing was lost'), {})()
  assert.throws(() => watchLifeline(() => {}, { BERTH_LIFELINE_FD: 'abc' }), /BERTH_LIFELINE_FD is "abc"/)
})
