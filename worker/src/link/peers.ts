/**
 * The balancers this worker is linked to, and the tasks it has started for each: what outlives a single link.
 * Driven by `link-session.ts`. A link is anonymous until its `welcome`; `bootId` then tells whose it is.
 *
 * While a link has said hello and is not yet welcomed, nothing new starts on any other link. Otherwise the
 * balancer that dialed again would read in the hello what had started, and a task of its old link could still
 * start behind that reading and run twice.
 * Invariant: a started task is in exactly one peer's table until it is delivered, acknowledged or given up.
 */
import type { StartedRun, Welcome } from '@berth/protocol'
import { startTimer } from '../attempt/timer.ts'
import type { LinkedTask } from './link-task.ts'

/** What peers need to know of a link. */
export interface PeerLink {
  /** Gives back what has not started. */
  recallWaiting(): void
  /** A newer link of the same balancer has taken over. */
  replace(): void
  /** A started task goes on here, with this number. */
  adopt(task: LinkedTask, number: number): void
  /** The balancer wants a task that is not here. */
  denyAdoption(number: number): void
}

/** A memory task whose END is with the operating system; whether it arrived, nobody says. */
interface Delivered {
  readonly task: LinkedTask
  readonly atMs: number
}

interface Peer {
  readonly bootId: string
  link: PeerLink | undefined
  readonly started: Set<LinkedTask>
  /**
   * The newest tasks that have ended, oldest first: a link that breaks may have swallowed their STARTED
   * and END, and a balancer that reads of neither in the next hello would run them again.
   */
  delivered: Delivered[]
  stopOrphanTimer: (() => void) | undefined
  twoHeartbeatsMs: number
}

/** Bounds of CONTRACT §8, rule 5. */
const KEPT_RESULTS = 1_000
const KEPT_BYTES = 64 * 1024 * 1024
/** Longest list that a hello may carry. */
const STARTED_LISTED = 100_000

export class Peers {
  readonly #peers = new Map<string, Peer>()
  readonly #owners = new Map<LinkedTask, Peer>()
  readonly #links = new Map<PeerLink, Peer | undefined>()
  #keptResults = 0
  #keptBytes = 0
  #deliveredBytes = 0

  /** Links that have said hello and not been welcomed. */
  get #handshakes(): number {
    let count = 0
    for (const peer of this.#links.values()) if (!peer) count++
    return count
  }

  /** False while somebody is being told what has started. */
  get mayStart(): boolean {
    return this.#handshakes === 0
  }

  /** False when too many results of durable runs wait for their acknowledgement. */
  get hasRoomForDurable(): boolean {
    return this.#keptResults < KEPT_RESULTS && this.#keptBytes < KEPT_BYTES
  }

  /** A link is about to say hello. Returns what its hello lists. */
  greet(link: PeerLink): StartedRun[] {
    for (const other of this.#links.keys()) other.recallWaiting()
    this.#links.set(link, undefined)
    const delivered = [...this.#peers.values()].flatMap((peer) => peer.delivered.map(({ task }) => task))
    return [...this.#owners.keys(), ...delivered].slice(0, STARTED_LISTED).map((task) => ({
      run: task.header.run,
      fence: task.header.fence,
      durable: task.isDurable,
      finished: task.state === 'finished',
    }))
  }

  welcome(link: PeerLink, welcome: Pick<Welcome, 'bootId' | 'adopt'>, twoHeartbeatsMs: number): void {
    const peer = this.#peerOf(welcome.bootId)
    const old = peer.link
    peer.link = link
    peer.twoHeartbeatsMs = twoHeartbeatsMs
    this.#links.set(link, peer)
    peer.stopOrphanTimer?.()
    const adopted = new Set<LinkedTask>()
    for (const { run, fence, task: number } of welcome.adopt) {
      const task = this.#findAdoptable(peer, run, fence)
      if (!task) {
        link.denyAdoption(number)
        continue
      }
      adopted.add(task)
      this.#move(task, peer)
      link.adopt(task, number)
    }
    for (const task of [...peer.started]) if (!adopted.has(task)) this.#disown(task)
    this.#forgetDelivered(peer, peer.delivered.length)
    if (old && old !== link) old.replace()
  }

