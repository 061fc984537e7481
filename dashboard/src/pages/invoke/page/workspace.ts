/**
 * A page of functions while somebody works on it: its cells, what stands in them, which call is under way and what
 * has come of it. Ties the engine to real calls and real time; the components read it (`use-workspace.ts`) and say what
 * somebody did.
 * Invariants: the newest state is a new object, so that React sees every change; nothing goes on after `stop`.
 */
import { FORM_CELLS, type FormCell, type InvokeForm, invokeFormSchema } from '@berth/protocol'
import { type CellEnd, type CellState, Engine, type Order } from '../bindings/engine.ts'
import { listPointers } from '../bindings/pointer.ts'
import type { AnswerFacts, CallNews, CallOutcome, CallPorts, RunFile, TaskOrder } from '../call/call-task.ts'
import { EMPTY_TAIL, type Tail, TextTail } from '../output/text-tail.ts'
import { taskBody } from './task-body.ts'

/** What has come of the newest call of a cell. */
export interface CallView {
  readonly call: number
  readonly input: unknown
  readonly startedAtMs: number
  readonly endedAtMs: number | null
  readonly facts: AnswerFacts | null
  readonly status: string | null
  readonly worker: string | null
  readonly tail: Tail
  readonly lines: readonly { readonly level: string; readonly text: string }[]
  readonly linesDropped: number
  readonly progress: { readonly fraction: number; readonly text: string | null } | null
  readonly files: readonly RunFile[]
  readonly outcome: CallOutcome | null
}

export interface CellView {
  readonly cell: FormCell
  readonly state: CellState
  readonly call: CallView | null
  /** Beside the input; not part of what is saved. */
  readonly files: readonly File[]
  /** The input itself, instead of what stands in the form; not part of what is saved either. */
  readonly bytes: File | null
  /** The input as it would be sent now; undefined while something of it is missing. */
  readonly sent: unknown
}

export interface WorkspaceView {
  readonly title: string
  readonly lead: string
  readonly cells: readonly CellView[]
  /** Counts changes by hand: another than what was saved or loaded last. */
  readonly edits: number
}

export interface WorkspaceDeps {
  call(order: TaskOrder, ports: CallPorts): Promise<CallOutcome>
  nowMs?(): number
}

export type CellPatch = Partial<Omit<FormCell, 'id'>>
export type LinkRefusal = 'cycle' | 'too-many' | 'unknown' | 'pointer'

const LINES_KEPT = 200
const FILES_KEPT = 1_000
const POINTERS = 60

export class Workspace {
  readonly #deps: WorkspaceDeps
  readonly #listeners = new Set<() => void>()
  #engine = new Engine()
  #form: InvokeForm
  /** Cells whose form holds no usable input. */
  readonly #faulty = new Set<string>()
  readonly #files = new Map<string, readonly File[]>()
  readonly #bytes = new Map<string, File>()
  readonly #calls = new Map<string, CallView>()
  readonly #running = new Map<
    string,
    { readonly call: number; readonly controller: AbortController; readonly tail: TextTail }
  >()
  #timer: ReturnType<typeof setTimeout> | undefined
  #edits = 0
  #view: WorkspaceView

