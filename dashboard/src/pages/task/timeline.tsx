/** The life of a task as bars on one scale: accepted, waiting, each attempt with its worker, delivered. Live. */
import { type DeliveryView, isFinal, type RunAttempt, type RunView } from '@berth/protocol'
import type { ReactNode } from 'react'
import { useEachSecond, useFeedClient } from '../../feed/use-feed.tsx'
import { Link } from '../../kit/link.tsx'
import { RunMark, type Tone, ToneMark } from '../../kit/marks.tsx'
import { Panel } from '../../kit/page.tsx'
import { Duration, Instant } from '../../kit/time.tsx'
import { paths } from '../../paths.ts'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { type Phase, phasesOf, spanOf } from './phases.ts'

interface Props {
  readonly run: RunView
  readonly deliveries: readonly DeliveryView[]
}

const tones: Readonly<Record<NonNullable<RunAttempt['outcome']>, Tone>> = {
  completed: 'ok',
  failed: 'bad',
  timeout: 'bad',
  lost: 'warn',
  cancelled: 'calm',
}
/** A stretch of no length can still be seen. */
const LEAST_PART = 0.004

export function Timeline({ run, deliveries }: Props) {
  const client = useFeedClient()
  const words = text.task.timeline
  const phases = phasesOf(run, deliveries)
  const createdMs = Date.parse(run.createdAt)
  const seconds = useEachSecond(() => Math.floor((client.serverNowMs() - createdMs) / 1_000))
  const nowMs = createdMs + seconds * 1_000
  const span = spanOf(phases.length > 0 ? phases : [{ kind: 'waiting', startMs: nowMs, endMs: nowMs }], nowMs)
  const row = (phase: Phase) => (
    <Row
      key={`${phase.kind} ${phase.startMs}`}
      name={<PhaseName phase={phase} />}
      at={phase.startMs}
      bar={<Bar phase={phase} span={span} nowMs={nowMs} />}
      length={<Duration ms={Math.max(0, (phase.endMs ?? Math.max(nowMs, phase.startMs)) - phase.startMs)} />}
    />
  )
  return (
    <Panel title={words.title} unit={<Duration ms={span.endMs - span.startMs} />}>
      <ol className="timeline">
        <Row name={words.accepted} at={run.createdAt} />
        {phases.filter(({ kind }) => kind !== 'delivery').map(row)}
        {isFinal(run.status) && <Row name={<RunMark status={run.status} />} at={run.finishedAt} />}
        {phases.filter(({ kind }) => kind === 'delivery').map(row)}
      </ol>
      {run.coldStartMs !== null && run.coldStartMs > 0 && (
        <p className="muted">
          {words.coldStart} <Duration ms={run.coldStartMs} />
        </p>
      )}
    </Panel>
  )
}

function Row({
  name,
  at,
  bar,
  length,
}: {
  name: ReactNode
  at: string | number | null
  bar?: ReactNode
  length?: ReactNode
}) {
  return (
    <li className="timeline-row">
      <span className="timeline-name">{name}</span>
      <span className="timeline-at">
        <Instant at={at} isExact />
      </span>
      <span className="timeline-track">{bar}</span>
      <span className="timeline-length">{length}</span>
    </li>
  )
}

function PhaseName({ phase }: { phase: Phase }) {
  const words = text.task.timeline
  if (phase.kind === 'due') return <>{words.due}</>
  if (phase.kind === 'waiting') return <>{words.waiting}</>
  if (phase.delivery)
    return (
      <>
        <ToneMark tone={toneOfPhase(phase)} /> {words.delivery[phase.delivery.state]}
      </>
    )
  const { n = 1, worker = null, outcome = null } = phase.attempt ?? {}
  return (
    <>
      <ToneMark tone={toneOfPhase(phase)} />
      <span>
        {words.attempt(n)} {worker !== null && <Link to={paths.worker(worker)}>{visible(worker)}</Link>}{' '}
        <span className="muted">{outcome === null ? words.runs : words.outcomes[outcome]}</span>
      </span>
    </>
  )
}

function toneOfPhase({ kind, attempt, delivery }: Phase): Tone {
  if (kind === 'due') return 'calm'
  if (kind === 'waiting') return 'held'
  if (delivery) return delivery.state === 'delivered' ? 'ok' : delivery.state === 'pending' ? 'busy' : 'bad'
  return attempt?.outcome ? tones[attempt.outcome] : 'busy'
}

function Bar({
  phase,
  span,
  nowMs,
}: {
  phase: Phase
  span: { readonly startMs: number; readonly endMs: number }
  nowMs: number
}) {
  const all = span.endMs - span.startMs
  const endMs = phase.endMs ?? Math.max(nowMs, phase.startMs)
  const part = Math.max(LEAST_PART, (endMs - phase.startMs) / all)
  const left = Math.min(1 - part, (phase.startMs - span.startMs) / all)
  return (
    <span
      className={`timeline-bar timeline-${toneOfPhase(phase)}`}
      style={{ insetInlineStart: `${Math.max(0, left) * 100}%`, width: `${Math.min(1, part) * 100}%` }}
    />
  )
}
