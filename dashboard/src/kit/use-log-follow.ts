/**
 * Where a list of log lines is scrolled to: it keeps the end in view, or, once the reader has scrolled up, the row
 * that was on top, whatever comes below it or is trimmed above it. Used by log-list.tsx.
 */
import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react'
import type { LogBuffer } from '../feed/log-buffer.ts'
import type { RowLayout } from './log-view.ts'

/** Nearer than this to the end counts as being at it. */
const END_SLACK = 8
/** Beyond any end: the browser goes as far as it can, and nobody has to ask it how far that is. */
const THE_END = 1e9

export interface LogFollow {
  readonly scrollTop: number
  readonly height: number
  readonly isFollowing: boolean
  /** Lines that have come since the reader left the end. */
  readonly newCount: number
  onScroll(): void
  follow(): void
  /** Stays where it is: somebody reads a line. */
  hold(): void
}

export function useLogFollow(
  box: RefObject<HTMLElement | null>,
  buffer: LogBuffer,
  layout: RowLayout,
): LogFollow {
  const [isFollowing, setFollowing] = useState(true)
  const [place, setPlace] = useState<Place>({ scrollTop: 0, height: 0 })
  const anchor = useRef<{ id: number; offset: number } | null>(null)
  const lastTop = useRef(0)
  const lastSeen = useRef(0)
  const firstId = buffer.rows.at(0)?.id ?? 0
  useEffect(() => {
    if (isFollowing) lastSeen.current = buffer.received
  }, [isFollowing, buffer.received])
  const note = useCallback((element: HTMLElement) => {
    const { scrollTop, clientHeight: height } = element
    lastTop.current = scrollTop
    setPlace((old) => (old.scrollTop === scrollTop && old.height === height ? old : { scrollTop, height }))
  }, [])
  const settle = useCallback(() => {
    const element = box.current
    if (!element) return
    if (isFollowing) {
      element.scrollTop = THE_END
      lastTop.current = element.scrollTop
      const { clientHeight: height } = element
      setPlace((old) => (old.height === height ? old : { ...old, height }))
      return
    }
    if (anchor.current) {
      const index = Math.max(0, anchor.current.id - firstId)
      element.scrollTop = layout.topOf(index) + anchor.current.offset
    }
    note(element)
  }, [box, layout, isFollowing, firstId, note])
  useLayoutEffect(settle, [settle])
  useEffect(() => {
    if (!box.current || typeof ResizeObserver === 'undefined') return
    const observer = new ResizeObserver(settle)
    observer.observe(box.current)
    return () => observer.disconnect()
  }, [box, settle])
  const leave = (element: HTMLElement) => {
    const index = layout.indexAt(element.scrollTop)
    const row = buffer.rows.at(index)
    anchor.current = row ? { id: row.id, offset: element.scrollTop - layout.topOf(index) } : null
    note(element)
    setFollowing(false)
  }
  const hold = () => {
    if (box.current) leave(box.current)
  }
  const onScroll = () => {
    const element = box.current
    if (!element) return
    const isAtEnd = element.scrollTop + element.clientHeight >= layout.height - END_SLACK
    // A box that just grew is not at its end yet, but the reader has not moved up either.
    if (!isAtEnd && (!isFollowing || element.scrollTop < lastTop.current)) leave(element)
    else if (!isFollowing) setFollowing(true)
  }
  const newCount = isFollowing ? 0 : Math.max(0, buffer.received - lastSeen.current)
  // At the end what is drawn is known before the box has been scrolled there.
  const scrollTop = isFollowing ? Math.max(0, layout.height - place.height) : place.scrollTop
  return {
    scrollTop,
    height: place.height,
    isFollowing,
    newCount,
    onScroll,
    follow: () => setFollowing(true),
    hold,
  }
}

interface Place {
  readonly scrollTop: number
  readonly height: number
}
