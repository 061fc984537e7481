/** Lets nothing of a function or a group start, and lets it start again; says first what will wait. */
import { useState } from 'react'
import { curlOf, request } from '../../api/client.ts'
import { useAction } from '../../api/use-action.ts'
import { ConfirmDialog } from '../../kit/confirm.tsx'
import { Segmented } from '../../kit/segmented.tsx'
import { formatCount, formatRate, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import type { PauseTarget } from './lane-table.tsx'
import { figuresOf, type Lane } from './queue-data.ts'

const words = text.queue.pause

interface Pause {
  readonly until: string | null
  readonly reason: string | null
}

export function settingsPath({ group, function: name }: PauseTarget): string {
  const segments = name === null ? ['groups', group] : ['functions', group, name]
  return `/${segments.map(encodeURIComponent).join('/')}`
}

export function whatOf({ group, function: name }: PauseTarget): string {
  return name === null ? words.group(visible(group)) : visible(`${group}/${name}`)
}

const CHANGED = [['queue'], ['functions'], ['groups'], ['pauses'], ['activity']] as const

export function usePausing() {
  const change = (target: PauseTarget, paused: object | null, reason?: string) =>
    request('PATCH', settingsPath(target), { body: { paused }, reason })
  const pause = useAction<[PauseTarget, Pause], unknown>({
    run: (target, pause) => change(target, bodyOf(pause), pause.reason ?? undefined),
    title: (_result, target) => words.done(whatOf(target)),
    failed: (target) => words.failed(whatOf(target)),
    undo: (_result, target) => change(target, null),
    invalidates: CHANGED,
  })
  const resume = useAction<[PauseTarget, Pause], unknown>({
    run: (target) => change(target, null),
    title: (_result, target) => text.queue.resume.done(whatOf(target)),
    failed: (target) => text.queue.resume.failed(whatOf(target)),
    undo: (_result, target, before) => change(target, bodyOf(before)),
    invalidates: CHANGED,
  })
  return { pause, resume }
}

function bodyOf({ until, reason }: Pause): object {
  return { ...(until !== null && { until }), ...(reason !== null && { reason }) }
}

const SPANS = ['15m', '1h', '8h', 'none'] as const
type Span = (typeof SPANS)[number]
const SPAN_MS: Readonly<Record<Exclude<Span, 'none'>, number>> = {
  '15m': 900_000,
  '1h': 3_600_000,
  '8h': 28_800_000,
}

interface Props {
  readonly target: PauseTarget
  readonly lanes: readonly Lane[]
  onConfirm(pause: Pause): Promise<unknown>
  onClose(): void
}

export function PauseDialog({ target, lanes, onConfirm, onClose }: Props) {
  const [span, setSpan] = useState<Span>('1h')
  const meant = lanes.filter(
    ({ group, function: name }) =>
      group === target.group && (target.function === null || target.function === name),
  )
  const { arrivals, functions } = figuresOf(meant)
  const waiting = meant.reduce((sum, lane) => sum + lane.waiting, 0)
  return (
    <ConfirmDialog
      title={words.title(whatOf(target))}
      tone="warn"
      facts={[
        {
          label: words.arrivals,
          value: arrivals === null ? text.unknown : `${formatRate(arrivals * 60)} ${words.arrivalsNote}`,
          tone: 'warn',
        },
        { label: words.waiting, value: formatCount(waiting), tone: waiting > 0 ? 'warn' : undefined },
        { label: words.functions, value: formatCount(functions) },
      ]}
      equivalent={curlOf({
        method: 'PATCH',
        path: settingsPath(target),
        body: { paused: bodyOf(pauseFor(span, null)) },
      })}
      confirmLabel={words.confirm}
      onConfirm={(reason) => onConfirm(pauseFor(span, reason === '' ? null : reason))}
      onClose={onClose}
    >
      <p>{words.detail}</p>
      <Segmented<Span>
        label={words.until}
        value={span}
        onChange={setSpan}
        options={SPANS.map((one) => ({ value: one, label: words.spans[one] }))}
      />
    </ConfirmDialog>
  )
}

function pauseFor(span: Span, reason: string | null): Pause {
  return { until: span === 'none' ? null : new Date(Date.now() + SPAN_MS[span]).toISOString(), reason }
}
