/**
 * How far a drain is: what still runs, how long that may take, what will be past the deadline. Shown while a worker
 * is out of service and still runs something, or has a deadline; read again every second.
 */
import type { WorkerView } from '@berth/protocol'
import { useState } from 'react'
import { z } from 'zod'
import { curlOf, request } from '../../api/client.ts'
import { useGet } from '../../api/query.ts'
import { useAction } from '../../api/use-action.ts'
import { useEachSecond, useFeedClient } from '../../feed/use-feed.tsx'
import { Button } from '../../kit/button.tsx'
import { ConfirmDialog } from '../../kit/confirm.tsx'
import { ToneMark } from '../../kit/marks.tsx'
import { Panel } from '../../kit/page.tsx'
import { Instant } from '../../kit/time.tsx'
import { useMayOperate } from '../../session/use-me.ts'
import { formatCount, formatDuration, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'

const POLL_MS = 1_000

const drainSchema = z.object({
  running: z.number(),
  remaining: z.number().nullable(),
  deadline: z.string().nullable(),
  exceeding: z.array(z.string()),
  repeated: z.number(),
})

type Drain = z.infer<typeof drainSchema>

export function DrainPanel({ worker }: { worker: WorkerView }) {
  const deadline = worker.maintenance?.deadline ?? null
  const isEmptying = worker.status === 'draining' || worker.status === 'leaving'
  if (!isEmptying && deadline === null) return null
  return <Progress worker={worker} deadline={deadline} />
}

function Progress({ worker, deadline }: { worker: WorkerView; deadline: string | null }) {
  const path = `/workers/${encodeURIComponent(worker.id)}/drain`
  const { data } = useGet<Drain>({
    key: ['workers', 'drain', worker.id],
    path,
    schema: drainSchema,
    everyMs: POLL_MS,
  })
  const { may, why } = useMayOperate()
  const [isForcing, setForcing] = useState(false)
  const words = text.worker.drain
  const stop = useAction({
    run: () => request('DELETE', path),
    title: words.stopped(visible(worker.id)),
    undo: () => request('POST', `/workers/${encodeURIComponent(worker.id)}/off`, { body: { deadline } }),
    invalidates: [['workers']],
  })
  const isDone = data !== undefined && data.running === 0
  return (
    <Panel
      className="drain-panel"
      title={isDone ? words.done : words.title}
      actions={
        <>
          {deadline !== null && (
            <Button
              pending={stop.isPending}
              disabledWhy={may ? undefined : why}
              onClick={() => void stop.start()}
            >
              {words.stop}
            </Button>
          )}
          <Button
            kind="danger"
            disabledWhy={may ? (isDone ? words.nothingRuns : undefined) : why}
            onClick={() => setForcing(true)}
          >
            {words.force}
          </Button>
        </>
      }
    >
      <dl className="drain-figures">
        <Figure name={words.running} value={data ? formatCount(data.running) : text.unknown} />
        <Figure name={words.remaining} value={data ? remainingWords(data) : text.unknown} />
        <Figure name={words.deadline} value={<Deadline at={deadline} />} />
        <Figure
          name={words.exceeding}
          value={
            data && deadline !== null ? (
              <span className={data.exceeding.length > 0 ? 'tone-warn' : undefined}>
                {data.exceeding.length > 0 && <ToneMark tone="warn" />} {formatCount(data.exceeding.length)}
              </span>
            ) : (
              text.unknown
            )
          }
        />
      </dl>
      {isForcing && <ForceDialog worker={worker} path={path} onClose={() => setForcing(false)} />}
    </Panel>
  )
}

function Figure({ name, value }: { name: string; value: React.ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}

function remainingWords({ running, remaining }: Drain): string {
  if (running === 0) return text.worker.drain.nothing
  return remaining === null ? text.worker.drain.unknownTime : formatDuration(remaining)
}

function Deadline({ at }: { at: string | null }) {
  const client = useFeedClient()
  const left = useEachSecond(() =>
    at === null ? null : Math.ceil((Date.parse(at) - client.serverNowMs()) / 1_000),
  )
  if (at === null || left === null) return <>{text.worker.drain.noDeadline}</>
  return (
    <>
      <Instant at={at} />{' '}
      <span className="muted">
        {left > 0 ? text.worker.drain.in(formatDuration(left * 1_000)) : text.worker.drain.passed}
      </span>
    </>
  )
}

function ForceDialog({ worker, path, onClose }: { worker: WorkerView; path: string; onClose(): void }) {
  const { data } = useGet<Drain>({
    key: ['workers', 'drain', worker.id],
    path,
    schema: drainSchema,
    everyMs: POLL_MS,
  })
  const words = text.worker.force
  const force = useAction({
    run: (reason: string) => request('POST', `${path}/force`, { body: {}, reason }),
    title: words.done(visible(worker.id)),
    invalidates: [['workers'], ['runs']],
  })
  return (
    <ConfirmDialog
      title={words.title(visible(worker.id))}
      tone="bad"
      isLoading={!data}
      facts={
        data && [
          { label: words.ended, value: formatCount(data.running), tone: data.running > 0 ? 'bad' : 'ok' },
          { label: words.repeated, value: formatCount(data.repeated) },
          {
            label: words.lost,
            value: formatCount(data.running - data.repeated),
            tone: data.running > data.repeated ? 'bad' : 'ok',
          },
        ]
      }
      reason="required"
      typeToConfirm={worker.id}
      equivalent={curlOf({ method: 'POST', path: `${path}/force`, body: {} })}
      confirmLabel={words.confirm}
      onConfirm={(reason) => force.start(reason)}
      onClose={onClose}
    >
      <p className="dialog-lead">{words.lead}</p>
    </ConfirmDialog>
  )
}
