import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

const MODULE = JSON.stringify(join(import.meta.dirname, 'end-process.ts'))

/** In a process whose forced exit says so. */
function run(source: string): { status: number | null; said: string } {
  const script = `
    import { endProcess } from ${MODULE}
    const exit = process.exit
    process.exit = (code) => { console.log('forced'); exit(code) }
    ${source}`
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  return { status, said: stdout + stderr }
}

test('a process with nothing left to do ends by itself, with its code', () => {
  assert.deepEqual(run('endProcess(3)'), { status: 3, said: '' })
})

test('one that something keeps alive is ended after its time', () => {
  assert.deepEqual(run('setInterval(() => {}, 1e4); endProcess(4, 50)'), { status: 4, said: 'forced\n' })
})
