/** A name and its value, small: a tag, a filter. With `onRemove` or `onPress` it is a button. */
import { visible } from '../text/format.ts'
import { text } from '../text/text.ts'
import { Icon } from './marks.tsx'

interface Props {
  readonly name?: string
  readonly value: string
  onRemove?(): void
  onPress?(): void
}

export function Chip({ name, value, onRemove, onPress }: Props) {
  const words = (
    <>
      {name !== undefined && <span className="chip-key">{visible(name)}</span>}{' '}
      <span className="chip-value">{visible(value)}</span>
    </>
  )
  const whole = name === undefined ? visible(value) : `${visible(name)}: ${visible(value)}`
  if (onRemove) {
    return (
      <span className="chip chip-removable" title={whole}>
        {words}
        <button type="button" className="chip-remove" aria-label={text.kit.remove(whole)} onClick={onRemove}>
          <Icon name="close" />
        </button>
      </span>
    )
  }
  if (onPress) {
    return (
      <button type="button" className="chip chip-button" title={whole} onClick={onPress}>
        {words}
      </button>
    )
  }
  return (
    <span className="chip" title={whole}>
      {words}
    </span>
  )
}
