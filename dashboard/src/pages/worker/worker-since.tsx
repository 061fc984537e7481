/** Since when a worker is as it is, by whom, and why: the line beside its name. */
import type { LinkView, WorkerView } from '@berth/protocol'
import { Age, Instant } from '../../kit/time.tsx'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'

export function WorkerSince({ worker, link }: { worker: WorkerView; link: LinkView | undefined }) {
  const { maintenance, breaker, reason } = worker
  const words = text.worker.since
  if (maintenance) {
    return (
      <p className="verdict">
        {words.maintenance(text.workers.maintenance.by[maintenance.by])}
        {maintenance.owner && <> ({visible(maintenance.owner)})</>}
        {maintenance.since && (
          <>
            {', '}
            {words.since} <Instant at={maintenance.since} />
          </>
        )}
        {maintenance.until && (
          <>
            {', '}
            {words.until} <Instant at={maintenance.until} />
          </>
        )}
        {maintenance.reason && <>. {text.workers.maintenance.reason(visible(maintenance.reason))}</>}
      </p>
    )
  }
  const at = worker.status === 'ejected' ? breaker.since : (link?.connectedAt ?? null)
  return (
    <p className="verdict">
      {reason && <span>{visible(reason)}</span>}
      {at ? (
        <span>
          {worker.status === 'ejected' ? words.since : words.linked} <Age at={at} form="span" />
        </span>
      ) : (
        <span>
          {words.lastHeard} <Age at={worker.lastSeenAt} />
        </span>
      )}
    </p>
  )
}
