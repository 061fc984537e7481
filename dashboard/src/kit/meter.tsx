/**
 * How much of something is taken: "3 / 8" and a bar, cells when they are few. Null is unknown and a dash;
 * a limit of 0 draws an empty bar.
 */
import type { CSSProperties, ReactNode } from 'react'
import { formatCount } from '../text/format.ts'
import { text } from '../text/text.ts'

/** Up to this many slots are drawn one by one, more as one bar. */
const DRAWN_CELLS = 24

interface Props {
  readonly used: number | null
  readonly limit: number | null
  /** Of `used`, those that hang. */
  readonly stuck?: number
  readonly note?: ReactNode
  /** Instead of "used / limit". */
  readonly words?: ReactNode
}

export function Meter({ used, limit, stuck = 0, note, words }: Props) {
  if (used === null || limit === null) return <span className="unknown">{text.unknown}</span>
  const whole = Math.max(1, limit)
  const isDrawn = limit > 0 && limit <= DRAWN_CELLS
  const style: CSSProperties & Record<`--${string}`, number> = {
    '--cells': isDrawn ? limit : 1,
    // Of what hangs, and of what is taken with it.
    backgroundSize: `${percentOf(stuck / whole)} 100%, ${percentOf(used / whole)} 100%`,
  }
  return (
    <div className="slots">
      <span className="slots-text">{words ?? `${formatCount(used)} / ${formatCount(limit)}`}</span>
      <span className={isDrawn ? 'slots-bar slots-drawn' : 'slots-bar'} style={style} aria-hidden="true" />
      {note !== undefined && (
        <span className="note" title={typeof note === 'string' ? note : undefined}>
          {note}
        </span>
      )}
    </div>
  )
}

function percentOf(share: number): string {
  return `${Math.min(1, share) * 100}%`
}
