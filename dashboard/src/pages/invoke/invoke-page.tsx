/**
 * `/dashboard/invoke`: functions called from the browser, alone or chained, saved under a name for colleagues.
 * `?fn=group/name`, `?form=name` or `?doc=…` say what is open; `&view=form` is the view for colleagues.
 */
import { FORM_CELLS, type InvokeForm } from '@berth/protocol'
import { useCallback, useState } from 'react'
import { Button } from '../../kit/button.tsx'
import { copyText } from '../../kit/copy.tsx'
import { ActionMenu } from '../../kit/menu.tsx'
import { useNavigate } from '../../kit/navigate.ts'
import { Page, Panel } from '../../kit/page.tsx'
import { EmptyState, ErrorState, Skeleton } from '../../kit/states.tsx'
import { useToasts } from '../../kit/toasts.tsx'
import { addressOf, paths, withQuery } from '../../paths.ts'
import { useMayOperate } from '../../session/use-me.ts'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { encodeForm, LINK_CHARACTERS } from './page/form-link.ts'
import { type Saved, useAddressWriter, useOpened } from './page/use-opened.ts'
import type { WorkspaceView } from './page/workspace.ts'
import { AddFunction, FunctionList } from './parts/add-function.tsx'
import { InvokeCells } from './parts/invoke-cells.tsx'
import {
  ClashDialog,
  formPath,
  RemoveFormDialog,
  SaveAsDialog,
  SavedFormList,
  useFormSaver,
  useSavedForms,
} from './parts/saved-forms.tsx'
import { useWorkspace } from './parts/use-workspace.ts'
import './invoke.css'

export function InvokePage() {
  const { opened, isPlain, write, adopt, retry, patch } = useOpened()
  if (opened.state === 'ready')
    return (
      <OpenPage
        key={opened.key}
        form={opened.form}
        saved={opened.saved}
        isPlain={isPlain}
        write={write}
        adopt={adopt}
        setPlain={(plain) => patch({ view: plain ? 'form' : null })}
      />
    )
  return (
    <Page title={text.invoke.title} lead={opened.state === 'empty' ? text.invoke.lead : undefined}>
      {opened.state === 'loading' && <Skeleton rows={6} />}
      {opened.state === 'failed' && <ErrorState error={opened.error} onRetry={retry} />}
      {opened.state === 'unreadable' && (
        <EmptyState title={text.invoke.unreadable} teach={text.invoke.unreadableTeach} />
      )}
      {opened.state === 'empty' && <Begin />}
    </Page>
  )
}

function Begin() {
  const navigate = useNavigate()
  const saved = useSavedForms()
  return (
    <div className="invoke-begin">
      <Panel title={text.invoke.pick}>
        <FunctionList
          onPick={(group, name) => navigate(withQuery(paths.invoke(), { fn: `${group}/${name}` }))}
        />
      </Panel>
      <Panel title={text.invoke.saved.list}>
        {saved.data && saved.data.items.length > 0 ? (
          <SavedFormList items={saved.data.items} />
        ) : (
          <p className="muted">{text.invoke.saved.none}</p>
        )}
      </Panel>
    </div>
  )
}

interface OpenProps {
  readonly form: InvokeForm
  readonly saved: Saved | null
  readonly isPlain: boolean
  write(form: InvokeForm): Promise<boolean>
  adopt(name: string): void
  setPlain(isPlain: boolean): void
}

function OpenPage({ form, saved: first, isPlain, write, adopt, setPlain }: OpenProps) {
  const { workspace, view } = useWorkspace(form)
  const [saved, setSaved] = useState(first)
  const [savedEdits, setSavedEdits] = useState(0)
  const readForm = useCallback(() => workspace.form(), [workspace])
  const isChanged = view.edits > savedEdits
  const { isTooLong } = useAddressWriter(view.edits, savedEdits, readForm, write)
  const { may, why } = useMayOperate()
  const title =
    visible(view.title || (view.cells.length === 1 ? (view.cells[0]?.cell.function ?? '') : '')) ||
    text.invoke.title
  return (
    <Page
      title={title}
      tabTitle={text.invoke.tabTitle(title)}
      lead={isPlain ? visible(view.lead) || undefined : leadOf(saved, isChanged)}
      actions={
        isPlain ? (
          <Button kind="quiet" onClick={() => setPlain(false)}>
            {text.invoke.showAll}
          </Button>
        ) : (
          <>
            <AddFunction
              disabledWhy={view.cells.length >= FORM_CELLS && text.invoke.fullPage}
              onAdd={(group, name) => workspace.add({ group, function: name })}
            />
            <SavedActions
              view={view}
              saved={saved}
              isChanged={isChanged}
              mayNot={may ? undefined : why}
              form={readForm}
              onSaved={(next) => {
                setSaved(next)
                workspace.describe(next.form)
                setSavedEdits(workspace.read().edits)
                adopt(next.name)
              }}
              onPlain={() => setPlain(true)}
            />
          </>
        )
      }
    >
      {isTooLong && <p className="muted">{text.invoke.tooLong}</p>}
      <InvokeCells workspace={workspace} view={view} isPlain={isPlain} />
    </Page>
  )
}

