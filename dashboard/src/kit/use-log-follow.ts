/**
 * Where a list of log lines is scrolled to: it keeps the end in view, or, once the reader has scrolled up, the row
 * that was on top, whatever comes below it or is trimmed above it. Used by log-list.tsx.
 */
import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from 'react'
import type { LogBuffer } from '../feed/log-buffer.ts'
import type { RowLayout } from './log-view.ts'

/** Nearer than this to the end counts as being at it. */
const END_SLACK = 8

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
  const [place, setPlace] = useState({ scrollTop: 0, height: 0 })
  const anchor = useRef<{ id: number; offset: number } | null>(null)
  const lastSeen = useRef(0)
  const firstId = buffer.rows[0]?.id ?? 0
  useEffect(() => {
    if (isFollowing) lastSeen.current = buffer.received
  }, [isFollowing, buffer.received])
  const settle = useCallback(() => {
    const element = box.current
    if (!element) return
    if (isFollowing) element.scrollTop = Math.max(layout.height, element.scrollHeight)
    else if (anchor.current) {
      const index = Math.max(0, anchor.current.id - firstId)
      element.scrollTop = layout.topOf(index) + anchor.current.offset
    }
    setPlace((old) =>
      old.scrollTop === element.scrollTop && old.height === element.clientHeight
        ? old
        : { scrollTop: element.scrollTop, height: element.clientHeight },
    )
  }, [box, layout, isFollowing, firstId])
  useLayoutEffect(settle, [settle])
  useEffect(() => {
    if (!box.current || typeof ResizeObserver === 'undefined') return
    const observer = new ResizeObserver(settle)
    observer.observe(box.current)
    return () => observer.disconnect()
  }, [box, settle])
  const drop = (element: HTMLElement) => {
    const index = layout.indexAt(element.scrollTop)
    const row = buffer.rows[index]
    anchor.current = row ? { id: row.id, offset: element.scrollTop - layout.topOf(index) } : null
  }
  const hold = () => {
    if (!box.current) return
    drop(box.current)
    setFollowing(false)
  }
  const onScroll = () => {
    const element = box.current
    if (!element) return
    drop(element)
    const isAtEnd = element.scrollTop + element.clientHeight >= layout.height - END_SLACK
    // A box that just grew is not at its end yet, but the reader has not moved up either.
    if (isAtEnd) setFollowing(true)
    else if (element.scrollTop < place.scrollTop) setFollowing(false)
    setPlace({ scrollTop: element.scrollTop, height: element.clientHeight })
  }
  const newCount = isFollowing ? 0 : Math.max(0, buffer.received - lastSeen.current)
  return { ...place, isFollowing, newCount, onScroll, follow: () => setFollowing(true), hold }
}
