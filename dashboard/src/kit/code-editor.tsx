/**
 * A text of code with line numbers, colours, errors on their lines and find (Ctrl F): CodeMirror in a shadow root.
 * Tab indents; after Escape it leaves. The value is the caller's: what is typed is told by `onChange`, another value
 * replaces the text. To be loaded with the page that needs it, for it is large.
 */
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands'
import { json } from '@codemirror/lang-json'
import { bracketMatching, foldGutter, foldKeymap, indentOnInput, indentUnit } from '@codemirror/language'
import { type Diagnostic, lintGutter, lintKeymap, setDiagnostics } from '@codemirror/lint'
import { highlightSelectionMatches, search, searchKeymap } from '@codemirror/search'
import { Compartment, EditorState, type Extension } from '@codemirror/state'
import {
  drawSelection,
  EditorView,
  highlightActiveLine,
  highlightActiveLineGutter,
  keymap,
  lineNumbers,
} from '@codemirror/view'
import { type Ref, useEffect, useImperativeHandle, useRef } from 'react'
import { text } from '../text/text.ts'
import { codeTheme } from './code-theme.ts'
import { openShadowFrame } from './shadow-frame.ts'

export interface CodeFault {
  /** UTF-16 units from the beginning. */
  readonly from: number
  readonly to: number
  readonly severity?: 'error' | 'warning'
  readonly message: string
}

export interface CodeEditorHandle {
  /** Puts the cursor there and shows it. */
  goTo(offset: number): void
  focus(): void
}

export interface CodeEditorProps {
  readonly value: string
  /** Absent or `readOnly`: nothing can be typed. */
  onChange?(value: string): void
  /** The accessible name. */
  readonly label: string
  readonly diagnostics?: readonly CodeFault[]
  readonly readOnly?: boolean
  /** CSS lengths. */
  readonly minHeight?: string
  readonly maxHeight?: string
  readonly ref?: Ref<CodeEditorHandle>
}

export function CodeEditor(props: CodeEditorProps) {
  const { value, onChange, label, diagnostics, minHeight, maxHeight } = props
  const isFixed = props.readOnly === true || onChange === undefined
  const host = useRef<HTMLDivElement>(null)
  const view = useRef<EditorView | null>(null)
  const latest = useRef({ value, onChange, label })
  const [modes] = useModes()
  useEffect(() => {
    latest.current = { value, onChange, label }
  })
  useEffect(() => {
    if (!host.current) return
    const { root, frame } = openShadowFrame(host.current)
    const told = EditorView.updateListener.of((update) => {
      if (update.docChanged) latest.current.onChange?.(update.state.doc.toString())
    })
    const doc = latest.current.value
    const extensions = [baseOf(), told, modes.fixed.of([]), modes.name.of(nameOf(latest.current.label))]
    const made = new EditorView({ state: EditorState.create({ doc, extensions }), root, parent: frame })
    view.current = made
    return () => {
      view.current = null
      made.destroy()
    }
  }, [modes])
  useEffect(() => {
    view.current?.dispatch({ effects: modes.fixed.reconfigure(isFixed ? FIXED : []) })
  }, [isFixed, modes])
  useEffect(() => {
    view.current?.dispatch({ effects: modes.name.reconfigure(nameOf(label)) })
  }, [label, modes])
  useEffect(() => {
    const shown = view.current
    if (shown) replaceText(shown, value)
  }, [value])
  useEffect(() => {
    const shown = view.current
    if (shown)
      shown.dispatch(setDiagnostics(shown.state, toDiagnostics(diagnostics ?? [], shown.state.doc.length)))
  }, [diagnostics])
  useImperativeHandle(props.ref, () => ({
    goTo: (offset) => view.current && goTo(view.current, offset),
    focus: () => view.current?.focus(),
  }))
  return (
    <div
      ref={host}
      className="code-host"
      style={{ '--code-min': minHeight, '--code-max': maxHeight } as object}
    />
  )
}

function useModes() {
  const modes = useRef({ fixed: new Compartment(), name: new Compartment() })
  return [modes.current] as const
}

/** Can be scrolled and copied from by keyboard, though not written to. */
const FIXED: Extension = [
  EditorState.readOnly.of(true),
  EditorView.contentAttributes.of({ 'aria-readonly': 'true' }),
]

function nameOf(label: string): Extension {
  return EditorView.contentAttributes.of({ 'aria-label': label, 'aria-description': text.kit.code.leave })
}

/** Ctrl Enter is the page's: there it runs what was written. */
const OWN_KEYS = defaultKeymap.filter(({ key }) => key !== 'Mod-Enter')

/** What every editor has; also for both sides of a difference. */
export function baseOf(): Extension {
  return [
    lineNumbers(),
    foldGutter(),
    highlightActiveLine(),
    highlightActiveLineGutter(),
    history(),
    drawSelection(),
    indentUnit.of('  '),
    indentOnInput(),
    bracketMatching(),
    json(),
    lintGutter(),
    search({ top: true }),
    highlightSelectionMatches(),
    keymap.of([...searchKeymap, ...lintKeymap, ...historyKeymap, ...foldKeymap, ...OWN_KEYS, indentWithTab]),
    EditorState.phrases.of(text.kit.code.phrases),
    codeTheme,
  ]
}

/** Only the stretch that differs, so that cursor and folds stay where they can. */
export function replaceText(view: EditorView, value: string): void {
  const before = view.state.doc.toString()
  if (before === value) return
  const most = Math.min(before.length, value.length)
  let from = 0
  while (from < most && before.charCodeAt(from) === value.charCodeAt(from)) from++
  let tail = 0
  while (
    tail < most - from &&
    before.charCodeAt(before.length - 1 - tail) === value.charCodeAt(value.length - 1 - tail)
  )
    tail++
  view.dispatch({
    changes: { from, to: before.length - tail, insert: value.slice(from, value.length - tail) },
  })
}

function toDiagnostics(faults: readonly CodeFault[], length: number): Diagnostic[] {
  return faults.map(({ from, to, severity = 'error', message }) => ({
    from: Math.min(from, length),
    to: Math.min(Math.max(from, to), length),
    severity,
    message,
  }))
}

function goTo(view: EditorView, offset: number): void {
  const anchor = Math.min(offset, view.state.doc.length)
  view.dispatch({ selection: { anchor }, effects: EditorView.scrollIntoView(anchor, { y: 'center' }) })
  view.focus()
}
