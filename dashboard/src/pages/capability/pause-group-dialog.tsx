/** Lets nothing of a group start for a while, or until somebody resumes it; says what will wait or be refused. */
import { useState } from 'react'
import { curlOf } from '../../api/client.ts'
import { useAction } from '../../api/use-action.ts'
import { useFeedClient } from '../../feed/use-feed.tsx'
import { ConfirmDialog } from '../../kit/confirm.tsx'
import { formatCount, formatRate, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { type DeadlineChoice, SpanField } from '../workers/drain-field.tsx'
import { groupPath, patchGroup, useGroupDemand } from './capability-data.ts'

const HOUR_MS = 3_600_000

export function PauseGroupDialog({ group, onClose }: { group: string; onClose(): void }) {
  const words = text.capability.pause
  const client = useFeedClient()
  const demand = useGroupDemand(group)
  const [until, setUntil] = useState<DeadlineChoice>({ ms: HOUR_MS, error: null })
  const bodyOf = (reason: string) => ({
    paused: {
      ...(until.ms === null ? {} : { until: new Date(client.serverNowMs() + until.ms).toISOString() }),
      ...(reason === '' ? {} : { reason }),
    },
  })
  const pause = useAction({
    run: (reason: string) => patchGroup(group, bodyOf(reason), reason),
    title: words.done(visible(group)),
    undo: () => patchGroup(group, { paused: null }),
    invalidates: [['groups'], ['queue'], ['pauses'], ['functions']],
  })
  return (
    <ConfirmDialog
      title={words.title(visible(group))}
      facts={[
        {
          label: words.arrivals,
          value: demand.arrivalsPerMinute === null ? text.unknown : formatRate(demand.arrivalsPerMinute),
          tone: 'warn',
        },
        { label: words.waiting, value: demand.waiting === null ? text.unknown : formatCount(demand.waiting) },
      ]}
      equivalent={curlOf({ method: 'PATCH', path: groupPath(group), body: bodyOf('') })}
      disabledWhy={until.error ?? undefined}
      confirmLabel={words.confirm}
      onConfirm={(reason) => pause.start(reason)}
      onClose={onClose}
    >
      <p className="dialog-lead">{words.lead}</p>
      <SpanField
        value={until}
        onChange={setUntil}
        label={words.until}
        hint={words.untilHint}
        noneHint={words.noneHint}
      />
    </ConfirmDialog>
  )
}
