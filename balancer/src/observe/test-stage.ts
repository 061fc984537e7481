/** What the tests of the feed share: ports whose picture the test changes, and pages that remember frames. */
import {
  type FeedMessage,
  type FleetPoint,
  feedMessageSchema,
  type LogEntry,
  type WorkerView,
} from '@berth/protocol'
import { createLog, type Log, ManualClock } from '@berth/runtime'
import type { FleetPort, LogWish } from '../ports/fleet.ts'
import type { Traffic } from '../ports/traffic.ts'
import { createFeed, type Feed, type FeedPage, TICK_MS } from './feed.ts'

export function makeWorker(id: string, changes: Partial<WorkerView> = {}): WorkerView {
  return {
    id,
    url: `http://${id}`,
    source: 'file',
    group: 'default',
    contract: 1,
    status: 'ready',
    reason: null,
    slots: { limit: 4, used: 1, stuck: 0, available: 3, queue: 0 },
    tags: { gpu: 'h200' },
    services: [],
    functions: ['hello'],
    system: null,
    version: '0.1.0',
    lastSeenAt: null,
    latencyMs: 1,
    breaker: { state: 'closed', since: null, until: null, reason: null, failures: 0 },
    maintenance: null,
    ...changes,
  }
}

export function makeEntry(text: string): LogEntry {
  return { at: '2026-01-01T00:00:00.000Z', level: 'info', text, source: 'w' }
}

type OnLines = (lines: readonly LogEntry[], dropped: number, isOld?: boolean) => void

export class FakeFleet
  implements Pick<FleetPort, 'workers' | 'views' | 'worker' | 'gauges' | 'config' | 'followLogs'>
{
  list: WorkerView[] = [makeWorker('w1'), makeWorker('w2')]
  state: 'ok' | 'stale' = 'ok'
  recent: LogEntry[] = []
  readonly followers = new Map<string, Set<OnLines>>()
  /** What each follower asked for, the last one of a worker. */
  readonly wishes = new Map<string, LogWish | undefined>()

  workers() {
    return this.list
  }
  /** What happens before the second of them is asked for. */
  onReading = () => {};
  *views(): Iterable<WorkerView> {
    for (const [index, worker] of this.list.entries()) {
      if (index === 1) this.onReading()
      yield worker
    }
  }
  worker(id: string) {
    return this.list.find((worker) => worker.id === id)
  }
  gauges() {
    return this.list
  }
  config() {
    return { state: this.state, since: '2026-01-01T00:00:00.000Z', warnings: [] }
  }
  followLogs(id: string, onLines: OnLines, wish?: LogWish) {
    if (!this.list.some((worker) => worker.id === id)) return undefined
    this.wishes.set(id, wish)
    const followers = this.followers.get(id) ?? new Set()
    this.followers.set(id, followers.add(onLines))
    return { recent: this.recent, stop: () => void followers.delete(onLines) }
  }

  /** Replaces one worker by a changed one. */
  change(id: string, changes: Partial<WorkerView>): void {
    this.list = this.list.map((worker) => (worker.id === id ? { ...worker, ...changes } : worker))
  }
  say(id: string, lines: LogEntry[], dropped = 0): void {
    for (const onLines of this.followers.get(id) ?? []) onLines(lines, dropped)
  }
}

export class FakePage {
  readonly texts: string[] = []
  buffered = 0
  page: FeedPage | undefined

  send(text: string): void {
    this.texts.push(text)
  }
  bufferedBytes(): number {
    return this.buffered
  }

  /** The frames since the last call, each checked as a real page does. */
  take(): FeedMessage[] {
    return this.texts.splice(0).map((text) => feedMessageSchema.parse(JSON.parse(text)))
  }
  /** The changes of the only frame since the last call. */
  takeChanges() {
    const frames = this.take()
    const [frame] = frames
    if (frames.length !== 1 || frame === undefined || !('changes' in frame))
      throw new Error(`one frame of changes was expected: ${JSON.stringify(frames)}`)
    return frame.changes
  }
  takeSnapshot() {
    const [frame] = this.take()
    if (frame === undefined || !('snapshot' in frame)) throw new Error('a snapshot was expected')
    return { seq: frame.seq, ...frame.snapshot }
  }
}

export interface Stage {
  readonly clock: ManualClock
  readonly fleet: FakeFleet
  readonly traffic: { -readonly [Name in keyof Traffic]: Traffic[Name] }
  readonly log: Log
  readonly feed: Feed
  balancer: {
    name: string
    environment: null
    version: string
    startedAt: string
    status: 'ready' | 'draining'
  }
  attach(since?: number): FakePage
  /** So many quarters of a second pass, each with a reading. */
  quarters(count: number): void
}

export function setStage(): Stage {
  const clock = new ManualClock()
  const fleet = new FakeFleet()
  const traffic = { submitted: 0, completed: 0, failed: 0, cancelled: 0, waiting: 0, running: 0 }
  const log = createLog({ source: 'balancer', write: () => {}, now: () => clock.wallMs() })
  const stage: Stage = {
    clock,
    fleet,
    traffic,
    log,
    balancer: {
      name: 'b',
      environment: null,
      version: '1',
      startedAt: '2026-01-01T00:00:00Z',
      status: 'ready',
    },
    feed: createFeed({
      fleet: fleet as unknown as FleetPort,
      traffic: { traffic: () => ({ ...traffic }) },
      log,
      clock,
      balancer: () => ({ ...stage.balancer }),
    }),
    attach(since) {
      const page = new FakePage()
      page.page = stage.feed.attach(page, since)
      return page
    },
    quarters(count) {
      for (let i = 0; i < count; i++) {
        clock.advance(TICK_MS)
        stage.feed.tick()
      }
    },
  }
  stage.feed.tick()
  return stage
}

export function makePoint(t: number): FleetPoint {
  return { t, slots: null, waiting: 0, submitted: 0, completed: 0, failed: 0 }
}
