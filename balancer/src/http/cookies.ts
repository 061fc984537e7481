/**
 * Reads and writes the one cookie of the balancer. Over TLS it bears the prefix that binds it to this host
 * and to TLS; over plain HTTP on loopback browsers would drop such a cookie, so it goes without.
 * Invariant: what is read is a well-formed session secret or nothing, and two that differ are nothing.
 */
const SESSION_COOKIE = 'berth_session'
const SECURE_SESSION_COOKIE = '__Host-berth_session'

/** 32 bytes in base64url. */
const SECRET = /^[A-Za-z0-9_-]{43}$/

/** The session secret in a `Cookie` header. */
export function readSessionCookie(header: string | undefined): string | undefined {
  if (header === undefined) return undefined
  return readCookie(header, SECURE_SESSION_COOKIE) ?? readCookie(header, SESSION_COOKIE)
}

/** A `Set-Cookie` value for a new session. */
export function formatSessionCookie(secret: string, options: { isSecure: boolean; maxAgeS: number }): string {
  const name = options.isSecure ? SECURE_SESSION_COOKIE : SESSION_COOKIE
  const secure = options.isSecure ? '; Secure' : ''
  return `${name}=${secret}; Path=/; Max-Age=${options.maxAgeS}; HttpOnly; SameSite=Strict${secure}`
}

/** `Set-Cookie` values that remove the cookie under both of its names. */
export function formatClearedCookies(): string[] {
  return [false, true].map((isSecure) => formatSessionCookie('', { isSecure, maxAgeS: 0 }))
}

function readCookie(header: string, name: string): string | undefined {
  const values = new Set<string>()
  for (const pair of header.split(';')) {
    const at = pair.indexOf('=')
    if (at > 0 && pair.slice(0, at).trim() === name) values.add(pair.slice(at + 1).trim())
  }
  const [value] = values
  return values.size === 1 && value !== undefined && SECRET.test(value) ? value : undefined
}
