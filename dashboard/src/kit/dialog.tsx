/**
 * A modal dialog, open while mounted: the focus stays within and goes back to where it was, Escape and a
 * press outside close. `onClose` is called for every way of closing it.
 */
import { Dialog as AriaDialog, DialogDismiss, DialogHeading } from '@ariakit/react'
import type { ReactNode, RefObject } from 'react'
import { text } from '../text/text.ts'
import { Icon } from './marks.tsx'

interface Props {
  readonly title: string
  onClose(): void
  readonly size?: 'small' | 'wide' | 'full'
  /** Gets the focus first; default is the first that can. */
  readonly initialFocus?: RefObject<HTMLElement | null>
  /** A press outside does not close: something typed would be lost. */
  readonly isSticky?: boolean
  readonly className?: string
  readonly children: ReactNode
}

export function Dialog(props: Props) {
  const { title, onClose, size = 'small', initialFocus, isSticky, className, children } = props
  return (
    <AriaDialog
      open
      onClose={onClose}
      className={['dialog', `dialog-${size}`, className].filter(Boolean).join(' ')}
      backdrop={<div className="dialog-backdrop" />}
      initialFocus={initialFocus}
      hideOnInteractOutside={!isSticky}
      portal
    >
      <header className="dialog-head">
        <DialogHeading render={<h2>{title}</h2>} />
        <DialogDismiss className="button icon-button" aria-label={text.shell.close}>
          <Icon name="close" />
        </DialogDismiss>
      </header>
      {children}
    </AriaDialog>
  )
}
