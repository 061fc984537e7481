/** What is searched of an activity, and how. Pure; used by both stores, so that both find the same. */
import type { ActivityItem } from '@berth/protocol'

/** Of one item; longer ones are searched up to here. */
const MAX_CHARACTERS = 4_000
const MAX_SOUGHT = 16

/** Who, what, why and at what, in lower case. */
export function activityWords({ actor, action, target, summary, reason, address }: ActivityItem): string {
  const said = [action, target.kind, target.id, summary, actor ?? '', reason ?? '', address ?? '']
  return fold(said.join('\n')).slice(0, MAX_CHARACTERS)
}

/** The words of a search, each of which must stand somewhere. */
export function soughtIn(q: string | undefined): readonly string[] {
  return fold(q ?? '')
    .split(/\s+/u)
    .filter((word) => word !== '')
    .slice(0, MAX_SOUGHT)
}

function fold(text: string): string {
  return text.normalize('NFKC').toLowerCase()
}
