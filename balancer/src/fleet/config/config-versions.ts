/**
 * Which lists of workers were in force: since when, by whom, why. Told of every list that is applied, by hand or by
 * HTTP; kept in the store with its text, keys masked. Constructed by workers-config.ts.
 * Invariants: what is kept holds no key; a version is shown once it is on disk; one list after another.
 */
import { hash } from 'node:crypto'
import { parseWorkersFile, type WorkerEntry } from '@berth/protocol'
import type { Clock, Log } from '@berth/runtime'
import type { KeepPort } from '../../ports/store.ts'
import {
  type ChangeAuthor,
  type ConfigAction,
  type ConfigReads,
  type ConfigVersion,
  withinHistory,
} from '../../ports/workers-config.ts'
import type { AppliedList } from '../roster.ts'
import { compareLists, isSame } from './difference.ts'
import { maskKeys } from './key-masks.ts'

export interface ConfigVersionsOptions {
  readonly keeper: Pick<KeepPort, 'keep'>
  readonly reads: ConfigReads
  readonly clock: Clock
  readonly log: Log
  /** What an earlier process has kept, the newest first. */
  readonly stored: readonly ConfigVersion[]
}

/** Whose change a list is that is about to be applied. */
export interface ExpectedChange extends ChangeAuthor {
  readonly identity: string
  readonly action: ConfigAction
  readonly of: number | null
}

export class ConfigVersions {
  readonly #options: ConfigVersionsOptions
  /** The newest first. */
  #kept: readonly ConfigVersion[]
  #lastNumber: number
  #expected: ExpectedChange | undefined
  #line: Promise<unknown> = Promise.resolve()

  constructor(options: ConfigVersionsOptions) {
    this.#options = options
    this.#kept = options.stored
    this.#lastNumber = this.#kept[0]?.version ?? 0
  }

  list(): readonly ConfigVersion[] {
    return this.#kept
  }

  /** Its text, keys masked; undefined for one that is not kept. Rejected with `StoreError`. */
  async textOf(version: number): Promise<string | undefined> {
    if (!this.#kept.some((kept) => kept.version === version)) return undefined
    return (await this.#options.reads.configText(version)) ?? undefined
  }

  /** The next list of this identity is that change; undefined: no more. */
  expect(change: ExpectedChange | undefined): void {
    this.#expected = change
  }

  /** A list is in force. What comes of it can be waited for with `settled`. */
  note(applied: AppliedList): void {
    const { identity } = applied
    const change = this.#expected?.identity === identity ? this.#expected : undefined
    const at = new Date(this.#options.clock.wallMs()).toISOString()
    this.#line = this.#line
      .then(() => this.#keep(applied, change, at))
      .catch((error: unknown) => this.#options.log.error('a version of workers.json is lost', { error }))
  }

  /** The newest version once all that was noted is kept, or has failed. */
  async settled(): Promise<ConfigVersion | undefined> {
    await this.#line
    return this.#kept[0]
  }

  async #keep(applied: AppliedList, change: ExpectedChange | undefined, at: string): Promise<void> {
    const text = maskKeys(applied.text)
    const version = await this.#describe(applied, change, at, text)
    if (version === undefined) return
    const kept = await this.#options.keeper.keep([{ kind: 'config-version', version, text }])
    if (kept.ok) this.#kept = withinHistory([version, ...this.#kept])
    else
      this.#options.log.error('the history of workers.json could not be written', {
        version: version.version,
        reason: kept.detail,
      })
  }

  /** Undefined when the process has begun with the list that the one before it had. */
  async #describe(
    { entries, before }: AppliedList,
    change: ExpectedChange | undefined,
    at: string,
    text: string,
  ): Promise<ConfigVersion | undefined> {
    const textHash = hash('sha256', text)
    const isStart = before === undefined
    if (isStart && this.#kept[0]?.hash === textHash) return undefined
    const difference = isStart
      ? compareLists(await this.#lastEntries(), readMasked(text))
      : compareLists(before, entries)
    if (!isStart && isSame(difference) && change === undefined && this.#kept[0]?.hash === textHash)
      return undefined
    return {
      version: ++this.#lastNumber,
      at,
      who: change?.by ?? 'file',
      reason: change?.reason ?? null,
      action: change?.action ?? (isStart ? 'start' : 'change'),
      of: change?.of ?? null,
      workers: entries.length,
      added: difference.added.length,
      removed: difference.removed.length,
      changed: difference.changed.length,
      hash: textHash,
      bytes: Buffer.byteLength(text),
    }
  }

  /** Of the version before, keys masked; none when it cannot be read. */
  async #lastEntries(): Promise<readonly WorkerEntry[]> {
    const last = this.#kept[0]
    try {
      return last ? readMasked((await this.textOf(last.version)) ?? '[]') : []
    } catch {
      return []
    }
  }
}

function readMasked(text: string): readonly WorkerEntry[] {
  const parsed = parseWorkersFile(text)
  return parsed.ok ? parsed.entries : []
}
