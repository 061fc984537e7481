/** Every function with what waits for it: how much, since when, how fast it comes and goes, what limits it. */
import { curlOf } from '../../api/client.ts'
import { Badge } from '../../kit/badge.tsx'
import { copyText } from '../../kit/copy.tsx'
import { type Column, DataTable } from '../../kit/data-table.tsx'
import { Link } from '../../kit/link.tsx'
import { ToneMark } from '../../kit/marks.tsx'
import { ActionMenu } from '../../kit/menu.tsx'
import { Age, Instant } from '../../kit/time.tsx'
import { paths, withQuery } from '../../paths.ts'
import { formatCount, formatDuration, formatRate, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { FairnessBar } from './fairness-bar.tsx'
import { isGrowing, type Lane, laneId } from './queue-data.ts'

const words = text.queue.lanes
/** From here on a wait reads as trouble. */
const LONG_WAIT_MS = 300_000

export interface LaneActions {
  readonly why: string | undefined
  onPause(target: PauseTarget): void
  onResume(target: PauseTarget, paused: NonNullable<Lane['paused']>): void
}

/** A group, or a function of it. */
export interface PauseTarget {
  readonly group: string
  readonly function: string | null
}

export function LaneTable({
  lanes,
  atMs,
  actions,
}: {
  lanes: readonly Lane[]
  atMs: number
  actions: LaneActions
}) {
  return (
    <DataTable
      label={words.title}
      rows={lanes}
      columns={columnsOf(atMs, actions)}
      rowId={laneId}
      rowHeight={44}
      rowTone={(lane) => (lane.paused ? 'muted' : isOld(lane, atMs) ? 'warn' : undefined)}
      maxHeight="60dvh"
    />
  )
}

function isOld({ oldestAt }: Lane, atMs: number): boolean {
  return oldestAt !== null && atMs - Date.parse(oldestAt) > LONG_WAIT_MS
}

function columnsOf(atMs: number, actions: LaneActions): readonly Column<Lane>[] {
  return [
    {
      id: 'function',
      header: words.function,
      sortBy: ({ group, function: name }) => `${group}/${name}`,
      cell: (lane) => <FunctionName lane={lane} />,
    },
    {
      id: 'waiting',
      header: words.waiting,
      isNumber: true,
      sortBy: ({ waiting }) => waiting,
      cell: ({ waiting, hasMore }) =>
        hasMore ? (
          <span title={words.moreOnDisk}>
            {text.queue.atLeast(formatCount(waiting))}
            <span className="only-heard"> {words.moreOnDisk}</span>
          </span>
        ) : (
          formatCount(waiting)
        ),
    },
    {
      id: 'oldest',
      header: words.oldest,
      isNumber: true,
      sortBy: ({ oldestAt }) => (oldestAt === null ? null : atMs - Date.parse(oldestAt)),
      cell: (lane) => <Oldest lane={lane} atMs={atMs} />,
    },
    {
      id: 'arrivals',
      header: words.arrivals,
      isNumber: true,
      isMinor: true,
      sortBy: ({ arrivalPerSecond }) => arrivalPerSecond,
      cell: ({ arrivalPerSecond }) => formatRate(arrivalPerSecond),
    },
    {
      id: 'served',
      header: words.served,
      isNumber: true,
      isMinor: true,
      sortBy: ({ servicePerSecond }) => servicePerSecond,
      cell: ({ servicePerSecond }) => formatRate(servicePerSecond),
    },
    {
      id: 'clear',
      header: words.clear,
      isNumber: true,
      sortBy: ({ clearMs }) => clearMs,
      cell: (lane) => <ClearTime lane={lane} />,
    },
    {
      id: 'capacity',
      header: words.capacity,
      isMinor: true,
      sortBy: ({ free }) => free,
      cell: (lane) => <Capacity lane={lane} />,
    },
    { id: 'limits', header: words.limits, isMinor: true, cell: (lane) => <Limits lane={lane} /> },
    {
      id: 'fairness',
      header: words.fairness,
      isMinor: true,
      width: '180px',
      cell: (lane) => <FairnessBar lane={lane} />,
    },
    { id: 'state', header: words.state, cell: (lane) => <State lane={lane} /> },
    {
      id: 'actions',
      header: <span className="only-heard">{words.actions}</span>,
      headerText: words.actions,
      width: '44px',
      cell: (lane) => <LaneMenu lane={lane} actions={actions} />,
    },
  ]
}

function FunctionName({ lane }: { lane: Lane }) {
  const { group, contract, function: name, tags } = lane
  return (
    <div className="queue-function">
      <Link to={paths.function(group, name)}>{visible(name)}</Link>
      <span className="muted">
        {visible(group)}@{contract}
        {tags !== null && <> · {visible(tags)}</>}
      </span>
    </div>
  )
}

function Oldest({ lane, atMs }: { lane: Lane; atMs: number }) {
  if (lane.oldestAt === null) return <span className="unknown">{text.unknown}</span>
  if (!isOld(lane, atMs)) return <Age at={lane.oldestAt} form="span" />
  return (
    <span className="queue-marked tone-warn">
      <ToneMark tone="warn" />
      <Age at={lane.oldestAt} form="span" />
    </span>
  )
}

function ClearTime({ lane }: { lane: Lane }) {
  if (lane.clearMs !== null) return <>{lane.waiting === 0 ? text.unknown : formatDuration(lane.clearMs)}</>
  if (!isGrowing(lane)) return <span className="unknown">{text.unknown}</span>
  return (
    <span className="queue-marked tone-warn">
      <ToneMark tone="warn" />
      {words.grows}
    </span>
  )
}

function Capacity({ lane: { capable, free, waiting } }: { lane: Lane }) {
  if (capable === 0 && waiting > 0) {
    return (
      <span className="queue-marked tone-bad">
        <ToneMark tone="bad" />
        {words.nobody}
      </span>
    )
  }
  return <span title={words.capable(capable)}>{formatCount(free)}</span>
}

function Limits({ lane }: { lane: Lane }) {
  if (lane.limits.length === 0) return <span className="muted">{words.noLimits}</span>
  return (
    <div className="queue-limits">
      {lane.limits.map(({ of, kind, used, limit, perMs }) => {
        const note = [words.limit[kind][of], perMs !== null && words.per(formatDuration(perMs))]
          .filter(Boolean)
          .join(' ')
        return (
          <span key={`${of} ${kind}`} className={used >= limit ? 'tone-warn' : undefined}>
            {formatCount(used)} / {formatCount(limit)} <span className="muted">{note}</span>
          </span>
        )
      })}
    </div>
  )
}

function State({ lane: { paused } }: { lane: Lane }) {
  if (paused === null) return <span className="muted">{words.running}</span>
  return (
    <span className="queue-paused" title={titleOf(paused)}>
      <Badge tone="held" hasMark>
        {words.paused}
      </Badge>
      <span className="muted">
        {paused.until === null ? (
          words.pausedBy[paused.by]
        ) : (
          <>
            {words.until} <Instant at={paused.until} />
          </>
        )}
      </span>
    </span>
  )
}

function titleOf({ by, until, reason }: NonNullable<Lane['paused']>): string {
  const what = [words.pausedBy[by], until === null && words.untilResumed].filter(Boolean).join(', ')
  return reason === null ? what : `${what}: ${visible(reason)}`
}

function LaneMenu({ lane, actions: { why, onPause, onResume } }: { lane: Lane; actions: LaneActions }) {
  const { group, function: name, paused } = lane
  const menu = text.queue.menu
  const own = { group, function: name }
  const whole = { group, function: null }
  const isOwn = paused?.by === 'function'
  const isGroup = paused?.by === 'group'
  return (
    <ActionMenu
      label={words.actionsOf(visible(`${group}/${name}`))}
      isIconOnly
      kind="quiet"
      items={[
        isOwn
          ? { label: menu.resumeFunction, icon: 'play', disabledWhy: why, run: () => onResume(own, paused) }
          : {
              label: menu.pauseFunction,
              icon: 'pause',
              disabledWhy: why ?? (isGroup && menu.groupPaused),
              run: () => onPause(own),
            },
        isGroup
          ? {
              label: menu.resumeGroup(visible(group)),
              icon: 'play',
              disabledWhy: why,
              run: () => onResume(whole, paused),
            }
          : {
              label: menu.pauseGroup(visible(group)),
              icon: 'pause',
              disabledWhy: why,
              run: () => onPause(whole),
            },
        { label: menu.openFunction, href: paths.function(group, name), isApart: true },
        { label: menu.tasks, href: withQuery(paths.runs(), { status: 'queued', function: name, group }) },
        {
          label: text.kit.copyCurl,
          icon: 'copy',
          run: () => void copyText(curlOf({ method: 'GET', path: '/queue', query: { group } })),
        },
      ]}
    />
  )
}
