/**
 * Says when source files of a project folder were saved, whichever way an editor does it. Used by `supervisor.ts`.
 * Invariant: what a save sets off comes at most once in a short while, and always after the last event.
 */
import { extname, relative, sep } from 'node:path'
import { type FSWatcher, watch } from 'chokidar'

/** One save is often several events: a new file, a rename, a second file. */
const GATHER_MS = 40
/** Functions may write data into their own folder; that is no new program. */
const SOURCES: ReadonlySet<string> = new Set([
  '.ts',
  '.mts',
  '.cts',
  '.js',
  '.mjs',
  '.cjs',
  '.json',
  '.node',
  '.wasm',
])

export class ProjectWatch {
  readonly #watcher: FSWatcher
  readonly #onSave: () => void
  #timer: NodeJS.Timeout | undefined

  /** `files` are watched beside the folder, whatever they are called. */
  constructor(folder: string, files: readonly string[], onSave: () => void) {
    this.#onSave = onSave
    const named = new Set(files)
    this.#watcher = watch([folder, ...files], {
      ignoreInitial: true,
      ignored: (path) => !named.has(path) && isIgnored(relative(folder, path)),
    })
    this.#watcher.on('all', (event, path) => {
      const isFile = event === 'add' || event === 'change' || event === 'unlink'
      if (isFile && (named.has(path) || SOURCES.has(extname(path)))) this.#note()
    })
    // A folder that cannot be watched any more leaves the running set as it is.
    this.#watcher.on('error', () => {})
  }

  /** Resolves when saves are seen. */
  async ready(): Promise<void> {
    await new Promise<void>((resolve) => this.#watcher.once('ready', () => resolve()))
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#watcher.close()
  }

  #note(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#onSave()
    }, GATHER_MS)
  }
}

/** Hidden files are editors' own, and packages are not edited. */
function isIgnored(path: string): boolean {
  return path
    .split(sep)
    .some((part) => part === 'node_modules' || (part.startsWith('.') && part !== '..' && part !== '.'))
}
