/**
 * Reads one message of the feed: JSON, then the protocol's schema. Called by the feed client. Log lines come by the
 * hundred, four times a second, and the schema would take longer over them than everything else together, so
 * they are judged here by hand. Invariant: what is answered is what the schema would have let through.
 */
import { type FeedLine, type FeedMessage, feedMessageSchema, LOG_LEVELS } from '@berth/protocol'

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
  const logs = logsOf(message)
  if (logs === null) {
    const parsed = feedMessageSchema.safeParse(message)
    return parsed.success ? parsed.data : null
  }
  const { changes } = message as { changes: Record<string, unknown> }
  const { logs: _logs, ...rest } = changes
  const parsed = feedMessageSchema.safeParse({ ...(message as object), changes: rest })
  if (!parsed.success || !('changes' in parsed.data)) return null
  return { ...parsed.data, changes: { ...parsed.data.changes, logs } }
}

type Logs = Record<string, { lines: FeedLine[]; dropped: number }>

/** Null when there are none that are sound; the schema then says what is to become of the message. */
function logsOf(message: unknown): Logs | null {
  const logs = memberOf(memberOf(message, 'changes'), 'logs')
  if (typeof logs !== 'object' || logs === null) return null
  for (const part of Object.values(logs)) {
    const lines = memberOf(part, 'lines')
    if (!Array.isArray(lines) || typeof memberOf(part, 'dropped') !== 'number') return null
    if (!lines.every(isLine)) return null
  }
  return logs as Logs
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
