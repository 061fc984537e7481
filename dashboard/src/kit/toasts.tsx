/**
 * Short notices at the foot of the page. A notice with an action stays 10 s, longer while the
 * pointer or the focus is on it; an error stays until it is closed. At most four stand at once.
 */
import { createContext, type ReactNode, use, useCallback, useEffect, useMemo, useRef, useState } from 'react'
import { text } from '../text/text.ts'
import { copyText } from './copy-text.ts'
import { Icon, type Tone, ToneMark } from './marks.tsx'

export const TOAST_MS = 10_000
const MAX_TOASTS = 4

export interface Toast {
  readonly tone: Tone
  readonly title: string
  readonly detail?: string
  /** Small, below the detail: error code and request id. */
  readonly code?: string
  /** Text for a report; a button copies it. */
  readonly copy?: string
  readonly action?: { readonly label: string; run(): void }
  /** Stays until it is closed. */
  readonly isSticky?: boolean
}

type Shown = Toast & { readonly id: number }

const ToastContext = createContext<((toast: Toast) => void) | null>(null)

/** Shows a notice; needs a ToastProvider above. */
export function useToasts(): (toast: Toast) => void {
  const show = use(ToastContext)
  if (!show) throw new Error('useToasts needs a ToastProvider above it; wrap the page in one')
  return show
}

export function ToastProvider({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<readonly Shown[]>([])
  const nextId = useRef(1)
  const show = useCallback((toast: Toast) => {
    const id = nextId.current++
    setToasts((old) => [...old, { ...toast, id }].slice(-MAX_TOASTS))
  }, [])
  const drop = useCallback((id: number) => setToasts((old) => old.filter((toast) => toast.id !== id)), [])
  const list = useMemo(
    () => toasts.map((toast) => <ToastCard key={toast.id} toast={toast} onDrop={() => drop(toast.id)} />),
    [toasts, drop],
  )
  return (
    <ToastContext value={show}>
      {children}
      <section className="toasts" aria-label={text.shell.notices}>
        {list}
      </section>
    </ToastContext>
  )
}

function ToastCard({ toast, onDrop }: { toast: Shown; onDrop: () => void }) {
  const [isHeld, setHeld] = useState(false)
  const drop = useRef(onDrop)
  useEffect(() => {
    drop.current = onDrop
  })
  useEffect(() => {
    if (toast.isSticky || isHeld) return
    const timer = window.setTimeout(() => drop.current(), TOAST_MS)
    return () => window.clearTimeout(timer)
  }, [toast.isSticky, isHeld])
  const hold = {
    onMouseEnter: () => setHeld(true),
    onMouseLeave: () => setHeld(false),
    onFocus: () => setHeld(true),
    onBlur: () => setHeld(false),
  }
  return (
    <div className={`toast toast-${toast.tone}`} role={toast.tone === 'bad' ? 'alert' : 'status'} {...hold}>
      <ToneMark tone={toast.tone} />
      <div className="toast-words">
        <strong>{toast.title}</strong>
        {toast.detail && <span className="toast-detail">{toast.detail}</span>}
        {toast.code && <span className="toast-code">{toast.code}</span>}
      </div>
      {toast.copy !== undefined && (
        <button
          type="button"
          className="button icon-button quiet"
          aria-label={text.kit.error.copy}
          title={text.kit.error.copy}
          onClick={() => void copyText(toast.copy ?? '')}
        >
          <Icon name="copy" />
        </button>
      )}
      {toast.action && (
        <button
          type="button"
          className="button"
          onClick={() => {
            toast.action?.run()
            onDrop()
          }}
        >
          {toast.action.label}
        </button>
      )}
      <button type="button" className="button icon-button" aria-label={text.shell.close} onClick={onDrop}>
        <Icon name="close" />
      </button>
    </div>
  )
}
