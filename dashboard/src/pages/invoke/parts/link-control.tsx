/**
 * Chains functions: which output of another cell a field takes. A link that would lead in a circle is refused with a
 * word. What can be taken is offered from the newest output, or typed as a JSON pointer.
 */
import type { FormCell, FormLink } from '@berth/protocol'
import { useId, useState } from 'react'
import { Button } from '../../../kit/button.tsx'
import { Icon } from '../../../kit/marks.tsx'
import { Popover } from '../../../kit/popover.tsx'
import { Select } from '../../../kit/select.tsx'
import { useMe } from '../../../session/use-me.ts'
import { visible } from '../../../text/format.ts'
import { text } from '../../../text/text.ts'
import { isPointer } from '../bindings/pointer.ts'
import type { CellView, LinkRefusal, Workspace } from '../page/workspace.ts'
import { cellName } from './cell-name.ts'
import { isProduction } from './production.ts'

interface Shared {
  readonly cell: FormCell
  readonly cells: readonly CellView[]
  readonly workspace: Workspace
}

export function LinkedValue({
  link,
  cells,
  cell,
  workspace,
  isPlain,
}: Shared & { link: FormLink; isPlain: boolean }) {
  const source = cells.find((one) => one.cell.id === link.from)
  const remove = () => workspace.change(cell.id, { links: cell.links.filter((own) => own !== link) })
  return (
    <span className="chip invoke-link">
      <Icon name="link" />
      <span className="chip-value">
        {text.invoke.link.from(
          source
            ? isPlain
              ? visible(source.cell.title ?? source.cell.function)
              : cellName(source.cell)
            : link.from,
        )}
        {link.pointer !== '' && !isPlain && <code> {visible(link.pointer)}</code>}
      </span>
      {!isPlain && (
        <button
          type="button"
          className="chip-remove"
          aria-label={text.invoke.link.remove(link.to)}
          onClick={remove}
        >
          <Icon name="close" />
        </button>
      )}
    </span>
  )
}

export function LinkControl({ pointer, label, ...shared }: Shared & { pointer: string; label: string }) {
  return (
    <Popover
      label={text.invoke.link.title(label)}
      trigger={
        <Button kind="quiet" icon="link" isIconOnly>
          {text.invoke.link.title(label)}
        </Button>
      }
      placement="bottom-end"
    >
      {(close) => <LinkForm {...shared} to={pointer} onDone={close} />}
    </Popover>
  )
}

function LinkForm({ cell, cells, workspace, to, onDone }: Shared & { to: string; onDone(): void }) {
  const id = useId()
  const others = cells.filter((one) => one.cell.id !== cell.id)
  const [from, setFrom] = useState(others[0]?.cell.id ?? '')
  const [pointer, setPointer] = useState('')
  const [refusal, setRefusal] = useState<LinkRefusal | null>(null)
  const offered = workspace.pointersOf(from)
  // There it is asked first, by the switch.
  const { environment } = useMe()
  const isAuto = cell.isAuto || !isProduction(environment)
  const link = () => {
    const links = [...cell.links.filter((own) => own.to !== to), { to, from, pointer }]
    const refused = isPointer(pointer) ? workspace.change(cell.id, { links, isAuto }, true) : 'pointer'
    setRefusal(refused)
    if (refused === null) onDone()
  }
  return (
    <form
      className="invoke-link-form"
      onSubmit={(event) => {
        event.preventDefault()
        // The function's own form is around it, as far as events go.
        event.stopPropagation()
        link()
      }}
    >
      <span className="form-label">{text.invoke.link.source}</span>
      <Select
        label={text.invoke.link.source}
        value={from}
        onChange={setFrom}
        options={others.map((one) => ({ value: one.cell.id, label: cellName(one.cell) }))}
      />
      <label className="form-label" htmlFor={id}>
        {text.invoke.link.pointer}
      </label>
      <input
        id={id}
        className="field"
        list={`${id}-list`}
        value={pointer}
        placeholder={text.invoke.link.whole}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => setPointer(event.target.value)}
      />
      <datalist id={`${id}-list`}>
        {offered.filter(Boolean).map((one) => (
          <option key={one} value={one} />
        ))}
      </datalist>
      <p className="form-hint">{text.invoke.link.hint}</p>
      {refusal && (
        <p className="form-error" role="alert">
          {text.invoke.link.refused[refusal]}
        </p>
      )}
      <Button kind="primary" type="submit">
        {text.invoke.link.make}
      </Button>
    </form>
  )
}
