/**
 * A box that scrolls. It takes the focus, so that its content can be scrolled by keyboard: the one
 * place where something that is not pressed may be tabbed to.
 */
import type { ReactNode, Ref } from 'react'

interface Props {
  readonly className: string
  readonly label: string
  /** `log` is read out only when asked for: a busy log would never fall silent. */
  readonly role: 'region' | 'log'
  readonly ref?: Ref<HTMLElement>
  readonly children: ReactNode
  onScroll?(): void
}

const reachable = { tabIndex: 0 }

export function ScrollBox({ className, label, role, ref, children, onScroll }: Props) {
  return (
    <section
      ref={ref}
      className={className}
      role={role}
      aria-live={role === 'log' ? 'off' : undefined}
      aria-label={label}
      onScroll={onScroll}
      {...reachable}
    >
      {children}
    </section>
  )
}
