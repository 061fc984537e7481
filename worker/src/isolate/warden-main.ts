/**
 * The warden's process: reads `+group` and `-group`, a line each, and kills what is left when its input ends.
 * Started by `warden.ts`.
 */
import { createInterface } from 'node:readline'

const groups = new Set<number>()

// Whoever stops the worker by a signal to all means the worker; this ends behind it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {})

createInterface({ input: process.stdin }).on('line', (line) => {
  const group = Number(line.slice(1))
  if (!Number.isSafeInteger(group) || group <= 1) return
  if (line.startsWith('+')) groups.add(group)
  else groups.delete(group)
})
process.stdin.on('close', () => {
  for (const group of groups) {
    try {
      process.kill(-group, 'SIGKILL')
    } catch {
      // It has ended with the worker.
    }
  }
  process.exit(0)
})
