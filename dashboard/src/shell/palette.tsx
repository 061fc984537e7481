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
import { useDeferredValue, useState } from 'react'
import { useFeedClient } from '../feed/use-feed.tsx'
import { Icon } from '../kit/marks.tsx'
import { visible } from '../text/format.ts'
import { text } from '../text/text.ts'
import { KeyWords } from './key-words.tsx'
import { type Entry, findEntries, groupEntries } from './palette-entries.ts'

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
  const groups = groupEntries(findEntries(wanted, entries, workers))
  const pick = (entry: Entry) => {
    onClose()
    if (entry.path !== undefined) go(entry.path)
    else entry.run?.()
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
      <ComboboxProvider open setOpen={() => undefined} setInputValue={setTyped} resetValueOnHide={false}>
        <div className="palette-head">
          <Icon name="search" />
          <Combobox
            autoFocus
            autoSelect="always"
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
