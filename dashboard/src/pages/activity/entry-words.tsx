/** The words of an entry: its action, and who it was. */
import type { ActivityItem } from '@berth/protocol'
import { Badge } from '../../kit/badge.tsx'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'

/** An action that this page knows no words for is shown as it is. */
export function actionWords(action: string): string {
  const known: Readonly<Record<string, string>> = text.activity.actions
  return Object.hasOwn(known, action) ? (known[action] ?? action) : visible(action)
}

export function Who({
  entry: { actor, role, kind },
}: {
  entry: Pick<ActivityItem, 'actor' | 'role' | 'kind'>
}) {
  if (kind === 'system') return <span className="muted">{text.activity.itself}</span>
  return (
    <span className="activity-who">
      {actor === null ? <span className="unknown">{text.unknown}</span> : actorWords(actor)}
      {role === 'viewer' && <Badge tone="calm">{text.activity.viewer}</Badge>}
    </span>
  )
}

/** `key` and `read key` are the balancer's words; a session bears the beginning of its hash. */
export function actorWords(actor: string): string {
  if (actor === 'key') return text.activity.key
  if (actor === 'read key') return text.activity.readKey
  const session = /^session ([0-9a-f]{8})$/.exec(actor)?.[1]
  return session ? text.activity.session(session) : visible(actor)
}
