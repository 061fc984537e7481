/** What happened to a worker, newest first: operators' decisions, joins, losses, deploys. */
import { z } from 'zod'
import { ApiError } from '../../api/client.ts'
import { useGet } from '../../api/query.ts'
import { Link } from '../../kit/link.tsx'
import { ToneMark } from '../../kit/marks.tsx'
import { Panel } from '../../kit/page.tsx'
import { ErrorState, Skeleton } from '../../kit/states.tsx'
import { Age } from '../../kit/time.tsx'
import { paths, withQuery } from '../../paths.ts'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'

const POLL_MS = 10_000
const SHOWN = 20

const eventsSchema = z.object({
  items: z.array(
    z.object({
      id: z.string(),
      at: z.string(),
      kind: z.string(),
      actor: z.string().nullable(),
      summary: z.string(),
      reason: z.string().nullable(),
    }),
  ),
})

export function WorkerEvents({ worker }: { worker: string }) {
  const target = `worker:${worker}`
  const { data, error, refetch } = useGet({
    key: ['activity', target],
    path: '/activity',
    query: { target, limit: SHOWN },
    schema: eventsSchema,
    everyMs: POLL_MS,
  })
  const words = text.worker.events
  // A balancer that keeps no activity says so once and is not asked for more.
  const isMissing = error instanceof ApiError && error.status === 404
  return (
    <Panel
      title={words.title}
      actions={<Link to={withQuery(paths.activity(), { target })}>{words.all}</Link>}
    >
      {isMissing ? (
        <p className="muted">{words.none}</p>
      ) : error ? (
        <ErrorState error={error} onRetry={() => void refetch()} />
      ) : !data ? (
        <Skeleton rows={2} />
      ) : data.items.length === 0 ? (
        <p className="muted">{words.none}</p>
      ) : (
        <ol className="worker-events">
          {data.items.map(({ id, at, kind, actor, summary, reason }) => (
            <li key={id}>
              <ToneMark tone={kind === 'operator' ? 'held' : 'calm'} />
              <span className="muted event-age">
                <Age at={at} />
              </span>
              <span>
                {visible(summary)}
                {actor && <span className="muted"> {words.by(visible(actor))}</span>}
                {reason && <span className="muted"> {text.workers.maintenance.reason(visible(reason))}</span>}
              </span>
            </li>
          ))}
        </ol>
      )}
    </Panel>
  )
}
