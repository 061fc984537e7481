/**
 * WORKERS_FILE as operators read and change it (port: ports/workers-config.ts). A change is checked, written to the
 * file and then applied by the roster exactly as one by hand. Constructed by compose, called by http/config-routes.ts
 * in turn: two changes at once do not overtake each other.
 * Invariants: nothing is written that the roster would not take, or over content that the operator has not seen; no
 * text that is given out or kept holds a key.
 */
import { createHmac, hash } from 'node:crypto'
import {
  findWorkersFileFaults,
  LIMITS,
  parseWorkersFile,
  type TaskError,
  type WorkerEntry,
  type WorkersFileFault,
} from '@berth/protocol'
import { findWriteObstacle, type Log, replaceFile } from '@berth/runtime'
import type { FleetPort } from '../../ports/fleet.ts'
import type {
  ChangeAuthor,
  ConfigApplied,
  ConfigCondition,
  ConfigDraft,
  ConfigFault,
  ConfigFileState,
  ConfigPreview,
  ConfigResult,
  ConfigText,
  ConfigVersion,
  WorkersConfigPort,
} from '../../ports/workers-config.ts'
import type { AppliedList, Roster } from '../roster.ts'
import { type Look, lookAt } from '../roster-file.ts'
import { ConfigVersions, type ConfigVersionsOptions, type ExpectedChange } from './config-versions.ts'
import { compareLists, isSame, measureImpact } from './difference.ts'
import { findWrittenKeys, KeyBook, maskKeys, restoreKeys } from './key-masks.ts'

export interface WorkersConfigOptions extends ConfigVersionsOptions {
  readonly file: string
  readonly roster: Pick<Roster, 'entries' | 'adopt'>
  readonly fleet: Pick<FleetPort, 'workers' | 'functions'>
  /** An ETag rests on it, so that nobody can try keys out against one. */
  readonly secret: string
  readonly log: Log
}

/** Keys of entries that are gone, for rolling back; lost with the process. */
const MAX_REMEMBERED = 20_000
/** Somebody is writing the file: it is looked at again. */
const LOOKS = 10
const LOOK_AGAIN_MS = 50
const NEW_FILE_MODE = 0o600

type Change = Pick<ExpectedChange, 'action' | 'of'>
type Checked =
  | {
      readonly ok: true
      readonly text: string
      readonly entries: readonly WorkerEntry[]
      readonly warnings: readonly string[]
    }
  | { readonly ok: false; readonly faults: readonly WorkersFileFault[] }

export class WorkersConfig implements WorkersConfigPort {
  readonly #options: WorkersConfigOptions
  readonly #versions: ConfigVersions
  readonly #remembered = new KeyBook(MAX_REMEMBERED)

  constructor(options: WorkersConfigOptions) {
    this.#options = options
    this.#versions = new ConfigVersions(options)
  }

  /** For the roster. */
  noteApplied(applied: AppliedList): void {
    this.#remembered.add(applied.entries)
    this.#versions.note(applied)
  }

  versions(): readonly ConfigVersion[] {
    return this.#versions.list()
  }

  textOf(version: number): Promise<string | undefined> {
    return this.#versions.textOf(version)
  }

  /** Resolves when all that was applied so far is in the history. */
  async settled(): Promise<void> {
    await this.#versions.settled()
  }

