/**
 * The columns of the workers table. A thousand workers come four times a second, so the cells of what moves (slots,
 * load, age) read it from the feed by themselves, and a row is drawn again only when something else of it changes
 * (`steady-rows.ts`). Rates are those of the last five minutes, unknown where nobody has counted.
 */
import type { WorkerView } from '@berth/protocol'
import { memo } from 'react'
import { useFeedPart, useHeardSeconds } from '../../feed/use-feed.tsx'
import type { Column } from '../../kit/data-table.tsx'
import { Link } from '../../kit/link.tsx'
import { StateMark } from '../../kit/marks.tsx'
import { paths } from '../../paths.ts'
import { formatShare, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { groupOf, STATE_ORDER } from './fleet-facts.ts'
import type { MaintenanceControl } from './maintenance.ts'
import { MaintenanceSwitch } from './maintenance-switch.tsx'
import { Age, BreakerCell, RateCell, ShareCell, SlotsCell, TagChips } from './worker-cells.tsx'
import type { WorkerRates } from './worker-rates.ts'

export interface ColumnContext {
  readonly control: MaintenanceControl
  readonly rates: WorkerRates
  /** Why nothing can be switched now. */
  readonly disabledWhy: string | undefined
  onTag(key: string, value: string): void
}

type Cell = { readonly worker: WorkerView }

const StateCell = memo(function StateCell({ worker }: Cell) {
  const hasReason = worker.reason !== null && worker.maintenance === null
  return (
    <span className="worker-state">
      <StateMark state={worker.status} />
      {hasReason && (
        <span className="reason" title={visible(worker.reason ?? '')}>
          {visible(worker.reason ?? '')}
        </span>
      )}
    </span>
  )
})

const NameCell = memo(function NameCell({ id, url }: { id: string; url: string }) {
  return (
    <span className="worker-name" title={visible(url)}>
      <Link to={paths.worker(id)} className="worker-id">
        {visible(id)}
      </Link>
    </span>
  )
})

const Known = memo(function Known({ value }: { value: string | null }) {
  return value === null ? <span className="unknown">{text.unknown}</span> : visible(value)
})

const Tags = memo(function Tags(props: Parameters<typeof TagChips>[0]) {
  return (
    <div className="figure figure-tags">
      <TagChips {...props} />
    </div>
  )
})
const Rate = memo(RateCell)
const Breaker = memo(BreakerCell)

type OfWorker = { readonly id: string }

const Slots = memo(function Slots({ id }: OfWorker) {
  const slots = useFeedPart(({ feed }) => feed.workers.get(id)?.slots ?? null)
  return (
    <div className="figure figure-slots">
      <SlotsCell slots={slots} />
    </div>
  )
})

const Load = memo(function Load({ id, of }: OfWorker & { of: 'cpuLoad' | 'memoryUsed' }) {
  const share = useFeedPart(({ feed }) => feed.workers.get(id)?.system?.[of] ?? null)
  return (
    <div className="figure">
      <ShareCell share={share} />
    </div>
  )
})

const Heard = memo(function Heard({ id }: OfWorker) {
  const seconds = useHeardSeconds(id)
  const isLong = seconds === null || seconds >= 60
  return (
    <div className={isLong ? 'figure figure-age figure-age-long' : 'figure figure-age'}>
      <Age seconds={seconds} />
    </div>
  )
})

export function columnsOf({ control, rates, disabledWhy, onTag }: ColumnContext): Column<WorkerView>[] {
  const words = text.workers.table.columns
  return [
    {
      id: 'worker',
      header: words.worker,
      width: '110px',
      sortBy: ({ id }) => id,
      cell: ({ id, url }) => <NameCell id={id} url={url} />,
    },
    {
      id: 'state',
      header: words.state,
      width: '96px',
      sortBy: ({ status }) => STATE_ORDER.indexOf(status),
      cell: (worker) => <StateCell worker={worker} />,
    },
    {
      id: 'maintenance',
      header: words.maintenance,
      width: '100px',
      cell: ({ id, maintenance }) => (
        <MaintenanceSwitch
          id={id}
          maintenance={maintenance}
          pending={control.pending.get(id)}
          disabledWhy={disabledWhy}
          onSwitch={control.request}
        />
      ),
    },
    {
      id: 'slots',
      header: words.slots,
      width: '130px',
      sortBy: ({ slots }) => (slots ? slots.used / Math.max(1, slots.limit) : null),
      cell: ({ id }) => <Slots id={id} />,
    },
    {
      id: 'rate',
      header: words.rate,
      width: '70px',
      isNumber: true,
      sortBy: ({ id }) => rates.get(id)?.perMinute ?? null,
      cell: ({ id }) => <Rate perMinute={rates.get(id)?.perMinute ?? null} />,
    },
    {
      id: 'errors',
      header: words.errors,
      width: '60px',
      isNumber: true,
      sortBy: ({ id }) => rates.get(id)?.errorShare ?? null,
      cell: ({ id }) => <ErrorShare share={rates.get(id)?.errorShare ?? null} />,
    },
    {
      id: 'cpu',
      header: words.cpu,
      width: '52px',
      isNumber: true,
      sortBy: ({ system }) => system?.cpuLoad ?? null,
      cell: ({ id }) => <Load id={id} of="cpuLoad" />,
    },
    {
      id: 'memory',
      header: words.memory,
      width: '62px',
      isNumber: true,
      sortBy: ({ system }) => system?.memoryUsed ?? null,
      cell: ({ id }) => <Load id={id} of="memoryUsed" />,
    },
    {
      id: 'group',
      header: words.group,
      width: '90px',
      sortBy: groupOf,
      cell: (worker) => <Known value={groupOf(worker)} />,
    },
    {
      id: 'tags',
      header: words.tags,
      width: '180px',
      cell: ({ tags }) => <Tags tags={tags} onPick={onTag} />,
    },
    {
      id: 'breaker',
      header: words.breaker,
      width: '70px',
      isMinor: true,
      sortBy: ({ breaker }) => BREAKER_ORDER.indexOf(breaker.state),
      cell: ({ breaker }) => <Breaker breaker={breaker} />,
    },
    {
      id: 'version',
      header: words.version,
      width: '62px',
      isMinor: true,
      sortBy: ({ version }) => version,
      cell: ({ version }) => <Known value={version} />,
    },
    {
      id: 'age',
      header: words.age,
      width: '72px',
      isNumber: true,
      // Ascending age: the one heard last stands first.
      sortBy: ({ lastSeenAt }) => (lastSeenAt === null ? null : -Date.parse(lastSeenAt)),
      cell: ({ id }) => <Heard id={id} />,
    },
  ]
}

const BREAKER_ORDER: readonly WorkerView['breaker']['state'][] = ['open', 'half-open', 'closed']

const HIGH_ERRORS = 0.05

const ErrorShare = memo(function ErrorShare({ share }: { share: number | null }) {
  if (share === null) return <span className="unknown">{text.unknown}</span>
  return <span className={share >= HIGH_ERRORS ? 'rate-bad' : undefined}>{formatShare(share)}</span>
})
