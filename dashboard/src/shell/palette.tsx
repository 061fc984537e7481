/**
 * Ctrl K / ⌘K: goes anywhere and does what every page can do, by typing a few letters. Loaded when it is
 * first opened. What it knows: the pages, the fleet of the feed, a run by its id, and what pages offer.
 */
import {
  Dialog as AriaDialog,
  Combobox,
  ComboboxGroup,
  ComboboxGroupLabel,
  ComboboxItem,
  ComboboxList,
  ComboboxProvider,
} from '@ariakit/react'
import { type KeyboardEvent, useDeferredValue, useRef, useState } from 'react'
import { useFeedClient } from '../feed/use-feed.tsx'
import { Icon } from '../kit/marks.tsx'
import { visible } from '../text/format.ts'
import { text } from '../text/text.ts'
import { KeyWords } from './key-words.tsx'
import { type Entry, findEntries, groupEntries } from './palette-entries.ts'

/** What moves the choice away from the best match. */
const MOVES: ReadonlySet<string> = new Set(['ArrowDown', 'ArrowUp', 'PageDown', 'PageUp', 'Home', 'End'])

interface Props {
  /** Pages and actions; workers, functions and runs are added here. */
  readonly entries: readonly Entry[]
  go(path: string): void
  onClose(): void
}

export function Palette({ entries, go, onClose }: Props) {
  const client = useFeedClient()
  // As they were when it opened: what is being read must not move.
  const [workers] = useState(() => client.getView().feed.workers)
  const [typed, setTyped] = useState('')
  const wanted = useDeferredValue(typed)
  const find = (words: string) => groupEntries(findEntries(words, entries, workers))
  const groups = find(wanted)
  const hasMoved = useRef(false)
  const pick = (entry: Entry) => {
    onClose()
    if (entry.path !== undefined) go(entry.path)
    else entry.run?.()
  }
  const type = (words: string) => {
    hasMoved.current = false
    setTyped(words)
  }
  // The list comes behind the letters: who types fast and presses Enter means the words, not what still stands there.
  const onKeyDownCapture = (event: KeyboardEvent<HTMLInputElement>) => {
    if (MOVES.has(event.key)) hasMoved.current = true
    if (event.key !== 'Enter' || event.nativeEvent.isComposing || hasMoved.current) return
    event.preventDefault()
    const best = find(event.currentTarget.value)[0]?.items[0]
    if (best) pick(best)
  }
  return (
    <AriaDialog
      open
      onClose={onClose}
      className="dialog palette"
      aria-label={text.shell.palette.title}
      backdrop={<div className="dialog-backdrop" />}
      portal
    >
      <ComboboxProvider open setOpen={() => undefined} setInputValue={type} resetValueOnHide={false}>
        <div className="palette-head">
          <Icon name="search" />
          <Combobox
            autoFocus
            autoSelect="always"
            onKeyDownCapture={onKeyDownCapture}
            className="palette-field"
            placeholder={text.shell.palette.hint}
            aria-label={text.shell.palette.open}
          />
        </div>
        <ComboboxList className="palette-list" aria-label={text.shell.palette.title} alwaysVisible>
          {groups.length === 0 && (
            <p className="palette-none muted">{text.shell.palette.none(visible(wanted.trim()))}</p>
          )}
          {groups.map(({ title, items }) => (
            <ComboboxGroup key={title}>
              <ComboboxGroupLabel className="palette-title">{title}</ComboboxGroupLabel>
              {items.map((entry) => (
                <ComboboxItem
                  key={entry.id}
                  className="menu-item"
                  focusOnHover
                  onMouseMove={() => {
                    hasMoved.current = true
                  }}
                  hideOnClick={false}
                  setValueOnClick={false}
                  onClick={() => pick(entry)}
                >
                  <Icon name={entry.icon} />
                  <span className="menu-words">
                    {visible(entry.label)}
                    {entry.detail && <span className="menu-why">{visible(entry.detail)}</span>}
                  </span>
                  {entry.keys && <KeyWords name={entry.keys} />}
                </ComboboxItem>
              ))}
            </ComboboxGroup>
          ))}
        </ComboboxList>
      </ComboboxProvider>
    </AriaDialog>
  )
}
