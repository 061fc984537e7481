/**
 * The saved pages of functions: kept on disk, at most 500. Constructed by compose; asked and changed by
 * form-routes.ts.
 * Invariants: a change is on disk before it is answered; changes are made one after another, each against the
 * revision that its author has seen, so that nobody's work is lost without a word.
 */
import { createHash } from 'node:crypto'
import {
  canonicalJson,
  type FormListItem,
  type FormView,
  type InvokeForm,
  invokeFormSchema,
  type TaskError,
} from '@berth/protocol'
import type { Clock } from '@berth/runtime'
import type { KeepPort, StoredForm, StoreWrite } from '../ports/store.ts'
import { LINE_FULL, Turns } from './turns.ts'

export interface FormsOptions {
  readonly keeper: Pick<KeepPort, 'keep'>
  readonly clock: Clock
  readonly stored: readonly StoredForm[]
}

/** What the author has seen: a revision, `*` for whatever there is, null for nothing said. */
export interface Seen {
  readonly match: readonly string[] | '*' | null
  /** `If-None-Match: *`. */
  readonly isNew: boolean
}

export type Saved =
  | { readonly ok: true; readonly view: FormView; readonly before: FormView | null }
  | { readonly ok: false; readonly error: TaskError }

export type Removed =
  | { readonly ok: true; readonly before: FormView }
  | { readonly ok: false; readonly error: TaskError }

export const MAX_FORMS = 500

export class Forms {
  readonly #options: FormsOptions
  readonly #turns = new Turns()
  readonly #all = new Map<string, FormView>()

  constructor(options: FormsOptions) {
    this.#options = options
    for (const stored of options.stored) {
      const view = toView(stored)
      if (view) this.#all.set(view.name, view)
    }
  }

  /** By name. */
  list(): readonly FormListItem[] {
    return [...this.#all.values()]
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map(({ form: _form, ...item }) => item)
  }

  find(name: string): FormView | undefined {
    return this.#all.get(name)
  }

  /** `by` names who asks. */
  async save(name: string, form: InvokeForm, seen: Seen, by: string): Promise<Saved> {
    const saved = await this.#turns.take(() => this.#save(name, form, seen, by))
    return saved ?? { ok: false, error: LINE_FULL }
  }

  async remove(name: string, seen: Seen): Promise<Removed> {
    const removed = await this.#turns.take(() => this.#remove(name, seen))
    return removed ?? { ok: false, error: LINE_FULL }
  }

  async #save(name: string, form: InvokeForm, seen: Seen, by: string): Promise<Saved> {
    const before = this.#all.get(name) ?? null
    const refusal = findMissed(name, before, seen, true) ?? this.#findFull(before)
    if (refusal) return { ok: false, error: refusal }
    const now = new Date(this.#options.clock.wallMs()).toISOString()
    const body = canonicalJson(form)
    const stored: StoredForm = {
      name,
      revision: revisionOf(body, before?.revision ?? now),
      createdAt: before?.createdAt ?? now,
      updatedAt: now,
      updatedBy: by,
      body,
    }
    const failure = await this.#keep(name, { kind: 'form-set', form: stored }, before)
    if (failure) return { ok: false, error: failure }
    const view = show(stored, form)
    this.#all.set(name, view)
    return { ok: true, view, before }
  }

  async #remove(name: string, seen: Seen): Promise<Removed> {
    const before = this.#all.get(name)
    if (before === undefined) return { ok: false, error: unknownForm(name) }
    const refusal = findMissed(name, before, seen, false)
    if (refusal) return { ok: false, error: refusal }
    const failure = await this.#keep(name, { kind: 'form-removed', name }, before)
    if (failure) return { ok: false, error: failure }
    this.#all.delete(name)
    return { ok: true, before }
  }

  async #keep(name: string, write: StoreWrite, before: FormView | null): Promise<TaskError | undefined> {
    const undo: StoreWrite = before
      ? { kind: 'form-set', form: toStored(before) }
      : { kind: 'form-removed', name }
    const kept = await this.#options.keeper.keep([write], [undo])
    if (kept.ok) return undefined
    const detail = `The form "${name}" could not be written to disk, so nothing was changed: ${kept.detail}.`
    return { code: 'STORE_UNAVAILABLE', detail }
  }

  #findFull(before: FormView | null): TaskError | undefined {
    if (before !== null || this.#all.size < MAX_FORMS) return undefined
    return { code: 'CONFLICT', detail: `There are ${MAX_FORMS} forms already; remove one that nobody uses.` }
  }
}

export function unknownForm(name: string): TaskError {
  const detail = `There is no form "${name.slice(0, 128)}". GET /forms lists those that there are.`
  return { code: 'NOT_FOUND', detail }
}

/** Why what the author has seen is not what there is. Who changes what is there must say what they saw. */
function findMissed(
  name: string,
  before: FormView | null,
  { match, isNew }: Seen,
  isNeeded: boolean,
): TaskError | undefined {
  const changed = `the form "${name}" ${before ? `was changed by ${before.updatedBy} at ${before.updatedAt}` : 'is not there (any more)'}`
  const failed = {
    code: 'PRECONDITION_FAILED' as const,
    detail: `Nothing was saved, for ${changed}: load it again.`,
  }
  if (isNew && before !== null) {
    const detail = `There is a form "${name}" already (of ${before.updatedBy}, ${before.updatedAt}); choose another name, or load it first.`
    return { code: 'PRECONDITION_FAILED', detail }
  }
  if (match === '*') return before === null ? failed : undefined
  if (match !== null) return before !== null && match.includes(before.revision) ? undefined : failed
  if (before === null || !isNeeded || isNew) return undefined
  const detail = `There is a form "${name}" already: send the ETag of the one you have seen as If-Match, or \`If-None-Match: *\` for a new one.`
  return { code: 'PRECONDITION_REQUIRED', detail }
}

/** Another one even when the text comes back to what it was. */
function revisionOf(body: string, before: string): string {
  return createHash('sha256').update(before).update('\n').update(body).digest('hex').slice(0, 16)
}

function toView(stored: StoredForm): FormView | undefined {
  try {
    const parsed = invokeFormSchema.safeParse(JSON.parse(stored.body))
    return parsed.success ? show(stored, parsed.data) : undefined
  } catch {
    return undefined
  }
}

function show({ name, revision, createdAt, updatedAt, updatedBy }: StoredForm, form: InvokeForm): FormView {
  const functions = form.cells.map((cell) => ({ group: cell.group, function: cell.function }))
  return { name, title: form.title, functions, revision, createdAt, updatedAt, updatedBy, form }
}

function toStored({ name, revision, createdAt, updatedAt, updatedBy, form }: FormView): StoredForm {
  return { name, revision, createdAt, updatedAt, updatedBy, body: canonicalJson(form) }
}
