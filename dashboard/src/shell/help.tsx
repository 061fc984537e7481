/**
 * `?`: every shortcut that works now, each of which can be given another key, and the switches for single
 * keys and for spoken changes.
 */
import { type KeyboardEvent, useState } from 'react'
import { Button } from '../kit/button.tsx'
import { Dialog } from '../kit/dialog.tsx'
import { useSwitchedOn } from '../kit/preference.ts'
import { text } from '../text/text.ts'
import { KeyWords } from './key-words.tsx'
import { keyOf, type Shortcut, useBindings, useShortcuts } from './keys.ts'

/** Cannot be given away: whoever lost them could not find back. */
const fixed: ReadonlySet<string> = new Set(['?', 'Escape', 'Enter'])

export function HelpDialog({ onClose }: { onClose: () => void }) {
  const shortcuts = useShortcuts()
  const [bindings, bind, reset] = useBindings()
  const [hasKeys, setKeys] = useSwitchedOn('single-keys')
  const [isSpoken, setSpoken] = useSwitchedOn('announce')
  const words = text.shell.help
  const titles = [...new Set(shortcuts.map(({ title }) => title))].sort((a, b) => rank(a) - rank(b))
  return (
    <Dialog title={words.title} onClose={onClose} size="wide">
      <div className="keys-columns">
        {titles.map((title) => (
          <section key={title ?? ''} className="keys-group">
            <h3>{title ?? words.thisPage}</h3>
            <ul className="keys">
              {shortcuts
                .filter((shortcut) => shortcut.title === title)
                .map((shortcut) => (
                  <KeyRow key={shortcut.name} shortcut={shortcut} all={shortcuts} onBind={bind} />
                ))}
            </ul>
          </section>
        ))}
      </div>
      <div className="checks">
        <label>
          <input type="checkbox" checked={hasKeys} onChange={(event) => setKeys(event.target.checked)} />
          {words.singleKeys}
        </label>
        <label>
          <input type="checkbox" checked={isSpoken} onChange={(event) => setSpoken(event.target.checked)} />
          {words.announcements}
        </label>
        {Object.keys(bindings).length > 0 && (
          <Button icon="undo" onClick={reset}>
            {words.reset}
          </Button>
        )}
      </div>
    </Dialog>
  )
}

/** The page's own first, then what holds everywhere, then the pages. */
function rank(title: string | null): number {
  if (title === null) return 0
  return title === text.shell.help.everywhere ? 1 : 2
}

interface RowProps {
  readonly shortcut: Shortcut
  readonly all: readonly Shortcut[]
  onBind(name: string, key: string | null): void
}

function KeyRow({ shortcut, all, onBind }: RowProps) {
  const [isAsking, setAsking] = useState(false)
  const [refusal, setRefusal] = useState<string | null>(null)
  const words = text.shell.help
  const take = (event: KeyboardEvent) => {
    if (!isAsking) return
    const key = keyOf(event.nativeEvent)
    if (key === null || key === 'Tab') return
    event.preventDefault()
    event.stopPropagation()
    setAsking(false)
    if (key === 'Escape') return
    const other = all.find((one) => one.name !== shortcut.name && isInTheWay(key, one.key))
    if (other) setRefusal(words.taken(key, other.label))
    else {
      setRefusal(null)
      onBind(shortcut.name, key)
    }
  }
  return (
    <li className="key-row">
      <span>
        {shortcut.label}
        {refusal && (
          <span className="form-error" role="alert">
            {refusal}
          </span>
        )}
      </span>
      {fixed.has(shortcut.name) ? (
        <KeyWords name={shortcut.key} />
      ) : (
        <button
          type="button"
          className={isAsking ? 'key-button key-button-asking' : 'key-button'}
          title={words.rebind(shortcut.label)}
          onClick={() => setAsking(true)}
          onBlur={() => setAsking(false)}
          onKeyDown={take}
        >
          {isAsking ? (
            words.pressKey
          ) : (
            <>
              <span className="only-heard">{words.rebind(shortcut.label)}: </span>
              <KeyWords name={shortcut.key} />
            </>
          )}
        </button>
      )}
    </li>
  )
}

/** The same key, or one that begins the other's two strokes. */
function isInTheWay(key: string, other: string): boolean {
  return key === other || other.startsWith(`${key} `)
}
