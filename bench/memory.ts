/**
 * What a process holds when all garbage is gone. Called by scenarios that judge memory; the process must have been
 * started with `COLLECTS` among Node's options. Linux only.
 * Invariant: a figure is taken behind a full collection that the process itself has reported.
 */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Started } from './stage.ts'

export interface Memory {
  /** What V8 holds, buffers outside its heap included. */
  readonly heapBytes: number
  /** What the system counts for the process. */
  readonly residentBytes: number
}

const REPORT = `process.on("SIGUSR2", () => {
  gc({ type: "major", execution: "sync", flavor: "last-resort" })
  const { heapUsed, external } = process.memoryUsage()
  process.stdout.write(JSON.stringify({ text: "memory", bytes: heapUsed + external }) + "\\n")
})`

/** Node's options for a process that collects its garbage, and says what is left, whenever it is sent `SIGUSR2`. */
export const COLLECTS = ['--expose-gc', '--import', `data:text/javascript,${encodeURIComponent(REPORT)}`]

const LINE = /"text":"memory","bytes":(\d+)/g
const LIMIT_MS = 30_000
/** Memory that was freed goes back to the system a little later. */
const SETTLE_MS = 500

export async function readMemory(started: Started): Promise<Memory> {
  // The first collection runs finalizers, whose garbage the second one takes.
  await collect(started)
  await sleep(SETTLE_MS)
  const heapBytes = await collect(started)
  await sleep(SETTLE_MS)
  return { heapBytes, residentBytes: residentBytesOf(started.pid) }
}

/** At this moment, garbage included. */
export function residentBytesOf(pid: number): number {
  const [, kilobytes] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kilobytes) * 1024
}

async function collect(started: Started): Promise<number> {
  const before = reportsOf(started).length
  process.kill(started.pid, 'SIGUSR2')
  const endsAt = Date.now() + LIMIT_MS
  while (Date.now() < endsAt) {
    const reports = reportsOf(started)
    if (reports.length > before) return reports.at(-1) as number
    await sleep(20)
  }
  throw new Error(`${started.name} did not say what it holds`)
}

function reportsOf({ output }: Started): number[] {
  return [...output().matchAll(LINE)].map(([, bytes]) => Number(bytes))
}
