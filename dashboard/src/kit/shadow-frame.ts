/**
 * A shadow root with style sheets of its own. CodeMirror makes its styles as it goes; within a shadow root it adopts
 * them, which the balancer's strict policy allows, instead of adding style elements, which it forbids.
 */
import { FRAME_CSS } from './code-theme.ts'

export interface ShadowFrame {
  readonly root: ShadowRoot
  /** Empty: what stands in it is the caller's. */
  readonly frame: HTMLElement
}

/** Of an element that may have one already, as in a second mounting. */
export function openShadowFrame(host: HTMLElement): ShadowFrame {
  const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' })
  if (root.adoptedStyleSheets.length === 0) {
    const sheet = new CSSStyleSheet()
    sheet.replaceSync(FRAME_CSS)
    root.adoptedStyleSheets = [sheet]
  }
  const frame = document.createElement('div')
  frame.className = 'frame'
  root.replaceChildren(frame)
  return { root, frame }
}
