/**
 * Two texts side by side with their differences marked, or one below the other where the window is narrow. The right
 * one may be written to. In a shadow root like code-editor.tsx.
 */
import { getChunks, MergeView, unifiedMergeView } from '@codemirror/merge'
import { EditorState, type Extension } from '@codemirror/state'
import { EditorView } from '@codemirror/view'
import { useEffect, useRef, useState } from 'react'
import { text } from '../text/text.ts'
import { baseOf, replaceText } from './code-editor.tsx'
import { openShadowFrame } from './shadow-frame.ts'

interface Props {
  readonly before: string
  readonly after: string
  /** What stands on the left and on the right. */
  readonly beforeLabel: string
  readonly afterLabel: string
  /** Lets the right side be changed. */
  onChange?(after: string): void
  readonly maxHeight?: string
}

/** Below this two columns of code are too thin to read. */
const NARROW = '(max-width: 900px)'
const COLLAPSE = { margin: 3, minSize: 6 }

export function CodeDiff({ before, after, beforeLabel, afterLabel, onChange, maxHeight }: Props) {
  const host = useRef<HTMLDivElement>(null)
  const right = useRef<EditorView | null>(null)
  const latest = useRef({ after, onChange })
  const isNarrow = useNarrow()
  const isFixed = onChange === undefined
  const [chunks, setChunks] = useState<number | null>(null)
  useEffect(() => {
    latest.current = { after, onChange }
  })
  useEffect(() => {
    if (!host.current) return
    const { root, frame } = openShadowFrame(host.current)
    const told = EditorView.updateListener.of((update) => {
      setChunks(getChunks(update.state)?.chunks.length ?? null)
      if (update.docChanged) latest.current.onChange?.(update.state.doc.toString())
    })
    const ours: Extension = [sideOf(afterLabel, isFixed), told]
    const doc = latest.current.after
    const made = isNarrow
      ? unified({ root, frame, before, doc, ours })
      : sideBySide({ root, frame, before, doc, ours, beforeLabel })
    right.current = made.right
    setChunks(getChunks(made.right.state)?.chunks.length ?? null)
    return () => {
      right.current = null
      made.destroy()
    }
  }, [before, beforeLabel, afterLabel, isFixed, isNarrow])
  useEffect(() => {
    if (right.current) replaceText(right.current, after)
  }, [after])
  return (
    <div className="code-diff">
      <div className="code-diff-heads">
        <span>{beforeLabel}</span>
        <span>{afterLabel}</span>
      </div>
      <div ref={host} className="code-host" style={{ '--code-max': maxHeight } as object} />
      <p className="code-diff-note" role="status">
        {chunks === null ? '' : text.kit.code.differences(chunks)}
      </p>
    </div>
  )
}

interface Made {
  readonly right: EditorView
  destroy(): void
}

interface Parts {
  readonly root: ShadowRoot
  readonly frame: HTMLElement
  readonly before: string
  readonly doc: string
  readonly ours: Extension
}

function sideBySide(parts: Parts & { readonly beforeLabel: string }): Made {
  const { root, frame, before, doc, ours, beforeLabel } = parts
  const merge = new MergeView({
    a: { doc: before, extensions: sideOf(beforeLabel, true) },
    b: { doc, extensions: ours },
    root,
    parent: frame,
    gutter: true,
    collapseUnchanged: COLLAPSE,
  })
  return { right: merge.b, destroy: () => merge.destroy() }
}

function unified({ root, frame, before, doc, ours }: Parts): Made {
  const merge = unifiedMergeView({
    original: before,
    mergeControls: false,
    gutter: true,
    collapseUnchanged: COLLAPSE,
  })
  const view = new EditorView({
    state: EditorState.create({ doc, extensions: [ours, merge] }),
    root,
    parent: frame,
  })
  return { right: view, destroy: () => view.destroy() }
}

function sideOf(label: string, isFixed: boolean): Extension {
  // What scrolls must be reachable by keys, also where nothing can be typed.
  const attributes = { 'aria-label': label, tabindex: '0', ...(isFixed ? { 'aria-readonly': 'true' } : {}) }
  return [baseOf(), EditorState.readOnly.of(isFixed), EditorView.contentAttributes.of(attributes)]
}

function useNarrow(): boolean {
  const [isNarrow, setNarrow] = useState(() => window.matchMedia(NARROW).matches)
  useEffect(() => {
    const query = window.matchMedia(NARROW)
    const look = () => setNarrow(query.matches)
    query.addEventListener('change', look)
    return () => query.removeEventListener('change', look)
  }, [])
  return isNarrow
}
