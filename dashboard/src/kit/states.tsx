/**
 * What stands where data is not there: not yet, nothing at all, nothing by the filter, refused, or old. A
 * figure that is old is greyed with its age and never shown as 0.
 */
import type { ReactNode } from 'react'
import { detailsOfError, wordsOfError } from '../api/use-action.ts'
import { ageMs, useEachSecond, useFeedClient } from '../feed/use-feed.tsx'
import { formatDuration } from '../text/format.ts'
import { text } from '../text/text.ts'
import { Button } from './button.tsx'
import { CopyButton } from './copy.tsx'
import { ToneMark } from './marks.tsx'

const BONES = ['bone', 'bone bone-short', 'bone bone-half'] as const
/** Data older than so many times its expected age is stale. */
const STALE_FACTOR = 3

/** Grey shapes of `rows` rows, one height with the real ones, so that nothing jumps. */
export function Skeleton({ rows = 3, className }: { rows?: number; className?: string }) {
  return (
    <div className={['skeleton-rows', className].filter(Boolean).join(' ')} role="status">
      <span className="only-heard">{text.kit.loading}</span>
      {Array.from({ length: rows }, (_, i) => `row ${i}`).map((row) => (
        <div key={row} className="bone-row" aria-hidden="true">
          {BONES.map((bone) => (
            <span key={bone} className={bone} />
          ))}
        </div>
      ))}
    </div>
  )
}

interface EmptyProps {
  readonly title: string
  /** How to get something here: a sentence, a command. */
  readonly teach?: ReactNode
  readonly actions?: ReactNode
}

export function EmptyState({ title, teach, actions }: EmptyProps) {
  return (
    <div className="empty-state">
      <h3>{title}</h3>
      {teach !== undefined && <div className="empty-teach">{teach}</div>}
      {actions !== undefined && <div className="row">{actions}</div>}
    </div>
  )
}

interface EmptyByFilterProps {
  /** The whole sentence: "No task matches `state:failed` in 1 h". */
  readonly what: ReactNode
  onClear(): void
  /** Looks in a wider time. */
  onWiden?(): void
  readonly widenLabel?: string
  /** How many there are in the wider time. */
  readonly widerCount?: number | string
}

export function EmptyByFilter({ what, onClear, onWiden, widenLabel, widerCount }: EmptyByFilterProps) {
  const widen = widenLabel ?? text.kit.widen
  return (
    <div className="empty-state">
      <p>{what}</p>
      <div className="row">
        <Button onClick={onClear}>{text.kit.clearFilter}</Button>
        {onWiden && (
          <Button onClick={onWiden}>{widerCount === undefined ? widen : `${widen} (${widerCount})`}</Button>
        )}
      </div>
    </div>
  )
}

export function ErrorState({
  error,
  onRetry,
  title,
}: {
  error: unknown
  onRetry?: () => void
  title?: string
}) {
  const words = wordsOfError(error)
  return (
    <div className="error-state" role="alert">
      <ToneMark tone="bad" />
      <div className="error-words">
        <strong>{title ?? text.kit.loadFailed}</strong>
        <p>{words.detail}</p>
        {words.code && <p className="muted">{words.code}</p>}
        <div className="row">
          {onRetry && <Button onClick={onRetry}>{text.kit.error.retry}</Button>}
          <CopyButton
            value={detailsOfError(error)}
            label={text.kit.error.copy}
            kind="plain"
            isIconOnly={false}
          />
        </div>
      </div>
    </div>
  )
}

interface StaleProps {
  /** When the value was true; null when never. */
  readonly at: string | number | null
  /** How often it should come. */
  readonly expectedMs: number
  readonly children: ReactNode
}

export function Stale({ at, expectedMs, children }: StaleProps) {
  const client = useFeedClient()
  const age = useEachSecond(() => {
    const ms = ageMs(at, client.serverNowMs())
    return ms !== null && ms > STALE_FACTOR * expectedMs ? Math.floor(ms / 1_000) : null
  })
  if (age === null) return <>{children}</>
  return (
    <span className="stale-value">
      {children} <span className="stale-age">{text.kit.old(formatDuration(age * 1_000))}</span>
    </span>
  )
}
