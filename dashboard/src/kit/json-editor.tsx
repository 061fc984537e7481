/** A text of JSON in the code editor, with what is wrong on its lines. To be loaded when it is needed: it is large. */
import { useMemo } from 'react'
import { CodeEditor } from './code-editor.tsx'
import { type JsonFaultsInput, jsonFaults } from './json-faults.ts'

interface Props extends Omit<JsonFaultsInput, 'text'> {
  readonly value: string
  /** The accessible name. */
  readonly label: string
  onChange(value: string): void
}

export function JsonEditor({ value, label, faults, unreadable, onChange }: Props) {
  const diagnostics = useMemo(
    () => jsonFaults({ text: value, faults, unreadable }),
    [value, faults, unreadable],
  )
  return (
    <CodeEditor
      value={value}
      label={label}
      onChange={onChange}
      diagnostics={diagnostics}
      minHeight="160px"
      maxHeight="40vh"
    />
  )
}
