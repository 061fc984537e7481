/** The cells of a worker's row that are more than a word: slots, shares, tags, the age of its word. */
import type { Tags, WorkerView } from '@berth/protocol'
import type { CSSProperties } from 'react'
import { ageSeconds, useAgeSeconds, useEachSecond, useFeedClient } from '../../feed/use-feed.tsx'
import { formatCount, formatSeconds, formatShare, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { tagText } from './worker-list.ts'

/** Data older than this is greyed and says its age: three pushes have been missed. */
export const STALE_AFTER_SECONDS = 3
/** Up to this many slots are drawn one by one, more as one bar. */
const DRAWN_SLOTS = 24
const SHOWN_TAGS = 3
/** From here on a share is marked. */
const HIGH_SHARE = 0.9

export function SlotsCell({ slots }: { slots: WorkerView['slots'] }) {
  if (!slots) return <span className="unknown">{text.unknown}</span>
  const cells: CSSProperties & Record<`--${string}`, number> = {
    '--cells': slots.limit <= DRAWN_SLOTS ? slots.limit : 1,
    '--used': Math.min(1, slots.used / slots.limit),
    '--stuck': Math.min(1, slots.stuck / slots.limit),
  }
  return (
    <div className="slots">
      <span className="slots-text">{`${formatCount(slots.used)} / ${formatCount(slots.limit)}`}</span>
      <span
        className={slots.limit <= DRAWN_SLOTS ? 'slots-bar slots-drawn' : 'slots-bar'}
        style={cells}
        aria-hidden="true"
      />
      {slots.stuck > 0 && <span className="note note-bad">{text.workers.table.stuck(slots.stuck)}</span>}
      {slots.queue > 0 && <span className="note">{text.workers.table.queued(slots.queue)}</span>}
    </div>
  )
}

export function ShareCell({ share }: { share: number | null }) {
  if (share === null) return <span className="unknown">{text.unknown}</span>
  const fill: CSSProperties & Record<`--${string}`, number> = { '--share': share }
  return (
    <span className={share >= HIGH_SHARE ? 'share share-high' : 'share'} style={fill}>
      {formatShare(share)}
    </span>
  )
}

export function TagChips({ tags, limit = SHOWN_TAGS }: { tags: Tags; limit?: number }) {
  const all = Object.entries(tags)
  if (all.length === 0) return <span className="unknown">{text.unknown}</span>
  const hidden = all.slice(limit)
  return (
    <span className="chips">
      {all.slice(0, limit).map(([key, value]) => (
        <span key={key} className="chip" title={`${key}: ${visible(tagText(value))}`}>
          <span className="chip-key">{key}</span>
          {visible(tagText(value))}
        </span>
      ))}
      {hidden.length > 0 && (
        <span
          className="chip chip-more"
          title={hidden.map(([key, value]) => `${key}: ${visible(tagText(value))}`).join('\n')}
        >
          {text.workers.table.moreTags(hidden.length)}
        </span>
      )}
    </span>
  )
}

/** Counts up by itself each second between two messages. */
export function AgeCell({ at }: { at: string | null }) {
  const age = useAgeSeconds(at)
  if (age === null) return <span className="unknown">{text.workers.table.never}</span>
  const words = formatSeconds(age)
  const isStale = age > STALE_AFTER_SECONDS
  return (
    <span
      className={isStale ? 'age age-stale' : 'age'}
      title={isStale ? text.workers.table.stale(words) : undefined}
    >
      {text.workers.table.ago(words)}
    </span>
  )
}

/** Whether what a worker last said is too old to be taken for now. */
export function useIsStale(at: string | null): boolean {
  const client = useFeedClient()
  return useEachSecond(() => (ageSeconds(at, client.serverNowMs()) ?? 0) > STALE_AFTER_SECONDS)
}
