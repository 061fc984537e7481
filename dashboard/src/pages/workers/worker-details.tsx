/** Everything about one worker that has no column: facts, services, functions, and its live log. */
import type { WorkerView } from '@berth/protocol'
import type { ReactNode } from 'react'
import { ErrorBoundary } from '../../kit/error-boundary.tsx'
import { LogTail } from '../../kit/log-tail.tsx'
import { formatInstant, formatMs, formatSeconds, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { groupOf } from './fleet-facts.ts'
import { maintenanceWords } from './maintenance-switch.tsx'
import { TagChips } from './worker-cells.tsx'

/** Functions that are listed; a worker may have thousands. */
const LISTED_FUNCTIONS = 200

export function WorkerDetails({ worker }: { worker: WorkerView }) {
  const words = text.worker.details
  return (
    <section className="details" aria-label={words.label(worker.id)}>
      <div className="details-columns">
        <Facts worker={worker} />
        <div>
          <Part title={words.services}>
            <Services services={worker.services} />
          </Part>
          <Part title={words.tags}>
            {Object.keys(worker.tags).length > 0 ? (
              <TagChips tags={worker.tags} limit={64} />
            ) : (
              <p className="muted">{words.noTags}</p>
            )}
          </Part>
        </div>
        <Part title={`${words.functions} · ${worker.functions.length}`}>
          <Functions functions={worker.functions} />
        </Part>
      </div>
      <ErrorBoundary>
        <LogTail
          source={`logs:${worker.id}`}
          label={words.log(worker.id)}
          fileName={`${fileNameOf(worker.id)}.txt`}
        />
      </ErrorBoundary>
    </section>
  )
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div className="details-part">
      <h3>{title}</h3>
      {children}
    </div>
  )
}

function Facts({ worker }: { worker: WorkerView }) {
  const words = text.worker.details
  return (
    <dl className="facts">
      {worker.reason && <Fact name={words.reason}>{visible(worker.reason)}</Fact>}
      <Fact name={words.maintenance}>
        {worker.maintenance ? maintenanceWords(worker.maintenance) : words.noMaintenance}
      </Fact>
      <Fact name={words.breaker}>{breakerWords(worker.breaker)}</Fact>
      <Fact name={words.group}>{groupOf(worker) ?? text.unknown}</Fact>
      <Fact name={words.url}>{visible(worker.url)}</Fact>
      <Fact name={words.source}>{words.sources[worker.source]}</Fact>
      <Fact name={words.version}>{worker.version === null ? text.unknown : visible(worker.version)}</Fact>
      <Fact name={words.eventLoop}>{formatMs(worker.system?.eventLoopDelayMs ?? null)}</Fact>
      <Fact name={words.uptime}>{formatSeconds(worker.system?.uptime ?? null)}</Fact>
      <Fact name={words.lastSeen}>{formatInstant(worker.lastSeenAt) ?? text.workers.table.never}</Fact>
    </dl>
  )
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt className="fact-name">{name}</dt>
      <dd className="fact-value">{children}</dd>
    </div>
  )
}

function breakerWords(breaker: WorkerView['breaker']): string {
  const words = text.worker.details
  const since = formatInstant(breaker.since)
  const until = formatInstant(breaker.until)
  return [
    words.breakerStates[breaker.state],
    breaker.failures > 0 && words.failures(breaker.failures),
    breaker.state !== 'closed' && since && words.since(since),
    breaker.state !== 'closed' && until && words.until(until),
    breaker.state !== 'closed' && breaker.reason && visible(breaker.reason),
  ]
    .filter(Boolean)
    .join(', ')
}

function Services({ services }: { services: WorkerView['services'] }) {
  if (services.length === 0) return <p className="muted">{text.worker.details.noServices}</p>
  return (
    <ul className="services">
      {services.map((service) => (
        <li key={service.name}>
          <span className={`service service-${service.state}`}>
            {text.worker.details.serviceStates[service.state]}
          </span>
          <strong>{service.name}</strong>
          {service.reason && <span className="muted">{visible(service.reason)}</span>}
        </li>
      ))}
    </ul>
  )
}

function Functions({ functions }: { functions: readonly string[] }) {
  if (functions.length === 0) return <p className="muted">{text.worker.details.noFunctions}</p>
  const more = functions.length - LISTED_FUNCTIONS
  return (
    <ul className="functions">
      {functions.slice(0, LISTED_FUNCTIONS).map((name) => (
        <li key={name}>{visible(name)}</li>
      ))}
      {more > 0 && <li className="muted">{text.workers.confirm.more(more)}</li>}
    </ul>
  )
}

/** An id may hold `:` and `/`, which no file name takes. */
function fileNameOf(id: string): string {
  return id.replaceAll(/[^A-Za-z0-9._-]+/g, '-')
}
