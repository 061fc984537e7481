/**
 * A button. One that cannot be pressed now (`disabledWhy`) keeps its place and the focus and says why in a
 * tooltip, instead of being greyed without a word. `kind` is the weight: one primary a view at most.
 */
import type { ButtonHTMLAttributes, MouseEvent, ReactNode, Ref } from 'react'
import { useId } from 'react'
import { Link } from './link.tsx'
import { Icon, type IconName } from './marks.tsx'
import { Tooltip } from './tooltip.tsx'

export type ButtonKind = 'plain' | 'primary' | 'danger' | 'quiet'

export interface ButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'disabled'> {
  readonly kind?: ButtonKind
  readonly icon?: IconName
  /** Under way: takes no second press. */
  readonly pending?: boolean
  /** Why it cannot be pressed now; undefined or empty when it can. */
  readonly disabledWhy?: string | false | null
  /** Only the icon is drawn; `children` is then the accessible name and the tooltip. */
  readonly isIconOnly?: boolean
  readonly ref?: Ref<HTMLButtonElement>
  readonly children?: ReactNode
}

export function Button(props: ButtonProps) {
  const {
    kind = 'plain',
    icon,
    pending,
    disabledWhy,
    isIconOnly,
    className,
    onClick,
    children,
    ...rest
  } = props
  const noteId = useId()
  const isOff = Boolean(disabledWhy) || pending === true
  const press = (event: MouseEvent<HTMLButtonElement>) => {
    if (isOff) {
      event.preventDefault()
      event.stopPropagation()
      return
    }
    onClick?.(event)
  }
  const button = (
    <button
      type="button"
      {...rest}
      className={classesOf(kind, isIconOnly, className)}
      aria-disabled={isOff || undefined}
      aria-busy={pending || undefined}
      aria-describedby={disabledWhy ? noteId : rest['aria-describedby']}
      onClick={press}
    >
      {icon && <Icon name={icon} />}
      {isIconOnly ? <span className="only-heard">{children}</span> : children}
    </button>
  )
  // One that may be off now and then stands in a tooltip always: it stays one element, and keeps its focus.
  if (!('disabledWhy' in props || isIconOnly)) return button
  return (
    <>
      <Tooltip text={disabledWhy || (isIconOnly ? children : undefined)}>{button}</Tooltip>
      {disabledWhy && (
        <span id={noteId} hidden>
          {disabledWhy}
        </span>
      )}
    </>
  )
}

export function classesOf(kind: ButtonKind, isIconOnly?: boolean, className?: string): string {
  const kinds: Record<ButtonKind, string> = {
    plain: '',
    primary: 'button-strong',
    danger: 'button-danger',
    quiet: 'quiet',
  }
  return ['button', kinds[kind], isIconOnly && 'icon-button', className].filter(Boolean).join(' ')
}

/** A link that looks like a button. */
export function ButtonLink({
  to,
  kind = 'plain',
  icon,
  children,
}: {
  to: string
  kind?: ButtonKind
  icon?: IconName
  children: ReactNode
}) {
  return (
    <Link to={to} className={`${classesOf(kind)} button-link`}>
      {icon && <Icon name={icon} />}
      {children}
    </Link>
  )
}
