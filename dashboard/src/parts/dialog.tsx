/**
 * A native modal dialog, open while mounted: the browser traps the focus and gives it back, Escape
 * closes. `onClose` is called for every way of closing it.
 */
import { type ReactNode, useId, useLayoutEffect, useRef } from 'react'
import { text } from '../text/text.ts'
import { Icon } from './marks.tsx'

export function Dialog({
  title,
  onClose,
  children,
}: {
  title: string
  onClose: () => void
  children: ReactNode
}) {
  const ref = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  // Before the element leaves the page: closing is what gives the focus back.
  useLayoutEffect(() => {
    const dialog = ref.current
    if (!dialog) return
    if (!dialog.open) dialog.showModal()
    return () => dialog.close()
  }, [])
  return (
    <dialog
      ref={ref}
      className="dialog"
      aria-labelledby={titleId}
      onCancel={(event) => {
        event.preventDefault()
        onClose()
      }}
    >
      <header className="dialog-head">
        <h2 id={titleId}>{title}</h2>
        <button type="button" className="button icon-button" aria-label={text.shell.close} onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      {children}
    </dialog>
  )
}
