/**
 * What the page in view adds to the palette: `useOffer([{id, label, icon, run}])` while it is mounted, such
 * as the actions of the worker that is shown.
 */
import { useEffect, useRef, useSyncExternalStore } from 'react'
import type { Entry } from './palette-entries.ts'

export type Offer = Omit<Entry, 'kind'>

type Read = () => readonly (Offer | null | undefined | false)[]

const readers = new Set<Read>()
const listeners = new Set<() => void>()
let version = 0

function changed(): void {
  version += 1
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Entries that are null or false are left out. */
export function useOffer(offers: readonly (Offer | null | undefined | false)[]): void {
  const latest = useRef(offers)
  useEffect(() => {
    latest.current = offers
  })
  useEffect(() => {
    const read: Read = () => latest.current
    readers.add(read)
    changed()
    return () => {
      readers.delete(read)
      changed()
    }
  }, [])
}

export function useOffered(): readonly Entry[] {
  useSyncExternalStore(subscribe, () => version)
  return [...readers].flatMap((read) =>
    read().flatMap((offer) => (offer ? [{ ...offer, kind: 'actions' as const }] : [])),
  )
}
