/**
 * Reads one message of the feed: JSON, then the protocol's schema. Called by the feed client. What comes by the
 * hundred (log lines, beats and slots four times a second, the workers of a snapshot), the schema would take longer
 * over than everything else together, so it is judged by hand. Invariant: what is answered is what the schema would have let through.
 */
import { type FeedChanges, type FeedMessage, feedMessageSchema, LOG_LEVELS } from '@berth/protocol'
import { isSoundPoint, isSoundWorker } from './sound-snapshot.ts'

/** More are refused by the schema. */
const MOST_POINTS = 900

/** Null when it makes no sense. */
export function readMessage(data: unknown): FeedMessage | null {
  if (typeof data !== 'string') return null
  try {
    return judge(JSON.parse(data))
  } catch {
    return null
  }
}

function judge(message: unknown): FeedMessage | null {
  const snapshot = memberOf(message, 'snapshot')
  if (typeof snapshot === 'object' && snapshot !== null) return judgeSnapshot(message as object, snapshot)
  const changes = memberOf(message, 'changes')
  if (typeof changes !== 'object' || changes === null) return bySchema(message)
  const [sound, rest] = partByHand(changes as Record<string, unknown>)
  const judged = bySchema({ ...(message as object), changes: rest })
  if (judged === null || !('changes' in judged)) return judged
  return { ...judged, changes: { ...judged.changes, ...sound } }
}

function judgeSnapshot(message: object, snapshot: object): FeedMessage | null {
  const { workers, points } = snapshot as Record<string, unknown>
  if (!Array.isArray(workers) || !Array.isArray(points) || points.length > MOST_POINTS)
    return bySchema(message)
  const isSound = workers.map(isSoundWorker)
  const arePoints = points.every(isSoundPoint)
  const rest = { workers: workers.filter((_, i) => !isSound[i]), points: arePoints ? [] : points }
  const judged = bySchema({ ...message, snapshot: { ...snapshot, ...rest } })
  if (judged === null || !('snapshot' in judged)) return judged
  const others = judged.snapshot.workers.values()
  const whole = {
    workers: workers.map((worker, i) => (isSound[i] ? worker : others.next().value)),
    points: arePoints ? points : judged.snapshot.points,
  }
  return { ...judged, snapshot: { ...judged.snapshot, ...whole } }
}

function bySchema(message: unknown): FeedMessage | null {
  const parsed = feedMessageSchema.safeParse(message)
  return parsed.success ? parsed.data : null
}

type ByHand = Pick<FeedChanges, 'logs' | 'beats' | 'slots'>

const JUDGES: Readonly<Record<keyof ByHand, (part: unknown) => boolean>> = {
  logs: isLog,
  beats: (beat) => isFigures(beat, 1, 5, isFigureOrNull),
  slots: (slots) => isFigures(slots, 5, 5, isFigure),
}

/** What is sound by hand, and all that the schema is to say the last word on. */
function partByHand(changes: Record<string, unknown>): [ByHand, Record<string, unknown>] {
  const sound: Record<string, unknown> = {}
  const rest: Record<string, unknown> = {}
  for (const [name, part] of Object.entries(changes)) {
    const isSound = Object.hasOwn(JUDGES, name) && areAll(part, JUDGES[name as keyof ByHand])
    ;(isSound ? sound : rest)[name] = part
  }
  return [sound as ByHand, rest]
}

function areAll(parts: unknown, isSound: (part: unknown) => boolean): boolean {
  if (typeof parts !== 'object' || parts === null || Array.isArray(parts)) return false
  for (const key in parts) if (!isSound((parts as Record<string, unknown>)[key])) return false
  return true
}

function isFigures(list: unknown, least: number, most: number, isOne: (value: unknown) => boolean): boolean {
  return Array.isArray(list) && list.length >= least && list.length <= most && list.every(isOne)
}

function isFigure(value: unknown): boolean {
  // JSON knows no others; 1e999 is read as Infinity.
  return typeof value === 'number' && Number.isFinite(value)
}

function isFigureOrNull(value: unknown): boolean {
  return value === null || isFigure(value)
}

function isLog(part: unknown): boolean {
  const lines = memberOf(part, 'lines')
  return Array.isArray(lines) && isFigure(memberOf(part, 'dropped')) && lines.every(isLine)
}

function isLine(line: unknown): boolean {
  if (typeof line !== 'object' || line === null) return false
  const { at, level, text, source, run, worker, fields } = line as Record<string, unknown>
  return (
    typeof at === 'string' &&
    typeof text === 'string' &&
    typeof source === 'string' &&
    (LOG_LEVELS as readonly unknown[]).includes(level) &&
    (run === undefined || typeof run === 'string') &&
    (worker === undefined || typeof worker === 'string') &&
    (fields === undefined || (typeof fields === 'object' && fields !== null && !Array.isArray(fields)))
  )
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined
}
