import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { describe, test } from 'node:test'
import { type Ending, runCommand } from './command.ts'

function runNode(source: string, limitMs = 20_000): Promise<Ending> {
  return runCommand({
    file: process.execPath,
    args: ['-e', source],
    cwd: tmpdir(),
    limitMs,
    live: false,
  })
}

/** A process that has ended but was not collected by its parent is not alive. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  if (process.platform !== 'linux') return true
  return !/^\d+ \(.*\) [ZX]/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
}

/** A process that was killed has lost its environment a moment before it counts as ended. */
async function waitUntilGone(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 5))
}

describe('a command of the runner', () => {
  test('answers without a fault and with its output', async () => {
    assert.deepEqual(await runNode(`console.log('hello')`), { fault: undefined, output: 'hello\n' })
  })

  test('names its exit code', async () => {
    const { fault } = await runNode('process.exitCode = 7')
    assert.equal(fault, 'ended with exit code 7')
  })

  test('that cannot be started says so', async () => {
    const { fault } = await runCommand({
      file: '/nowhere/tool',
      args: [],
      cwd: tmpdir(),
      limitMs: 5_000,
      live: false,
    })
    assert.match(fault ?? '', /could not be started: .*ENOENT/)
  })

  test('that ignores SIGTERM and has a child of its group is ended at the bound, child included', {
    timeout: 30_000,
  }, async () => {
    const { fault, output } = await runNode(
      `process.on('SIGTERM', () => {})
       const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e4)'])
       console.log(child.pid)
       setInterval(() => {}, 1e4)`,
      500,
    )
    assert.equal(fault, 'did not end within 0.5 s and was ended')
    await waitUntilGone(Number(output))
  })

  test('that leaves a process in another group is a fault that names it, and the process is ended', {
    skip: process.platform === 'linux' ? false : 'needs /proc',
    timeout: 30_000,
  }, async () => {
    const { fault, output } = await runNode(
      `const child = require('node:child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e4)'],
         { detached: true, stdio: 'ignore' })
       child.unref()
       console.log(child.pid)`,
    )
    const pid = Number(output)
    assert.match(fault ?? '', new RegExp(`^left processes running: ${pid} .*setInterval`))
    await waitUntilGone(pid)
  })
})
