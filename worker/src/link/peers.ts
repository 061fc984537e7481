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
import { sizeOf } from '../attempt/result.ts'
import { startTimer } from '../attempt/timer.ts'
import { Bag } from '../intake/bag.ts'
import { Line } from './line.ts'
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
export interface Delivered {
  readonly task: LinkedTask
  readonly atMs: number
  /** Of its result, as long as that is kept. */
  bytes: number
}

export interface Peer {
  readonly bootId: string
  link: PeerLink | undefined
  readonly started: Bag<LinkedTask>
  /**
   * The newest tasks that have ended: a link that breaks may have swallowed their STARTED and END, and a
   * balancer that reads of neither in the next hello would run them again.
   */
  readonly delivered: Line<Delivered>
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
  readonly #links = new Map<PeerLink, Peer | undefined>()
  #keptResults = 0
  #keptBytes = 0
  #deliveredBytes = 0
  /** Links that have said hello and not been welcomed. */
  #handshakes = 0

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
    this.#handshakes++
    const peers = [...this.#peers.values()]
    const started = peers.flatMap((peer) => [...peer.started])
    const delivered = peers.flatMap((peer) => [...peer.delivered].map(({ task }) => task))
    return [...started, ...delivered].slice(0, STARTED_LISTED).map((task) => ({
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
    this.#noteWelcomed(link)
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
    this.#forgetDelivered(peer, peer.delivered.size)
    if (old && old !== link) old.replace()
  }

  /** The link is gone. */
  leave(link: PeerLink): void {
    const peer = this.#links.get(link)
    this.#noteWelcomed(link)
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
    task.peer = peer
  }

  /** A durable result waits for its acknowledgement. */
  keep(task: LinkedTask): void {
    if (!task.isDurable || !task.peer) return
    this.#keptResults++
    this.#keptBytes += bytesOf(task)
  }

  /**
   * The END of a memory task has gone. Of those the newest `most` are kept, as many as a balancer can
   * have under way here: no more of them can be on a link that breaks.
   */
  deliver(task: LinkedTask, most: number, nowMs: number): void {
    const { peer } = task
    this.release(task)
    if (!peer) return
    this.#peers.set(peer.bootId, peer)
    const bytes = bytesOf(task)
    peer.delivered.add({ task, atMs: nowMs, bytes })
    this.#deliveredBytes += bytes
    this.#forgetDelivered(peer, peer.delivered.size - most)
    if (this.#deliveredBytes <= KEPT_BYTES) return
    // What is too much to keep is still known to have run: its adoption is answered with a loss.
    for (const old of peer.delivered) {
      if (this.#deliveredBytes <= KEPT_BYTES) break
      this.#deliveredBytes -= old.bytes
      old.bytes = 0
      old.task.outcome = undefined
    }
  }

  /** Ends delivered before this instant arrived, or their link would be known to be broken. */
  forgetBefore(link: PeerLink, atMs: number): void {
    const peer = this.#links.get(link)
    if (!peer) return
    let old = 0
    for (const delivered of peer.delivered) {
      if (delivered.atMs >= atMs) break
      old++
    }
    this.#forgetDelivered(peer, old)
  }

  /** Delivered, acknowledged or given up: nobody asks for it any more. */
  release(task: LinkedTask): void {
    const { peer } = task
    if (!peer) return
    task.peer = undefined
    peer.started.delete(task)
    if (task.isDurable && task.outcome) {
      this.#keptResults--
      this.#keptBytes -= bytesOf(task)
    }
    this.#forgetEmpty(peer)
  }

  /** Ends all timers. */
  stop(): void {
    for (const peer of this.#peers.values()) peer.stopOrphanTimer?.()
  }

  /** Or gone. */
  #noteWelcomed(link: PeerLink): void {
    if (this.#links.has(link) && !this.#links.get(link)) this.#handshakes--
  }

  #peerOf(bootId: string): Peer {
    const known = this.#peers.get(bootId)
    if (known) return known
    const fresh: Peer = {
      bootId,
      link: undefined,
      started: new Bag(),
      delivered: new Line(),
      stopOrphanTimer: undefined,
      twoHeartbeatsMs: 0,
    }
    this.#peers.set(bootId, fresh)
    return fresh
  }

  /** Its own tasks, and those of balancers that are away: a restarted balancer has another boot id. */
  #findAdoptable(peer: Peer, run: string, fence: number): LinkedTask | undefined {
    for (const owner of this.#peers.values()) {
      if (owner !== peer && owner.link) continue
      for (const task of owner.started) if (isAttempt(task, run, fence)) return task
    }
    for (const { task } of peer.delivered) if (task.outcome && isAttempt(task, run, fence)) return task
    return undefined
  }

  #move(task: LinkedTask, peer: Peer): void {
    const before = task.peer
    before?.started.delete(task)
    peer.started.add(task)
    task.peer = peer
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
    this.#forgetDelivered(peer, peer.delivered.size)
    this.#forgetEmpty(peer)
  }

  #forgetDelivered({ delivered }: Peer, oldest: number): void {
    for (let left = oldest; left > 0; left--) {
      const old = delivered.take()
      if (old) this.#deliveredBytes -= old.bytes
    }
  }

  #forgetEmpty(peer: Peer): void {
    if (peer.link || peer.started.size > 0 || peer.delivered.size > 0) return
    peer.stopOrphanTimer?.()
    this.#peers.delete(peer.bootId)
  }
}

function isAttempt({ header }: LinkedTask, run: string, fence: number): boolean {
  return header.run === run && header.fence === fence
}

function bytesOf(task: LinkedTask): number {
  return task.outcome ? sizeOf(task.outcome.result) : 0
}
