/**
 * What Berth knows of media types: which bodies are JSON, and what may stand in a header or on the link.
 * Read by balancer and worker wherever a body arrives or bytes leave.
 */

/** The link's field for it holds one byte of length. */
const LONGEST = 255
const TOKEN = "[A-Za-z0-9!#$%&'*+.^_`|~-]+"
const MEDIA_TYPE = new RegExp(`^${TOKEN}/${TOKEN}(?:\\s*;[\\x20-\\x7e]*)?$`)

/** `type/subtype` with parameters, at most 255 characters of ASCII. */
export function isMediaType(text: string): boolean {
  return text.length <= LONGEST && MEDIA_TYPE.test(text)
}

/** The type without its parameters, in lower case. */
export function plainType(text: string): string {
  return (text.split(';')[0] ?? '').trim().toLowerCase()
}

/** `curl -d` sends the last of these whatever the body is. */
const JSON_TYPES: ReadonlySet<string> = new Set(['', 'application/json', 'application/x-www-form-urlencoded'])

/** Whether a body of this type is the input itself; any other reaches the handler as bytes. */
export function isJsonType(text: string): boolean {
  return JSON_TYPES.has(plainType(text))
}
