/**
 * The dashboard's feed: reads the fleet's picture four times a second, finds what differs once for all pages,
 * and sends each page one frame. A page begins with a snapshot, or with what it missed when it comes back
 * within a minute. Constructed by compose; `http/feed-socket.ts` attaches pages.
 *
 * Invariants: every page gets every sequence number from its snapshot on, without a gap; a page that does not
 * read is skipped and gets a new snapshot when it does; identical frames are made once. A reading goes on in
 * slices, between which tasks move; it becomes the picture, and gets its number, in one step.
 *
 *   page: attached ──1 MB unread──▶ behind ──drained──▶ (snapshot) attached
 */
import type { BalancerView, ConfigState, FeedChanges, QueueView, WorkerView } from '@berth/protocol'
import type { Clock, Log, Service } from '@berth/runtime'
import type { FleetPort } from '../ports/fleet.ts'
import type { TrafficPort } from '../ports/traffic.ts'
import { allBeats, BeatHeap, BeatTeller } from './beats.ts'
import { ChangeHistory, diffWorker, HISTORY_MS, isSame, type WorkerChange } from './changes.ts'
import { LogChannels } from './log-channels.ts'
import { LogWatch } from './log-watch.ts'
import { type RunWatch, type RunWatchDeps, RunWatches } from './run-watches.ts'
import { PointMaker, Series } from './series.ts'
import { Slices } from './slices.ts'

export const TICK_MS = 250
/** A page with more than this in its socket's buffer is skipped. */
export const BEHIND_BYTES = 1024 * 1024
/** A page gets the workers of a snapshot in parts, a part a frame: thousands at once would hold up everything else. */
export const WORKERS_AT_ONCE = 1_000
const DRAINED_BYTES = 64 * 1024
/** A reading can be cut after so many workers. */
const WORKERS_A_STEP = 25

export interface FeedDeps {
  readonly fleet: FleetPort
  readonly traffic: TrafficPort
  readonly log: Pick<Log, 'entries' | 'follow'>
  readonly clock: Clock
  readonly balancer: () => BalancerView
  /** What a word about runs asks for; without it nobody watches any. */
  readonly openRuns?: RunWatchDeps['open']
}

export interface PageSink {
  send(text: string): void
  bufferedBytes(): number
}

export interface FeedPage {
  /** Replaces what the page watches: `workers` and words for log lines; unknown words are passed over. */
  watch(sources: readonly string[]): void
  detach(): void
}

export interface Feed extends Service {
  /** One reading at once; `start` has one begin four times a second, in slices. */
  tick(): void
  /** Begins to send at once. `since`: the last sequence number the page has applied. */
  attach(sink: PageSink, since?: number): FeedPage
}

export function createFeed(deps: FeedDeps): Feed {
  return new TickingFeed(deps)
}

interface Picture {
  readonly balancer: BalancerView
  readonly config: ConfigState
  readonly queue: QueueView
  readonly workers: ReadonlyMap<string, WorkerView>
}

interface Page {
  readonly sink: PageSink
  readonly logs: LogWatch
  readonly runs: RunWatch
  hasPicture: boolean
  isBehind: boolean
  /** Workers that its snapshot left for the frames that follow. */
  rest: readonly string[]
}

