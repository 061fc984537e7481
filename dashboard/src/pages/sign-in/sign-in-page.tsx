/**
 * The way in: the key in a password field. The one-time token of a printed address is used before
 * this page shows (`session/use-session.ts`); when that failed, its message stands here. A token that
 * comes while it shows, by another hash alone, is used here.
 */
import { type FormEvent, useCallback, useEffect, useRef, useState } from 'react'
import { BrandMark, ToneMark } from '../../kit/marks.tsx'
import { type Outcome, signInWithKey } from '../../session/session.ts'
import { useArrivingToken } from '../../session/use-arriving-token.ts'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'

export interface SignInFailure {
  readonly message: string
  /** The balancer's own sentence. */
  readonly detail: string | null
}

/** What to tell of a sign-in that failed; `means` is what was presented. */
export function failureOf(outcome: Exclude<Outcome, { ok: true }>, means: 'key' | 'token'): SignInFailure {
  const words = text.session.signIn
  // To 401 the balancer has one sentence for key and token; the page knows which it was.
  const detail = outcome.status === 401 ? null : outcome.detail
  if (outcome.status === 0) return { message: words.unreachable, detail }
  if (outcome.status === 429) return { message: words.tooMany, detail }
  if (outcome.status < 500 && means === 'token') return { message: words.badToken, detail }
  if (outcome.status === 401 || outcome.status === 403) return { message: words.wrongKey, detail }
  return { message: words.failed(outcome.status), detail }
}

interface Props {
  readonly failure: SignInFailure | null
  onSignedIn(): void
}

export function SignInPage({ failure: first, onSignedIn }: Props) {
  const [failure, setFailure] = useState(first)
  const [isWorking, setWorking] = useState(false)
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => {
    document.title = text.shell.pageTitle(text.session.signIn.title, null)
    field.current?.focus()
  }, [])
  const present = useCallback(
    async (asked: Promise<Outcome>, means: 'key' | 'token') => {
      setWorking(true)
      const outcome = await asked
      setWorking(false)
      if (outcome.ok) onSignedIn()
      else setFailure(failureOf(outcome, means))
      return outcome.ok
    },
    [onSignedIn],
  )
  useArrivingToken((asked) => void present(asked, 'token'))
  const submit = async (event: FormEvent) => {
    event.preventDefault()
    const key = field.current?.value.trim() ?? ''
    if (isWorking) return
    if (key === '') {
      setFailure({ message: text.session.signIn.empty, detail: null })
      return
    }
    if (!(await present(signInWithKey(key), 'key'))) field.current?.select()
  }
  return (
    <main className="sign-in">
      <form className="panel sign-in-card" onSubmit={(event) => void submit(event)}>
        <div className="sign-in-brand">
          <BrandMark size={36} />
          <span>{text.shell.brand}</span>
        </div>
        <h1>{text.session.signIn.title}</h1>
        <p className="muted">{text.session.signIn.lead}</p>
        {failure && (
          <div className="sign-in-failure" role="alert">
            <ToneMark tone="bad" />
            <div>
              <strong>{failure.message}</strong>
              {failure.detail && failure.detail !== failure.message && <p>{visible(failure.detail)}</p>}
            </div>
          </div>
        )}
        {/* Password managers file a key under a name. */}
        <input type="text" name="username" autoComplete="username" value="operator" readOnly hidden />
        <label className="sign-in-field">
          <span>{text.session.signIn.key}</span>
          <input
            ref={field}
            className="field"
            type="password"
            name="key"
            autoComplete="current-password"
            spellCheck={false}
            aria-describedby="key-hint"
          />
        </label>
        <p id="key-hint" className="muted hint">
          {text.session.signIn.keyHint}
        </p>
        <button type="submit" className="button button-strong" disabled={isWorking}>
          {isWorking ? text.session.signIn.working : text.session.signIn.submit}
        </button>
        <p className="muted cure">
          {text.session.signIn.cureBefore} <code>{text.session.signIn.command}</code>{' '}
          {text.session.signIn.cureAfter}
        </p>
      </form>
    </main>
  )
}
