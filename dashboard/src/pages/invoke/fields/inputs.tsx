/** The inputs of simple fields: text, number, flag, a fixed value, raw JSON. Each gives a new draft on every change. */
import type { ReactNode } from 'react'
import { Button } from '../../../kit/button.tsx'
import type { Wired } from '../../../kit/field.tsx'
import { Segmented } from '../../../kit/segmented.tsx'
import { formatCount, visible } from '../../../text/format.ts'
import { text } from '../../../text/text.ts'
import { ABSENT, type Draft } from '../form/draft.ts'
import type { Field, TextField } from '../form/field.ts'
import { FileIntoText } from './file-into-text.tsx'

interface InputProps {
  readonly field: Field
  readonly draft: Draft
  readonly label: string
  readonly isRequired: boolean
  readonly wired: Wired
  onChange(draft: Draft): void
}

/** Longer texts are not put into an input: browsers become slow. */
const SHOWN_CHARACTERS = 20_000

const INPUT_TYPES: Readonly<Record<string, string>> = {
  email: 'email',
  uri: 'url',
  url: 'url',
  date: 'date',
  time: 'time',
  password: 'password',
}

export function TextInput({ field, draft, isRequired, wired, label, onChange }: InputProps) {
  if (field.kind !== 'text') return null
  const value = draft.is === 'text' ? draft.text : ''
  const change = (next: string) => onChange(next === '' && !isRequired ? ABSENT : { is: 'text', text: next })
  if (value.length > SHOWN_CHARACTERS) {
    return (
      <div className="row" id={wired.id}>
        <span className="muted">{text.invoke.form.longText(formatCount(value.length))}</span>
        <Button icon="bin" onClick={() => change('')}>
          {text.invoke.form.clear}
        </Button>
      </div>
    )
  }
  const type = field.format === null ? undefined : INPUT_TYPES[field.format]
  const example = field.example === null ? undefined : visible(field.example)
  const placeholder = example ?? (isRequired ? undefined : text.invoke.form.leftOut)
  return (
    <div className="invoke-text">
      {type || isShort(field) ? (
        <input
          {...wired}
          className="field"
          type={type ?? 'text'}
          value={value}
          placeholder={placeholder}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => change(event.target.value)}
        />
      ) : (
        <textarea
          {...wired}
          className="field invoke-area"
          rows={1}
          value={value}
          placeholder={placeholder}
          spellCheck={false}
          onChange={(event) => change(event.target.value)}
        />
      )}
      {!type && !isShort(field) && <FileIntoText label={label} encoding={field.encoding} onText={change} />}
    </div>
  )
}

function isShort({ maxLength, format }: TextField): boolean {
  return format !== null || (maxLength !== null && maxLength <= 100)
}

export function NumberInput({ draft, isRequired, wired, onChange }: InputProps) {
  const value = draft.is === 'text' ? draft.text : ''
  return (
    <input
      {...wired}
      className="field invoke-number"
      inputMode="decimal"
      value={value}
      placeholder={isRequired ? undefined : text.invoke.form.leftOut}
      autoComplete="off"
      onChange={({ target }) =>
        onChange(target.value === '' && !isRequired ? ABSENT : { is: 'text', text: target.value })
      }
    />
  )
}

/** One that may be left out has three states; a box would hide one of them. */
export function FlagInput({ field, draft, isRequired, label, wired, onChange }: InputProps) {
  const value = draft.is === 'flag' ? draft.value : null
  if (isRequired || field.preset !== undefined) {
    return (
      <label className="invoke-check">
        <input
          {...wired}
          required={undefined}
          type="checkbox"
          checked={value ?? false}
          onChange={({ target }) => onChange({ is: 'flag', value: target.checked })}
        />
        <span aria-hidden="true">{value ? text.invoke.form.yes : text.invoke.form.no}</span>
      </label>
    )
  }
  const chosen = value === null ? 'none' : value ? 'yes' : 'no'
  return (
    <Segmented
      label={label}
      value={chosen}
      onChange={(next) => onChange(next === 'none' ? ABSENT : { is: 'flag', value: next === 'yes' })}
      options={[
        { value: 'none', label: text.invoke.form.leftOut },
        { value: 'yes', label: text.invoke.form.yes },
        { value: 'no', label: text.invoke.form.no },
      ]}
    />
  )
}

export function ConstantInput({ value }: { value: unknown }): ReactNode {
  return <code className="invoke-constant">{visible(JSON.stringify(value) ?? '')}</code>
}

export function JsonInput({
  draft,
  isRequired,
  wired,
  onChange,
}: Pick<InputProps, 'draft' | 'isRequired' | 'wired' | 'onChange'>) {
  const value = draft.is === 'json' ? draft.text : ''
  return (
    <textarea
      {...wired}
      className="field invoke-area invoke-json"
      rows={2}
      value={value}
      placeholder={isRequired ? '{}' : text.invoke.form.leftOut}
      spellCheck={false}
      onChange={({ target }) =>
        onChange(target.value === '' && !isRequired ? ABSENT : { is: 'json', text: target.value })
      }
    />
  )
}
