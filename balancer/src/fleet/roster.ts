/**
 * The list of workers as the operator's file says it (CONTRACT §5): notices every change, however it is
 * written, and hands on what is good. Started by compose; tells the fleet by two callbacks.
 *
 *   change noticed (watcher, or a look twice a second) → the same for SETTLE_MS → judged
 *   judged: good → onRoster, state ok · bad or missing → the last good list stays, state stale
 *
 * Invariants: what is half-written is never handed on; one content is judged and logged once; no value of
 * the file is logged, since it may be a key.
 */
import { dirname, resolve } from 'node:path'
import { type ConfigState, parseWorkersFile, type WorkerEntry, type WorkersFileError } from '@berth/protocol'
import { type Clock, type Log, systemClock } from '@berth/runtime'
import { type FSWatcher, watch } from 'chokidar'
import { type Look, lookAt } from './roster-file.ts'

/** Together with the reading these stay well under the second in which a change is to be applied. */
const LOOK_EVERY_MS = 500
const SETTLE_MS = 150
/** A burst of the watcher's events is one look. */
const GATHER_MS = 20
/** A file that rests this long before the start is judged at once. */
const RESTED_MS = 1000
const START_WAIT_MS = 2000
/** A folder may hold a whole repository; names with two dots are how Kubernetes swaps a ConfigMap. */
const SWAP_PREFIX = '..'

export interface RosterOptions {
  readonly file: string
  readonly log: Log
  readonly clock?: Clock
  /** A good list whose content differs from the last good one. */
  readonly onRoster: (entries: readonly WorkerEntry[], warnings: readonly string[]) => void
  /** The same with the text it stands in, after `onRoster`; nobody is told unless given. */
  readonly onApplied?: (applied: AppliedList) => void
  /** At every judgement, after `onRoster`. */
  readonly onState: (state: ConfigState) => void
}

export interface AppliedList {
  /** SHA-256 of the file, in hex. */
  readonly identity: string
  readonly text: string
  readonly entries: readonly WorkerEntry[]
  /** In force until now; undefined before the first good file. */
  readonly before: readonly WorkerEntry[] | undefined
}

type Judged = Omit<AppliedList, 'before'> & { readonly warnings: readonly string[] }

export class Roster {
  readonly #options: RosterOptions
  readonly #file: string
  readonly #clock: Clock
  #watcher: FSWatcher | undefined
  #poll: NodeJS.Timeout | undefined
  #gather: NodeJS.Timeout | undefined
  #settle: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #isLookWanted = false
  #isStopped = false
  /** The last look; what was judged; what waits to be judged, and whether it has waited long enough. */
  #last: Look | undefined
  #judged: string | undefined
  #candidate: string | undefined
  #isCandidateDue = false
  /** A content that need not rest before it is judged. */
  #adopted: string | undefined
  #applied: { readonly identity: string; readonly entries: readonly WorkerEntry[] } | undefined
  #state: ConfigState | undefined
  readonly #firstJudgement = Promise.withResolvers<void>()

  constructor(options: RosterOptions) {
    this.#options = options
    this.#file = resolve(options.file)
    this.#clock = options.clock ?? systemClock
  }

