/**
 * Several functions on one page, and when each is called: by hand, by itself when its input changes, or because
 * what it takes from another has come. A pure state machine: events go in, orders (start, abort) come out; whoever
 * carries them out (use-engine.ts) tells the ends. Time comes in with each event, `nextAt` says when to call `tick`.
 *
 *   input changed ──300 ms──▶ due ──(nothing above is under way)──▶ running ──▶ done | failed
 *        ▲  a newer change aborts what runs                              │
 *        └───────────── an output another takes changes ◀───────────────┘
 *
 * Invariants: at most one call a cell is under way; an end of an older call is passed over; links make no cycle; a
 * cell starts only when all that it takes is there and new; a failure stops everything below it.
 */
import { isSame } from '../form/field.ts'
import { isPointer, putPointer, readPointer } from './pointer.ts'

export const DEBOUNCE_MS = 300
export const CELL_LIMIT = 12
export const LINK_LIMIT = 24

/** The value at `pointer` of the output of `from` goes to `to` of the input. */
export interface Link {
  readonly to: string
  readonly from: string
  readonly pointer: string
}

export interface CellWish {
  readonly id: string
  /** What stands in its form; undefined while that is no usable input. */
  readonly input: unknown
  readonly isAuto: boolean
  readonly links: readonly Link[]
}

export type CellEnd =
  | { readonly ok: true; readonly output: unknown }
  | { readonly ok: false; readonly isCancelled?: boolean }

export type CellPhase = 'idle' | 'due' | 'waiting' | 'running' | 'done' | 'failed' | 'cancelled' | 'blocked'

/** Why a cell cannot be called. */
export type Block =
  | { readonly why: 'input' }
  /** The one above has failed, or was stopped itself. */
  | { readonly why: 'failed'; readonly cell: string }
  | { readonly why: 'no-output'; readonly cell: string }
  | { readonly why: 'no-value'; readonly cell: string; readonly pointer: string }

export interface CellState {
  readonly phase: CellPhase
  readonly block: Block | null
  /** Of the newest call; 0 for none. */
  readonly call: number
  /** The output is not that of the input which stands there now. */
  readonly isOutdated: boolean
}

export type Order =
  | { readonly kind: 'start'; readonly cell: string; readonly call: number; readonly input: unknown }
  | { readonly kind: 'abort'; readonly cell: string; readonly call: number }

export type Change =
  | { readonly ok: true; readonly orders: readonly Order[] }
  | { readonly ok: false; readonly why: 'cycle' | 'too-many' | 'unknown' | 'pointer' }

interface Cell {
  wish: CellWish
  /** When it is to be called; null: not. */
  dueAtMs: number | null
  call: number
  isRunning: boolean
  /** The input of the newest call. */
  sent: { readonly value: unknown } | null
  output: { readonly value: unknown } | null
  end: 'done' | 'failed' | 'cancelled' | null
}

export class Engine {
  readonly #cells = new Map<string, Cell>()
  #calls = 0