  async read(): Promise<ConfigResult<ConfigText>> {
    const look = await this.#look()
    if (look.seen.kind !== 'text') return { ok: false, error: noText(look, this.#options.file) }
    const text = maskKeys(look.seen.text, this.#bookOf(look).secrets())
    return { ok: true, value: { text, etag: this.#etagOf(look) } }
  }

  async state(): Promise<ConfigFileState> {
    const { file } = this.#options
    const look = await this.#look()
    const readOnlyReason = findWriteObstacle(file) ?? null
    return {
      file,
      etag: look.seen.kind === 'text' ? this.#etagOf(look) : null,
      isWritable: readOnlyReason === null,
      readOnlyReason,
      version: this.#versions.list()[0]?.version ?? null,
    }
  }

  async preview(draft: ConfigDraft): Promise<ConfigResult<ConfigPreview>> {
    const text = 'text' in draft ? draft.text : await this.textOf(draft.version)
    if (text === undefined) return { ok: false, error: noVersion('version' in draft ? draft.version : 0) }
    const checked = this.#check(text, await this.#look(), 'version' in draft)
    if (!checked.ok) return { ok: true, value: { ...EMPTY_PREVIEW, errors: checked.faults.map(toFault) } }
    const { roster, fleet } = this.#options
    const difference = compareLists(roster.entries ?? [], checked.entries, findWrittenKeys(text))
    const now = { workers: fleet.workers(), functions: fleet.functions() }
    const impact = measureImpact(difference, checked.entries, now)
    const { entries, warnings } = checked
    return {
      ok: true,
      value: { ok: true, errors: [], ...difference, ...impact, workers: entries.length, warnings },
    }
  }

  write(
    text: string,
    condition: ConfigCondition,
    author: ChangeAuthor,
  ): Promise<ConfigResult<ConfigApplied>> {
    return this.#change(text, condition, author, { action: 'change', of: null })
  }

  async rollBack(
    version: number,
    condition: ConfigCondition,
    author: ChangeAuthor,
  ): Promise<ConfigResult<ConfigApplied>> {
    const text = await this.textOf(version)
    if (text === undefined) return { ok: false, error: noVersion(version) }
    return this.#change(text, condition, author, { action: 'rollback', of: version })
  }

  async #change(
    text: string,
    condition: ConfigCondition,
    author: ChangeAuthor,
    change: Change,
  ): Promise<ConfigResult<ConfigApplied>> {
    const look = await this.#look()
    const unmet = this.#findUnmet(condition, look, change)
    if (unmet) return unmet
    const checked = this.#check(text, look, change.action === 'rollback')
    if (!checked.ok) return { ok: false, error: wrongFile(checked.faults, change) }
    const identity = hash('sha256', checked.text)
    if (identity === look.identity)
      return this.#answer(checked, identity, compareLists(checked.entries, checked.entries))
    const difference = compareLists(this.#options.roster.entries ?? [], checked.entries)
    const refused = this.#replace(checked.text, look)
    if (refused) return refused
    this.#versions.expect({ ...author, ...change, identity })
    const isAdopted = await this.#options.roster.adopt(identity)
    const newest = await this.#versions.settled()
    this.#versions.expect(undefined)
    if (!isAdopted) return { ok: false, error: OVERWRITTEN }
    const { by, reason } = author
    this.#options.log.info('workers file written', {
      by,
      reason,
      action: change.action,
      version: newest?.version,
    })
    const { hash: newestHash } = newest ?? {}
    const isKept = newestHash === hash('sha256', maskKeys(checked.text))
    return this.#answer(checked, identity, difference, isKept ? newest?.version : undefined)
  }

  #answer(
    { entries, warnings }: Extract<Checked, { ok: true }>,
    identity: string,
    difference: ReturnType<typeof compareLists>,
    version?: number,
  ): ConfigResult<ConfigApplied> {
    const etag = this.#tag(identity)
    const isApplied = version !== undefined || !isSame(difference)
    const value = {
      ...difference,
      version: version ?? null,
      isApplied,
      workers: entries.length,
      warnings,
      etag,
    }
    return { ok: true, value }
  }

  /** Right before the renaming the content is looked at once more: what somebody wrote meanwhile is not lost. */
  #replace(text: string, look: Look): Extract<ConfigResult<never>, { ok: false }> | undefined {
    const { file } = this.#options
    const replaced = replaceFile(file, text, {
      maxBytes: LIMITS.workersFileBytes,
      mode: NEW_FILE_MODE,
      isExpected: (content) =>
        content === undefined ? look.seen.kind === 'missing' : hash('sha256', content) === look.identity,
    })
    if (replaced.ok) return undefined
    if (replaced.why === 'changed') return { ok: false, error: CHANGED_MEANWHILE }
    const detail = `${file} cannot be written: ${replaced.detail}. Change it where it comes from; the file is watched.`
    return { ok: false, error: { code: 'READ_ONLY_FILE', detail } }
  }

  /** A rolling back rests on a version and needs no condition. */
  #findUnmet(
    { ifMatch, ifNoneMatch }: ConfigCondition,
    look: Look,
    { action }: Change,
  ): Extract<ConfigResult<never>, { ok: false }> | undefined {
    const { seen } = look
    if (seen.kind === 'changing') return { ok: false, error: CHANGED_MEANWHILE }
    const etag = seen.kind === 'missing' ? undefined : this.#etagOf(look)
    if (ifMatch === undefined && ifNoneMatch === undefined)
      return action === 'rollback' ? undefined : { ok: false, error: NO_CONDITION, etag }
    const isMet =
      (ifMatch === undefined || matches(ifMatch, etag)) && (ifNoneMatch === undefined || etag === undefined)
    return isMet ? undefined : { ok: false, error: CHANGED_MEANWHILE, etag }
  }

