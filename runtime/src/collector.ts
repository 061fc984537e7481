/**
 * How V8 judges when to look for garbage. Called once by each server, first of all.
 *
 * Of itself V8 begins a full collection whenever buffers of 64 MB in all have been made, however soon they are
 * free again: a server that passes bodies on then does little but collect, some thirty times a second, and walks
 * through its whole heap each time. Counted with the heap, buffers count by what of them is alive, as objects do;
 * but of itself V8 lets them grow by a third at most, and a body is held for just long enough to be old by then.
 * Invariant: what is alive decides when the next collection comes: heap and buffers grow to `GROWTH` times that.
 */
import { setFlagsFromString } from 'node:v8'

/** The first major version of Node in which this was measured; an older one may not know the flag. */
const SINCE = 26
/** One and a half times what is alive may be garbage; with less, large bodies are a quarter collecting. */
const GROWTH = 2.5

/** What is set, for a runtime of this version; nothing where the flag may be unknown. */
export function collectorFlags(nodeVersion: string): readonly string[] {
  if (Number.parseInt(nodeVersion, 10) < SINCE) return []
  return [
    '--external-memory-accounted-in-global-limit',
    `--external-memory-max-growing-factor=${GROWTH}`,
    `--heap-growing-percent=${100 * (GROWTH - 1)}`,
  ]
}

/** Holds for the whole process, threads included. */
export function countBuffersWithHeap(): void {
  for (const flag of collectorFlags(process.versions.node)) setFlagsFromString(flag)
}