  /** Adds a cell, or takes over what has become of it. Nothing changes when it is refused. */
  set(wish: CellWish, nowMs: number): Change {
    const refusal = this.#findRefusal(wish)
    if (refusal !== null) return { ok: false, why: refusal }
    const cell = this.#cells.get(wish.id)
    if (cell === undefined) {
      this.#cells.set(wish.id, newCell(wish))
      return { ok: true, orders: [] }
    }
    const before = cell.wish
    cell.wish = wish
    const isOther = !isSame(before.input, wish.input) || !isSame(before.links, wish.links)
    const isNowAuto = wish.isAuto && !before.isAuto
    if (!isOther && !isNowAuto) return { ok: true, orders: [] }
    return { ok: true, orders: wish.isAuto ? this.#renew(cell, nowMs + DEBOUNCE_MS) : [] }
  }

  /** Takes over what a cell is without calling it: of a page that was just opened. */
  adopt(wish: CellWish): void {
    const cell = this.#cells.get(wish.id)
    if (cell !== undefined) cell.wish = wish
  }

  remove(id: string): readonly Order[] {
    const cell = this.#cells.get(id)
    if (cell === undefined) return []
    const orders = this.#abort(cell)
    this.#cells.delete(id)
    return orders
  }

  /** Calls it now; what it takes from others is called before, where its output is not there or outdated. */
  run(id: string, nowMs: number): readonly Order[] {
    const cell = this.#cells.get(id)
    if (cell === undefined) return []
    for (const above of this.#above(cell)) {
      const isUsable = above.isRunning || (above.output !== null && !this.state(above.wish.id).isOutdated)
      if (!isUsable) above.dueAtMs = nowMs
    }
    cell.dueAtMs = nowMs
    // What is asked for by hand is called again, though nothing has changed.
    cell.sent = null
    return [...this.#abort(cell), ...this.tick(nowMs)]
  }

  /** Ends what runs and takes back what is due, here and below. */
  cancel(id: string): readonly Order[] {
    const cell = this.#cells.get(id)
    if (cell === undefined) return []
    const wasMeant = cell.isRunning || cell.dueAtMs !== null
    cell.dueAtMs = null
    if (wasMeant) cell.end = 'cancelled'
    return [...this.#abort(cell), ...this.#stopBelow(cell)]
  }

  /** A call has ended. That of an older call changes nothing. */
  ended(id: string, call: number, end: CellEnd, nowMs: number): readonly Order[] {
    const cell = this.#cells.get(id)
    if (cell === undefined || !cell.isRunning || cell.call !== call) return []
    cell.isRunning = false
    if (!end.ok) {
      cell.end = end.isCancelled ? 'cancelled' : 'failed'
      cell.output = null
      return this.#stopBelow(cell)
    }
    const isNew = cell.output === null || !isSame(cell.output.value, end.output)
    cell.end = 'done'
    cell.output = { value: end.output }
    const orders = [...this.#cells.values()]
      .filter(({ wish }) => wish.isAuto && wish.links.some(({ from }) => from === id))
      .flatMap((below) => (isNew || below.end !== 'done' ? this.#renew(below, nowMs) : []))
    return [...orders, ...this.tick(nowMs)]
  }

  /** Starts what is due and has all it takes. */
  tick(nowMs: number): readonly Order[] {
    return [...this.#cells.values()].flatMap((cell) => {
      if (cell.dueAtMs === null || cell.dueAtMs > nowMs || this.#isAwaited(cell)) return []
      cell.dueAtMs = null
      return this.#start(cell)
    })
  }

  /** When `tick` has something to do; null while it waits for an end. */
  nextAtMs(): number | null {
    const due = [...this.#cells.values()].flatMap((cell) =>
      cell.dueAtMs === null || this.#isAwaited(cell) ? [] : [cell.dueAtMs],
    )
    return due.length === 0 ? null : Math.min(...due)
  }

  state(id: string): CellState {
    const cell = this.#cells.get(id)
    if (cell === undefined) return { phase: 'idle', block: null, call: 0, isOutdated: false }
    const resolved = this.#resolve(cell)
    const block = resolved.ok ? null : resolved.block
    const isOutdated = cell.output !== null && !(resolved.ok && isSame(cell.sent?.value, resolved.input))
    return { phase: this.#phaseOf(cell, block), block, call: cell.call, isOutdated }
  }

  /** The input with what it takes from others in its place; undefined while something of it is missing. */
  inputOf(id: string): unknown {
    const cell = this.#cells.get(id)
    const resolved = cell && this.#resolve(cell)
    return resolved?.ok ? resolved.input : undefined
  }

  #phaseOf(cell: Cell, block: Block | null): CellPhase {
    if (cell.isRunning) return 'running'
    if (cell.dueAtMs !== null) return this.#isAwaited(cell) ? 'waiting' : 'due'
    if (block !== null && block.why !== 'input' && block.why !== 'no-output') return 'blocked'
    return cell.end ?? 'idle'
  }

  #findRefusal(wish: CellWish): 'cycle' | 'too-many' | 'unknown' | 'pointer' | null {
    const isNew = !this.#cells.has(wish.id)
    if (wish.links.length > LINK_LIMIT || (isNew && this.#cells.size >= CELL_LIMIT)) return 'too-many'
    if (!wish.links.every(({ to, pointer }) => isPointer(to) && isPointer(pointer))) return 'pointer'
    if (wish.links.some(({ from }) => from === wish.id)) return 'cycle'
    if (!wish.links.every(({ from }) => this.#cells.has(from))) return 'unknown'
    const leadsBack = wish.links.some(({ from }) => {
      const cell = this.#cells.get(from)
      return cell !== undefined && this.#above(cell).some((above) => above.wish.id === wish.id)
    })
    return leadsBack ? 'cycle' : null
  }

  /** All that a cell takes from, near and far. */
  #above(cell: Cell, found = new Set<Cell>()): readonly Cell[] {
    for (const { from } of cell.wish.links) {
      const above = this.#cells.get(from)
      if (above === undefined || found.has(above)) continue
      found.add(above)
      this.#above(above, found)
    }
    return [...found]
  }

  #below(cell: Cell): readonly Cell[] {
    return [...this.#cells.values()].filter((other) => this.#above(other).includes(cell))
  }

  /** Something that it takes from will have a newer output soon. */
  #isAwaited(cell: Cell): boolean {
    return this.#above(cell).some((above) => above.isRunning || above.dueAtMs !== null)
  }

  /** The newest input wins: what runs with an older one is ended at once. */
  #renew(cell: Cell, dueAtMs: number): readonly Order[] {
    const resolved = this.#resolve(cell)
    const isAsSent = resolved.ok && cell.sent !== null && isSame(cell.sent.value, resolved.input)
    if (isAsSent && (cell.isRunning || cell.end === 'done')) {
      cell.dueAtMs = null
      return []
    }
    cell.dueAtMs = dueAtMs
    return this.#abort(cell)
  }

  #abort(cell: Cell): readonly Order[] {
    if (!cell.isRunning) return []
    cell.isRunning = false
    cell.sent = null
    return [{ kind: 'abort', cell: cell.wish.id, call: cell.call }]
  }

  #stopBelow(cell: Cell): readonly Order[] {
    return this.#below(cell).flatMap((below) => {
      below.dueAtMs = null
      return this.#abort(below)
    })
  }

  #start(cell: Cell): readonly Order[] {
    const resolved = this.#resolve(cell)
    if (!resolved.ok) return this.#stopBelow(cell)
    cell.call = ++this.#calls
    cell.isRunning = true
    cell.sent = { value: resolved.input }
    return [{ kind: 'start', cell: cell.wish.id, call: cell.call, input: resolved.input }]
  }

  #resolve(cell: Cell): { ok: true; input: unknown } | { ok: false; block: Block } {
    if (cell.wish.input === undefined) return { ok: false, block: { why: 'input' } }
    const stopped = this.#above(cell).find(
      ({ end, output }) => end !== 'done' && end !== null && output === null,
    )
    if (stopped) return { ok: false, block: { why: 'failed', cell: stopped.wish.id } }
    let input: unknown = cell.wish.input
    for (const { to, from, pointer } of cell.wish.links) {
      const above = this.#cells.get(from)
      if (above === undefined || above.output === null)
        return { ok: false, block: { why: 'no-output', cell: from } }
      const found = readPointer(above.output.value, pointer)
      if (!found.ok) return { ok: false, block: { why: 'no-value', cell: from, pointer } }
      input = putPointer(input, to, found.value)
    }
    return { ok: true, input }
  }
}

function newCell(wish: CellWish): Cell {
  return { wish, dueAtMs: null, call: 0, isRunning: false, sent: null, output: null, end: null }
}
