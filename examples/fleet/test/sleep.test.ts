import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Context } from '@berth/worker'
import sleep from '../functions/sleep.ts'

function run(ms: number, signal: AbortSignal): Promise<{ sleptMs: number }> {
  return sleep.handler({ ms } as never, { signal } as Context) as Promise<{ sleptMs: number }>
}

test('sleeps as long as asked and says how long it was', async () => {
  const { sleptMs } = await run(20, new AbortController().signal)
  assert.ok(sleptMs >= 19, `${sleptMs} ms`)
})

test('ends at once when its signal fires', async () => {
  const controller = new AbortController()
  const sleeping = run(600_000, controller.signal)
  controller.abort()
  await assert.rejects(sleeping, { name: 'AbortError' })
})