  #check(text: string, look: Look, isRollback: boolean): Checked {
    const faults = findWorkersFileFaults(text)
    if (faults.length > 0) return { ok: false, faults }
    const books = [this.#bookOf(look), ...(isRollback ? [this.#remembered] : [])]
    const restored = restoreKeys(text, books)
    if (!restored.ok) return restored
    const parsed = parseWorkersFile(restored.text)
    if (parsed.ok) return { ...parsed, text: restored.text }
    return { ok: false, faults: findWorkersFileFaults(restored.text) }
  }

  /** The keys of the file, else of the list in force. */
  #bookOf({ seen }: Look): KeyBook {
    const parsed = seen.kind === 'text' ? parseWorkersFile(seen.text) : undefined
    return new KeyBook().add(parsed?.ok ? parsed.entries : (this.#options.roster.entries ?? []))
  }

  #etagOf({ identity }: Look): string {
    return this.#tag(identity)
  }

  #tag(identity: string): string {
    return `"${createHmac('sha256', this.#options.secret).update(identity).digest('base64url').slice(0, 27)}"`
  }

  async #look(): Promise<Look> {
    for (let look = 1; ; look++) {
      const found = await lookAt(this.#options.file)
      if (found.seen.kind !== 'changing' || look >= LOOKS) return found
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))
    }
  }
}

const EMPTY_PREVIEW: ConfigPreview = {
  ok: false,
  errors: [],
  added: [],
  removed: [],
  changed: [],
  slotsLost: 0,
  slotsLostShare: 0,
  running: 0,
  functionsLeft: [],
  workers: 0,
  warnings: [],
}

const CHANGED_MEANWHILE: TaskError = {
  code: 'PRECONDITION_FAILED',
  detail: 'workers.json is not what you have read any more. Read it again and make the change there.',
}
const NO_CONDITION: TaskError = {
  code: 'PRECONDITION_REQUIRED',
  detail:
    "Send the ETag of GET /config/workers as `If-Match`, so that nobody else's change is lost; `If-None-Match: *` makes a file that is not there yet.",
}
const OVERWRITTEN: TaskError = {
  code: 'CONFLICT',
  detail: 'workers.json was written, and somebody has written it again before it was applied. Read it again.',
}

function noVersion(version: number): TaskError {
  const detail = `There is no version ${version}. GET /config/workers/history lists those that are kept.`
  return { code: 'NOT_FOUND', detail }
}

function noText({ seen }: Look, file: string): TaskError {
  if (seen.kind === 'missing') {
    const detail = `${file} is missing. Make it with PUT and \`If-None-Match: *\`.`
    return { code: 'NOT_FOUND', detail }
  }
  const reason = seen.kind === 'unusable' ? seen.message : 'it is being written'
  return { code: 'CONFLICT', detail: `${file} cannot be shown: ${reason}.` }
}

function wrongFile(faults: readonly WorkersFileFault[], { action }: Change): TaskError {
  const [first] = faults
  const place = first?.line === undefined ? '' : ` (line ${first.line}, column ${first.column})`
  const errors = faults.map(({ pointer, message }) => ({ pointer, detail: message }))
  if (action === 'change')
    return { code: 'INVALID_REQUEST', detail: `The list is wrong: ${first?.message}${place}.`, errors }
  const detail = `This version cannot be brought back as it is: ${first?.message}${place}. Keys are not kept; load it into the editor and write them.`
  return { code: 'CONFLICT', detail, errors }
}

function toFault({ line, column, pointer, message }: WorkersFileFault): ConfigFault {
  return { pointer, detail: message, ...(line === undefined ? {} : { line, column }) }
}

/** By the strong comparison: a weak tag matches nothing. */
function matches(header: string, etag: string | undefined): boolean {
  if (etag === undefined) return false
  return header.trim() === '*' || header.split(',').some((tag) => tag.trim() === etag)
}
