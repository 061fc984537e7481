/**
 * The keys of a table: `j` `k` move the focus from row to row, `Enter` opens, `x` selects, `Shift x` selects
 * up to the row, `* a` selects all. The row in focus is known by its id, so that it stays the same row when
 * others come and go.
 */
import { type RefObject, useCallback, useEffect, useRef, useState } from 'react'
import { useKeys } from '../shell/keys.ts'
import { text } from '../text/text.ts'

interface Options {
  readonly box: RefObject<HTMLElement | null>
  readonly ids: readonly string[]
  readonly selection?: ReadonlySet<string>
  onSelection?(next: ReadonlySet<string>): void
  onSelectAll?(): void
  open(id: string): void
  scrollTo(index: number): void
}

export function useTableKeys(options: Options): {
  readonly focused: string | null
  select(id: string, isRange: boolean): void
} {
  const { box, ids, selection, onSelection, onSelectAll, scrollTo } = options
  const [focused, setFocused] = useState<string | null>(null)
  const wanted = useRef<string | null>(null)
  const anchor = useRef<string | null>(null)

  // A row that was out of view is in the document only after the table has scrolled.
  useEffect(() => {
    if (wanted.current === null) return
    const row = findRow(box.current, wanted.current)
    if (!row) return
    wanted.current = null
    row.focus({ preventScroll: true })
    row.scrollIntoView?.({ block: 'nearest' })
  })

  const rowInFocus = () => document.activeElement?.closest<HTMLElement>('tr[data-row]')?.dataset.row ?? null
  const current = () => {
    const id = rowInFocus()
    return id !== null && box.current?.contains(document.activeElement) ? id : null
  }
  const step = (by: 1 | -1) => {
    const at = ids.indexOf(current() ?? focused ?? '')
    const next = at < 0 ? (by > 0 ? 0 : ids.length - 1) : Math.min(ids.length - 1, Math.max(0, at + by))
    const id = ids[next]
    if (id === undefined) return
    wanted.current = id
    setFocused(id)
    const row = findRow(box.current, id)
    if (!row) scrollTo(next)
    else {
      wanted.current = null
      row.focus({ preventScroll: true })
      row.scrollIntoView?.({ block: 'nearest' })
    }
  }

  const select = useCallback(
    (id: string, isRange: boolean) => {
      if (!onSelection) return
      const next = new Set(selection)
      const from = ids.indexOf(anchor.current ?? '')
      const to = ids.indexOf(id)
      if (isRange && from >= 0) {
        for (const one of ids.slice(Math.min(from, to), Math.max(from, to) + 1)) next.add(one)
      } else if (next.has(id)) next.delete(id)
      else next.add(id)
      anchor.current = id
      onSelection(next)
    },
    [ids, selection, onSelection],
  )
  const selectCurrent = (isRange: boolean) => {
    const id = current()
    if (id !== null) select(id, isRange)
  }

  const words = text.kit.table.keys
  useKeys({
    j: { label: words.next, run: () => step(1) },
    k: { label: words.previous, run: () => step(-1) },
    x: onSelection && { label: words.select, run: () => selectCurrent(false) },
    'Shift x': onSelection && { label: words.selectRange, run: () => selectCurrent(true) },
    '* a': onSelection && {
      label: words.selectAll,
      run: () => (onSelectAll ? onSelectAll() : onSelection(new Set(ids))),
    },
  })
  return { focused: focused !== null && ids.includes(focused) ? focused : null, select }
}

function findRow(box: HTMLElement | null, id: string): HTMLElement | null {
  for (const row of box?.querySelectorAll<HTMLElement>('tr[data-row]') ?? []) {
    if (row.dataset.row === id) return row
  }
  return null
}
