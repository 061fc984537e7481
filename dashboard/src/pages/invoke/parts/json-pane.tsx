/** An input as raw JSON: a text that may be none for a while, told as soon as it is. */
import { useId, useState } from 'react'
import { text } from '../../../text/text.ts'
import { isObject, isSame } from '../form/field.ts'

interface Props {
  readonly input: Record<string, unknown>
  readonly faults?: readonly string[]
  /** `isJson` false: the text is no object; the input stays. */
  onInput(input: Record<string, unknown>, isJson: boolean): void
}

export function JsonPane({ input, faults = [], onInput }: Props) {
  const id = useId()
  const [typed, setTyped] = useState(() => ({ text: JSON.stringify(input, null, 2), input }))
  const shown = isSame(typed.input, input) ? typed.text : JSON.stringify(input, null, 2)
  const parsed = parseObject(shown)
  const change = (next: string) => {
    const value = parseObject(next)
    setTyped({ text: next, input: value ?? input })
    onInput(value ?? input, value !== null)
  }
  return (
    <div className="form-field">
      <textarea
        className="field invoke-area invoke-json"
        aria-label={text.invoke.rawInput}
        aria-invalid={parsed === null || undefined}
        aria-describedby={`${id}-error`}
        rows={8}
        value={shown}
        spellCheck={false}
        onChange={(event) => change(event.target.value)}
      />
      <div id={`${id}-error`} className="form-error" role="alert">
        {parsed === null ? text.invoke.noObject : faults.map((fault) => <p key={fault}>{fault}</p>)}
      </div>
    </div>
  )
}

function parseObject(raw: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(raw)
    return isObject(value) ? value : null
  } catch {
    return null
  }
}
