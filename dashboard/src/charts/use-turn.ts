/**
 * When the plot of a chart is drawn: not with the page around it but after that has been painted, and one after the
 * other, each in a transition, so that a click that opens a page with charts is answered at once and none of them
 * keeps the next click waiting. Used by `time-chart.tsx`, which shows the chart's frame meanwhile.
 * Invariant: a plot that has had its turn stays; one that leaves gives its turn away.
 */
import { startTransition, useEffect, useState } from 'react'

/** In the order in which they became ready; as many as there are charts on the page. */
const waiting = new Set<() => void>()
/** What is being drawn; it leaves when it stands. */
let current: (() => void) | null = null
let isAsked = false

/** True from the plot's turn on. It waits for one while `isReady`; `prepare` loads what it is drawn with. */
export function useTurn(isReady: boolean, prepare: () => Promise<unknown>): boolean {
  const [isDrawn, setDrawn] = useState(false)
  useEffect(() => {
    if (isReady && !isDrawn) return enter(() => setDrawn(true), prepare)
  }, [isReady, isDrawn, prepare])
  return isDrawn
}

function enter(draw: () => void, prepare: () => Promise<unknown>): () => void {
  let isHere = true
  const wait = () => {
    if (!isHere) return
    waiting.add(draw)
    ask()
  }
  // Code that does not load fails where it is drawn, within the page's boundary.
  prepare().then(wait, wait)
  return () => {
    isHere = false
    waiting.delete(draw)
    if (current !== draw) return
    current = null
    ask()
  }
}

function ask(): void {
  if (isAsked || current !== null || waiting.size === 0) return
  isAsked = true
  // A task that begins in a frame comes after its paint.
  requestAnimationFrame(() => setTimeout(begin))
}

function begin(): void {
  isAsked = false
  const [first] = waiting
  if (first === undefined) return
  waiting.delete(first)
  current = first
  startTransition(first)
}
