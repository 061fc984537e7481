/**
 * Ties durable runs to those who follow them: their events, webhooks, files and schedules, and what they use. Made by
 * compose, called by the ledger of durable runs. Invariant: a webhook's first try begins only when its delivery is on disk.
 */
import type { FileIntakePort, WritingRun } from '../ports/files.ts'
import type { LiveRun, RunEnd } from '../ports/stored-run.ts'
import type { StoredEvent } from '../ports/told.ts'
import type { WebhookEndsPort } from '../ports/webhooks.ts'
import type { RunHooks } from './durable-options.ts'

export interface EventHooks {
  readonly onItem: NonNullable<RunHooks['onItem']>
  readonly onMoved: (run: LiveRun) => void
  readonly endOf: (run: LiveRun, end: RunEnd) => readonly StoredEvent[]
  readonly onEnded: (run: LiveRun) => void
}

export interface FileHooks extends FileIntakePort {
  mayHave(run: Pick<WritingRun, 'id' | 'seq'>): boolean
  ended(run: string): void
}

export interface ScheduleHooks {
  readonly noteEnded: (run: LiveRun) => void
}

export interface UsageHooks {
  readonly meterOf: NonNullable<RunHooks['meterOf']>
  readonly endOf: NonNullable<RunHooks['usedAtEnd']>
  readonly away: NonNullable<RunHooks['onAway']>
  readonly moved: (run: LiveRun) => void
}

export interface Followers {
  readonly webhooks: WebhookEndsPort
  readonly events: EventHooks
  readonly files: FileHooks
  readonly schedules: ScheduleHooks
  readonly usage: UsageHooks
}

export function createRunHooks(followers: Followers): Required<RunHooks> {
  const { webhooks, events, files, schedules, usage } = followers
  return {
    meterOf: (run) => usage.meterOf(run),
    usedAtEnd: (run, end) => usage.endOf(run, end),
    onAway: (run) => usage.away(run),
    extrasOf: (run, end) => ({
      delivery: webhooks.deliveryOf(run, end),
      events: events.endOf(run, end),
      mayHaveFiles: files.mayHave(run),
    }),
    onFile: ({ id, seq }, piece, origin) => files.receive({ id, seq, isDurable: true }, piece, origin),
    onItem: (run, item, origin) => events.onItem(run, item, origin),
    onMoved(run) {
      usage.moved(run)
      events.onMoved(run)
    },
    onEnded(run, end, { delivery }) {
      if (delivery) webhooks.stored(delivery, run, end)
      events.onEnded(run)
      files.ended(run.id)
      schedules.noteEnded(run)
    },
  }
}