  /** Resolves after the first judgement, and within two seconds whatever the file does. */
  async start(): Promise<void> {
    if (this.#poll !== undefined || this.#isStopped) return
    this.#watch()
    this.#poll = setInterval(() => this.#look(), LOOK_EVERY_MS)
    this.#look()
    const patience = setTimeout(() => this.#firstJudgement.resolve(), START_WAIT_MS)
    await this.#firstJudgement.promise
    clearTimeout(patience)
  }

  /** Nothing is called back once this was called. Idempotent. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#firstJudgement.resolve()
    clearInterval(this.#poll)
    clearTimeout(this.#gather)
    clearTimeout(this.#settle)
    await Promise.all([this.#watcher?.close(), this.#looking])
  }

  /** Of the list in force; undefined before the first good file. */
  get entries(): readonly WorkerEntry[] | undefined {
    return this.#applied?.entries
  }

  /**
   * Judges at once a content that is known to be whole, because we wrote it. False when something else stands in the
   * file by now, which is judged in its time.
   */
  async adopt(identity: string): Promise<boolean> {
    this.#adopted = identity
    try {
      this.#look()
      // A look that is under way may have seen the file as it was.
      while (this.#looking !== undefined) await this.#looking
      return this.#judged === identity && !this.#isStopped
    } finally {
      this.#adopted = undefined
    }
  }

  #watch(): void {
    const folder = dirname(this.#file)
    const isOther = (path: string) =>
      path !== folder && path !== this.#file && !path.startsWith(resolve(folder, SWAP_PREFIX))
    const watcher = watch(folder, { depth: 0, followSymlinks: false, ignoreInitial: true, ignored: isOther })
    watcher.on('all', () => this.#gatherEvents())
    watcher.once('error', (error) => {
      const reason = error instanceof Error ? error.message : String(error)
      this.#options.log.warn(`${folder} cannot be watched; it is looked at twice a second`, { reason })
      watcher.on('error', () => {})
    })
    this.#watcher = watcher
  }

  #gatherEvents(): void {
    if (this.#isStopped || this.#gather !== undefined) return
    this.#gather = setTimeout(() => {
      this.#gather = undefined
      this.#look()
    }, GATHER_MS)
  }

  /** One look at a time; one that is wanted meanwhile follows. */
  #look(): void {
    this.#isLookWanted = true
    this.#looking ??= this.#lookWhileWanted().finally(() => {
      this.#looking = undefined
    })
  }

  async #lookWhileWanted(): Promise<void> {
    while (this.#isLookWanted && !this.#isStopped) {
      this.#isLookWanted = false
      const look = await lookAt(this.#file, this.#last)
      if (this.#isStopped) return
      this.#last = look
      this.#consider(look)
    }
  }

  #consider(look: Look): void {
    if (look.identity === this.#judged) this.#setCandidate(undefined)
    else if (this.#judged === undefined && this.#isRested(look)) this.#judge(look)
    else if (look.identity === this.#adopted) this.#judge(look)
    else if (look.identity !== this.#candidate) this.#setCandidate(look.identity)
    else if (this.#isCandidateDue && look.seen.kind !== 'changing') this.#judge(look)
  }

  #isRested({ seen, changedAt }: Look): boolean {
    const restedMs = this.#clock.wallMs() - changedAt
    return seen.kind === 'missing' || (seen.kind === 'text' && restedMs >= RESTED_MS)
  }

  #setCandidate(identity: string | undefined): void {
    clearTimeout(this.#settle)
    this.#candidate = identity
    this.#isCandidateDue = false
    if (identity === undefined) return
    this.#settle = setTimeout(() => {
      this.#isCandidateDue = true
      this.#look()
    }, SETTLE_MS)
  }

  #judge(look: Look): void {
    this.#setCandidate(undefined)
    this.#judged = look.identity
    const { seen } = look
    if (seen.kind === 'missing') this.#keepLast({ message: 'the file is missing' })
    else if (seen.kind === 'unusable') this.#keepLast({ message: seen.message })
    else if (seen.kind === 'text') {
      // The text of a large file is not held on to: its identity is enough from here on.
      this.#last = { ...look, seen: { kind: 'text', text: '' } }
      const parsed = parseWorkersFile(seen.text)
      if (parsed.ok) this.#apply({ ...parsed, identity: look.identity, text: seen.text })
      else this.#keepLast(parsed.error)
    }
    this.#firstJudgement.resolve()
  }

  #keepLast({ message, line, column }: WorkersFileError): void {
    const { log } = this.#options
    const place = line === undefined ? '' : ` at line ${line}, column ${column}`
    const rest =
      this.#applied === undefined ? 'the fleet is empty until it is good' : 'the last good fleet stays'
    log.error(`workers file not applied: ${message}${place}; ${rest}`, { file: this.#file, line, column })
    const since = this.#state?.state === 'stale' ? this.#state.since : this.#now()
    this.#setState({
      state: 'stale',
      error: message,
      ...(line === undefined ? {} : { line, column }),
      since,
      warnings: [],
    })
  }

  #apply({ identity, text, entries, warnings }: Judged): void {
    const before = this.#applied
    if (before?.identity === identity) {
      this.#options.log.info('workers file is good again, with the content it had', { file: this.#file })
    } else {
      this.#applied = { identity, entries }
      this.#logChange(before?.entries ?? [], entries, warnings)
      this.#options.onRoster(entries, warnings)
      this.#options.onApplied?.({ identity, text, entries, before: before?.entries })
    }
    this.#setState({ state: 'ok', since: this.#now(), warnings: [...warnings] })
  }

  #logChange(before: readonly WorkerEntry[], now: readonly WorkerEntry[], warnings: readonly string[]): void {
    const { log } = this.#options
    const file = this.#file
    const added = countMissing(now, before)
    const removed = countMissing(before, now)
    if (now.length === 0) log.warn(`workers file lists no worker: all ${removed} are removed`, { file })
    else log.info('workers file applied', { file, workers: now.length, added, removed })
    for (const warning of warnings) log.warn(`workers file: ${warning}`, { file })
  }

  #setState(state: ConfigState): void {
    this.#state = state
    this.#options.onState(state)
  }

  #now(): string {
    return new Date(this.#clock.wallMs()).toISOString()
  }
}

/** How many of `entries` have no entry of the same URL in `others`. */
function countMissing(entries: readonly WorkerEntry[], others: readonly WorkerEntry[]): number {
  const urls = new Set(others.map(({ url }) => url))
  return entries.filter(({ url }) => !urls.has(url)).length
}
