/**
 * How code looks: colours by the page's own properties, which reach into the shadow root, so that all themes hold
 * there by themselves. Used by code-editor.tsx and code-diff.tsx.
 */
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language'
import type { Extension } from '@codemirror/state'
import { EditorView } from '@codemirror/view'
import { tags } from '@lezer/highlight'

const look = EditorView.theme({
  '&': { backgroundColor: 'var(--surface)', color: 'var(--text)', fontSize: '12.5px' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.6' },
  '.cm-content': { caretColor: 'var(--text)', padding: '8px 0' },
  '.cm-cursor': { borderLeftColor: 'var(--text)' },
  '.cm-gutters': { backgroundColor: 'var(--surface-2)', color: 'var(--muted)', border: '0' },
  '.cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--accent-soft) 40%, transparent)' },
  '.cm-activeLineGutter': { backgroundColor: 'var(--surface-3)', color: 'var(--text)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'var(--accent-soft)',
  },
  '.cm-matchingBracket, &.cm-focused .cm-matchingBracket': {
    backgroundColor: 'var(--surface-3)',
    outline: '1px solid var(--line-strong)',
  },
  '.cm-searchMatch': { backgroundColor: 'var(--warn-soft)', outline: '1px solid var(--warn)' },
  '.cm-searchMatch-selected': { backgroundColor: 'var(--accent-soft)', outline: '2px solid var(--accent)' },
  '.cm-panels': { backgroundColor: 'var(--surface-2)', color: 'var(--text)', fontFamily: 'var(--font)' },
  '.cm-panels.cm-panels-top': { borderBottom: '1px solid var(--line)' },
  '.cm-panels.cm-panels-bottom': { borderTop: '1px solid var(--line)' },
  '.cm-panel input, .cm-panel button': {
    minHeight: '24px',
    fontSize: '12px',
    fontFamily: 'var(--font)',
    color: 'var(--text)',
    backgroundColor: 'var(--surface)',
    backgroundImage: 'none',
    border: '1px solid var(--line-strong)',
    borderRadius: '6px',
  },
  '.cm-panel label': { fontSize: '12px' },
  '.cm-panel button[name=close]': { width: '24px', height: '24px', border: '0' },
  '.cm-tooltip': {
    backgroundColor: 'var(--surface)',
    color: 'var(--text)',
    border: '1px solid var(--line-strong)',
    borderRadius: '6px',
    boxShadow: 'var(--shadow-high)',
    maxWidth: 'min(480px, 90vw)',
  },
  '.cm-diagnostic': { fontFamily: 'var(--font)', fontSize: '12px', padding: '5px 9px' },
  '.cm-diagnostic-error': { borderLeft: '3px solid var(--bad)' },
  '.cm-diagnostic-warning': { borderLeft: '3px solid var(--warn)' },
  '.cm-lintRange-error': {
    backgroundImage: 'none',
    textDecoration: 'underline wavy var(--bad)',
    textDecorationSkipInk: 'none',
    textUnderlineOffset: '3px',
  },
  '.cm-lintRange-warning': {
    backgroundImage: 'none',
    textDecoration: 'underline wavy var(--warn)',
    textDecorationSkipInk: 'none',
    textUnderlineOffset: '3px',
  },
  '.cm-gutter-lint': { width: '16px' },
  '.cm-lint-marker': { content: 'none !important', width: '10px', height: '10px', margin: '5px 3px' },
  '.cm-lint-marker-error': {
    backgroundColor: 'var(--bad)',
    clipPath:
      'polygon(20% 0, 50% 30%, 80% 0, 100% 20%, 70% 50%, 100% 80%, 80% 100%, 50% 70%, 20% 100%, 0 80%, 30% 50%, 0 20%)',
  },
  '.cm-lint-marker-warning': {
    backgroundColor: 'var(--warn)',
    clipPath: 'polygon(50% 0, 100% 100%, 0 100%)',
  },
  // Differences: a bar at the edge and a ground, so that colour is not all there is.
  '.cm-changedLine': { backgroundColor: 'var(--accent-soft) !important' },
  '&.cm-merge-a .cm-changedLine, .cm-deletedChunk': { backgroundColor: 'var(--bad-soft) !important' },
  '&.cm-merge-b .cm-changedLine, .cm-insertedLine': { backgroundColor: 'var(--ok-soft) !important' },
  '&.cm-merge-a .cm-changedText, .cm-deletedChunk .cm-deletedText': {
    background: 'none',
    textDecoration: 'underline 2px var(--bad)',
  },
  '&.cm-merge-b .cm-changedText': { background: 'none', textDecoration: 'underline 2px var(--ok)' },
  '.cm-changeGutter': { width: '4px', padding: '0' },
  '&.cm-merge-a .cm-changedLineGutter': { backgroundColor: 'var(--bad)' },
  '&.cm-merge-b .cm-changedLineGutter, .cm-insertedLineGutter': { backgroundColor: 'var(--ok)' },
  '.cm-deletedLineGutter': { backgroundColor: 'var(--bad)' },
  '.cm-collapsedLines': {
    background: 'var(--surface-2)',
    color: 'var(--muted)',
    fontFamily: 'var(--font)',
    padding: '5px 12px',
  },
})

const words = HighlightStyle.define([
  { tag: tags.propertyName, color: 'var(--accent-strong)' },
  { tag: tags.string, color: 'var(--ok)' },
  { tag: tags.number, color: 'var(--held)' },
  { tag: [tags.bool, tags.null], color: 'var(--warn)' },
  { tag: tags.invalid, color: 'var(--bad)' },
])

export const codeTheme: Extension = [look, syntaxHighlighting(words)]

/** For the box around editors, within the shadow root. */
export const FRAME_CSS = `
:host { display: block; min-width: 0; }
*, *::before, *::after { box-sizing: border-box; }
.frame { position: relative; display: grid; min-width: 0; height: 100%; }
.frame:not(:has(.cm-mergeView)):has(.cm-focused)::after,
.frame .cm-mergeViewEditor:has(.cm-focused)::after {
  content: ""; position: absolute; inset: 0; z-index: 300; pointer-events: none;
  outline: 2px solid var(--accent); outline-offset: -2px;
}
.frame .cm-mergeViewEditor { position: relative; }
.frame > .cm-editor { min-width: 0; min-height: var(--code-min, 120px); max-height: var(--code-max, none); }
.frame .cm-mergeView { max-height: var(--code-max, none); min-height: var(--code-min, 120px); overflow: auto; }
.frame .cm-mergeViewEditor + .cm-mergeViewEditor { border-inline-start: 1px solid var(--line); }
`
