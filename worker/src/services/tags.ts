/**
 * Owns the worker's tags: `TAGS` of the environment over what the files in `tags/` say. Files are asked again
 * every few seconds; whoever listens hears of a change only.
 * Invariant: what is shown is always valid; a file whose value is unusable, late or failing keeps its last good
 * one, and the log names the file.
 */
import { canonicalJson, type Tags, tagsSchema } from '@berth/protocol'
import type { Log } from '@berth/runtime'
import { messageOf } from '../attempt/result.ts'
import { LoadError, type LoadedFile } from '../functions/discover.ts'

const TAG_REFRESH_MS = 5_000
const TAG_LIMIT_MS = 5_000

interface TagSource {
  readonly label: string
  readonly read: () => unknown
  tags: Tags
  /** The last complaint, so that one that stays is logged once. */
  problem: string | undefined
  isBusy: boolean
}

export class TagBoard {
  readonly #fixed: Tags
  readonly #sources: readonly TagSource[]
  readonly #log: Log
  readonly #limitMs: number
  readonly #listeners = new Set<() => void>()
  #tags: Tags
  #timer: NodeJS.Timeout | undefined

  /** Throws a LoadError when a file exports no `tags()`. */
  constructor(fixed: Tags, files: readonly LoadedFile[], log: Log, limitMs = TAG_LIMIT_MS) {
    this.#fixed = fixed
    this.#sources = files.map(toSource)
    this.#log = log
    this.#limitMs = limitMs
    this.#tags = Object.freeze({ ...fixed })
  }

  get current(): Tags {
    return this.#tags
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Reads all files once, then again every `refreshMs`. */
  async start(refreshMs = TAG_REFRESH_MS): Promise<void> {
    await this.refresh()
    if (this.#sources.length === 0) return
    this.#timer = setInterval(() => void this.refresh(), refreshMs)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async refresh(): Promise<void> {
    await Promise.all(this.#sources.map((source) => this.#ask(source)))
    const merged = this.#merge()
    if (canonicalJson(merged) === canonicalJson(this.#tags)) return
    this.#tags = Object.freeze(merged)
    for (const listener of this.#listeners) listener()
  }

  /** A call that has not returned is not made again, so a file that hangs hangs once. */
  async #ask(source: TagSource): Promise<void> {
    if (source.isBusy) return
    source.isBusy = true
    const asked = Promise.try(source.read).finally(() => {
      source.isBusy = false
    })
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(
      () => late.reject(new Error(`tags() took longer than ${this.#limitMs} ms`)),
      this.#limitMs,
    )
    try {
      source.tags = checkTags(await Promise.race([asked, late.promise]))
      source.problem = undefined
    } catch (error) {
      asked.catch(() => {})
      this.#complain(source, messageOf(error))
    } finally {
      clearTimeout(timer)
    }
  }

  #complain(source: TagSource, problem: string): void {
    if (source.problem !== problem) this.#log.warn(`${source.label}: ${problem}; its last good tags stay`)
    source.problem = problem
  }

  /** Files in order of their names, the first one first; the environment before them all. */
  #merge(): Record<string, Tags[string]> {
    const merged: Record<string, Tags[string]> = { ...this.#fixed }
    for (const { tags } of this.#sources)
      for (const [key, value] of Object.entries(tags)) if (!Object.hasOwn(merged, key)) merged[key] = value
    const whole = tagsSchema.safeParse(merged)
    if (whole.success) return merged
    this.#log.warn(`the tags of all files together are unusable: ${whole.error.issues[0]?.message ?? ''}`)
    return { ...this.#tags }
  }
}

function toSource(file: LoadedFile): TagSource {
  const read = file.exports.tags ?? file.exports.default
  if (typeof read !== 'function')
    throw new LoadError([`${file.label}: exports no function "tags"; write "export function tags() { … }"`])
  return { label: file.label, read: () => read(), tags: {}, problem: undefined, isBusy: false }
}

function checkTags(value: unknown): Tags {
  const parsed = tagsSchema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const where = issue?.path.length ? ` "${issue.path.join('.')}"` : ''
  throw new Error(`tags() returned an unusable value${where}: ${issue?.message ?? 'wrong shape'}`)
}
