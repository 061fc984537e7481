/**
 * Removes the bytes of files that no run has any more: at the start what came in and became no run's, from then on
 * what the store notes as gone. A service of compose.
 * Invariant: a name is forgotten only when its bytes are gone, so that a crash in between leaves nothing behind.
 */
import type { Log, Service } from '@berth/runtime'
import type { FileReads, FileStoragePort, FileWrite } from '../ports/files.ts'
import type { Kept } from '../ports/store.ts'

export interface FileKeeperOptions {
  readonly storage: FileStoragePort
  readonly reads: Pick<FileReads, 'knownFiles' | 'goneFiles'>
  readonly keep: (writes: readonly FileWrite[]) => Promise<Kept>
  readonly log: Log
  /** How often the store is asked; 1 s unless given. */
  readonly everyMs?: number
}

const EVERY_MS = 1_000
const AT_ONCE = 500

export class FileKeeper implements Service {
  readonly name = 'files'
  readonly #options: FileKeeperOptions
  #timer: NodeJS.Timeout | undefined
  #work: Promise<void> = Promise.resolve()
  #isStopped = false
  readonly #doubtful = new Set<string>()

  constructor(options: FileKeeperOptions) {
    this.#options = options
  }

  /** Before anything new can come in. */
  async start(): Promise<void> {
    const { log } = this.#options
    await this.sweep().catch((error: unknown) =>
      log.warn('files of an earlier balancer could not be looked through', { error }),
    )
    this.#arm()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#timer)
    await this.#work
  }

  /** The store has not said whether it has them; they are removed once it is clear that it has not. */
  doubt(names: readonly string[]): void {
    for (const name of names) this.#doubtful.add(name)
  }

  async settleDoubts(): Promise<void> {
    const { storage, reads, keep } = this.#options
    const names = [...this.#doubtful]
    // Behind a write that succeeds every write before it is on disk or given up.
    if (names.length === 0 || !(await keep([{ kind: 'files-gone', names: [] }])).ok) return
    const known = new Set(await reads.knownFiles(names))
    for (const name of names) {
      await (known.has(name) ? storage.keep(name) : storage.remove(name))
      this.#doubtful.delete(name)
    }
  }

  /** What an earlier balancer took in: kept if a run has it, else removed. */
  async sweep(): Promise<void> {
    const { storage, reads, log } = this.#options
    const names = await storage.unkept()
    let removed = 0
    for (let at = 0; at < names.length; at += AT_ONCE) {
      const some = names.slice(at, at + AT_ONCE)
      const known = new Set(await reads.knownFiles(some))
      for (const name of some) await (known.has(name) ? storage.keep(name) : storage.remove(name))
      removed += some.length - known.size
    }
    if (removed > 0)
      log.info('files that were on their way as an earlier balancer ended are removed', { removed })
  }

  /** Removes what is gone; how many names that were. */
  async collect(): Promise<number> {
    const { storage, reads, keep } = this.#options
    const names = await reads.goneFiles(AT_ONCE)
    if (names.length === 0) return 0
    for (const name of names) await storage.remove(name)
    const kept = await keep([{ kind: 'files-gone', names }])
    return kept.ok ? names.length : 0
  }

  #arm(): void {
    if (this.#isStopped) return
    this.#timer = setTimeout(() => {
      this.#work = this.#round().finally(() => this.#arm())
    }, this.#options.everyMs ?? EVERY_MS).unref()
  }

  async #round(): Promise<void> {
    try {
      await this.settleDoubts()
      while (!this.#isStopped && (await this.collect()) === AT_ONCE);
    } catch (error) {
      this.#options.log.debug('files that are gone could not be removed now', { error })
    }
  }
}
