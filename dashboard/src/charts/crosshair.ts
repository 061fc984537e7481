/** The instant under the pointer, shared by all charts of the page, and which of them it is over. */
import { useSyncExternalStore } from 'react'

interface Pointed {
  readonly ms: number
  readonly chart: string
}

let pointed: Pointed | null = null
const listeners = new Set<() => void>()

export function pointAt(next: Pointed | null): void {
  if (pointed?.ms === next?.ms && pointed?.chart === next?.chart) return
  pointed = next
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

export function usePointed(): Pointed | null {
  return useSyncExternalStore(subscribe, () => pointed)
}
