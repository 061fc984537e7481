/**
 * Asks before workers go out of service, one or many: maintenance, or a drain with a deadline. Its figures are the
 * balancer's own (`dryRun`), counted again while the dialog is open.
 */
import type { WorkerView } from '@berth/protocol'
import { useState } from 'react'
import { curlOf } from '../../api/client.ts'
import type { ReadKey } from '../../api/query.ts'
import { useAction } from '../../api/use-action.ts'
import { useFeed, useFeedClient } from '../../feed/use-feed.tsx'
import { ConfirmDialog } from '../../kit/confirm.tsx'
import { ErrorState } from '../../kit/states.tsx'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { DEFAULT_DEADLINE_MS, type DeadlineChoice, DeadlineField, SpanField } from './drain-field.tsx'
import { factsOfEffect } from './effect-facts.tsx'
import { type OffWish, offBody, offRequest, switchOff, switchOn, useForetold } from './foretold.ts'
import { planRestore } from './restore-plan.ts'

interface Props {
  readonly ids: readonly string[]
  readonly isDrain?: boolean
  /** A sentence above the figures: why it is asked at all. */
  readonly lead?: string
  onClose(): void
}

export function OffDialog({ ids, isDrain = false, lead, onClose }: Props) {
  const client = useFeedClient()
  const [deadline, setDeadline] = useState<DeadlineChoice>({
    ms: isDrain ? DEFAULT_DEADLINE_MS : null,
    error: null,
  })
  const [until, setUntil] = useState<DeadlineChoice>({ ms: null, error: null })
  const foretold = useForetold(ids, deadline.ms)
  const off = useOff()
  const words = text.workers.off
  const [only] = ids
  const name = ids.length === 1 ? visible(only ?? '') : null
  const wish: OffWish = { deadlineMs: deadline.ms, untilMs: until.ms }
  return (
    <ConfirmDialog
      title={isDrain ? words.drainTitle(ids.length, name) : words.title(ids.length, name)}
      facts={foretold.data && factsOfEffect(foretold.data, isDrain && deadline.ms !== null)}
      isLoading={foretold.isPending}
      equivalent={curlOf({ method: 'POST', ...offRequest(offBody(ids, wish, client.serverNowMs())) })}
      confirmLabel={isDrain ? words.drain : words.confirm}
      disabledWhy={deadline.error ?? until.error ?? (foretold.error ? words.unknownEffect : undefined)}
      onConfirm={(reason) => off.start(ids, { ...wish, reason })}
      onClose={onClose}
    >
      {lead && <p className="dialog-lead">{lead}</p>}
      {isDrain ? (
        <DeadlineField value={deadline} onChange={setDeadline} />
      ) : (
        <SpanField
          value={until}
          onChange={setUntil}
          label={words.until}
          hint={words.untilHint}
          noneHint={words.untilNone}
        />
      )}
      {foretold.error && <ErrorState error={foretold.error} onRetry={() => void foretold.refetch()} />}
    </ConfirmDialog>
  )
}

/** What is read of single workers, and what happened; not the dry run, whose dialog closes. */
const CHANGED: readonly ReadKey[] = [['workers', 'one'], ['workers', 'drain'], ['activity']]

/** Puts workers away; its notice takes all of it back, each to what it had. */
export function useOff() {
  const { feed } = useFeed()
  const client = useFeedClient()
  const words = text.workers.off
  return useAction({
    run: async (ids: readonly string[], wish: OffWish) => {
      const before = ids.flatMap((id) => feed.workers.get(id) ?? [])
      const outcome = await switchOff(offBody(ids, wish, client.serverNowMs()))
      return { before, outcome }
    },
    title: ({ outcome }, ids, wish) =>
      wish.deadlineMs === null
        ? words.done(outcome.changed, visible(ids[0] ?? ''))
        : words.drained(outcome.changed, visible(ids[0] ?? '')),
    detail: ({ before, outcome }) =>
      refusedWords(outcome.items) ?? text.workers.maintenance.switchedOnDetail(before.reduce(sumUsed, 0)),
    undo: async ({ before, outcome }) => {
      const changed = new Set(outcome.items.flatMap(({ id, status }) => (status === 200 ? [id] : [])))
      await restore(before, changed, client.serverNowMs())
    },
    failed: (ids) => words.failed(ids.length, visible(ids[0] ?? '')),
    invalidates: CHANGED,
  })
}

/** Ends the maintenance of many; the way back is what each had before. */
export function useOn() {
  const { feed } = useFeed()
  const client = useFeedClient()
  const words = text.workers.on
  return useAction({
    run: async (ids: readonly string[]) => {
      const before = ids.flatMap((id) => feed.workers.get(id) ?? [])
      return { before, outcome: await switchOn(ids) }
    },
    title: ({ outcome }, ids) => words.done(outcome.changed, visible(ids[0] ?? '')),
    detail: ({ outcome }) => refusedWords(outcome.items),
    undo: async ({ before, outcome }) => {
      const changed = new Set(outcome.items.flatMap(({ id, status }) => (status === 200 ? [id] : [])))
      const away = before.filter(({ maintenance }) => maintenance !== null).map(asOperators)
      await restore(away, changed, client.serverNowMs())
    },
    failed: (ids) => words.failed(ids.length, visible(ids[0] ?? '')),
    invalidates: CHANGED,
  })
}

/** Its own maintenance cannot be given back to a worker; an operator's keeps it out of service as well. */
function asOperators(worker: WorkerView): WorkerView {
  if (worker.maintenance?.by !== 'worker') return worker
  return { ...worker, maintenance: { ...worker.maintenance, by: 'operator' } }
}

async function restore(
  before: readonly WorkerView[],
  changed: ReadonlySet<string>,
  nowMs: number,
): Promise<void> {
  for (const step of planRestore(before, changed, nowMs)) {
    if (step.path === '/fleet/on') await switchOn(step.body.select.workers)
    else await switchOff(step.body)
  }
}

function sumUsed(sum: number, { slots }: WorkerView): number {
  return sum + (slots?.used ?? 0)
}

function refusedWords(items: readonly { id: string; status: number; detail?: string }[]): string | undefined {
  const refused = items.filter(({ status }) => status !== 200)
  const [first] = refused
  return first && text.workers.off.refused(refused.length, visible(first.detail ?? first.id))
}
