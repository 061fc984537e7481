/**
 * Reads a trace of Chromium: how long the page's main thread worked for each frame, and how many frames it drew.
 * Pure; called by `tab.ts`. A frame is all that happens between two begins of a main frame; of its work counts what
 * is script, style or layout, the outermost of what is nested, by the thread's own processor time: what others did
 * meanwhile is none of the page's.
 */

export interface TraceFigures {
  /** Script, style and layout of each frame in which any ran, ms. */
  readonly frameMs: readonly number[]
  /** Whole tasks of the main thread, ms. */
  readonly taskMs: readonly number[]
  readonly framesPerSecond: number
}

interface TraceEvent {
  readonly name: string
  readonly ph: string
  readonly pid: number
  readonly tid: number
  readonly ts: number
  readonly dur?: number
  /** Of `dur`, what the thread had the processor for. */
  readonly tdur?: number
  readonly args?: { readonly name?: string }
}

const BEGINS = new Set(['BeginMainThreadFrame', 'ThreadProxy::BeginMainFrame'])
const WORK = new Set([
  'FunctionCall',
  'EvaluateScript',
  'TimerFire',
  'FireAnimationFrame',
  'EventDispatch',
  'RunMicrotasks',
  'UpdateLayoutTree',
  'Layout',
  'MinorGC',
  'MajorGC',
])

export function readTrace(raw: readonly object[]): TraceFigures {
  const events = raw as readonly TraceEvent[]
  const main = findMain(events)
  const own = events
    .filter(({ pid, tid, ts }) => pid === main?.pid && tid === main.tid && ts > 0)
    .sort((a, b) => a.ts - b.ts || (b.dur ?? 0) - (a.dur ?? 0))
  const begins = own.filter(({ name }) => BEGINS.has(name)).map(({ ts }) => ts)
  const spans = own.filter(({ name, ph, dur }) => ph === 'X' && WORK.has(name) && (dur ?? 0) > 0)
  const frames = new Map<number, number>()
  let coveredTo = 0
  let frame = 0
  for (const { ts, dur = 0, tdur } of spans) {
    while (frame < begins.length && (begins[frame] ?? 0) <= ts) frame += 1
    if (ts < coveredTo) continue
    coveredTo = ts + dur
    frames.set(frame, (frames.get(frame) ?? 0) + (tdur ?? dur) / 1_000)
  }
  const [first, last] = [own[0]?.ts ?? 0, own.at(-1)?.ts ?? 0]
  return {
    frameMs: [...frames.values()],
    taskMs: own.filter(({ name, ph }) => name === 'RunTask' && ph === 'X').map(({ dur = 0 }) => dur / 1_000),
    framesPerSecond: begins.length / Math.max(1e-9, (last - first) / 1e6),
  }
}

/** Of several renderers that which worked the most. */
function findMain(events: readonly TraceEvent[]): { pid: number; tid: number } | undefined {
  const mains = events.filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain')
  const count = ({ pid, tid }: TraceEvent) =>
    events.reduce((sum, event) => sum + Number(event.pid === pid && event.tid === tid), 0)
  return mains.map((main) => ({ main, count: count(main) })).sort((a, b) => b.count - a.count)[0]?.main
}
