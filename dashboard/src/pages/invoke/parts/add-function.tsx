/** Picks a function of the fleet, by name or group, to stand on the page as well. */
import { useState } from 'react'
import { Button } from '../../../kit/button.tsx'
import { Popover } from '../../../kit/popover.tsx'
import { visible } from '../../../text/format.ts'
import { text } from '../../../text/text.ts'
import { gatherFunctions, useFunctions } from './functions-data.ts'

interface Props {
  readonly kind?: 'plain' | 'primary'
  readonly disabledWhy?: string | false
  onAdd(group: string, name: string): void
}

const SHOWN = 50

export function AddFunction({ kind = 'plain', disabledWhy, onAdd }: Props) {
  return (
    <Popover
      label={text.invoke.add}
      trigger={
        <Button kind={kind} icon="plus" disabledWhy={disabledWhy}>
          {text.invoke.add}
        </Button>
      }
    >
      {(close) => (
        <FunctionList
          onPick={(group, name) => {
            close()
            onAdd(group, name)
          }}
        />
      )}
    </Popover>
  )
}

export function FunctionList({ onPick }: { onPick(group: string, name: string): void }) {
  const [filter, setFilter] = useState('')
  const { data } = useFunctions()
  const wanted = filter.trim().toLowerCase()
  const found = gatherFunctions(data?.items ?? []).filter(({ key }) => key.toLowerCase().includes(wanted))
  return (
    <div className="invoke-pick">
      <input
        className="field"
        aria-label={text.invoke.findFunction}
        placeholder={text.invoke.findFunction}
        value={filter}
        autoComplete="off"
        spellCheck={false}
        onChange={(event) => setFilter(event.target.value)}
      />
      <ul>
        {found.slice(0, SHOWN).map(({ key, group, name, newest }) => (
          <li key={key}>
            <button type="button" className="menu-item" onClick={() => onPick(group, name)}>
              <span className="menu-words">
                {visible(name)}
                <span className="menu-why">{visible(newest.description ?? group)}</span>
              </span>
            </button>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p className="muted">{text.invoke.noFunction}</p>}
      {found.length > SHOWN && <p className="muted">{text.invoke.moreFunctions(found.length - SHOWN)}</p>}
    </div>
  )
}
