/** The bounds of one entry of activity, and whether it is meant by a filter while it waits for the disk. Pure. */
import type { ActivityItem } from '@berth/protocol'
import type { ActivityFilter } from '../ports/activity.ts'

const MAX_TEXT = 1_000
/** Of what was there before, and after, as JSON. */
const MAX_JSON = 8_000

export function shorten(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text
}

/** As plain JSON; what is too long is shown as the beginning of its text. */
export function shortenJson(value: unknown): ActivityItem['before'] {
  const text = JSON.stringify(value ?? null)
  if (text.length <= MAX_JSON) return JSON.parse(text)
  return { shortened: text.slice(0, MAX_JSON), characters: text.length }
}

export function isMeant(filter: ActivityFilter, item: ActivityItem): boolean {
  const { kind, action, actor, targetKind, targetId, q, fromMs, toMs } = filter
  const isAction = action === undefined || item.action === action || item.action.startsWith(`${action}.`)
  const isTarget =
    (targetKind ?? item.target.kind) === item.target.kind && (targetId ?? item.target.id) === item.target.id
  const atMs = Date.parse(item.at)
  const isTimely = atMs >= (fromMs ?? atMs) && atMs <= (toMs ?? atMs)
  const isWho = (kind ?? item.kind) === item.kind && (actor ?? item.actor) === item.actor
  return isAction && isTarget && isTimely && isWho && hasWords(item, q)
}

function hasWords({ action, target, summary, actor, reason, address }: ActivityItem, q = ''): boolean {
  const said = [action, target.kind, target.id, summary, actor ?? '', reason ?? '', address ?? '']
  const text = said.join('\n').normalize('NFKC').toLowerCase()
  const sought = q.normalize('NFKC').toLowerCase().split(/\s+/u)
  return sought.every((word) => text.includes(word))
}
