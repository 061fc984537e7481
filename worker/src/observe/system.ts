/**
 * Measures the machine for `state` and `/health`: share of the cores (or of the cgroup's quota) busy since the
 * last reading, share of the memory limit, delay of the event loop. Read once a second by `compose.ts`.
 * Invariant: every figure is finite and within its range, whatever the system's files say.
 */
import { readFileSync } from 'node:fs'
import { availableParallelism, cpus, freemem, totalmem } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { System } from '@berth/protocol'

const RESOLUTION_MS = 20

interface CpuReading {
  /** Milliseconds of work so far. */
  readonly busyMs: number
  /** Milliseconds that could have been worked so far. */
  readonly possibleMs: number
}

export class SystemMeter {
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  #last: CpuReading
  #latest: System

  constructor() {
    this.#delay.enable()
    this.#last = readCpu()
    this.#latest = { cpuLoad: 0, memoryUsed: readMemory(), eventLoopDelayMs: 0, uptimeS: process.uptime() }
  }

  /** The last reading. */
  get latest(): System {
    return this.#latest
  }

  /** Reads anew; CPU and delay cover the time since the call before. */
  read(): System {
    const now = readCpu()
    const possibleMs = now.possibleMs - this.#last.possibleMs
    const cpuLoad = possibleMs > 0 ? share(now.busyMs - this.#last.busyMs, possibleMs) : this.#latest.cpuLoad
    this.#last = now
    // The histogram counts the interval between two looks; what exceeds it is delay.
    const delayMs = this.#delay.count > 0 ? this.#delay.max / 1e6 - RESOLUTION_MS : 0
    this.#delay.reset()
    this.#latest = {
      cpuLoad,
      memoryUsed: readMemory(),
      eventLoopDelayMs: Math.max(0, Math.round(delayMs * 10) / 10),
      uptimeS: Math.round(process.uptime() * 10) / 10,
    }
    return this.#latest
  }

  stop(): void {
    this.#delay.disable()
  }
}

function share(part: number, whole: number): number {
  const value = part / whole
  return Number.isFinite(value) ? Math.round(Math.min(1, Math.max(0, value)) * 1000) / 1000 : 0
}

function readCpu(): CpuReading {
  return readCgroupCpu() ?? readMachineCpu()
}

function readMachineCpu(): CpuReading {
  let busyMs = 0
  let possibleMs = 0
  for (const { times } of cpus()) {
    const workedMs = times.user + times.nice + times.sys + times.irq
    busyMs += workedMs
    possibleMs += workedMs + times.idle
  }
  return { busyMs, possibleMs }
}

/** Only where a quota is set; without one the cores of the machine are the measure. */
function readCgroupCpu(): CpuReading | undefined {
  const [quota, period] = (readFile('/sys/fs/cgroup/cpu.max') ?? 'max').split(' ')
  const cores = Number(quota) / Number(period)
  if (!(cores > 0) || cores >= availableParallelism()) return undefined
  const usageUs = Number(/^usage_usec (\d+)/m.exec(readFile('/sys/fs/cgroup/cpu.stat') ?? '')?.[1])
  if (!Number.isFinite(usageUs)) return undefined
  return { busyMs: usageUs / 1000, possibleMs: performance.now() * cores }
}

function readMemory(): number {
  const limit = process.constrainedMemory()
  if (limit > 0 && limit < totalmem()) {
    const used = Number(readFile('/sys/fs/cgroup/memory.current') ?? process.memoryUsage.rss())
    return share(used, limit)
  }
  const free = Number(/^MemAvailable:\s+(\d+)/m.exec(readFile('/proc/meminfo') ?? '')?.[1]) * 1024
  return share(totalmem() - (Number.isFinite(free) ? free : freemem()), totalmem())
}

function readFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1').trim()
  } catch {
    return undefined
  }
}
