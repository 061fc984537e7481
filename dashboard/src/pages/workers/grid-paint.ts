/**
 * Draws the grid of workers on one canvas: a square a worker, its colour and shape the state, its fill the share of
 * slots in use. Pure but for the canvas it is given; colours come from the page's tokens, read once a theme.
 * Invariant: state is never told by colour alone; what is unknown has no fill at all.
 */
import type { WorkerState, WorkerView } from '@berth/protocol'
import { shapeOf, type Tone, toneOf } from '../../kit/marks.tsx'
import { boxOf, type GridLayout, HEAD } from './grid-layout.ts'

export interface Palette {
  readonly tones: Readonly<Record<Tone, string>>
  readonly soft: Readonly<Record<Tone, string>>
  readonly text: string
  readonly muted: string
  readonly focus: string
  readonly ground: string
  readonly font: string
}

const COLOURS: Readonly<Record<Tone, readonly [strong: string, soft: string]>> = {
  ok: ['--ok', '--ok-soft'],
  busy: ['--accent', '--accent-soft'],
  calm: ['--muted', '--surface-3'],
  held: ['--held', '--held-soft'],
  warn: ['--warn', '--warn-soft'],
  bad: ['--bad', '--bad-soft'],
}

/** The tokens as this element has them now; `light-dark()` is resolved by asking for a colour that is drawn. */
export function readPalette(element: HTMLElement): Palette {
  const probe = document.createElement('span')
  probe.hidden = true
  element.append(probe)
  const colour = (name: string): string => {
    probe.style.color = `var(${name})`
    return getComputedStyle(probe).color
  }
  const read = (at: 0 | 1) =>
    Object.fromEntries(Object.entries(COLOURS).map(([tone, names]) => [tone, colour(names[at])])) as Record<
      Tone,
      string
    >
  const palette = {
    tones: read(0),
    soft: read(1),
    text: colour('--text'),
    muted: colour('--muted'),
    focus: colour('--accent-strong'),
    ground: colour('--surface'),
    font: getComputedStyle(element).fontFamily,
  }
  probe.remove()
  return palette
}

export interface Scene {
  readonly layout: GridLayout
  /** In the order of the layout. */
  readonly workers: readonly WorkerView[]
  readonly selection: ReadonlySet<string>
  /** Index under the keys or the pointer. */
  readonly current: number | null
}

/** From this size on the shape of the state is drawn inside; below it as a corner. */
const SHAPE_FROM = 12
const SHAPE_GRID = 12

export function paintGrid(context: CanvasRenderingContext2D, palette: Palette, scene: Scene): void {
  const { layout, workers, selection, current } = scene
  context.clearRect(0, 0, layout.width, layout.height)
  paintLabels(context, palette, layout)
  const paths = new Map<WorkerState, Path2D>()
  for (let index = 0; index < workers.length; index++) {
    const worker = workers[index]
    const box = worker && boxOf(layout, index)
    if (worker && box) paintWorker(context, palette, worker, box.x, box.y, box.size, paths)
  }
  for (let index = 0; index < workers.length; index++) {
    const id = workers[index]?.id
    if (id !== undefined && selection.has(id)) paintFrame(context, layout, index, palette.focus, 2)
  }
  if (current !== null) paintFrame(context, layout, current, palette.text, 2)
}

function paintLabels(context: CanvasRenderingContext2D, palette: Palette, layout: GridLayout): void {
  context.font = `560 12px ${palette.font}`
  context.textBaseline = 'top'
  for (const { label, count, x, y, width } of layout.sections) {
    context.fillStyle = palette.text
    const number = String(count)
    const room = width - context.measureText(` ${number}`).width - 4
    const words = clip(context, label, room)
    context.fillText(words, x, y + 2)
    context.fillStyle = palette.muted
    context.fillText(number, x + context.measureText(words).width + 6, y + 2)
  }
}

function clip(context: CanvasRenderingContext2D, label: string, room: number): string {
  if (context.measureText(label).width <= room) return label
  let end = label.length
  while (end > 1 && context.measureText(`${label.slice(0, end)}…`).width > room) end--
  return `${label.slice(0, end)}…`
}

function paintWorker(
  context: CanvasRenderingContext2D,
  palette: Palette,
  worker: WorkerView,
  x: number,
  y: number,
  size: number,
  paths: Map<WorkerState, Path2D>,
): void {
  const tone = toneOf(worker.status)
  const { slots, status } = worker
  context.fillStyle = palette.soft[tone]
  context.fillRect(x, y, size, size)
  const isServing = status === 'ready' || status === 'saturated'
  if (slots && slots.limit > 0 && (isServing || slots.used > 0)) {
    const height = Math.round(size * Math.min(1, slots.used / slots.limit))
    context.fillStyle = palette.tones[tone]
    context.globalAlpha = isServing ? 0.85 : 0.35
    context.fillRect(x, y + size - height, size, height)
    context.globalAlpha = 1
  }
  context.strokeStyle = palette.tones[tone]
  context.lineWidth = 1
  context.strokeRect(x + 0.5, y + 0.5, size - 1, size - 1)
  if (!isServing) paintShape(context, palette.tones[tone], status, x, y, size, paths)
}

function paintShape(
  context: CanvasRenderingContext2D,
  colour: string,
  state: WorkerState,
  x: number,
  y: number,
  size: number,
  paths: Map<WorkerState, Path2D>,
): void {
  const path = paths.get(state) ?? new Path2D(shapeOf(state))
  paths.set(state, path)
  const drawn = size >= SHAPE_FROM ? Math.min(size * 0.6, 16) : size - 2
  context.save()
  context.translate(x + (size - drawn) / 2, y + (size - drawn) / 2)
  context.scale(drawn / SHAPE_GRID, drawn / SHAPE_GRID)
  context.fillStyle = colour
  context.fill(path, 'evenodd')
  context.restore()
}

function paintFrame(
  context: CanvasRenderingContext2D,
  layout: GridLayout,
  index: number,
  colour: string,
  width: number,
): void {
  const box = boxOf(layout, index)
  if (!box) return
  context.strokeStyle = colour
  context.lineWidth = width
  context.strokeRect(box.x - 1, box.y - 1, box.size + 2, box.size + 2)
}

/** Where a label ends and squares begin; for who places things beside them. */
export const LABEL_HEIGHT = HEAD