  /** The link is gone. */
  leave(link: PeerLink): void {
    const peer = this.#links.get(link)
    this.#links.delete(link)
    if (!peer || peer.link !== link) return
    peer.link = undefined
    peer.stopOrphanTimer = startTimer(peer.twoHeartbeatsMs, () => this.#orphan(peer))
  }

  /** A task of this link has its slot. */
  start(link: PeerLink, task: LinkedTask): void {
    const peer = this.#links.get(link)
    if (!peer) return
    peer.started.add(task)
    this.#owners.set(task, peer)
  }

  /** A durable result waits for its acknowledgement. */
  keep(task: LinkedTask): void {
    if (!task.isDurable || !this.#owners.has(task)) return
    this.#keptResults++
    this.#keptBytes += task.outcome?.result.bytes.length ?? 0
  }

  /**
   * The END of a memory task has gone. Of those the newest `most` are kept, as many as a balancer can
   * have under way here: no more of them can be on a link that breaks.
   */
  deliver(task: LinkedTask, most: number, nowMs: number): void {
    const peer = this.#owners.get(task)
    this.release(task)
    if (!peer) return
    this.#peers.set(peer.bootId, peer)
    peer.delivered.push({ task, atMs: nowMs })
    this.#deliveredBytes += bytesOf(task)
    if (peer.delivered.length > most) this.#forgetDelivered(peer, peer.delivered.length - most)
    // What is too much to keep is still known to have run: its adoption is answered with a loss.
    for (const { task: old } of peer.delivered) {
      if (this.#deliveredBytes <= KEPT_BYTES) break
      this.#deliveredBytes -= bytesOf(old)
      old.outcome = undefined
    }
  }

  /** Ends delivered before this instant arrived, or their link would be known to be broken. */
  forgetBefore(link: PeerLink, atMs: number): void {
    const peer = this.#links.get(link)
    if (!peer) return
    const kept = peer.delivered.findIndex((delivered) => delivered.atMs >= atMs)
    this.#forgetDelivered(peer, kept < 0 ? peer.delivered.length : kept)
  }

  /** Delivered, acknowledged or given up: nobody asks for it any more. */
  release(task: LinkedTask): void {
    const peer = this.#owners.get(task)
    if (!peer) return
    this.#owners.delete(task)
    peer.started.delete(task)
    if (task.isDurable && task.outcome) {
      this.#keptResults--
      this.#keptBytes -= task.outcome.result.bytes.length
    }
    this.#forgetEmpty(peer)
  }

  /** Ends all timers. */
  stop(): void {
    for (const peer of this.#peers.values()) peer.stopOrphanTimer?.()
  }

  #peerOf(bootId: string): Peer {
    const known = this.#peers.get(bootId)
    if (known) return known
    const fresh: Peer = {
      bootId,
      link: undefined,
      started: new Set(),
      delivered: [],
      stopOrphanTimer: undefined,
      twoHeartbeatsMs: 0,
    }
    this.#peers.set(bootId, fresh)
    return fresh
  }

  /** Its own tasks, and those of balancers that are away: a restarted balancer has another boot id. */
  #findAdoptable(peer: Peer, run: string, fence: number): LinkedTask | undefined {
    for (const [task, owner] of this.#owners)
      if (isAttempt(task, run, fence) && (owner === peer || !owner.link)) return task
    return peer.delivered.find(({ task }) => task.outcome && isAttempt(task, run, fence))?.task
  }

  #move(task: LinkedTask, peer: Peer): void {
    const before = this.#owners.get(task)
    before?.started.delete(task)
    peer.started.add(task)
    this.#owners.set(task, peer)
    if (before && before !== peer) this.#forgetEmpty(before)
  }

  /** Not adopted: a memory task has nobody left who waits for it, a durable one goes on. */
  #disown(task: LinkedTask): void {
    task.owner = undefined
    if (task.isDurable) return
    task.abort('orphaned')
    this.release(task)
  }

  #orphan(peer: Peer): void {
    if (peer.link) return
    for (const task of [...peer.started]) this.#disown(task)
    this.#forgetDelivered(peer, peer.delivered.length)
    this.#forgetEmpty(peer)
  }

  #forgetDelivered(peer: Peer, oldest: number): void {
    if (oldest === 0) return
    for (const { task } of peer.delivered.splice(0, oldest)) this.#deliveredBytes -= bytesOf(task)
  }

  #forgetEmpty(peer: Peer): void {
    if (peer.link || peer.started.size > 0 || peer.delivered.length > 0) return
    peer.stopOrphanTimer?.()
    this.#peers.delete(peer.bootId)
  }
}

function isAttempt({ header }: LinkedTask, run: string, fence: number): boolean {
  return header.run === run && header.fence === fence
}

function bytesOf(task: LinkedTask): number {
  return task.outcome?.result.bytes.length ?? 0
}
