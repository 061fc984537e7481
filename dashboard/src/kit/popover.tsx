/** A small box that a button opens beside itself: choices, a form of a few fields. Escape closes it. */
import { Popover as AriaPopover, PopoverDisclosure, PopoverProvider } from '@ariakit/react'
import { type ReactElement, type ReactNode, useState } from 'react'

interface Props {
  /** The accessible name of the box. */
  readonly label: string
  /** The button that opens it. */
  readonly trigger: ReactElement
  /** The content, or a function that gets `close`. */
  readonly children: ReactNode | ((close: () => void) => ReactNode)
  /** Told when it opens and when it closes. */
  onToggle?(isOpen: boolean): void
  readonly placement?: 'bottom-start' | 'bottom-end' | 'top-start' | 'top-end'
}

export function Popover({ label, trigger, children, onToggle, placement = 'bottom-start' }: Props) {
  const [isOpen, setState] = useState(false)
  const setOpen = (next: boolean) => {
    setState(next)
    onToggle?.(next)
  }
  const close = () => setOpen(false)
  return (
    <PopoverProvider open={isOpen} setOpen={setOpen} placement={placement}>
      <PopoverDisclosure render={trigger} />
      <AriaPopover className="popover" aria-label={label} gutter={4} portal unmountOnHide>
        {typeof children === 'function' ? children(close) : children}
      </AriaPopover>
    </PopoverProvider>
  )
}
