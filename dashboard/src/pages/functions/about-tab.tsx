/** What a function is: what it takes and gives, its examples, limits, figures, recent runs and schedules. */

import type { RunView } from '@berth/protocol'
import { useGet } from '../../api/query.ts'
import { Button } from '../../kit/button.tsx'
import { JsonView } from '../../kit/json-view.tsx'
import { Link } from '../../kit/link.tsx'
import { RunMark } from '../../kit/marks.tsx'
import { KeyValues, Panel } from '../../kit/page.tsx'
import { Age, Duration, Instant } from '../../kit/time.tsx'
import { paths, withQuery } from '../../paths.ts'
import { formatCount, formatDuration, formatMs, formatRate, formatShare, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { hintOf } from '../invoke/fields/field-hint.ts'
import type { CatalogueEntry, FunctionItem } from '../invoke/parts/functions-data.ts'
import { FunctionCharts } from './function-charts.tsx'
import { useDemand, useFigures, useSchedules } from './function-data.ts'
import { schemaRows } from './schema-rows.ts'

interface Props {
  readonly entry: CatalogueEntry
  readonly item: FunctionItem
  onExample(input: Record<string, unknown>): void
}

export function AboutTab({ entry, item, onExample }: Props) {
  return (
    <div className="function-about">
      <div className="function-main">
        <SchemaPanel title={text.functions.input} schema={item.input} none={text.functions.noInput} />
        <SchemaPanel title={text.functions.output} schema={item.output} none={text.functions.noOutput} />
        <Examples item={item} onExample={onExample} />
        <FunctionCharts entry={entry} />
      </div>
      <div className="function-side">
        <Facts entry={entry} item={item} />
        <RecentRuns entry={entry} />
        <Schedules entry={entry} />
      </div>
    </div>
  )
}

function SchemaPanel({
  title,
  schema,
  none,
}: {
  title: string
  schema: Record<string, unknown> | null
  none: string
}) {
  const rows = schemaRows(schema)
  return (
    <Panel title={title} isFlush>
      {rows.length === 0 ? (
        <p className="muted function-note">{none}</p>
      ) : (
        <div className="function-schema">
          <table>
            <thead>
              <tr>
                <th scope="col">{text.functions.field}</th>
                <th scope="col">{text.functions.kind}</th>
                <th scope="col">{text.functions.about}</th>
              </tr>
            </thead>
            <tbody>
              {rows.map((row) => (
                <tr key={row.path}>
                  <th scope="row" style={{ paddingInlineStart: 12 + row.depth * 16 }}>
                    <code>{visible(row.name)}</code>
                    {row.isRequired && <span title={text.functions.required}> *</span>}
                  </th>
                  <td>{visible(row.kind)}</td>
                  <td className="muted">{hintOf(row.field, false)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {schema !== null && (
        <details className="function-raw">
          <summary>{text.functions.rawSchema}</summary>
          <JsonView value={schema} label={text.functions.rawSchema} maxHeight="320px" />
        </details>
      )}
    </Panel>
  )
}

function Examples({
  item,
  onExample,
}: {
  item: FunctionItem
  onExample(input: Record<string, unknown>): void
}) {
  const examples = item.examples.filter(isInput)
  if (examples.length === 0) return null
  return (
    <Panel title={text.functions.examples}>
      <ul className="function-examples">
        {examples.map((example) => (
          <li key={JSON.stringify(example)}>
            <code>{visible(JSON.stringify(example))}</code>
            <Button icon="invoke" onClick={() => onExample(example)}>
              {text.functions.tryIt}
            </Button>
          </li>
        ))}
      </ul>
    </Panel>
  )
}

function isInput(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function Facts({ entry, item }: Omit<Props, 'onExample'>) {
  const figures = useFigures(entry.key).get(entry.key)
  const demand = useDemand(entry.key).get(entry.key)
  const words = text.functions.facts
  const yesNo = (is: boolean) => (is ? text.functions.yes : text.functions.no)
  return (
    <Panel title={text.functions.factsTitle}>
      <KeyValues
        items={[
          { label: words.waiting, value: demand?.waiting == null ? null : formatCount(demand.waiting) },
          {
            label: words.perSecond,
            value: figures?.perSecond == null ? null : formatRate(figures.perSecond),
          },
          { label: words.p50, value: figures?.p50Ms == null ? null : formatMs(figures.p50Ms) },
          { label: words.p95, value: figures?.p95Ms == null ? null : formatMs(figures.p95Ms) },
          {
            label: words.errors,
            value: figures?.errorShare == null ? null : formatShare(figures.errorShare),
          },
          {
            label: words.timeout,
            value: item.timeout === null ? words.workersTimeout : formatDuration(item.timeout),
          },
          { label: words.slots, value: formatCount(item.slots) },
          { label: words.retries, value: formatCount(item.maxRetries) },
          {
            label: words.idempotent,
            value: item.idempotent === null ? words.notSaid : yesNo(item.idempotent),
          },
          { label: words.streams, value: yesNo(item.supportsStreaming) },
          { label: words.background, value: yesNo(item.background) },
          { label: words.keepWarm, value: yesNo(item.keepWarm) },
          { label: words.workers, value: <Workers item={item} /> },
        ]}
      />
    </Panel>
  )
}

const SHOWN_WORKERS = 8

function Workers({ item }: { item: FunctionItem }) {
  return (
    <span className="function-workers">
      {item.workers.slice(0, SHOWN_WORKERS).map((id) => (
        <Link key={id} to={paths.worker(id)}>
          {visible(id)}
        </Link>
      ))}
      {item.workers.length > SHOWN_WORKERS && (
        <span className="muted">{text.functions.moreWorkers(item.workers.length - SHOWN_WORKERS)}</span>
      )}
    </span>
  )
}

interface RunList {
  readonly items: readonly RunView[]
}

const RECENT = 8

function RecentRuns({ entry }: { entry: CatalogueEntry }) {
  const { group, name } = entry
  const runs = useGet<RunList>({
    key: ['runs', 'recent', entry.key],
    path: '/runs',
    query: { group, function: name, limit: RECENT },
    everyMs: 3_000,
  })
  return (
    <Panel
      title={text.functions.recent}
      actions={<Link to={withQuery(paths.runs(), { function: name, group })}>{text.functions.allRuns}</Link>}
    >
      {runs.data?.items.length ? (
        <ul className="function-list">
          {runs.data.items.map((run) => (
            <li key={run.id}>
              <Link to={paths.run(run.id)}>
                <RunMark status={run.status} />
              </Link>
              <span className="muted">
                <Duration ms={run.latencyMs} />
              </span>
              <span className="muted">
                <Age at={run.createdAt} />
              </span>
            </li>
          ))}
        </ul>
      ) : (
        <p className="muted">{text.functions.noRuns}</p>
      )}
    </Panel>
  )
}

function Schedules({ entry: { group, name } }: { entry: CatalogueEntry }) {
  const { data } = useSchedules({ group, function: name })
  return (
    <Panel title={text.functions.schedules}>
      {data?.items.length ? (
        <ul className="function-list">
          {data.items.slice(0, RECENT).map((one) => (
            <li key={one.id}>
              <Link to={paths.schedule(one.id)}>
                {one.cron ? (
                  <code>{visible(one.cron)}</code>
                ) : one.intervalSeconds ? (
                  text.functions.every(formatDuration(one.intervalSeconds * 1_000))
                ) : (
                  one.type
                )}
              </Link>
              <span className="muted">
                {one.enabled ? <Instant at={one.nextRunAt} /> : text.functions.off}
              </span>
            </li>
          ))}
        </ul>
      ) : (
        <p className="muted">{text.functions.noSchedules}</p>
      )}
    </Panel>
  )
}
