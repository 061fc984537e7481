/**
 * Where each worker stands on the grid: groups side by side like paragraphs of squares, as large as all of them fit
 * into the box. Pure; the canvas draws it and the pointer and the arrow keys ask it. Invariant: the same workers in
 * the same box stand at the same places, and no two share one.
 */
export interface GridSection {
  readonly key: string
  readonly label: string
  readonly count: number
}

export interface PlacedSection extends GridSection {
  readonly x: number
  /** Of the label; squares begin `HEAD` below. */
  readonly y: number
  readonly columns: number
  readonly rows: number
  /** Index of its first worker among all. */
  readonly first: number
  readonly width: number
}

export interface GridLayout {
  readonly cell: number
  readonly gap: number
  readonly width: number
  /** Of all of it; more than the box where even the smallest squares do not fit. */
  readonly height: number
  readonly count: number
  readonly sections: readonly PlacedSection[]
}

export interface Box {
  readonly x: number
  readonly y: number
  readonly size: number
}

export type Direction = 'left' | 'right' | 'up' | 'down' | 'first' | 'last'

/** Room of a label above its squares. */
export const HEAD = 20
const MARGIN = 16
const LEAST_CELL = 6
const MOST_CELL = 40
/** How much wider than tall a group may be; the one with the largest squares is taken. */
const SHAPES = [1, 1.6, 2.4, 3.6, 6] as const
const LABEL_WIDTH = 72

export function layoutGrid(sections: readonly GridSection[], width: number, height: number): GridLayout {
  const filled = sections.filter(({ count }) => count > 0)
  const layouts = SHAPES.map((shape) => largestOf(filled, width, height, shape))
  return layouts.reduce((best, one) =>
    one.cell > best.cell || (one.cell === best.cell && one.height < best.height) ? one : best,
  )
}

function largestOf(
  sections: readonly GridSection[],
  width: number,
  height: number,
  shape: number,
): GridLayout {
  let [least, most] = [LEAST_CELL, MOST_CELL]
  while (least < most) {
    const middle = Math.ceil((least + most) / 2)
    if (place(sections, width, middle, shape).height <= height) least = middle
    else most = middle - 1
  }
  return place(sections, width, least, shape)
}

function place(sections: readonly GridSection[], width: number, cell: number, shape: number): GridLayout {
  const gap = gapOf(cell)
  const step = cell + gap
  const widest = Math.max(1, Math.floor((width + gap) / step))
  const isAlone = sections.length === 1
  const placed: PlacedSection[] = []
  let [x, y, tallest, first] = [0, 0, 0, 0]
  for (const section of sections) {
    const wanted = isAlone ? widest : Math.ceil(Math.sqrt(section.count * shape))
    const columns = Math.min(widest, Math.max(wanted, Math.min(section.count, Math.ceil(LABEL_WIDTH / step))))
    const rows = Math.ceil(section.count / columns)
    const own = Math.max(columns * step - gap, Math.min(LABEL_WIDTH, width))
    if (x > 0 && x + own > width) {
      x = 0
      y += tallest + MARGIN
      tallest = 0
    }
    placed.push({ ...section, x, y, columns, rows, first, width: own })
    first += section.count
    x += own + MARGIN
    tallest = Math.max(tallest, HEAD + rows * step - gap)
  }
  return { cell, gap, width, height: y + tallest, count: first, sections: placed }
}

function gapOf(cell: number): number {
  return cell >= 14 ? 3 : cell >= 9 ? 2 : 1
}

export function boxOf(layout: GridLayout, index: number): Box | null {
  const section = sectionOf(layout, index)
  if (!section) return null
  const step = layout.cell + layout.gap
  const own = index - section.first
  return {
    x: section.x + (own % section.columns) * step,
    y: section.y + HEAD + Math.floor(own / section.columns) * step,
    size: layout.cell,
  }
}

/** The worker at a point; the gap beside a square counts as the square, so that nothing flickers. */
export function indexAt(layout: GridLayout, x: number, y: number): number | null {
  const step = layout.cell + layout.gap
  for (const section of layout.sections) {
    const column = Math.floor((x - section.x) / step)
    const row = Math.floor((y - section.y - HEAD) / step)
    if (column < 0 || row < 0 || column >= section.columns || row >= section.rows) continue
    const own = row * section.columns + column
    return own < section.count ? section.first + own : null
  }
  return null
}

/** Where an arrow key leads: within the group by rows, past its edge to the nearest square of the next one. */
export function stepFrom(layout: GridLayout, index: number, direction: Direction): number {
  const last = layout.count - 1
  if (last < 0) return 0
  if (direction === 'first') return 0
  if (direction === 'last') return last
  if (direction === 'left') return Math.max(0, index - 1)
  if (direction === 'right') return Math.min(last, index + 1)
  return stepRow(layout, index, direction === 'down' ? 1 : -1)
}

function stepRow(layout: GridLayout, index: number, by: 1 | -1): number {
  const section = sectionOf(layout, index)
  const from = boxOf(layout, index)
  if (!section || !from) return index
  const own = index - section.first + by * section.columns
  if (own >= 0 && own < section.count) return section.first + own
  const isOnLastRow = Math.floor((index - section.first) / section.columns) === section.rows - 1
  if (by === 1 && !isOnLastRow) return section.first + section.count - 1
  return nearestBeyond(layout, section, from, by) ?? index
}

/** The closest square of the groups that stand wholly above or below. */
function nearestBeyond(
  layout: GridLayout,
  section: PlacedSection,
  from: Box,
  by: 1 | -1,
): number | undefined {
  let best: { index: number; distance: number } | undefined
  for (const other of layout.sections) {
    if (by === 1 ? other.y <= section.y : other.y >= section.y) continue
    const row = by === 1 ? 0 : other.rows - 1
    const inRow = Math.min(other.columns, other.count - row * other.columns)
    const step = layout.cell + layout.gap
    const column = Math.min(inRow - 1, Math.max(0, Math.round((from.x - other.x) / step)))
    const index = other.first + row * other.columns + column
    const box = boxOf(layout, index)
    if (!box) continue
    const distance = Math.abs(box.x - from.x) + 4 * Math.abs(box.y - from.y)
    if (!best || distance < best.distance) best = { index, distance }
  }
  return best?.index
}

function sectionOf(layout: GridLayout, index: number): PlacedSection | undefined {
  return layout.sections.find(({ first, count }) => index >= first && index < first + count)
}