function leadOf(saved: Saved | null, isChanged: boolean): string {
  if (saved === null) return text.invoke.notSaved
  return isChanged ? text.invoke.changedSince(visible(saved.name)) : text.invoke.savedAs(visible(saved.name))
}

interface ActionsProps {
  readonly view: WorkspaceView
  readonly saved: Saved | null
  readonly isChanged: boolean
  readonly mayNot: string | undefined
  form(): InvokeForm
  onSaved(saved: Saved): void
  onPlain(): void
}

function SavedActions({ view, saved, isChanged, mayNot, form, onSaved, onPlain }: ActionsProps) {
  const [dialog, setDialog] = useState<'save-as' | 'remove' | null>(null)
  const [wish, setWish] = useState<Pick<InvokeForm, 'title' | 'lead'>>()
  const navigate = useNavigate()
  const showToast = useToasts()
  const saver = useFormSaver({
    form,
    onSaved,
  })
  const copy = async (isPlain: boolean) => {
    const packed = await encodeForm(form())
    const isShort = packed.length <= LINK_CHARACTERS
    const path =
      saved && !isChanged
        ? formPath(saved.name, isPlain)
        : withQuery(paths.invoke(), { doc: packed, view: isPlain ? 'form' : null })
    if (!isShort && (!saved || isChanged)) return showToast({ tone: 'warn', title: text.invoke.tooLong })
    const isDone = await copyText(addressOf(path))
    showToast(
      isDone
        ? { tone: 'ok', title: text.kit.copied }
        : { tone: 'warn', title: text.kit.copyFailed, detail: addressOf(path) },
    )
  }
  const words = text.invoke.saved
  return (
    <>
      {saved && (
        <Button
          kind={isChanged ? 'primary' : 'plain'}
          pending={saver.isPending}
          disabledWhy={mayNot ?? (!isChanged && words.nothingNew)}
          onClick={() => void saver.start(saved.name, { 'if-match': saved.etag }, undefined)}
        >
          {words.save}
        </Button>
      )}
      <ActionMenu
        label={text.invoke.pageMenu}
        isIconOnly
        items={[
          { label: words.saveAs, icon: 'plus', disabledWhy: mayNot, run: () => setDialog('save-as') },
          { label: words.copyLink, icon: 'link', run: () => void copy(false) },
          { label: words.copyPlainLink, icon: 'link', run: () => void copy(true) },
          { label: words.plainView, icon: 'expand', run: onPlain },
          { label: words.openOther, icon: 'invoke', href: paths.invoke() },
          saved && {
            label: words.remove,
            icon: 'bin',
            tone: 'bad',
            isApart: true,
            disabledWhy: mayNot,
            run: () => setDialog('remove'),
          },
        ]}
      />
      {dialog === 'save-as' && (
        <SaveAsDialog
          form={{ ...form(), title: view.title, lead: view.lead }}
          name={saved?.name ?? ''}
          onSave={(name, next) => {
            setWish(next)
            return saver.start(name, { 'if-none-match': '*' }, next)
          }}
          onClose={() => setDialog(null)}
        />
      )}
      {dialog === 'remove' && saved && (
        <RemoveFormDialog
          saved={saved}
          onRemoved={() => navigate(paths.invoke())}
          onClose={() => setDialog(null)}
        />
      )}
      {saver.clash && (
        <ClashDialog
          clash={saver.clash}
          onOverwrite={() =>
            saver.start(saver.clash?.name ?? '', { 'if-match': '*' }, saver.clash?.isNew ? wish : undefined)
          }
          onTheirs={() => window.open(addressOf(formPath(saver.clash?.name ?? '')), '_blank', 'noopener')}
          onClose={saver.endClash}
        />
      )}
    </>
  )
}
