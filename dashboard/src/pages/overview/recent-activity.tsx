/** The last things that people have done to the fleet, newest first; all of it is on the activity page. */
import { type ActivityItem, activityItemSchema } from '@berth/protocol'
import { z } from 'zod'
import { useGet } from '../../api/query.ts'
import { Link } from '../../kit/link.tsx'
import { Panel } from '../../kit/page.tsx'
import { ErrorState, Skeleton } from '../../kit/states.tsx'
import { Age } from '../../kit/time.tsx'
import { paths } from '../../paths.ts'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'

const pageSchema = z.object({ items: z.array(activityItemSchema) })
const SHOWN = 8
const EVERY_MS = 10_000

export function RecentActivity() {
  const { data, error, refetch } = useGet({
    key: ['activity', 'recent'],
    path: '/activity',
    query: { kind: 'operator', limit: SHOWN },
    schema: pageSchema,
    everyMs: EVERY_MS,
  })
  const words = text.overview.activity
  return (
    <Panel
      title={words.title}
      isFlush
      className="recent"
      actions={<Link to={paths.activity()}>{words.all}</Link>}
    >
      {error && !data ? (
        <ErrorState error={error} onRetry={() => void refetch()} />
      ) : !data ? (
        <Skeleton rows={4} className="recent-bones" />
      ) : data.items.length === 0 ? (
        <p className="recent-none muted">{words.none}</p>
      ) : (
        <ul className="recent-list">
          {data.items.map((item) => (
            <RecentRow key={item.id} item={item} />
          ))}
        </ul>
      )}
    </Panel>
  )
}

function RecentRow({ item }: { item: ActivityItem }) {
  const words = text.overview.activity
  const href = hrefOf(item)
  const sentence = visible(item.summary)
  return (
    <li className="recent-row">
      <span className="recent-words">
        {href ? <Link to={href}>{sentence}</Link> : sentence}
        {item.reason && <span className="muted">{words.reason(visible(item.reason))}</span>}
      </span>
      <span className="muted recent-when">
        {item.actor && `${words.by(visible(item.actor))} · `}
        <Age at={item.at} />
      </span>
    </li>
  )
}

function hrefOf({ target }: ActivityItem): string | null {
  const [group = '', ...name] = target.id.split('/')
  switch (target.kind) {
    case 'worker':
      return paths.worker(target.id)
    case 'run':
      return paths.run(target.id)
    case 'schedule':
      return paths.schedule(target.id)
    case 'function':
      return name.length > 0 ? paths.function(group, name.join('/')) : paths.functions()
    case 'config':
      return paths.config()
    default:
      return null
  }
}
