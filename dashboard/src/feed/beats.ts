/**
 * Puts the short form of what moves all the time into the workers that are known: when one was heard, its load,
 * its slots (`feedBeatSchema`). Pure; called by the reducer. Invariant: a worker that nobody knows is left out,
 * and one that nothing is said of stays the same object.
 */
import type { FeedBeat, FeedChanges, FeedSlots, WorkerView } from '@berth/protocol'

type Workers = ReadonlyMap<string, WorkerView>

export function mergeBeats(known: Workers, { beats = {}, slots = {} }: FeedChanges, atMs: number): Workers {
  const workers = new Map(known)
  for (const id in beats) {
    const worker = workers.get(id)
    const beat = beats[id]
    if (worker && beat) workers.set(id, withBeat(worker, beat, atMs))
  }
  for (const id in slots) {
    const worker = workers.get(id)
    const figures = slots[id]
    if (worker && figures) workers.set(id, { ...worker, slots: readSlots(figures) })
  }
  return workers
}

function withBeat(worker: WorkerView, [agoMs, ...figures]: FeedBeat, atMs: number): WorkerView {
  const seenMs = atMs - (agoMs ?? 0)
  const lastSeenAt = new Date(seenMs).toISOString()
  const elapsedS = worker.lastSeenAt === null ? 0 : (seenMs - Date.parse(worker.lastSeenAt)) / 1_000
  const { uptime: before } = worker.system ?? { uptime: 0 }
  const uptime = before === null ? null : before + Math.max(0, elapsedS)
  if (figures.length < 4)
    return { ...worker, lastSeenAt, system: worker.system && { ...worker.system, uptime } }
  const [cpu = null, memory = null, eventLoopDelayMs = null, latencyMs = null] = figures
  const isTold = cpu !== null || memory !== null || eventLoopDelayMs !== null
  const system = isTold
    ? { cpuLoad: shareOf(cpu), memoryUsed: shareOf(memory), eventLoopDelayMs, uptime }
    : worker.system && { ...worker.system, uptime }
  return { ...worker, lastSeenAt, latencyMs, system }
}

function shareOf(percent: number | null): number | null {
  return percent === null ? null : percent / 100
}

function readSlots([
  limit = 0,
  used = 0,
  stuck = 0,
  available = 0,
  queue = 0,
]: FeedSlots): WorkerView['slots'] {
  return { limit, used, stuck, available, queue }
}
