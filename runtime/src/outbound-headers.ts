/**
 * Which headers a webhook may be given by its caller and by the operator, and how the two are laid over each other.
 * Asked before anything is accepted, and once for each request that leaves.
 * Invariant: nobody but the sender sets what frames the request, what is signed or what says whose message it is.
 */
import { validateHeaderName, validateHeaderValue } from 'node:http'

/** They say how the request itself is framed, or are the sender's own to set. */
const RESERVED =
  /^(?:connection|content-encoding|content-length|content-type|expect|host|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|webhook-(?:id|timestamp|signature)|x-run-(?:id|status))$/i
const HEADERS_LIMIT = 64

/** What is wrong with them, undefined when nothing is; `name` says where, when it is one of them. */
export function findHeaderProblem(
  headers: Readonly<Record<string, string>>,
): { readonly name?: string; readonly problem: string } | undefined {
  const names = Object.keys(headers)
  if (names.length > HEADERS_LIMIT) return { problem: `holds over ${HEADERS_LIMIT} headers` }
  for (const name of names) {
    if (RESERVED.test(name)) return { name, problem: `the header ${name} is set by the sender itself` }
    let hasName = false
    try {
      validateHeaderName(name)
      hasName = true
      validateHeaderValue(name, headers[name] ?? '')
    } catch {
      return {
        name,
        problem: `the header ${JSON.stringify(name).slice(0, 66)} cannot be sent: ${hasName ? 'its value' : 'its name'} has characters that no header may have`,
      }
    }
  }
  return undefined
}

/** Header names count the same in any case; of two the later wins. */
export function layHeaders(...layers: readonly Readonly<Record<string, string>>[]): Record<string, string> {
  return Object.fromEntries(
    layers.flatMap((layer) => Object.entries(layer).map(([name, value]) => [name.toLowerCase(), value])),
  )
}
