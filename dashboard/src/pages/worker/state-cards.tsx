/** The cards of what a worker says of itself: slots, machine and services, tags. */
import type { Tags, WorkerView } from '@berth/protocol'
import { Badge } from '../../kit/badge.tsx'
import { Chip } from '../../kit/chip.tsx'
import { Meter } from '../../kit/meter.tsx'
import { KeyValues, Panel } from '../../kit/page.tsx'
import { Stale } from '../../kit/states.tsx'
import { Instant } from '../../kit/time.tsx'
import { formatCount, formatMs, formatSeconds, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { BreakerCell, ShareCell } from '../workers/worker-cells.tsx'
import { tagText } from '../workers/worker-filter.ts'

const PUSH_MS = 1_000

export function SlotsCard({ worker }: { worker: WorkerView }) {
  const { slots } = worker
  const words = text.worker.slots
  const [group, contract] = [worker.group, worker.contract]
  return (
    <Panel title={words.title}>
      <Stale at={worker.lastSeenAt} expectedMs={PUSH_MS}>
        <Meter used={slots?.used ?? null} limit={slots?.limit ?? null} stuck={slots?.stuck} />
      </Stale>
      <KeyValues
        items={[
          { label: words.available, value: slots && formatCount(slots.available) },
          { label: words.queue, value: slots && formatCount(slots.queue) },
          { label: words.stuck, value: slots && formatCount(slots.stuck) },
          {
            label: text.worker.details.group,
            value: group === null ? null : `${visible(group)}@${contract ?? '?'}`,
          },
          { label: text.worker.details.breaker, value: <BreakerWords breaker={worker.breaker} /> },
        ]}
      />
    </Panel>
  )
}

function BreakerWords({ breaker }: { breaker: WorkerView['breaker'] }) {
  const words = text.worker.details
  return (
    <>
      <BreakerCell breaker={breaker} />
      {breaker.failures > 0 && <>, {words.failures(breaker.failures)}</>}
      {breaker.state !== 'closed' && breaker.until && (
        <>
          , {words.until('')} <Instant at={breaker.until} />
        </>
      )}
      {breaker.state !== 'closed' && breaker.reason && <p className="muted">{visible(breaker.reason)}</p>}
    </>
  )
}

export function SystemCard({ worker }: { worker: WorkerView }) {
  const { system, services } = worker
  const words = text.worker.details
  return (
    <Panel title={text.worker.system}>
      <KeyValues
        items={[
          { label: text.workers.table.columns.cpu, value: <ShareCell share={system?.cpuLoad ?? null} /> },
          {
            label: text.workers.table.columns.memory,
            value: <ShareCell share={system?.memoryUsed ?? null} />,
          },
          { label: words.eventLoop, value: system && formatMs(system.eventLoopDelayMs) },
          { label: words.uptime, value: system && formatSeconds(system.uptime) },
          { label: words.version, value: worker.version === null ? null : visible(worker.version) },
          { label: words.url, value: visible(worker.url) },
          { label: words.source, value: words.sources[worker.source] },
          {
            label: words.services,
            value:
              services.length === 0 ? (
                <span className="muted">{words.noServices}</span>
              ) : (
                <Services services={services} />
              ),
          },
        ]}
      />
    </Panel>
  )
}

function Services({ services }: { services: WorkerView['services'] }) {
  return (
    <ul className="worker-services">
      {services.map(({ name, state, reason }) => (
        <li key={name}>
          <Badge tone={state === 'down' ? 'bad' : state === 'running' ? 'ok' : 'calm'} hasMark>
            {text.worker.details.serviceStates[state]}
          </Badge>
          <strong>{visible(name)}</strong>
          {reason && <span className="muted">{visible(reason)}</span>}
        </li>
      ))}
    </ul>
  )
}

interface TagsProps {
  readonly worker: WorkerView
  /** Those that workers.json says; null while nobody knows which. */
  readonly operatorTags: Tags | null
}

export function TagsCard({ worker, operatorTags }: TagsProps) {
  const words = text.worker.tags
  const all = Object.entries(worker.tags)
  const isOperators = (key: string) => operatorTags !== null && Object.hasOwn(operatorTags, key)
  const own = all.filter(([key]) => !isOperators(key))
  const operators = all.filter(([key]) => isOperators(key))
  return (
    <Panel title={words.title} unit={formatCount(all.length)}>
      {all.length === 0 && <p className="muted">{text.worker.details.noTags}</p>}
      {operators.length > 0 && <TagList title={words.operators} tags={operators} />}
      {own.length > 0 && <TagList title={operatorTags === null ? words.all : words.own} tags={own} />}
    </Panel>
  )
}

function TagList({ title, tags }: { title: string; tags: readonly (readonly [string, Tags[string]])[] }) {
  return (
    <div className="worker-tags">
      <h3>{title}</h3>
      <ul className="chips">
        {tags.map(([key, value]) => (
          <li key={key}>
            <Chip name={key} value={value === undefined ? '' : tagText(value)} />
          </li>
        ))}
      </ul>
    </div>
  )
}
