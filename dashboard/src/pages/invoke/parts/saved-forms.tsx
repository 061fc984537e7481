/** Saving a page of functions under a name, opening one, and what to do when somebody else has changed it meanwhile. */
import { type FormListItem, type FormView, type InvokeForm, nameSchema } from '@berth/protocol'
import { useState } from 'react'
import { ApiError, request, requestAnswer } from '../../../api/client.ts'
import { useGet } from '../../../api/query.ts'
import { useAction } from '../../../api/use-action.ts'
import { Button } from '../../../kit/button.tsx'
import { ConfirmDialog } from '../../../kit/confirm.tsx'
import { Dialog } from '../../../kit/dialog.tsx'
import { Field } from '../../../kit/field.tsx'
import { Link } from '../../../kit/link.tsx'
import { Age } from '../../../kit/time.tsx'
import { paths, withQuery } from '../../../paths.ts'
import { visible } from '../../../text/format.ts'
import { text } from '../../../text/text.ts'
import type { Saved } from '../page/use-opened.ts'

interface FormList {
  readonly items: readonly FormListItem[]
}

export function useSavedForms(query: Record<string, string> = {}) {
  return useGet<FormList>({ key: ['forms'], path: '/forms', query: { limit: 500, ...query } })
}

export function formPath(name: string, isPlain = false): string {
  return withQuery(paths.invoke(), { form: name, view: isPlain ? 'form' : null })
}

/** Links to saved pages; nothing without any. */
export function SavedFormList({ items }: { items: readonly FormListItem[] }) {
  return (
    <ul className="invoke-saved">
      {items.map(({ name, title, functions, updatedAt, updatedBy }) => (
        <li key={name}>
          <Link to={formPath(name)}>{visible(title || name)}</Link>
          <span className="muted">
            {functions.map((own) => visible(own.function)).join(', ')} · {visible(updatedBy)} ·{' '}
            <Age at={updatedAt} />
          </span>
        </li>
      ))}
    </ul>
  )
}

const formAddress = (name: string) => `/forms/${encodeURIComponent(name)}`

type Condition = { readonly 'if-match': string } | { readonly 'if-none-match': '*' }

/** Saves; a conflict is answered, not thrown. */
async function save(name: string, form: InvokeForm, condition: Condition): Promise<Saved | 'conflict'> {
  try {
    const { headers } = await requestAnswer<FormView>('PUT', formAddress(name), {
      body: form,
      headers: { ...condition },
    })
    return { name, etag: headers.get('etag') ?? '', form }
  } catch (error) {
    if (error instanceof ApiError && error.status === 412) return 'conflict'
    throw error
  }
}

interface SaverOptions {
  form(): InvokeForm
  onSaved(saved: Saved): void
}

type SaveArgs = readonly [name: string, condition: Condition, wish: Partial<InvokeForm> | undefined]

/** `start(name, condition)`; what clashed stands in `clash` until it is answered. */
export function useFormSaver({ form, onSaved }: SaverOptions) {
  const [clash, setClash] = useState<{ readonly name: string; readonly isNew: boolean } | null>(null)
  const { start, isPending } = useAction<SaveArgs, Saved | 'conflict'>({
    run: (name, condition, wish) => save(name, { ...form(), ...wish }, condition),
    title: (result) => (result === 'conflict' ? null : text.invoke.saved.done),
    failed: text.invoke.saved.failed,
    invalidates: [['forms']],
    onDone: (result, name, condition) => {
      if (result === 'conflict') setClash({ name, isNew: 'if-none-match' in condition })
      else onSaved(result)
    },
  })
  return { start, isPending, clash, endClash: () => setClash(null) }
}

/** Their work or mine: nothing is lost without a word. */
export function ClashDialog({
  clash,
  onOverwrite,
  onTheirs,
  onClose,
}: {
  clash: { readonly name: string; readonly isNew: boolean }
  onOverwrite(): unknown
  onTheirs(): void
  onClose(): void
}) {
  return (
    <ConfirmDialog
      title={clash.isNew ? text.invoke.saved.exists(clash.name) : text.invoke.saved.changed(clash.name)}
      tone="bad"
      reason="none"
      confirmLabel={text.invoke.saved.overwrite}
      onConfirm={onOverwrite}
      onClose={onClose}
    >
      <p>{text.invoke.saved.clashDetail}</p>
      <div>
        <Button
          icon="link"
          onClick={() => {
            onClose()
            onTheirs()
          }}
        >
          {text.invoke.saved.theirs}
        </Button>
      </div>
    </ConfirmDialog>
  )
}

export function SaveAsDialog({
  form,
  name: first,
  onSave,
  onClose,
}: {
  form: InvokeForm
  name: string
  onSave(name: string, wish: Pick<InvokeForm, 'title' | 'lead'>): Promise<unknown>
  onClose(): void
}) {
  const [name, setName] = useState(first)
  const [title, setTitle] = useState(form.title)
  const [lead, setLead] = useState(form.lead)
  const [isTried, setTried] = useState(false)
  const isName = nameSchema.safeParse(name).success
  const words = text.invoke.saved
  return (
    <Dialog title={words.saveAs} onClose={onClose} isSticky>
      <form
        className="confirm"
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          setTried(true)
          if (isName) void onSave(name, { title: title.trim(), lead: lead.trim() }).then(onClose)
        }}
      >
        <Field
          label={words.name}
          hint={words.nameHint}
          error={isTried && !isName && words.wrongName}
          isRequired
        >
          {(wired) => (
            <input
              {...wired}
              className="field"
              value={name}
              maxLength={128}
              autoComplete="off"
              spellCheck={false}
              onChange={(event) => setName(event.target.value)}
            />
          )}
        </Field>
        <Field label={words.title} hint={words.titleHint}>
          {(wired) => (
            <input
              {...wired}
              className="field"
              value={title}
              maxLength={200}
              autoComplete="off"
              onChange={(event) => setTitle(event.target.value)}
            />
          )}
        </Field>
        <Field label={words.lead}>
          {(wired) => (
            <textarea
              {...wired}
              className="field invoke-area"
              rows={2}
              value={lead}
              maxLength={2000}
              onChange={(event) => setLead(event.target.value)}
            />
          )}
        </Field>
        <div className="dialog-actions">
          <Button onClick={onClose}>{text.kit.cancel}</Button>
          <Button kind="primary" type="submit">
            {words.save}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}

export function RemoveFormDialog({
  saved,
  onRemoved,
  onClose,
}: {
  saved: Saved
  onRemoved(): void
  onClose(): void
}) {
  const { start } = useAction({
    run: () => request('DELETE', formAddress(saved.name), { headers: { 'if-match': saved.etag } }),
    title: text.invoke.saved.removed(saved.name),
    undo: () => save(saved.name, saved.form, { 'if-none-match': '*' }),
    invalidates: [['forms']],
    onDone: onRemoved,
  })
  return (
    <ConfirmDialog
      title={text.invoke.saved.removeTitle(saved.name)}
      tone="bad"
      reason="none"
      confirmLabel={text.invoke.saved.remove}
      onConfirm={() => start()}
      onClose={onClose}
    >
      <p>{text.invoke.saved.removeDetail}</p>
    </ConfirmDialog>
  )
}