class TickingFeed implements Feed {
  readonly name = 'feed'
  readonly #deps: FeedDeps
  readonly #pages = new Set<Page>()
  readonly #channels: LogChannels
  readonly #beats = new BeatTeller()
  readonly #history = new ChangeHistory()
  readonly #series = new Series()
  readonly #pointMaker = new PointMaker()
  readonly #runs: RunWatches
  readonly #slices: Slices
  /** Begins at the wall clock, so that no number means two things to a page across a restart. */
  #seq: number
  /** Undefined while nobody has looked for a minute. */
  #picture: Picture | undefined
  /** When a page was last there; nobody has looked before the first. */
  #lastSeenMs = Number.NEGATIVE_INFINITY
  #renewedAtMs: number
  #snapshot: { readonly seq: number; readonly text: string } | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(deps: FeedDeps) {
    this.#deps = deps
    this.#slices = new Slices(deps.clock)
    this.#channels = new LogChannels(deps)
    const { clock, openRuns = () => ({ ok: false, detail: 'Runs cannot be watched here.' }) } = deps
    this.#runs = new RunWatches({ clock, open: openRuns })
    this.#seq = deps.clock.wallMs()
    this.#renewedAtMs = deps.clock.monoMs()
  }

  async start(): Promise<void> {
    this.tick()
    this.#timer = setInterval(() => {
      // The one before may still be at work where the machine is full.
      if (!this.#slices.isBusy) this.#slices.begin(this.#read())
    }, TICK_MS)
    this.#timer.unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#slices.stop()
    for (const page of this.#pages) quit(page)
    this.#pages.clear()
    this.#channels.stop()
  }

  tick(): void {
    this.#slices.stop()
    for (const _ of this.#read());
  }

  /** Yields where it may be cut. */
  *#read(): Generator<void, void> {
    const nowMs = this.#deps.clock.monoMs()
    const { fleet, clock, traffic } = this.#deps
    const point = this.#pointMaker.read(clock.wallMs(), () => fleet.gauges(), traffic.traffic())
    if (point !== undefined) this.#series.push(point)
    this.#renewLogs(nowMs)
    yield
    yield* this.#channels.gather()
    this.#runs.tick()
    if (this.#pages.size > 0) this.#lastSeenMs = nowMs
    if (nowMs - this.#lastSeenMs > HISTORY_MS) return this.#rest()
    const { next, changes } = yield* this.#look(this.#picture)
    this.#picture = next
    if (point !== undefined) changes.points = [point]
    const isWorthIt =
      Object.keys(changes).length > 0 ||
      [...this.#pages].some(({ logs, runs, rest }) => logs.hasNews || runs.hasNews || rest.length > 0)
    if (isWorthIt) this.#history.push(++this.#seq, nowMs, changes)
    yield* this.#deliver(isWorthIt ? changes : undefined)
  }

  attach(sink: PageSink, since?: number): FeedPage {
    if (this.#picture === undefined) {
      this.#picture = this.#pictureOf(
        new Map(this.#deps.fleet.workers().map((worker) => [worker.id, worker])),
      )
      // What changed meanwhile was given no number of its own.
      this.#seq += 1
    }
    this.#lastSeenMs = this.#deps.clock.monoMs()
    const [logs, runs] = [new LogWatch(this.#channels), this.#runs.attach()]
    const page: Page = { sink, logs, runs, hasPicture: true, isBehind: false, rest: [] }
    this.#pages.add(page)
    const missed = since === undefined ? undefined : this.#history.after(since, this.#seq)
    if (missed === undefined) this.#sendSnapshot(page)
    else {
      // It may have left before it had all of its snapshot.
      page.rest = this.#beyondFirst()
      const beats = since === this.#seq ? {} : this.#allBeats()
      sink.send(this.#frame('changes', JSON.stringify({ ...missed, ...beats, ...restOf(page.rest) })))
    }
    return {
      watch: (sources) => this.#watch(page, sources),
      detach: () => {
        quit(page)
        this.#pages.delete(page)
      },
    }
  }

  #watch(page: Page, sources: readonly string[]): void {
    if (!this.#pages.has(page)) return
    page.logs.watch(sources)
    page.runs.watch(sources)
    const wantsPicture = sources.includes('workers')
    // What was not sent meanwhile is made good by a snapshot.
    if (wantsPicture && !page.hasPicture) page.isBehind = true
    page.hasPicture = wantsPicture
  }

  /** Nobody looks: only the chart goes on. */
  #rest(): void {
    this.#picture = undefined
    this.#snapshot = undefined
    this.#beats.clear()
    this.#history.clear()
  }

  #renewLogs(nowMs: number): void {
    if (nowMs - this.#renewedAtMs < 1000) return
    this.#renewedAtMs = nowMs
    this.#channels.renew([...(this.#picture?.workers.values() ?? this.#deps.fleet.views())])
    for (const { logs } of this.#pages) logs.renew()
  }

  /** Reads the picture, and what differs from the last one. */
  *#look(last: Picture | undefined): Generator<void, { next: Picture; changes: FeedChanges }> {
    const { fleet, clock } = this.#deps
    const workers = new Map<string, WorkerView>()
    const changed: [string, WorkerChange][] = []
    const beats = new BeatHeap()
    for (const worker of fleet.views()) {
      workers.set(worker.id, worker)
      if (workers.size % WORKERS_A_STEP === 0) yield
      if (last === undefined) continue
      const known = last.workers.get(worker.id)
      const change = known === undefined ? worker : diffWorker(known, worker)
      if (change !== undefined) changed.push([worker.id, change])
      this.#beats.add(beats, known, worker, clock.wallMs())
    }
    if (last === undefined) return { next: this.#pictureOf(workers), changes: {} }
    yield
    for (const id of last.workers.keys()) if (!workers.has(id)) changed.push([id, null])
    this.#beats.forget(workers)
    yield
    const told = beats.pack(clock.wallMs())
    yield
    const next = this.#pictureOf(workers)
    const changes: FeedChanges = {}
    if (!isSame(last.balancer, next.balancer)) changes.balancer = next.balancer
    if (!isSame(last.config, next.config)) changes.config = next.config
    if (!isSame(last.queue, next.queue)) changes.queue = next.queue
    if (changed.length > 0) changes.workers = Object.fromEntries(changed)
    return { next, changes: Object.assign(changes, told) }
  }

  #pictureOf(workers: Picture['workers']): Picture {
    const { fleet, traffic, balancer } = this.#deps
    const { waiting, running } = traffic.traffic()
    return {
      balancer: balancer(),
      config: fleet.config(),
      queue: { waiting, running },
      workers,
    }
  }

  #allBeats(): Pick<FeedChanges, 'beats' | 'slots'> {
    return allBeats((this.#picture as Picture).workers, this.#deps.clock.wallMs())
  }

  /** A page a step; those that come meanwhile have the new picture already. */
  *#deliver(changes: FeedChanges | undefined): Generator<void, void> {
    const pages = [...this.#pages]
    if (pages.length === 0) return
    const shared = changes === undefined ? undefined : JSON.stringify(changes)
    const frames = new Map<string, string>()
    yield
    for (const page of pages) {
      if (!this.#pages.has(page) || this.#hasToWait(page)) continue
      if (page.isBehind) {
        page.isBehind = false
        this.#sendSnapshot(page)
      } else if (changes !== undefined && page.rest.length > 0 && page.hasPicture) {
        page.sink.send(this.#frameFor(page, JSON.stringify(this.#withRest(page, changes)), new Map()))
      } else if (shared !== undefined) page.sink.send(this.#frameFor(page, shared, frames))
      yield
    }
  }

  /** The next part of what its snapshot left out. What else is told of those that are still to come means nothing yet. */
  #withRest(page: Page, changes: FeedChanges): FeedChanges {
    const { workers } = this.#picture as Picture
    const part = page.rest.slice(0, WORKERS_AT_ONCE).flatMap((id) => workers.get(id) ?? [])
    page.rest = page.rest.slice(WORKERS_AT_ONCE)
    const whole = Object.fromEntries(part.map((worker) => [worker.id, worker]))
    return { ...changes, workers: { ...changes.workers, ...whole }, ...restOf(page.rest) }
  }

  /** Pages that get the same get the same text, made once. */
  #frameFor(page: Page, shared: string, frames: Map<string, string>): string {
    const picture = page.hasPicture ? shared : '{}'
    const logs = page.logs.takeChanges()
    const { refused: unwatched, ...news } = page.runs.take() ?? {}
    const told = unwatched && JSON.stringify(unwatched)
    const refused = joinObjects(page.logs.takeRefused(), told)
    const [runs, run] = [news.runs && JSON.stringify(news.runs), news.run && JSON.stringify(news.run)]
    const isShared = (refused ?? runs ?? run) === undefined && (logs === undefined || logs.key !== undefined)
    const key = isShared ? `${page.hasPicture}${logs?.key ?? ''}` : undefined
    const known = key === undefined ? undefined : frames.get(key)
    if (known !== undefined) return known
    let body = addMember(addMember(picture, 'logs', logs?.text), 'refused', refused)
    body = addMember(addMember(body, 'runs', runs), 'run', run)
    const frame = this.#frame('changes', body)
    if (key !== undefined) frames.set(key, frame)
    return frame
  }

  #hasToWait(page: Page): boolean {
    const buffered = page.sink.bufferedBytes()
    if (buffered > BEHIND_BYTES) page.isBehind = true
    return page.isBehind && buffered > DRAINED_BYTES
  }

  #sendSnapshot(page: Page): void {
    page.rest = this.#beyondFirst()
    page.sink.send(this.#frame('snapshot', addMember(this.#snapshotText(), 'logs', page.logs.takeSnapshot())))
  }

  #beyondFirst(): readonly string[] {
    const { workers } = this.#picture as Picture
    return workers.size > WORKERS_AT_ONCE ? [...workers.keys()].slice(WORKERS_AT_ONCE) : []
  }

  /** Everything but the logs, which are each page's own. */
  #snapshotText(): string {
    if (this.#snapshot?.seq === this.#seq) return this.#snapshot.text
    const { balancer, config, queue, workers } = this.#picture as Picture
    const points = this.#series.points
    const first = [...workers.values()].slice(0, WORKERS_AT_ONCE)
    const text = JSON.stringify({
      balancer,
      config,
      queue,
      workers: first,
      points,
      ...restOf(this.#beyondFirst()),
    })
    this.#snapshot = { seq: this.#seq, text }
    return text
  }

  #frame(kind: 'snapshot' | 'changes', body: string): string {
    const at = new Date(this.#deps.clock.wallMs()).toISOString()
    return `{"seq":${this.#seq},"at":"${at}","${kind}":${body}}`
  }
}

/** Puts a member into the JSON of an object that has none of this name. */
function addMember(body: string, name: string, value: string | undefined): string {
  if (value === undefined) return body
  const member = `"${name}":${value}}`
  return body === '{}' ? `{${member}` : `${body.slice(0, -1)},${member}`
}

/** What a message tells of the workers that are still to come. */
function restOf({ length }: readonly string[]): Pick<FeedChanges, 'toCome'> {
  return length > 0 ? { toCome: length } : {}
}

function quit({ logs, runs }: Page): void {
  logs.stop()
  runs.stop()
}

/** Two JSON objects of different names as one. */
function joinObjects(one: string | undefined, other: string | undefined): string | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return `${one.slice(0, -1)},${other.slice(1)}`
}
