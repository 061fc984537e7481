/**
 * All workers as squares on one canvas, a thousand on a screen. The pointer and the arrow keys lead from one to the
 * next, a card says who it is; for those who cannot see it the current worker is spoken, and each group is a line
 * of a list. Draws at most once a frame, and only when something has changed.
 */
import type { WorkerView } from '@berth/protocol'
import {
  type KeyboardEvent,
  type PointerEvent,
  useCallback,
  useEffect,
  useId,
  useMemo,
  useRef,
  useState,
} from 'react'
import { formatCount, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { STATE_ORDER } from './fleet-facts.ts'
import { boxOf, type Direction, type GridLayout, indexAt, layoutGrid, stepFrom } from './grid-layout.ts'
import { type Palette, paintGrid, readPalette } from './grid-paint.ts'
import { type GridGroup, groupWorkers } from './grid-sections.ts'
import { CARD_WIDTH, type CardPlace, WorkerCard } from './worker-card.tsx'

interface Props {
  readonly workers: readonly WorkerView[]
  readonly grouping: string
  readonly selection: ReadonlySet<string>
  onSelection(next: ReadonlySet<string>): void
  onOpen(id: string): void
  /** The worker under the keys or the pointer, for the page's own keys. */
  onCurrent(id: string | null): void
}

const LEAST_HEIGHT = 280
/** What stays free below the grid. */
const FOOT = 104

const STEPS: Readonly<Record<string, Direction>> = {
  ArrowLeft: 'left',
  ArrowRight: 'right',
  ArrowUp: 'up',
  ArrowDown: 'down',
  Home: 'first',
  End: 'last',
}

export function WorkerGrid(props: Props) {
  const { workers, grouping, selection, onSelection, onOpen, onCurrent } = props
  const groups = useMemo(() => groupWorkers(workers, grouping), [workers, grouping])
  const ordered = useMemo(() => groups.flatMap((group) => group.workers), [groups])
  const box = useRef<HTMLDivElement>(null)
  const canvas = useRef<HTMLCanvasElement>(null)
  const size = useBoxSize(box)
  const layout = useMemo(
    () => layoutGrid(groups.map(sectionOf), size.width, size.height),
    [groups, size.width, size.height],
  )
  const [current, setCurrent] = useState<string | null>(null)
  const [isByPointer, setByPointer] = useState(false)
  const [hasFocus, setFocus] = useState(false)
  const index = useMemo(() => ordered.findIndex(({ id }) => id === current), [ordered, current])
  const at = index < 0 ? null : index
  usePainting(canvas, { layout, workers: ordered, selection, current: hasFocus || isByPointer ? at : null })
  const choose = useCallback(
    (id: string | null, byPointer: boolean) => {
      setCurrent(id)
      setByPointer(byPointer)
      onCurrent(id)
    },
    [onCurrent],
  )
  const helpId = useId()
  const point = (event: PointerEvent<HTMLElement>): number | null => {
    const place = canvas.current?.getBoundingClientRect()
    return place ? indexAt(layout, event.clientX - place.left, event.clientY - place.top) : null
  }
  const pressKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const direction = STEPS[event.key]
    if (direction) {
      event.preventDefault()
      const next = at === null ? 0 : stepFrom(layout, at, direction)
      return choose(ordered[next]?.id ?? null, false)
    }
    if (event.key === 'Enter' && current !== null) onOpen(current)
    if ((event.key === 'x' || event.key === ' ') && current !== null) {
      event.preventDefault()
      onSelection(toggled(selection, current))
    }
  }
  const shown = at === null ? undefined : ordered[at]
  return (
    <div className="worker-grid" ref={box}>
      {/* The canvas is one control: arrow keys move inside it, as in a tree or a list box. */}
      <div
        className="worker-grid-stage"
        role="application"
        aria-roledescription={text.workers.grid.role}
        aria-label={text.workers.grid.label(ordered.length)}
        aria-describedby={helpId}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a widget of its own
        tabIndex={0}
        onKeyDown={pressKey}
        onFocus={() => {
          setFocus(true)
          if (current === null) choose(ordered[0]?.id ?? null, false)
        }}
        onBlur={() => setFocus(false)}
        onPointerMove={(event) => {
          const hovered = point(event)
          const id = hovered === null ? null : (ordered[hovered]?.id ?? null)
          if (id !== null && id !== current) choose(id, true)
          else if (id === null && isByPointer) choose(null, true)
        }}
        onPointerLeave={() => {
          if (isByPointer && !hasFocus) choose(null, true)
        }}
        onClick={(event) => {
          const pressed = point(event as unknown as PointerEvent<HTMLElement>)
          const id = pressed === null ? undefined : ordered[pressed]?.id
          if (id === undefined) return
          if (event.shiftKey || event.metaKey || event.ctrlKey) onSelection(toggled(selection, id))
          else onOpen(id)
        }}
        style={{ height: layout.height }}
      >
        <canvas ref={canvas} />
        {shown && at !== null && (hasFocus || isByPointer) && (
          <WorkerCard worker={shown} place={placeOf(layout, at)} />
        )}
      </div>
      <p id={helpId} className="only-heard">
        {text.workers.grid.help}
      </p>
      <p className="only-heard" aria-live="polite">
        {shown && hasFocus ? spokenOf(shown, selection) : ''}
      </p>
      <GroupList groups={groups} />
    </div>
  )
}

