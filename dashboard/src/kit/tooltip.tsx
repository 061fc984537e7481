/** Words that show while the pointer or the focus is on what they are about. Never the only place of a fact. */
import { Tooltip as AriaTooltip, TooltipAnchor, TooltipProvider } from '@ariakit/react'
import type { ReactElement, ReactNode } from 'react'

interface Props {
  /** Without words nothing shows. */
  readonly text: ReactNode
  /** One element that takes a ref: a button, a link, a span. */
  readonly children: ReactElement
}

export function Tooltip({ text, children }: Props) {
  return (
    <TooltipProvider timeout={300}>
      <TooltipAnchor render={children} />
      {text && (
        <AriaTooltip className="tooltip" gutter={6} unmountOnHide>
          {text}
        </AriaTooltip>
      )}
    </TooltipProvider>
  )
}
