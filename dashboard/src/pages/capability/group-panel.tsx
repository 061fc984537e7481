/** A group: how its traffic is split between contracts, which contract is meant when a task names none, its pause. */
import { memo, useMemo, useState } from 'react'
import { curlOf } from '../../api/client.ts'
import { useAction } from '../../api/use-action.ts'
import { ContractSplitCharts } from '../../charts/contract-stats.tsx'
import { Badge } from '../../kit/badge.tsx'
import { Button } from '../../kit/button.tsx'
import { ConfirmDialog } from '../../kit/confirm.tsx'
import { CopyMenu } from '../../kit/copy.tsx'
import { ErrorBoundary } from '../../kit/error-boundary.tsx'
import { Link } from '../../kit/link.tsx'
import { KeyValues, Panel } from '../../kit/page.tsx'
import { Select } from '../../kit/select.tsx'
import { ErrorState } from '../../kit/states.tsx'
import { Instant } from '../../kit/time.tsx'
import { paths, withQuery } from '../../paths.ts'
import { useMayOperate } from '../../session/use-me.ts'
import { formatCount, formatRate, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import {
  type GroupSettings,
  groupPath,
  patchGroup,
  useGroupDemand,
  useGroupSettings,
} from './capability-data.ts'
import type { MatrixColumn } from './matrix.ts'
import { PauseGroupDialog } from './pause-group-dialog.tsx'

// Drawn again with what they read, not with what stands around them.
const Charts = memo(ContractSplitCharts)

interface Props {
  readonly column: MatrixColumn
  readonly columns: readonly MatrixColumn[]
  onClose(): void
}

export function GroupPanel({ column, columns, onClose }: Props) {
  const { group } = column
  const words = text.capability.group
  const { data, error, refetch } = useGroupSettings(group)
  const { may, why } = useMayOperate()
  const [isPausing, setPausing] = useState(false)
  const disabledWhy = may ? undefined : why
  const contracts = useMemo(() => columns.filter((one) => one.group === group), [columns, group])
  const resume = useAction({
    run: (_before: GroupSettings['paused']) => patchGroup(group, { paused: null }),
    title: words.resumed(visible(group)),
    undo: (_result, before) => patchGroup(group, { paused: pauseBody(before) }),
    invalidates: [['groups'], ['queue'], ['pauses']],
  })
  return (
    <Panel
      className="capability-panel"
      title={words.title(visible(group))}
      actions={
        <>
          <CopyMenu
            id={group}
            link={withQuery(paths.capability(), { at: column.key })}
            curl={curlOf({ method: 'GET', path: groupPath(group) })}
          />
          <Button kind="quiet" icon="close" isIconOnly onClick={onClose}>
            {text.shell.close}
          </Button>
        </>
      }
    >
      {error && <ErrorState error={error} onRetry={() => void refetch()} />}
      <KeyValues
        items={[
          {
            label: words.workers,
            value: (
              <Link to={withQuery(paths.workers(), { groups: group })}>
                {formatCount(contracts.reduce((sum, one) => sum + one.workers, 0))}
              </Link>
            ),
          },
          {
            label: words.defaultContract,
            value: data && (
              <DefaultContract
                group={group}
                settings={data}
                contracts={contracts}
                disabledWhy={disabledWhy}
              />
            ),
          },
          {
            label: words.pause,
            value:
              data &&
              (data.paused ? (
                <span className="capability-pause">
                  <Badge tone="held" hasMark>
                    {words.paused}
                  </Badge>
                  <span>
                    {words.since} <Instant at={data.paused.since} />
                    {data.paused.until && (
                      <>
                        , {words.until} <Instant at={data.paused.until} />
                      </>
                    )}
                    {data.paused.reason && <>. {visible(data.paused.reason)}</>}
                  </span>
                  <Button
                    pending={resume.isPending}
                    disabledWhy={disabledWhy}
                    onClick={() => void resume.start(data.paused)}
                  >
                    {words.resume}
                  </Button>
                </span>
              ) : (
                <Button disabledWhy={disabledWhy} onClick={() => setPausing(true)}>
                  {words.pauseIt}
                </Button>
              )),
          },
        ]}
      />
      <ErrorBoundary>
        <Charts group={group} />
      </ErrorBoundary>
      {isPausing && <PauseGroupDialog group={group} onClose={() => setPausing(false)} />}
    </Panel>
  )
}

export function pauseBody(pause: GroupSettings['paused']): object {
  return {
    ...(pause?.until ? { until: pause.until } : {}),
    ...(pause?.reason ? { reason: pause.reason } : {}),
  }
}

interface DefaultProps {
  readonly group: string
  readonly settings: GroupSettings
  readonly contracts: readonly MatrixColumn[]
  readonly disabledWhy: string | undefined
}

const AUTOMATIC = 'auto'

function DefaultContract({ group, settings, contracts, disabledWhy }: DefaultProps) {
  const words = text.capability.group
  const [asked, setAsked] = useState<string | null>(null)
  const value = settings.defaultContract === null ? AUTOMATIC : String(settings.defaultContract)
  const known = [...new Set([...contracts.map(({ contract }) => String(contract)), value])].filter(
    (one) => one !== AUTOMATIC,
  )
  if (disabledWhy) return <span title={disabledWhy}>{value === AUTOMATIC ? words.automatic : value}</span>
  return (
    <>
      <Select
        label={words.defaultContract}
        value={value}
        onChange={(next) => {
          if (next !== value) setAsked(next)
        }}
        options={[
          { value: AUTOMATIC, label: words.automatic, detail: words.automaticDetail },
          ...known.map((one) => ({ value: one, label: one })),
        ]}
      />
      {asked !== null && (
        <DefaultDialog
          group={group}
          before={settings.defaultContract}
          after={asked === AUTOMATIC ? null : Number(asked)}
          contracts={contracts}
          onClose={() => setAsked(null)}
        />
      )}
    </>
  )
}

interface DialogProps {
  readonly group: string
  readonly before: number | null
  readonly after: number | null
  readonly contracts: readonly MatrixColumn[]
  onClose(): void
}

function DefaultDialog({ group, before, after, contracts, onClose }: DialogProps) {
  const words = text.capability.group
  const demand = useGroupDemand(group)
  const wordOf = (contract: number | null) => (contract === null ? words.automatic : String(contract))
  const workersOf = (contract: number | null) =>
    contract === null
      ? text.unknown
      : formatCount(contracts.find((one) => one.contract === contract)?.workers ?? 0)
  const set = useAction({
    run: (reason: string) => patchGroup(group, { defaultContract: after }, reason),
    title: words.defaultSet(visible(group), wordOf(after)),
    undo: () => patchGroup(group, { defaultContract: before }),
    invalidates: [['groups'], ['functions']],
  })
  return (
    <ConfirmDialog
      title={words.defaultTitle(visible(group), wordOf(after))}
      facts={[
        { label: words.now, value: wordOf(before) },
        { label: words.workersOfIt, value: workersOf(after) },
        {
          label: words.arrivals,
          value: demand.arrivalsPerMinute === null ? text.unknown : formatRate(demand.arrivalsPerMinute),
        },
      ]}
      equivalent={curlOf({ method: 'PATCH', path: groupPath(group), body: { defaultContract: after } })}
      confirmLabel={words.setIt}
      onConfirm={(reason) => set.start(reason)}
      onClose={onClose}
    >
      <p className="dialog-lead">{words.defaultLead}</p>
    </ConfirmDialog>
  )
}
