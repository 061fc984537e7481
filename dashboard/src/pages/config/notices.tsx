/** What stands above the editor when the file is not what it seems: changed underneath, invalid, read-only, missing. */
import type { ReactNode } from 'react'
import { Button } from '../../kit/button.tsx'
import { type Tone, ToneMark } from '../../kit/marks.tsx'
import { Age } from '../../kit/time.tsx'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import type { Version } from './config-data.ts'

interface NoticeProps {
  readonly tone: Tone
  readonly title: string
  readonly children?: ReactNode
  readonly actions?: ReactNode
}

export function Notice({ tone, title, children, actions }: NoticeProps) {
  return (
    <section className={`config-notice config-notice-${tone}`} aria-label={title}>
      <ToneMark tone={tone} />
      <div>
        <strong>{title}</strong>
        {children !== undefined && <p>{children}</p>}
      </div>
      {actions !== undefined && <div className="row">{actions}</div>}
    </section>
  )
}

export function whoOf({ who }: Version): string {
  return who === 'file' ? text.config.byFile : text.config.by(visible(who))
}

interface ConflictProps {
  readonly newest: Version | undefined
  onKeepMine(): void
  onTakeTheirs(): void
  onCompare(): void
}

export function ConflictNotice({ newest, onKeepMine, onTakeTheirs, onCompare }: ConflictProps) {
  const words = text.config.conflict
  return (
    <Notice
      tone="warn"
      title={words.title}
      actions={
        <>
          <Button onClick={onCompare}>{words.compare}</Button>
          <Button onClick={onKeepMine}>{words.keepMine}</Button>
          <Button onClick={onTakeTheirs}>{words.takeTheirs}</Button>
        </>
      }
    >
      {newest && (
        <>
          {text.config.lastChanged(whoOf(newest))} <Age at={newest.at} />. {words.detail}
        </>
      )}
    </Notice>
  )
}

interface StaleProps {
  readonly onGoTo: (() => void) | undefined
  readonly onLoadGood: (() => void) | undefined
}

/** The shell's own banner says what is wrong; here is what can be done about it. */
export function StaleNotice({ onGoTo, onLoadGood }: StaleProps) {
  const words = text.config.stale
  return (
    <Notice
      tone="bad"
      title={words.title}
      actions={
        <>
          {onGoTo && <Button onClick={onGoTo}>{words.goTo}</Button>}
          {onLoadGood && <Button onClick={onLoadGood}>{words.loadGood}</Button>}
        </>
      }
    >
      {words.keeps}.
    </Notice>
  )
}
