/**
 * The log lines of one worker on their way to those who follow. The worker sends them only while
 * somebody does; the last 500 stay here for that time, so that a second follower sees where it comes
 * in. Kept by the fleet under the worker's id, so that it outlives links and changes of the entry.
 */
import type { LogEntry } from '@berth/protocol'
import type { LogFollower } from '../ports/fleet.ts'

type OnLines = (lines: readonly LogEntry[], dropped: number) => void

const KEPT = 500

export class LogRelay {
  /** One a follower, also when two pass the same function. */
  readonly #followers = new Set<{ readonly onLines: OnLines }>()
  readonly #setFollowing: (isFollowed: boolean) => void
  #recent: LogEntry[] = []
  #mayRepeat = false

  /** `setFollowing` is told when the first comes and when the last has gone. */
  constructor(setFollowing: (isFollowed: boolean) => void) {
    this.#setFollowing = setFollowing
  }

  get isFollowed(): boolean {
    return this.#followers.size > 0
  }

  follow(onLines: OnLines): LogFollower {
    const follower = { onLines }
    const recent = [...this.#recent]
    this.#followers.add(follower)
    if (this.#followers.size === 1) this.#setFollowing(true)
    return { recent, stop: () => this.#unfollow(follower) }
  }

  /** The worker was told again to send: it begins with lines that may be here already. */
  expectRepeats(): void {
    this.#mayRepeat = true
  }

  deliver(lines: readonly LogEntry[], dropped: number): void {
    if (this.#followers.size === 0) return
    const fresh = this.#mayRepeat ? lines.slice(this.#countRepeated(lines)) : lines
    this.#mayRepeat = false
    if (fresh.length === 0 && dropped === 0) return
    this.#recent = [...this.#recent, ...fresh].slice(-KEPT)
    for (const { onLines } of this.#followers) onLines(fresh, dropped)
  }

  /** Lines up to the last one that is here; 0 when it is not among them (the worker has restarted). */
  #countRepeated(lines: readonly LogEntry[]): number {
    const last = this.#recent.at(-1)
    return lines.findLastIndex(({ at, text }) => at === last?.at && text === last.text) + 1
  }

  #unfollow(follower: { readonly onLines: OnLines }): void {
    if (!this.#followers.delete(follower) || this.#followers.size > 0) return
    this.#recent = []
    this.#setFollowing(false)
  }
}
