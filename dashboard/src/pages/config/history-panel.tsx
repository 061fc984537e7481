/** Every list that was in force: when, who, why, and what it changed. One opens beside the list in force. */
import type { ReactNode } from 'react'
import { curlOf } from '../../api/client.ts'
import { Badge } from '../../kit/badge.tsx'
import { Button } from '../../kit/button.tsx'
import { CodeDiff } from '../../kit/code-diff.tsx'
import { CopyMenu } from '../../kit/copy.tsx'
import { type Column, DataTable } from '../../kit/data-table.tsx'
import { Panel } from '../../kit/page.tsx'
import { EmptyState, ErrorState, Skeleton } from '../../kit/states.tsx'
import { Instant } from '../../kit/time.tsx'
import { paths, withQuery } from '../../paths.ts'
import { formatCount, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { PATH, type useVersions, useVersionText, type Version } from './config-data.ts'

const words = text.config.history

const columns = (inForce: number | null): readonly Column<Version>[] => [
  {
    id: 'version',
    header: words.version,
    isNumber: true,
    width: '76px',
    cell: ({ version }) => version,
  },
  { id: 'at', header: words.at, width: '180px', cell: ({ at }) => <Instant at={at} /> },
  {
    id: 'who',
    header: words.who,
    width: '160px',
    cell: ({ who }) => (who === 'file' ? words.byFile : visible(who)),
  },
  {
    id: 'action',
    header: words.action,
    width: '200px',
    isMinor: true,
    cell: (version) => <Action version={version} inForce={inForce} />,
  },
  {
    id: 'changes',
    header: words.changes,
    width: '110px',
    cell: ({ added, removed, changed }) => (
      <span title={words.changeWords(added, removed, changed)}>
        <span aria-hidden="true">{words.changeCounts(added, removed, changed)}</span>
        <span className="only-heard">{words.changeWords(added, removed, changed)}</span>
      </span>
    ),
  },
  {
    id: 'workers',
    header: words.workers,
    isNumber: true,
    width: '90px',
    isMinor: true,
    cell: ({ workers }) => formatCount(workers),
  },
  {
    id: 'reason',
    header: words.reason,
    isWide: true,
    cell: ({ reason }) => (reason === null ? text.unknown : visible(reason)),
  },
]

function Action({ version, inForce }: { version: Version; inForce: number | null }) {
  return (
    <>
      {wordOfAction(version)} {version.version === inForce && <Badge tone="ok">{words.inForce}</Badge>}
    </>
  )
}

function wordOfAction({ action, of }: Version): string {
  return action === 'rollback' && of !== null ? words.rolledBackTo(of) : words.actions[action]
}

interface Props {
  readonly versions: ReturnType<typeof useVersions>
  readonly items: readonly Version[]
  readonly inForce: number | null
  /** The one that is open. */
  readonly open: number | null
  readonly running: string | null
  readonly mayNotWhy: string | undefined
  onOpen(version: number | null): void
  onRollBack(version: number): void
  onLoad(text: string): void
}

export function HistoryPanel(props: Props) {
  const { versions, items, inForce, open, onOpen } = props
  if (versions.error && items.length === 0)
    return <ErrorState error={versions.error} onRetry={() => void versions.refetch()} />
  return (
    <div className="config-history">
      {open !== null && <OpenVersion key={open} {...props} version={open} />}
      <Panel title={words.label} isFlush>
        <DataTable
          label={words.label}
          rows={items}
          columns={columns(inForce)}
          rowId={({ version }) => String(version)}
          onOpen={({ version }) => onOpen(version)}
          isLoading={versions.isLoading}
          maxHeight="60dvh"
          empty={<EmptyState title={words.empty} teach={words.teach} />}
        />
        {versions.hasNextPage && (
          <p className="config-more">
            <Button pending={versions.isFetchingNextPage} onClick={() => void versions.fetchNextPage()}>
              {words.older}
            </Button>
          </p>
        )}
      </Panel>
    </div>
  )
}

function OpenVersion(props: Props & { readonly version: number }): ReactNode {
  const { version, inForce, running, mayNotWhy, onOpen, onRollBack, onLoad } = props
  const { data, error, isLoading, refetch } = useVersionText(version)
  const why = version === inForce ? text.config.rollback.isInForce : mayNotWhy
  return (
    <Panel
      title={words.open(version)}
      unit={data && <VersionLine version={data} />}
      className="config-version"
      actions={
        <>
          <CopyMenu
            link={withQuery(paths.config(), { view: 'history', version })}
            curl={curlOf({ method: 'GET', path: `${PATH}/history/${version}` })}
          />
          {data && <Button onClick={() => onLoad(data.text)}>{words.load}</Button>}
          <Button disabledWhy={why} onClick={() => onRollBack(version)}>
            {words.rollBack}
          </Button>
          <Button isIconOnly icon="close" kind="quiet" onClick={() => onOpen(null)}>
            {words.close}
          </Button>
        </>
      }
    >
      {error ? (
        <ErrorState error={error} title={words.gone} onRetry={() => void refetch()} />
      ) : isLoading || !data || running === null ? (
        <Skeleton rows={4} />
      ) : (
        <CodeDiff
          before={running}
          after={data.text}
          beforeLabel={text.config.compare.force}
          afterLabel={text.config.compare.version(version)}
          maxHeight="50dvh"
        />
      )}
    </Panel>
  )
}

function VersionLine({ version }: { version: Version }) {
  return (
    <>
      <Instant at={version.at} />
      {', '}
      {version.who === 'file' ? text.config.byFile : text.config.by(visible(version.who))}
      {version.reason !== null && <>: {visible(version.reason)}</>}
    </>
  )
}
