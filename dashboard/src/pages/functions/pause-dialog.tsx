/** Lets nothing of a function start until an instant or until somebody resumes it; says what will wait. */
import { useState } from 'react'
import { curlOf, request } from '../../api/client.ts'
import { type Action, useAction } from '../../api/use-action.ts'
import { ConfirmDialog } from '../../kit/confirm.tsx'
import { Field } from '../../kit/field.tsx'
import { Select } from '../../kit/select.tsx'
import { formatCount, formatRate } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { settingsPath, useDemand, useSettings } from './function-data.ts'

interface Target {
  readonly group: string
  readonly name: string
}

type Pause = { readonly until: string | null; readonly reason: string | null }

const SPANS = ['none', '15m', '1h', '8h', 'at'] as const
const SPAN_MS = { '15m': 900_000, '1h': 3_600_000, '8h': 28_800_000 } as const

export function PauseDialog({ group, name, onClose }: Target & { onClose(): void }) {
  const [span, setSpan] = useState<(typeof SPANS)[number]>('1h')
  const [at, setAt] = useState('')
  const key = `${group}/${name}`
  const demand = useDemand(key).get(key)
  const settings = useSettings(group, name)
  const until = untilOf(span, at)
  const { start } = useAction({
    run: (pause: Pause) => patch({ group, name }, { paused: withoutNulls(pause) }, pause.reason ?? undefined),
    title: text.functions.pausedToast(name),
    undo: () => patch({ group, name }, { paused: null }),
    invalidates: [['functions'], ['pauses'], ['queue']],
  })
  const words = text.functions.pauseDialog
  const unknown = <span className="unknown">{text.unknown}</span>
  return (
    <ConfirmDialog
      title={words.title(name)}
      reason="optional"
      isLoading={settings.isPending}
      facts={[
        {
          label: words.arrivals,
          value: demand?.arrivalsPerMinute == null ? unknown : formatRate(demand.arrivalsPerMinute),
          tone: 'warn',
        },
        { label: words.waiting, value: demand?.waiting == null ? unknown : formatCount(demand.waiting) },
        {
          label: words.running,
          value:
            settings.data?.used.concurrency == null
              ? words.goesOn
              : formatCount(settings.data.used.concurrency),
        },
      ]}
      equivalent={curlOf({
        method: 'PATCH',
        path: settingsPath(group, name),
        body: { paused: until ? { until } : {} },
      })}
      disabledWhy={span === 'at' && until === null && words.wrongInstant}
      confirmLabel={text.functions.pauseIt}
      onConfirm={(reason) => start({ until, reason: reason === '' ? null : reason })}
      onClose={onClose}
    >
      <p>{words.detail}</p>
      <div className="form-field">
        <span className="form-label">{words.until}</span>
        <Select<(typeof SPANS)[number]>
          label={words.until}
          value={span}
          onChange={setSpan}
          options={SPANS.map((one) => ({ value: one, label: words.spans[one] }))}
        />
      </div>
      {span === 'at' && (
        <Field label={words.instant} hint={words.instantHint}>
          {(wired) => (
            <input
              {...wired}
              className="field"
              type="datetime-local"
              value={at}
              onChange={(event) => setAt(event.target.value)}
            />
          )}
        </Field>
      )}
    </ConfirmDialog>
  )
}

function untilOf(span: (typeof SPANS)[number], at: string): string | null {
  if (span === 'none') return null
  if (span !== 'at') return new Date(Date.now() + SPAN_MS[span]).toISOString()
  const ms = Date.parse(at)
  return ms > Date.now() ? new Date(ms).toISOString() : null
}

/** Lets it start again; the pause that was can be brought back. */
export function useResume(target: Target): Action<[Pause | null], unknown> {
  return useAction<[Pause | null], unknown>({
    run: () => patch(target, { paused: null }),
    title: text.functions.resumed(target.name),
    undo: (_result, before) => patch(target, { paused: before ? withoutNulls(before) : {} }),
    invalidates: [['functions'], ['pauses'], ['queue']],
  })
}

export function patch({ group, name }: Target, body: unknown, reason?: string): Promise<unknown> {
  return request('PATCH', settingsPath(group, name), { body, reason })
}

function withoutNulls({ until, reason }: Pause): object {
  return { ...(until !== null && { until }), ...(reason !== null && { reason }) }
}
