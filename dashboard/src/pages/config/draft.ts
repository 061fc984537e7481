/**
 * What somebody has typed and not applied yet, over the file they began with. Kept with what the session has read, so
 * that going to another page and back loses nothing; the browser asks before the tab is closed.
 */
import { useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect, useState } from 'react'
import type { ConfigFile } from './config-data.ts'

export interface Draft {
  readonly text: string
  /** The file as it was when the draft was begun, or last held against it. */
  readonly base: ConfigFile
}

export interface Editing {
  /** What the editor shows. */
  readonly text: string
  readonly draft: Draft | null
  readonly isDirty: boolean
  /** The file is another than the one the draft began with, and says something else. */
  readonly isConflict: boolean
}

export function editingOf(draft: Draft | null, file: ConfigFile): Editing {
  if (draft === null || draft.text === file.text)
    return { text: file.text, draft: null, isDirty: false, isConflict: false }
  return { text: draft.text, draft, isDirty: true, isConflict: draft.base.etag !== file.etag }
}

/** What is typed; a text that is the file's own again is no draft. */
export function typeInto(draft: Draft | null, file: ConfigFile, text: string): Draft | null {
  const base = draft?.base ?? file
  return text === base.text && base.etag === file.etag ? null : { text, base }
}

const KEY = ['config', 'draft']

export function useDraft(file: ConfigFile) {
  const queries = useQueryClient()
  const [draft, setOwn] = useState<Draft | null>(() => queries.getQueryData<Draft | null>(KEY) ?? null)
  const [wasKept] = useState(draft !== null)
  const setDraft = useCallback(
    (next: Draft | null) => {
      queries.setQueryDefaults(KEY, { gcTime: Number.POSITIVE_INFINITY })
      queries.setQueryData(KEY, next)
      setOwn(next)
    },
    [queries],
  )
  const editing = editingOf(draft, file)
  const { isDirty } = editing
  useEffect(() => {
    if (!isDirty) return
    const ask = (event: BeforeUnloadEvent) => event.preventDefault()
    window.addEventListener('beforeunload', ask)
    return () => window.removeEventListener('beforeunload', ask)
  }, [isDirty])
  return { ...editing, wasKept: wasKept && isDirty, setDraft }
}
