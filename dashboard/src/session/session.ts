/**
 * The session and the page's posts. Every answer is a union, never an exception: a network that
 * fails is an outcome like a refusal. Posts are `application/json` always, which is what the
 * balancer asks of a request that carries a cookie.
 */
import type { SessionCheck } from '../feed/feed-client.ts'

export type Outcome =
  | { readonly ok: true }
  /** `status` 0: the balancer did not answer. `detail` is the balancer's own sentence. */
  | {
      readonly ok: false
      readonly status: number
      readonly code: string | null
      readonly detail: string | null
    }

const TIMEOUT_MS = 15_000

export async function post(path: string, body: Readonly<Record<string, unknown>>): Promise<Outcome> {
  try {
    const answer = await fetch(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      credentials: 'same-origin',
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    return answer.ok ? { ok: true } : { ok: false, status: answer.status, ...(await readProblem(answer)) }
  } catch {
    return { ok: false, status: 0, code: null, detail: null }
  }
}

/** What `GET /me` says of the session, and its body where there is one. */
export interface SessionAnswer {
  readonly check: SessionCheck
  readonly me: unknown
}

/** `GET /me`: only 401 means signed out; a balancer that is away says nothing about the session. */
export async function readSession(): Promise<SessionAnswer> {
  try {
    const answer = await fetch('/me', {
      credentials: 'same-origin',
      cache: 'no-store',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    if (answer.ok) return { check: 'signed-in', me: await answer.json().catch(() => null) }
    return { check: answer.status === 401 ? 'signed-out' : 'unreachable', me: null }
  } catch {
    return { check: 'unreachable', me: null }
  }
}

export async function checkSession(): Promise<SessionCheck> {
  return (await readSession()).check
}

export function signInWithKey(key: string): Promise<Outcome> {
  return post('/sign-in', { key })
}

export function signInWithToken(token: string): Promise<Outcome> {
  return post('/sign-in', { token })
}

export function signOut(): Promise<Outcome> {
  return post('/sign-out', {})
}

/** `POST /workers/{id}/off` for maintenance, `/on` to end it. */
export function switchMaintenance(id: string, isOn: boolean): Promise<Outcome> {
  return post(`/workers/${encodeURIComponent(id)}/${isOn ? 'off' : 'on'}`, {})
}

/**
 * Takes the one-time token out of the address, before anything else reads or sends it. The rest of
 * the address stays.
 */
export function takeToken(
  location: Pick<Location, 'hash' | 'pathname' | 'search'>,
  history: Pick<History, 'replaceState'>,
): string | null {
  const token = new URLSearchParams(location.hash.replace(/^#/, '')).get('token')
  if (token === null) return null
  history.replaceState(null, '', location.pathname + location.search)
  return token === '' ? null : token
}

async function readProblem(answer: Response): Promise<{ code: string | null; detail: string | null }> {
  try {
    const body: unknown = await answer.json()
    if (typeof body !== 'object' || body === null) return { code: null, detail: null }
    return { code: textMember(body, 'code'), detail: textMember(body, 'detail') }
  } catch {
    return { code: null, detail: null }
  }
}

function textMember(body: object, name: string): string | null {
  const value: unknown = Object.hasOwn(body, name) ? Reflect.get(body, name) : undefined
  return typeof value === 'string' && value !== '' ? value : null
}
