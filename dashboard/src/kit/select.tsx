/** One choice of a list, in a box that opens. */
import { Select as AriaSelect, SelectItem, SelectPopover, SelectProvider } from '@ariakit/react'
import type { ReactNode } from 'react'
import { Icon } from './marks.tsx'

export interface Option<Value extends string = string> {
  readonly value: Value
  readonly label: ReactNode
  readonly detail?: ReactNode
}

interface Props<Value extends string> {
  /** The accessible name. */
  readonly label: string
  readonly value: Value
  onChange(value: Value): void
  readonly options: readonly Option<Value>[]
  /** Drawn before the value: "Group". */
  readonly prefix?: ReactNode
  readonly className?: string
  readonly id?: string
}

export function Select<Value extends string>(props: Props<Value>) {
  const { label, value, onChange, options, prefix, className, id } = props
  const chosen = options.find((option) => option.value === value)
  const choose = (next: string) => {
    const option = options.find((one) => one.value === next)
    if (option) onChange(option.value)
  }
  return (
    <SelectProvider value={value} setValue={choose}>
      <AriaSelect
        className={['button select', className].filter(Boolean).join(' ')}
        aria-label={label}
        id={id}
      >
        {prefix !== undefined && <span className="select-prefix">{prefix}</span>}
        <span className="select-value">{chosen?.label ?? value}</span>
        <Icon name="down" />
      </AriaSelect>
      <SelectPopover className="menu" gutter={4} portal unmountOnHide aria-label={label}>
        {options.map((option) => (
          <SelectItem key={option.value} value={option.value} className="menu-item">
            <span className="menu-words">
              {option.label}
              {option.detail !== undefined && <span className="menu-why">{option.detail}</span>}
            </span>
            {option.value === value && <Icon name="check" />}
          </SelectItem>
        ))}
      </SelectPopover>
    </SelectProvider>
  )
}
