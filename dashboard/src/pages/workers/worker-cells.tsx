/** The cells of a worker's row that are more than a word: slots, shares, rates, tags, breaker, age. */
import type { Tags, WorkerView } from '@berth/protocol'
import { useAgeSeconds } from '../../feed/use-feed.tsx'
import { Chip } from '../../kit/chip.tsx'
import { ToneMark } from '../../kit/marks.tsx'
import { Meter } from '../../kit/meter.tsx'
import { formatRate, formatSeconds, formatShare, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { tagText } from './worker-filter.ts'

/** Data older than this says its age: three pushes have been missed. */
export const STALE_AFTER_SECONDS = 3
const SHOWN_TAGS = 2
/** From here on a share is marked. */
const HIGH_SHARE = 0.9

export function SlotsCell({ slots }: { slots: WorkerView['slots'] }) {
  if (!slots) return <span className="unknown">{text.unknown}</span>
  const notes = [
    slots.stuck > 0 && text.workers.table.stuck(slots.stuck),
    slots.queue > 0 && text.workers.table.queued(slots.queue),
  ].filter(Boolean)
  return (
    <Meter
      used={slots.used}
      limit={slots.limit}
      stuck={slots.stuck}
      note={notes.length > 0 ? notes.join(', ') : undefined}
    />
  )
}

export function ShareCell({ share }: { share: number | null }) {
  if (share === null) return <span className="unknown">{text.unknown}</span>
  const fill = { backgroundSize: `${share * 100}% 3px, 100% 3px` }
  return (
    <span className={share >= HIGH_SHARE ? 'share share-high' : 'share'} style={fill}>
      {formatShare(share)}
    </span>
  )
}

export function RateCell({ perMinute }: { perMinute: number | null }) {
  if (perMinute === null) return <span className="unknown">{text.unknown}</span>
  return <>{formatRate(perMinute)}</>
}

export function BreakerCell({ breaker }: { breaker: WorkerView['breaker'] }) {
  const word = text.worker.details.breakerStates[breaker.state]
  if (breaker.state === 'closed') return <span className="muted">{word}</span>
  return (
    <span
      className={breaker.state === 'open' ? 'tone-bad' : 'tone-warn'}
      title={visible(breaker.reason ?? '')}
    >
      <ToneMark tone={breaker.state === 'open' ? 'bad' : 'warn'} /> {word}
    </span>
  )
}

interface TagProps {
  readonly tags: Tags
  readonly limit?: number
  onPick?(key: string, value: string): void
}

export function TagChips({ tags, limit = SHOWN_TAGS, onPick }: TagProps) {
  const all = Object.entries(tags)
  if (all.length === 0) return <span className="unknown">{text.unknown}</span>
  const hidden = all.slice(limit)
  return (
    <span className="chips">
      {all.slice(0, limit).map(([key, value]) => {
        // A list has several values; picking it would mean all of them.
        const isOne = !Array.isArray(value)
        return (
          <Chip
            key={key}
            name={key}
            value={tagText(value)}
            onPress={onPick && isOne ? () => onPick(key, String(value)) : undefined}
          />
        )
      })}
      {hidden.length > 0 && (
        <span
          className="chip chip-more"
          title={hidden.map(([key, value]) => `${visible(key)}: ${visible(tagText(value))}`).join('\n')}
        >
          {text.workers.table.moreTags(hidden.length)}
        </span>
      )}
    </span>
  )
}

/** Counts up by itself each second between two messages. */
export function AgeCell({ at }: { at: string | null }) {
  return <Age seconds={useAgeSeconds(at)} />
}

export function Age({ seconds: age }: { seconds: number | null }) {
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
