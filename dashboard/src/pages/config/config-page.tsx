/**
 * `/dashboard/config`: workers.json as text, with what is wrong on its lines, what a change would do before it is
 * made, the difference to what is in force, and the history. State of the view: `?view=edit|changes|history`,
 * `?version=`, `?against=`. Nothing is written but by the dialogs, and never over what one has not seen.
 */
import { findWorkersFileFaults } from '@berth/protocol'
import { useDeferredValue, useEffect, useMemo, useRef, useState } from 'react'
import { z } from 'zod'
import { curlOf } from '../../api/client.ts'
import { useFeedPart } from '../../feed/use-feed.tsx'
import { Badge } from '../../kit/badge.tsx'
import { Button } from '../../kit/button.tsx'
import { CodeEditor, type CodeEditorHandle } from '../../kit/code-editor.tsx'
import { CopyMenu } from '../../kit/copy.tsx'
import { Page, Panel } from '../../kit/page.tsx'
import { ErrorState, Skeleton } from '../../kit/states.tsx'
import { Tabs } from '../../kit/tabs.tsx'
import { Age } from '../../kit/time.tsx'
import { useToasts } from '../../kit/toasts.tsx'
import { useUrlState } from '../../kit/use-url-state.ts'
import { paths } from '../../paths.ts'
import { useMayOperate } from '../../session/use-me.ts'
import { text } from '../../text/text.ts'
import { ApplyDialog, RollbackDialog } from './change-dialogs.tsx'
import { Changes } from './changes-view.tsx'
import './config.css'
import {
  type ConfigFile,
  type FileState,
  PATH,
  useConfigFile,
  useFileState,
  usePreview,
  useVersions,
  useVersionText,
  type Version,
} from './config-data.ts'
import { typeInto, useDraft } from './draft.ts'
import { FaultList, toCodeFaults } from './faults.tsx'
import { HistoryPanel } from './history-panel.tsx'
import { ConflictNotice, Notice, StaleNotice, whoOf } from './notices.tsx'
import { PreviewPanel } from './preview-panel.tsx'
import { TextActions } from './text-actions.tsx'
import { useApply, useRollBack } from './use-changes.ts'

const words = text.config

const viewSchema = z.object({
  view: z.enum(['edit', 'changes', 'history']).default('edit'),
  version: z.coerce.number().int().positive().optional(),
  against: z.enum(['force', 'disk', 'base']).optional(),
})

export function ConfigPage() {
  const file = useConfigFile()
  const state = useFileState(file)
  if (file.error && !file.data) {
    return (
      <Page title={words.title}>
        <ErrorState error={file.error} onRetry={() => void file.refetch()} />
      </Page>
    )
  }
  if (!file.data) {
    return (
      <Page title={words.title}>
        <Skeleton rows={10} />
      </Page>
    )
  }
  return <ConfigEditing file={file.data} state={state} />
}

interface EditingProps {
  readonly file: ConfigFile
  readonly state: FileState | undefined
}

