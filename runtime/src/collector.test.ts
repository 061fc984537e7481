import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { collectorFlags } from './collector.ts'

const MODULE = join(import.meta.dirname, 'collector.ts')

/** Full collections of a process of a server's size while buffers come and go; and what it says on stderr. */
function run(prepare: string): { full: number; stderr: string } {
  const program = `
    const { countBuffersWithHeap } = await import(${JSON.stringify(MODULE)})
    const { PerformanceObserver, constants } = await import('node:perf_hooks')
    ${prepare}
    let full = 0
    const seen = (list) => {
      for (const { detail } of list) if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) full++
    }
    const observer = new PerformanceObserver((list) => seen(list.getEntries()))
    observer.observe({ entryTypes: ['gc'] })
    const alive = Array.from({ length: 500_000 }, (_, index) => ({ index, text: [index] }))
    await new Promise(setImmediate)
    seen(observer.takeRecords())
    full = 0
    const held = []
    for (let turn = 0; turn < 320; turn++) {
      for (let i = 0; i < 100; i++) held[i] = Buffer.allocUnsafeSlow(65536)
      await new Promise(setImmediate)
    }
    seen(observer.takeRecords())
    process.stdout.write(String(alive.length > 0 && full))`
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
  return { full: Number(stdout), stderr }
}

test('buffers that come and go make few full collections', () => {
  const before = run('')
  const after = run('countBuffersWithHeap()')
  assert.equal(after.stderr, before.stderr, 'the runtime knows the flag')
  assert.ok(after.full * 2 <= before.full, `${after.full} full collections instead of ${before.full}`)
})

test('a runtime that may not know the flag is left as it is', () => {
  assert.deepEqual(collectorFlags('24.11.0'), [])
  assert.equal(collectorFlags('26.10.0').length, 3)
  assert.equal(collectorFlags('30.0.0').length, 3)
})