  constructor(form: InvokeForm, deps: WorkspaceDeps) {
    this.#deps = deps
    this.#form = form
    this.#load(form)
    this.#view = this.#draw()
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  readonly read = (): WorkspaceView => this.#view

  /** As it would be saved. */
  form(): InvokeForm {
    return this.#form
  }

  /** Another page instead; what runs is ended. */
  open(form: InvokeForm): void {
    this.stop()
    this.#load(form)
    this.#edits = 0
    this.#tell()
  }

  describe({ title, lead }: { readonly title?: string; readonly lead?: string }): void {
    this.#form = { ...this.#form, title: title ?? this.#form.title, lead: lead ?? this.#form.lead }
    this.#edited()
  }

  /** The new cell's id; null when there is no more room. */
  add(wish: {
    readonly group: string
    readonly function: string
    readonly input?: Record<string, unknown>
  }): string | null {
    if (this.#form.cells.length >= FORM_CELLS) return null
    const id = this.#freeId()
    const [cell] = invokeFormSchema.parse({ cells: [{ id, ...wish }] }).cells
    if (cell === undefined) return null
    this.#form = { ...this.#form, cells: [...this.#form.cells, cell] }
    this.#engine.set(this.#wishOf(cell), this.#nowMs())
    this.#edited()
    return id
  }

  /** Links from it go as well. */
  remove(id: string): void {
    const cells = this.#form.cells
      .filter((cell) => cell.id !== id)
      .map((cell) => ({ ...cell, links: cell.links.filter(({ from }) => from !== id) }))
    if (cells.length === 0 || cells.length === this.#form.cells.length) return
    this.#obey(this.#engine.remove(id))
    for (const map of [this.#files, this.#bytes, this.#calls]) map.delete(id)
    this.#faulty.delete(id)
    this.#form = { ...this.#form, cells }
    for (const cell of cells) this.#setCell(cell)
    this.#edited()
  }

  move(id: string, by: 1 | -1): void {
    const cells = [...this.#form.cells]
    const at = cells.findIndex((cell) => cell.id === id)
    const [cell] = cells.splice(at, 1)
    if (at < 0 || cell === undefined) return
    cells.splice(Math.max(0, at + by), 0, cell)
    this.#form = { ...this.#form, cells }
    this.#edited()
  }

  /** Changes a cell; null when it was done, else why not. `isUsable` false: its form holds no usable input. */
  change(id: string, patch: CellPatch, isUsable = !this.#faulty.has(id)): LinkRefusal | null {
    const before = this.#form.cells.find((cell) => cell.id === id)
    if (before === undefined) return 'unknown'
    const cell = { ...before, ...patch }
    const wasFaulty = this.#faulty.has(id)
    if (isUsable) this.#faulty.delete(id)
    else this.#faulty.add(id)
    const refusal = this.#setCell(cell)
    if (refusal !== null) {
      if (wasFaulty) this.#faulty.add(id)
      return refusal
    }
    this.#form = { ...this.#form, cells: this.#form.cells.map((own) => (own.id === id ? cell : own)) }
    this.#edited()
    return null
  }

  /** What a form that nobody has touched stands for. Calls nothing, and is no change by hand. */
  fill(id: string, input: Record<string, unknown>): void {
    const cell = this.#form.cells.find((own) => own.id === id)
    if (cell === undefined) return
    const filled = { ...cell, input }
    this.#form = { ...this.#form, cells: this.#form.cells.map((own) => (own.id === id ? filled : own)) }
    this.#engine.adopt(this.#wishOf(filled))
    this.#tell()
  }

  /** Whether its form holds a usable input; nothing is called while it does not. */
  setUsable(id: string, isUsable: boolean): void {
    const cell = this.#form.cells.find((own) => own.id === id)
    if (cell === undefined || this.#faulty.has(id) === !isUsable) return
    if (isUsable) this.#faulty.delete(id)
    else this.#faulty.add(id)
    this.#engine.adopt(this.#wishOf(cell))
    this.#tell()
  }

  /** Nothing runs by itself any more, until somebody says so for a cell. No change by hand. */
  disarm(): void {
    const cells = this.#form.cells.map((cell) => ({ ...cell, isAuto: false }))
    this.#form = { ...this.#form, cells }
    for (const cell of cells) this.#engine.adopt(this.#wishOf(cell))
    this.#tell()
  }

  setFiles(id: string, files: readonly File[]): void {
    this.#files.set(id, files)
    this.#edited()
  }

  /** Null: the form is the input again. */
  setBytes(id: string, file: File | null): void {
    if (file === null) this.#bytes.delete(id)
    else this.#bytes.set(id, file)
    const cell = this.#form.cells.find((own) => own.id === id)
    if (cell) this.#engine.adopt(this.#wishOf(cell))
    this.#edited()
  }

  run(id: string): void {
    this.#obey(this.#engine.run(id, this.#nowMs()))
    this.#tell()
  }

  cancel(id: string): void {
    this.#obey(this.#engine.cancel(id))
    this.#tell()
  }

  /** What can be taken out of the newest output of a cell. */
  pointersOf(id: string): readonly string[] {
    const outcome = this.#calls.get(id)?.outcome
    return outcome?.ok ? listPointers(outcome.result, POINTERS) : ['']
  }

  stop(): void {
    clearTimeout(this.#timer)
    for (const { controller, tail } of this.#running.values()) {
      tail.stop()
      controller.abort()
    }
    this.#running.clear()
  }

  #load(form: InvokeForm): void {
    this.#form = form
    this.#engine = new Engine()
    this.#faulty.clear()
    this.#files.clear()
    this.#bytes.clear()
    this.#calls.clear()
    const now = this.#nowMs()
    // Not automatic at first: what is opened does nothing by itself until somebody changes something.
    for (const cell of form.cells) this.#engine.set({ ...this.#wishOf(cell), links: [], isAuto: false }, now)
    const cells = form.cells.map((cell) => {
      const links = this.#engine.set({ ...this.#wishOf(cell), isAuto: false }, now).ok ? cell.links : []
      return { ...cell, links }
    })
    this.#form = { ...form, cells }
    for (const cell of cells) this.#engine.adopt(this.#wishOf(cell))
  }

  #setCell(cell: FormCell): LinkRefusal | null {
    const change = this.#engine.set(this.#wishOf(cell), this.#nowMs())
    if (!change.ok) return change.why
    this.#obey(change.orders)
    return null
  }

  #wishOf(cell: FormCell) {
    const { id, isAuto, links } = cell
    // Bytes are sent instead of what the form holds.
    const input = this.#faulty.has(id) && !this.#bytes.has(id) ? undefined : cell.input
    return { id, isAuto, links, input }
  }

  #obey(orders: readonly Order[]): void {
    for (const order of orders) {
      if (order.kind === 'abort') this.#abort(order.cell, order.call)
      else void this.#start(order)
    }
  }

  #abort(id: string, call: number): void {
    const running = this.#running.get(id)
    if (running?.call !== call) return
    this.#running.delete(id)
    running.tail.stop()
    running.controller.abort()
    this.#note(id, call, {
      endedAtMs: this.#nowMs(),
      outcome: { ok: false, isCancelled: true, problem: null },
    })
  }

  async #start({ cell: id, call, input }: Extract<Order, { kind: 'start' }>): Promise<void> {
    const cell = this.#form.cells.find((own) => own.id === id)
    if (cell === undefined) return
    const controller = new AbortController()
    const tail = new TextTail((now) => {
      this.#note(id, call, { tail: now })
      this.#tell()
    })
    this.#running.set(id, { call, controller, tail })
    this.#calls.set(id, newCall(call, input, this.#nowMs()))
    const files = this.#files.get(id) ?? []
    const outcome = await this.#deps.call(
      { body: taskBody(cell, input), files, bytes: this.#bytes.get(id) ?? null },
      { signal: controller.signal, onNews: (news) => this.#hear(id, call, tail, news) },
    )
    // An aborted call was ended when it was aborted.
    if (this.#running.get(id)?.call !== call) return
    tail.flush()
    this.#running.delete(id)
    this.#note(id, call, { endedAtMs: this.#nowMs(), outcome })
    const end: CellEnd = outcome.ok
      ? { ok: true, output: outcome.result }
      : { ok: false, isCancelled: outcome.isCancelled }
    this.#obey(this.#engine.ended(id, call, end, this.#nowMs()))
    this.#tell()
  }

  #hear(id: string, call: number, tail: TextTail, news: CallNews): void {
    if (this.#running.get(id)?.call !== call) return
    if (news.kind === 'chunk') return tail.add(news.text)
    const before = this.#calls.get(id)
    if (before === undefined) return
    this.#note(id, call, changeOf(before, news))
    // Lines may come fast; they are drawn with the next flush of the text, or with what else happens.
    if (news.kind === 'log') tail.add('')
    else this.#tell()
  }

  #note(id: string, call: number, change: Partial<CallView>): void {
    const before = this.#calls.get(id)
    if (before?.call === call) this.#calls.set(id, { ...before, ...change })
  }

  #edited(): void {
    this.#edits++
    this.#tell()
  }

