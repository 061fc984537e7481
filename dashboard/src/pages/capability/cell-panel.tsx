/** One function under one contract: how it is served, its schemas, and how they differ from another contract's. */
import { useQuery } from '@tanstack/react-query'
import { lazy, Suspense, useMemo, useState } from 'react'
import { Button } from '../../kit/button.tsx'
import { JsonView } from '../../kit/json-view.tsx'
import { Link } from '../../kit/link.tsx'
import { KeyValues, Panel } from '../../kit/page.tsx'
import { Select } from '../../kit/select.tsx'
import { ErrorState, Skeleton } from '../../kit/states.tsx'
import { Tabs } from '../../kit/tabs.tsx'
import { paths, withQuery } from '../../paths.ts'
import { formatCount, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { findServed, type Served } from './capability-data.ts'
import type { MatrixColumn, MatrixRow } from './matrix.ts'

// The editor's code is large, and most cells are opened for their figures.
const CodeDiff = lazy(async () => ({ default: (await import('../../kit/code-diff.tsx')).CodeDiff }))

interface Props {
  readonly name: string
  readonly column: MatrixColumn
  readonly row: MatrixRow
  readonly columns: readonly MatrixColumn[]
  onClose(): void
}

type View = 'input' | 'output' | 'difference'

export function CellPanel({ name, column, row, columns, onClose }: Props) {
  const words = text.capability.cell
  const [view, setView] = useState<View>('input')
  const groups = useMemo(
    () => [...new Set(columns.filter(({ key }) => row.cells.has(key)).map(({ group }) => group))],
    [columns, row],
  )
  const { data, error, isPending, refetch } = useQuery<Served[], Error>({
    queryKey: ['functions', 'schemas', name, groups],
    queryFn: ({ signal }) => findServed(name, groups, signal),
    staleTime: 30_000,
  })
  const own = data?.find((one) => one.group === column.group && one.contract === column.contract)
  const cell = row.cells.get(column.key)
  return (
    <Panel
      className="capability-panel"
      title={`${visible(name)} · ${visible(column.key)}`}
      actions={
        <Button kind="quiet" icon="close" isIconOnly onClick={onClose}>
          {text.shell.close}
        </Button>
      }
    >
      <KeyValues
        items={[
          {
            label: words.capable,
            value: (
              <Link
                to={withQuery(paths.workers(), {
                  groups: column.group,
                  contract: column.contract,
                  q: name,
                })}
              >
                {words.ofListed(cell?.capable ?? 0, cell?.listed ?? 0)}
              </Link>
            ),
          },
          { label: words.free, value: formatCount(cell?.free ?? 0) },
          { label: words.waiting, value: cell?.waiting == null ? null : formatCount(cell.waiting) },
          {
            label: words.function,
            value: <Link to={paths.function(column.group, name)}>{words.openFunction}</Link>,
          },
        ]}
      />
      {error ? (
        <ErrorState error={error} onRetry={() => void refetch()} />
      ) : isPending ? (
        <Skeleton rows={3} />
      ) : !own ? (
        <p className="muted">{words.unknown}</p>
      ) : (
        <Tabs<View>
          label={words.schemas}
          value={view}
          onChange={setView}
          items={[
            {
              value: 'input',
              label: words.input,
              content: <JsonView value={own.input} label={words.input} openLevels={3} />,
            },
            {
              value: 'output',
              label: words.output,
              content:
                own.output === null ? (
                  <p className="muted">{words.noOutput}</p>
                ) : (
                  <JsonView value={own.output} label={words.output} openLevels={3} />
                ),
            },
            {
              value: 'difference',
              label: words.difference,
              content: <Difference own={own} all={data ?? []} />,
            },
          ]}
        />
      )}
    </Panel>
  )
}

function Difference({ own, all }: { own: Served; all: readonly Served[] }) {
  const words = text.capability.cell
  const others = all.filter((one) => one !== own)
  const [key, setKey] = useState(() => (others[0] ? keyOf(others[0]) : ''))
  const other = others.find((one) => keyOf(one) === key) ?? others[0]
  if (!other) return <p className="muted">{words.onlyOne}</p>
  const [before, after] = [schemaText(other), schemaText(own)]
  return (
    <div className="capability-difference">
      <Select
        label={words.comparedWith}
        prefix={words.comparedWith}
        value={keyOf(other)}
        onChange={setKey}
        options={others.map((one) => ({ value: keyOf(one), label: visible(keyOf(one)) }))}
      />
      {before === after ? (
        <p className="muted">{words.same}</p>
      ) : (
        <Suspense fallback={<Skeleton rows={4} />}>
          <CodeDiff
            before={before}
            after={after}
            beforeLabel={visible(keyOf(other))}
            afterLabel={visible(keyOf(own))}
            maxHeight="420px"
          />
        </Suspense>
      )}
    </div>
  )
}

function keyOf({ group, contract }: Served): string {
  return `${group}@${contract}`
}

function schemaText({ input, output }: Served): string {
  return JSON.stringify({ input, output }, null, 2)
}
