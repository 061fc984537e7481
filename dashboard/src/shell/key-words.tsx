/** A key as it is drawn: `g o` as two caps, `Mod k` as Ctrl K or ⌘K, `Shift x` with its modifier. */
import { Fragment } from 'react'
import { text } from '../text/text.ts'

const isApple = typeof navigator !== 'undefined' && /Mac|iPhone|iPad/.test(navigator.platform)

export function KeyWords({ name }: { name: string }) {
  return (
    <span className="key-words">
      {strokesOf(name).map(({ place, caps }) => (
        <Fragment key={place}>
          {place === 'second' && <span className="key-then">{text.shell.help.followedBy}</span>}
          {caps.map((cap) => (
            <kbd key={cap}>{cap}</kbd>
          ))}
        </Fragment>
      ))}
    </span>
  )
}

interface Stroke {
  readonly place: 'first' | 'second'
  readonly caps: readonly string[]
}

/** `* a` → `*`, then `a`; `Mod k` → `Ctrl K`. */
export function strokesOf(name: string): readonly Stroke[] {
  const strokes: Stroke[] = []
  let held: string[] = []
  for (const part of name.split(' ')) {
    if (part === 'Mod') held.push(isApple ? '⌘' : text.shell.help.control)
    else if (part === 'Shift') held.push(text.shell.help.shift)
    else {
      const cap = held.length > 0 && part.length === 1 ? part.toUpperCase() : capOf(part)
      strokes.push({ place: strokes.length === 0 ? 'first' : 'second', caps: [...held, cap] })
      held = []
    }
  }
  return strokes
}

function capOf(key: string): string {
  return key === 'Space' ? text.shell.help.space : key
}
