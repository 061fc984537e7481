/** How those who wait are shared out among fairness keys: one stacked bar, words for each part. */
import { Tooltip } from '../../kit/tooltip.tsx'
import { formatCount, formatShare, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import type { Lane } from './queue-data.ts'

const words = text.queue.fairness
/** Parts that are drawn; the rest is one more. */
const DRAWN = 6

export function FairnessBar({ lane }: { lane: Lane }) {
  const named = lane.fairness.filter(({ key }) => key !== '')
  if (named.length === 0) return <span className="muted">{words.none}</span>
  const parts = partsOf(lane)
  const whole = parts.reduce((sum, { waiting }) => sum + waiting, 0)
  const shares = parts.map(({ label, waiting }) =>
    words.share(label, formatShare(whole === 0 ? 0 : waiting / whole)),
  )
  const title = lane.fairness
    .map(({ key, waiting, running, weight }) =>
      words.words(nameOf(key), formatCount(waiting), formatCount(running), String(weight)),
    )
    .join('\n')
  return (
    <Tooltip text={<span className="fairness-words">{title}</span>}>
      <span className="fairness" role="img" aria-label={words.label(shares.join(', '))}>
        <svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
          {drawn(parts, whole).map(({ label, from, width }, at) => (
            <rect
              key={label}
              x={from}
              width={width}
              y="0"
              height="8"
              className={`fairness-part fairness-${at}`}
            />
          ))}
        </svg>
        <span className="fairness-top">{shares[0]}</span>
      </span>
    </Tooltip>
  )
}

interface Part {
  readonly label: string
  readonly waiting: number
}

function partsOf({ fairness, waiting }: Lane): Part[] {
  const top = fairness.slice(0, DRAWN).map(({ key, waiting: own }) => ({ label: nameOf(key), waiting: own }))
  const rest = waiting - top.reduce((sum, part) => sum + part.waiting, 0)
  const others = Math.max(1, fairness.length - DRAWN)
  return rest > 0 ? [...top, { label: words.others(others), waiting: rest }] : top
}

function drawn(parts: readonly Part[], whole: number) {
  let from = 0
  return parts.map(({ label, waiting }) => {
    const width = whole === 0 ? 0 : (waiting / whole) * 100
    const part = { label, from, width: Math.max(0, width - 0.6) }
    from += width
    return part
  })
}

function nameOf(key: string): string {
  return key === '' ? words.noKey : visible(key)
}
