/** The entry finds its commands and says which there are. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

function run(args: readonly string[], env: Record<string, string> = {}) {
  const options = { encoding: 'utf8', env: { PATH: process.env.PATH, ...env }, timeout: 90_000 } as const
  return spawnSync(process.execPath, [join(import.meta.dirname, 'main.ts'), ...args], options)
}

test('help lists the commands, and so does no command at all', () => {
  for (const args of [['help'], ['--help'], []]) {
    const { status, stdout } = run(args)
    assert.equal(status, 0)
    for (const name of ['start', 'down', 'token', 'build', 'help'])
      assert.match(stdout, new RegExp(`^ {2}${name} `, 'm'))
  }
})

test('an unknown command, or an argument that none takes, is refused with 2', () => {
  for (const args of [['strat'], ['constructor'], ['start', 'now']]) {
    const { status, stdout, stderr } = run(args)
    assert.deepEqual([status, stdout], [2, ''])
    assert.match(stderr, /There is no command|takes no arguments/)
  }
})

test('a wrong setting ends each command with 78 and names it', () => {
  for (const command of ['start', 'down', 'token']) {
    const { status, stdout } = run([command], { PORT: 'abc', DATA_DIR: join(tmpdir(), 'berth-never-made') })
    assert.equal(status, 78)
    assert.match(stdout, /^PORT must be a port number/)
  }
})