function sectionOf({ key, label, workers }: GridGroup) {
  return { key, label: label === null ? text.workers.grid.noGroup : visible(label), count: workers.length }
}

function toggled(selection: ReadonlySet<string>, id: string): ReadonlySet<string> {
  const next = new Set(selection)
  if (!next.delete(id)) next.add(id)
  return next
}

function spokenOf(worker: WorkerView, selection: ReadonlySet<string>): string {
  const words = text.workers.grid
  return [
    visible(worker.id),
    text.states[worker.status],
    worker.slots ? words.slots(worker.slots.used, worker.slots.limit) : words.slotsUnknown,
    selection.has(worker.id) ? words.selected : '',
  ]
    .filter(Boolean)
    .join(', ')
}

/** Beside the square, on the side with more room, never past the edge of the grid. */
function placeOf(layout: GridLayout, index: number): CardPlace {
  const box = boxOf(layout, index) ?? { x: 0, y: 0, size: 0 }
  const beside = box.x > layout.width / 2 ? box.x - CARD_WIDTH - 8 : box.x + box.size + 8
  const left = Math.max(0, Math.min(beside, layout.width - CARD_WIDTH))
  // Where there is no room beside it, it must not lie on the square itself.
  const isOver = left < box.x + box.size && left + CARD_WIDTH > box.x
  const isLow = box.y > layout.height / 2
  if (isLow) return { left, bottom: layout.height - box.y - (isOver ? -8 : box.size) }
  return { left, top: box.y + (isOver ? box.size + 8 : 0) }
}

/** What the picture says, a line a group. */
function GroupList({ groups }: { groups: readonly GridGroup[] }) {
  return (
    <ul className="only-heard" aria-label={text.workers.grid.groups}>
      {groups.map((group) => (
        <li key={group.key}>{describe(group)}</li>
      ))}
    </ul>
  )
}

function describe({ label, workers }: GridGroup): string {
  const counts = STATE_ORDER.flatMap((state) => {
    const n = workers.filter(({ status }) => status === state).length
    return n > 0 ? [`${formatCount(n)} ${text.stateClauses[state]}`] : []
  })
  return `${label === null ? text.workers.grid.noGroup : visible(label)}: ${counts.reverse().join(', ')}`
}

/** As wide as there is room, as high as the window leaves. */
function useBoxSize(box: { readonly current: HTMLElement | null }): { width: number; height: number } {
  const [size, setSize] = useState({ width: 800, height: 480 })
  useEffect(() => {
    const element = box.current
    if (!element) return
    const measure = () => {
      const { top } = element.getBoundingClientRect()
      const above = top + window.scrollY
      const style = getComputedStyle(element)
      const width = element.clientWidth - pixels(style.paddingLeft) - pixels(style.paddingRight)
      const height = Math.max(LEAST_HEIGHT, window.innerHeight - above - FOOT)
      setSize((old) => (old.width === width && old.height === height ? old : { width, height }))
    }
    measure()
    const observer = new ResizeObserver(measure)
    observer.observe(element)
    window.addEventListener('resize', measure)
    return () => {
      observer.disconnect()
      window.removeEventListener('resize', measure)
    }
  }, [box])
  return size
}

function pixels(length: string): number {
  return Number.parseFloat(length) || 0
}

function usePainting(
  canvas: { readonly current: HTMLCanvasElement | null },
  scene: Parameters<typeof paintGrid>[2],
): void {
  const palette = useRef<Palette | null>(null)
  const frame = useRef(0)
  const latest = useRef(scene)
  const paint = useCallback(() => {
    cancelAnimationFrame(frame.current)
    frame.current = requestAnimationFrame(() => {
      const element = canvas.current
      const context = element?.getContext('2d')
      if (!element || !context) return
      palette.current ??= readPalette(element.parentElement ?? element)
      const { width, height } = latest.current.layout
      const ratio = window.devicePixelRatio || 1
      resizeCanvas(element, width, height, ratio)
      context.setTransform(ratio, 0, 0, ratio, 0, 0)
      paintGrid(context, palette.current, latest.current)
    })
  }, [canvas])
  useEffect(() => {
    latest.current = scene
    paint()
  })
  useEffect(() => {
    const repaint = () => {
      palette.current = null
      paint()
    }
    const queries = ['(prefers-color-scheme: dark)', '(prefers-contrast: more)'].map((one) =>
      window.matchMedia(one),
    )
    for (const query of queries) query.addEventListener('change', repaint)
    const observer = new MutationObserver(repaint)
    observer.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme', 'class'] })
    return () => {
      for (const query of queries) query.removeEventListener('change', repaint)
      observer.disconnect()
      cancelAnimationFrame(frame.current)
    }
  }, [paint])
}

/** Setting the size empties a canvas, so it is set only when it has changed. */
function resizeCanvas(element: HTMLCanvasElement, width: number, height: number, ratio: number): void {
  const [wide, high] = [Math.round(width * ratio), Math.round(height * ratio)]
  if (element.width === wide && element.height === high) return
  element.width = wide
  element.height = high
  element.style.width = `${width}px`
  element.style.height = `${height}px`
}
