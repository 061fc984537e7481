/** An input as raw JSON: a text that may be none for a while, told as soon as it is. */
import { lazy, Suspense, useState } from 'react'
import { Skeleton } from '../../../kit/states.tsx'
import { visible } from '../../../text/format.ts'
import { text } from '../../../text/text.ts'
import { isObject, isSame } from '../form/field.ts'

const JsonEditor = lazy(async () => ({
  default: (await import('../../../kit/json-editor.tsx')).JsonEditor,
}))

interface Props {
  readonly input: Record<string, unknown>
  /** Words by pointer into it. */
  readonly faults?: ReadonlyMap<string, readonly string[]>
  /** `isJson` false: the text is no object; the input stays. */
  onInput(input: Record<string, unknown>, isJson: boolean): void
}

const NO_FAULTS: ReadonlyMap<string, readonly string[]> = new Map()

export function JsonPane({ input, faults = NO_FAULTS, onInput }: Props) {
  const [typed, setTyped] = useState(() => ({ text: JSON.stringify(input, null, 2), input }))
  const shown = isSame(typed.input, input) ? typed.text : JSON.stringify(input, null, 2)
  const unreadable = parseObject(shown) === null ? text.invoke.noObject : null
  const change = (next: string) => {
    // What the page has put there was typed by nobody.
    if (next === shown) return
    const value = parseObject(next)
    setTyped({ text: next, input: value ?? input })
    onInput(value ?? input, value !== null)
  }
  return (
    <div className="form-field">
      <div className="invoke-code">
        <Suspense fallback={<Skeleton rows={4} />}>
          <JsonEditor
            label={text.invoke.rawInput}
            value={shown}
            onChange={change}
            faults={faults}
            unreadable={unreadable}
          />
        </Suspense>
      </div>
      <div className="form-error" role="alert">
        {unreadable ??
          [...faults].map(([pointer, words]) => (
            <p key={pointer}>{visible(`${pointer}: ${words.join(' ')}`)}</p>
          ))}
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
