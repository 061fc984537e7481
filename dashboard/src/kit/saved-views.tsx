/**
 * Views of a list that somebody has given a name: kept in this browser, opened from a menu, passed on as a link. A
 * view is the search of an address. One list a page, of at most 50.
 */
import { useState } from 'react'
import { useSearch } from 'wouter/use-browser-location'
import { addressOf } from '../paths.ts'
import { text } from '../text/text.ts'
import { Button } from './button.tsx'
import { copyText } from './copy.tsx'
import { Dialog } from './dialog.tsx'
import { Field } from './field.tsx'
import { type ActionItem, ActionMenu } from './menu.tsx'
import { usePreferenceText, writePreference } from './preference.ts'
import { useToasts } from './toasts.tsx'
import { writeSearch } from './use-url-state.ts'

interface View {
  readonly name: string
  readonly search: string
}

interface Props {
  /** Whose views they are: `tasks`. */
  readonly page: string
  /** The page's path, for the link. */
  readonly path: string
  /** Views that everybody has. */
  readonly given?: readonly View[]
}

const MAX_VIEWS = 50
const MAX_NAME = 60

export function SavedViews({ page, path, given = [] }: Props) {
  const preference = `views-${page}`
  const views = readViews(usePreferenceText(preference))
  const search = useSearch()
  const showToast = useToasts()
  const [isNaming, setNaming] = useState(false)
  const [isRemoving, setRemoving] = useState(false)
  const write = (next: readonly View[]) => writePreference(preference, JSON.stringify(next.slice(-MAX_VIEWS)))
  const show = (view: View) => writeSearch(new URLSearchParams(view.search), false)
  const copyLink = async () => {
    const isDone = await copyText(addressOf(search === '' ? path : `${path}?${search}`))
    showToast({ tone: isDone ? 'ok' : 'warn', title: isDone ? text.kit.copied : text.kit.copyFailed })
  }
  const toItem = (view: View): ActionItem => ({ label: view.name, run: () => show(view) })
  const first = (items: ActionItem[]) =>
    items.map((item, at) => (at === 0 ? { ...item, isApart: true } : item))
  return (
    <>
      <ActionMenu
        label={text.query.views}
        icon="filter"
        items={[
          ...given.map(toItem),
          ...first(views.map(toItem)),
          { label: text.query.saveView, icon: 'plus', run: () => setNaming(true), isApart: true },
          { label: text.query.copyView, icon: 'link', run: () => void copyLink() },
          views.length > 0 && { label: text.query.removeView, icon: 'bin', run: () => setRemoving(true) },
        ]}
      />
      {isNaming && (
        <NameDialog
          onClose={() => setNaming(false)}
          onName={(name) => write([...views.filter((view) => view.name !== name), { name, search }])}
        />
      )}
      {isRemoving && (
        <Dialog title={text.query.removeView} onClose={() => setRemoving(false)}>
          <ul className="views-list">
            {views.map((view) => (
              <li key={view.name} className="row">
                <Button icon="bin" onClick={() => write(views.filter((one) => one !== view))}>
                  {text.kit.remove(view.name)}
                </Button>
              </li>
            ))}
          </ul>
        </Dialog>
      )}
    </>
  )
}

function NameDialog({ onClose, onName }: { onClose(): void; onName(name: string): void }) {
  const [name, setName] = useState('')
  return (
    <Dialog title={text.query.saveView} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (name.trim() === '') return
          onName(name.trim())
          onClose()
        }}
      >
        <Field label={text.query.viewName} hint={text.query.viewHint} isRequired>
          {(wired) => (
            <input
              className="field"
              {...wired}
              value={name}
              maxLength={MAX_NAME}
              autoComplete="off"
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        <div className="dialog-actions">
          <Button onClick={onClose}>{text.kit.cancel}</Button>
          <Button type="submit" kind="primary">
            {text.query.save}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}

function readViews(kept: string | null): readonly View[] {
  try {
    const views: unknown = JSON.parse(kept ?? '[]')
    return Array.isArray(views) ? views.filter(isView).slice(0, MAX_VIEWS) : []
  } catch {
    return []
  }
}

function isView(value: unknown): value is View {
  if (typeof value !== 'object' || value === null) return false
  const { name, search } = value as Partial<View>
  return typeof name === 'string' && typeof search === 'string'
}
