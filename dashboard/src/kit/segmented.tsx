/** One of a few choices that all stand in view: a radio group that looks like one control. */
import { useId } from 'react'
import { Icon, type IconName } from './marks.tsx'

export interface Segment<Value extends string = string> {
  readonly value: Value
  readonly label: string
  /** Only the icon is drawn, the label is spoken. */
  readonly icon?: IconName
}

interface Props<Value extends string> {
  readonly label: string
  readonly value: Value
  onChange(value: Value): void
  readonly options: readonly Segment<Value>[]
}

export function Segmented<Value extends string>({ label, value, onChange, options }: Props<Value>) {
  const name = useId()
  return (
    <fieldset className="segmented">
      <legend className="only-heard">{label}</legend>
      {options.map((option) => (
        <label key={option.value} title={option.icon ? option.label : undefined}>
          <input
            type="radio"
            name={name}
            checked={option.value === value}
            onChange={() => onChange(option.value)}
          />
          {option.icon ? (
            <>
              <Icon name={option.icon} />
              <span className="only-heard">{option.label}</span>
            </>
          ) : (
            <span>{option.label}</span>
          )}
        </label>
      ))}
    </fieldset>
  )
}
