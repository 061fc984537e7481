/**
 * A worker's log lines on their way to those who follow. The worker sends them only while somebody
 * does; the last 500 stay here for that time, so that a second follower sees where it comes in.
 */
import type { LogEntry } from '@berth/protocol'
import type { LogFollower } from '../ports/fleet.ts'

type OnLines = (lines: readonly LogEntry[], dropped: number) => void

const KEPT = 500

export class LogRelay {
  readonly #followers = new Set<OnLines>()
  readonly #setFollowing: (follow: boolean) => void
  #recent: LogEntry[] = []

  /** `setFollowing` turns the worker's lines on or off. */
  constructor(setFollowing: (follow: boolean) => void) {
    this.#setFollowing = setFollowing
  }

  get isFollowed(): boolean {
    return this.#followers.size > 0
  }

  follow(onLines: OnLines): LogFollower {
    if (this.#followers.size === 0) this.#setFollowing(true)
    this.#followers.add(onLines)
    return { recent: [...this.#recent], stop: () => this.#unfollow(onLines) }
  }

  deliver(lines: readonly LogEntry[], dropped: number): void {
    if (this.#followers.size === 0) return
    this.#recent = [...this.#recent, ...lines].slice(-KEPT)
    for (const onLines of this.#followers) onLines(lines, dropped)
  }

  #unfollow(onLines: OnLines): void {
    if (!this.#followers.delete(onLines) || this.#followers.size > 0) return
    this.#recent = []
    this.#setFollowing(false)
  }
}
