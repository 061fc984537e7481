/**
 * What goes into a function: its form, or the same as raw JSON; examples fill it. Both show one input: what is changed
 * in one stands in the other. Called by cell-panel.tsx.
 */
import { useEffect, useMemo, useState } from 'react'
import { Button } from '../../../kit/button.tsx'
import { Chip } from '../../../kit/chip.tsx'
import { Segmented } from '../../../kit/segmented.tsx'
import { formatCount } from '../../../text/format.ts'
import { text } from '../../../text/text.ts'
import { wordFaults } from '../fields/fault-words.ts'
import { Compound, Errors } from '../fields/field-view.tsx'
import { FormContext, type FormContextValue } from '../fields/form-context.ts'
import { isObject, isSame } from '../form/field.ts'
import { placeErrors } from '../form/place-errors.ts'
import { readDraft } from '../form/read-draft.ts'
import { readSchema } from '../form/read-schema.ts'
import type { CellView, Workspace } from '../page/workspace.ts'
import { FilePicker } from './file-picker.tsx'
import type { FunctionItem } from './functions-data.ts'
import { JsonPane } from './json-pane.tsx'
import { LinkControl, LinkedValue } from './link-control.tsx'
import { useDraft } from './use-draft.ts'

interface Props {
  readonly view: CellView
  readonly item: FunctionItem
  readonly workspace: Workspace
  readonly cells: readonly CellView[]
  readonly isPlain: boolean
  /** Somebody wanted it to run: what is missing is told, too. */
  readonly isTried: boolean
}

type Shape = 'form' | 'json' | 'file'

/** No fault of somebody who has not come so far. */
const MISSING: ReadonlySet<string> = new Set(['required', 'choice', 'name', 'more'])
const NO_ERRORS: ReadonlyMap<string, readonly string[]> = new Map()

export function InputPane({ view, item, workspace, cells, isPlain, isTried }: Props) {
  const { cell, call } = view
  const [shape, setShape] = useState<Shape>('form')
  const field = useMemo(() => readSchema(item.input), [item.input])
  const linked = useMemo(() => cell.links.map(({ to }) => to), [cell.links])
  const { draft, faults, change } = useDraft({
    field,
    input: cell.input,
    linked,
    onInput: (input, isUsable) => workspace.change(cell.id, { input }, isUsable),
  })
  const isUsable = faults.length === 0
  const { id } = cell
  const { input } = cell
  // A form that nobody has touched stands for its presets; nothing is called while something of it is missing.
  useEffect(() => {
    const { value } = readDraft(field, draft)
    const isUntouched = Object.keys(input).length === 0
    if (isUntouched && isObject(value) && Object.keys(value).length > 0) workspace.fill(id, value)
    workspace.setUsable(id, isUsable)
  }, [workspace, id, field, draft, input, isUsable])
  const refused = call?.outcome && !call.outcome.ok ? call.outcome.problem?.errors : undefined
  const isOfNow = call !== null && isSame(call.input, view.sent)
  const isShown = shape === 'form' && isObject(cell.input)
  const context = useMemo<FormContextValue>(() => {
    const placed = refused && isOfNow ? placeErrors(field, draft, refused, '/input') : NO_ERRORS
    const told = isTried ? faults : faults.filter(({ fault }) => !MISSING.has(fault.code))
    return {
      faults: wordFaults(told, placed),
      isPlain,
      linked: (pointer) => {
        const link = cell.links.find(({ to }) => to === pointer)
        return link ? (
          <LinkedValue link={link} cells={cells} cell={cell} workspace={workspace} isPlain={isPlain} />
        ) : null
      },
      linkControl: (pointer, label) =>
        cells.length > 1 ? (
          <LinkControl pointer={pointer} label={label} cell={cell} cells={cells} workspace={workspace} />
        ) : null,
    }
  }, [refused, isOfNow, field, draft, faults, cell, cells, workspace, isPlain, isTried])
  return (
    <section className="invoke-input" aria-label={text.invoke.input}>
      {!isPlain && (
        <div className="row invoke-bar">
          <Segmented<Shape>
            label={text.invoke.inputAs}
            value={shape}
            onChange={(next) => {
              setShape(next)
              if (next !== 'file') workspace.setBytes(id, null)
            }}
            options={[
              { value: 'form', label: text.invoke.form.form },
              { value: 'json', label: 'JSON' },
              { value: 'file', label: text.invoke.file },
            ]}
          />
          <Examples item={item} onPick={(input) => workspace.change(cell.id, { input }, true)} />
        </div>
      )}
      {shape === 'file' ? (
        <BytesInput view={view} workspace={workspace} />
      ) : isShown ? (
        <FormContext value={context}>
          <Errors errors={context.faults.get('')} />
          <Compound
            field={field}
            draft={draft}
            name={cell.function}
            pointer=""
            isRequired
            onChange={change}
          />
          {draft.is === 'json' && (
            <JsonPane input={cell.input} onInput={(input, ok) => workspace.change(cell.id, { input }, ok)} />
          )}
        </FormContext>
      ) : (
        <>
          <JsonPane
            input={cell.input}
            faults={context.faults}
            onInput={(input, isJson) => workspace.change(cell.id, { input }, isJson)}
          />
          {cell.links.map((link) => (
            <div className="row" key={link.to}>
              <code>{link.to === '' ? '/' : link.to}</code>
              <LinkedValue link={link} cells={cells} cell={cell} workspace={workspace} isPlain={isPlain} />
            </div>
          ))}
        </>
      )}
    </section>
  )
}

/** A file is the whole input, in its own media type. */
function BytesInput({ view, workspace }: { view: CellView; workspace: Workspace }) {
  const { cell, bytes } = view
  return (
    <div className="form-field">
      <div className="row">
        {bytes && (
          <Chip
            name={bytes.name}
            value={text.invoke.fileFacts(bytes.type || 'application/octet-stream', formatCount(bytes.size))}
            onRemove={() => workspace.setBytes(cell.id, null)}
          />
        )}
        <FilePicker
          label={text.invoke.chooseFile}
          isOne
          onFiles={([file]) => file && workspace.setBytes(cell.id, file)}
        />
      </div>
      <p className="form-hint">{text.invoke.fileHint}</p>
    </div>
  )
}

function Examples({ item, onPick }: { item: FunctionItem; onPick(input: Record<string, unknown>): void }) {
  const examples = item.examples.filter(isObject)
  if (examples.length === 0) return null
  return (
    <div className="row">
      {examples.slice(0, 5).map((example, at) => (
        <Button
          key={JSON.stringify(example)}
          kind="quiet"
          title={JSON.stringify(example)}
          onClick={() => onPick(example)}
        >
          {examples.length === 1 ? text.invoke.example : text.invoke.exampleAt(formatCount(at + 1))}
        </Button>
      ))}
    </div>
  )
}