  #tell(): void {
    this.#wind()
    this.#view = this.#draw()
    for (const listener of this.#listeners) listener()
  }

  /** Calls `tick` when the engine has something due. */
  #wind(): void {
    clearTimeout(this.#timer)
    const atMs = this.#engine.nextAtMs()
    if (atMs === null) return
    this.#timer = setTimeout(
      () => {
        this.#obey(this.#engine.tick(this.#nowMs()))
        this.#tell()
      },
      Math.max(0, atMs - this.#nowMs()),
    )
  }

  #draw(): WorkspaceView {
    const { title, lead, cells } = this.#form
    return {
      title,
      lead,
      edits: this.#edits,
      cells: cells.map((cell) => ({
        cell,
        state: this.#engine.state(cell.id),
        call: this.#calls.get(cell.id) ?? null,
        files: this.#files.get(cell.id) ?? [],
        bytes: this.#bytes.get(cell.id) ?? null,
        sent: this.#engine.inputOf(cell.id),
      })),
    }
  }

  #freeId(): string {
    const taken = new Set(this.#form.cells.map(({ id }) => id))
    for (let at = 0; ; at++) {
      const letter = String.fromCharCode(97 + (at % 26))
      const id = at < 26 ? letter : `${letter}${Math.floor(at / 26)}`
      if (!taken.has(id)) return id
    }
  }

  #nowMs(): number {
    return this.#deps.nowMs?.() ?? performance.now()
  }
}

function newCall(call: number, input: unknown, startedAtMs: number): CallView {
  return {
    call,
    input,
    startedAtMs,
    endedAtMs: null,
    facts: null,
    status: null,
    worker: null,
    tail: EMPTY_TAIL,
    lines: [],
    linesDropped: 0,
    progress: null,
    files: [],
    outcome: null,
  }
}

function changeOf(before: CallView, news: Exclude<CallNews, { kind: 'chunk' }>): Partial<CallView> {
  switch (news.kind) {
    case 'facts':
      return { facts: news.facts, worker: news.facts.worker ?? before.worker }
    case 'status':
      return { status: news.status, worker: news.worker ?? before.worker }
    case 'log': {
      const lines = [...before.lines, { level: news.level, text: news.text }]
      const cut = Math.max(0, lines.length - LINES_KEPT)
      return { lines: lines.slice(cut), linesDropped: before.linesDropped + cut }
    }
    case 'progress':
      return { progress: { fraction: news.fraction, text: news.text } }
    case 'file':
      return { files: [...before.files, news.file].slice(0, FILES_KEPT) }
  }
}