function ConfigEditing({ file, state }: EditingProps) {
  const [view, patch] = useUrlState(viewSchema)
  const editing = useDraft(file)
  const { text: shown, draft, isDirty, isConflict, setDraft } = editing
  const config = useFeedPart(({ feed }) => feed.config)
  const isStale = config?.state === 'stale'
  const versions = useVersions(state?.version)
  const items = useMemo(() => versions.data?.pages.flatMap((page) => page.items) ?? [], [versions.data])
  const newest = items[0]
  const running = useRunning(file, isStale, state?.version ?? null)
  const judged = useDeferredValue(shown)
  const faults = useMemo(() => findWorkersFileFaults(judged), [judged])
  const diagnostics = useMemo(() => toCodeFaults(faults), [faults])
  const settled = useSettled(shown, 500)
  const isTried = isDirty && faults.length === 0 && settled === shown
  const preview = usePreview(isTried ? { text: settled } : null, true)
  const editor = useRef<CodeEditorHandle>(null)
  const [asked, setAsked] = useState<'apply' | { readonly version: number } | null>(null)
  const showToast = useToasts()
  const mayNotWhy = useMayNot(state)
  const apply = useApply(file, () => setDraft(null))
  const back = useRollBack(file, () => {
    setDraft(null)
    patch({ version: null })
  })
  const type = (next: string) => setDraft(typeInto(draft, file, next))
  const load = (next: string, against: 'force' | 'disk') => {
    type(next)
    patch({ view: 'changes', against })
  }
  const goTo = (offset: number) => {
    patch({ view: 'edit' })
    // The editor is drawn with the next frame when another view was shown.
    window.requestAnimationFrame(() => window.requestAnimationFrame(() => editor.current?.goTo(offset)))
  }
  const isMissing = file.etag === null
  const applyWhy =
    mayNotWhy ??
    (!isDirty && !isMissing
      ? words.apply.unchanged
      : faults.length > 0
        ? words.problems.fixFirst
        : isConflict
          ? words.apply.resolveFirst
          : undefined)
  const place = config?.line
  return (
    <Page
      title={words.title}
      lead={<Lead version={state?.version ?? null} newest={newest} isDirty={isDirty} />}
      actions={
        <>
          <CopyMenu link={paths.config()} curl={curlOf({ method: 'GET', path: PATH })} cli={state?.file} />
          <Button kind="primary" disabledWhy={applyWhy} onClick={() => setAsked('apply')}>
            {words.apply.button}
          </Button>
        </>
      }
    >
      {isConflict && draft && (
        <ConflictNotice
          newest={newest}
          onCompare={() => patch({ view: 'changes', against: 'disk' })}
          onKeepMine={() => {
            setDraft({ text: draft.text, base: file })
            patch({ view: 'changes', against: 'disk' })
            showToast({ tone: 'calm', title: words.conflict.kept })
          }}
          onTakeTheirs={() => {
            const mine = draft
            setDraft(null)
            patch({ view: 'edit', against: null })
            const action = { label: text.kit.undo, run: () => setDraft(mine) }
            showToast({ tone: 'calm', title: words.conflict.taken, action })
          }}
        />
      )}
      {isStale && (
        <StaleNotice
          onGoTo={place === undefined || isDirty ? undefined : () => goTo(faults[0]?.offset ?? 0)}
          onLoadGood={running === null ? undefined : () => load(running, 'disk')}
        />
      )}
      {isMissing && <Notice tone="warn" title={words.stale.missing} />}
      {state?.isWritable === false && (
        <Notice tone="warn" title={words.readOnly.title}>
          {words.readOnly.detail(state.readOnlyReason ?? '')}
        </Notice>
      )}
      {editing.wasKept && <Restored />}
      <Tabs
        label={words.view.label}
        value={view.view}
        onChange={(next) => patch({ view: next === 'edit' ? null : next, version: null })}
        items={[
          {
            value: 'edit',
            label: words.view.edit,
            count: faults.length > 0 ? faults.length : undefined,
            content: (
              <div className="config-columns">
                <div className="config-main">
                  <Panel
                    title={words.file}
                    unit={isDirty ? words.unsaved : words.same}
                    actions={
                      <TextActions
                        shown={shown}
                        isDirty={isDirty}
                        onText={type}
                        onDiscard={() => setDraft(null)}
                      />
                    }
                    isFlush
                  >
                    <CodeEditor
                      ref={editor}
                      label={words.editor}
                      value={shown}
                      onChange={type}
                      diagnostics={diagnostics}
                      minHeight="320px"
                      maxHeight="calc(100dvh - 320px)"
                    />
                  </Panel>
                  <p className="muted config-hint">
                    {words.keysHint} {text.kit.code.leave}
                  </p>
                </div>
                <div className="config-side">
                  <FaultList faults={faults} onGoTo={goTo} />
                  {faults.length === 0 && (
                    <PreviewPanel
                      preview={isDirty ? preview.data : undefined}
                      error={isDirty ? preview.error : null}
                      isCounting={isDirty && (preview.isFetching || settled !== shown)}
                      onRetry={() => void preview.refetch()}
                    />
                  )}
                </div>
              </div>
            ),
          },
          {
            value: 'changes',
            label: words.view.changes,
            content: (
              <Changes
                shown={shown}
                file={file}
                base={draft?.base ?? null}
                running={running}
                against={view.against}
                onAgainst={(against) => patch({ against })}
                onChange={type}
              />
            ),
          },
          {
            value: 'history',
            label: words.view.history,
            content: (
              <HistoryPanel
                versions={versions}
                items={items}
                inForce={state?.version ?? null}
                open={view.version ?? null}
                running={running}
                mayNotWhy={mayNotWhy}
                onOpen={(version) => patch({ version: version === null ? null : String(version) })}
                onRollBack={(version) => setAsked({ version })}
                onLoad={(next) => load(next, 'force')}
              />
            ),
          },
        ]}
      />
      {asked === 'apply' && (
        <ApplyDialog
          draft={shown}
          etag={file.etag}
          onConfirm={(reason) => apply.start(shown, newest, reason)}
          onClose={() => setAsked(null)}
        />
      )}
      {asked !== null && asked !== 'apply' && (
        <RollbackDialog
          version={asked.version}
          onConfirm={(reason) => back.start(asked.version, newest, reason)}
          onClose={() => setAsked(null)}
        />
      )}
    </Page>
  )
}

function Lead({
  version,
  newest,
  isDirty,
}: {
  version: number | null
  newest: Version | undefined
  isDirty: boolean
}) {
  return (
    <>
      {words.inForce(version, newest?.workers ?? null)}
      {newest && (
        <>
          {'. '}
          {words.lastChanged(whoOf(newest))} <Age at={newest.at} />
        </>
      )}
      {isDirty && (
        <>
          {' '}
          <Badge tone="warn" hasMark>
            {words.unsaved}
          </Badge>
        </>
      )}
    </>
  )
}

/** Told once: the draft of before is here. */
function Restored() {
  const showToast = useToasts()
  const isTold = useRef(false)
  useEffect(() => {
    if (isTold.current) return
    isTold.current = true
    showToast({ tone: 'calm', title: words.restored })
  }, [showToast])
  return null
}

/** The text of the list in force: the file's while it is good, else that of the last version. */
function useRunning(file: ConfigFile, isStale: boolean, version: number | null): string | null {
  const kept = useVersionText(isStale || file.etag === null ? version : null)
  if (!isStale && file.etag !== null) return file.text
  return version === null ? '[]\n' : (kept.data?.text ?? null)
}

function useMayNot(state: FileState | undefined): string | undefined {
  const { why } = useMayOperate()
  return why ?? (state?.isWritable === false ? words.readOnly.short : undefined)
}

/** The value once it has not changed for so long. */
function useSettled(value: string, ms: number): string {
  const [settled, setSettled] = useState(value)
  useEffect(() => {
    const timer = window.setTimeout(() => setSettled(value), ms)
    return () => window.clearTimeout(timer)
  }, [value, ms])
  return settled
}
