/**
 * Which headers a webhook may be given by its caller (`webhook.headers`) and by the operator (WEBHOOK_HEADERS).
 * Asked by `task-request.ts` and `config.ts` before anything is accepted.
 */
import { validateHeaderName, validateHeaderValue } from 'node:http'

/** They say how the request itself is framed, or are the worker's own to set. */
const RESERVED =
  /^(?:connection|content-length|content-type|expect|host|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|webhook-(?:id|timestamp|signature)|x-run-(?:id|status))$/i
const HEADERS_LIMIT = 64

/** What is wrong with them, undefined when nothing is; `name` says where, when it is one of them. */
export function findHeaderProblem(
  headers: Readonly<Record<string, string>>,
): { readonly name?: string; readonly problem: string } | undefined {
  const names = Object.keys(headers)
  if (names.length > HEADERS_LIMIT) return { problem: `holds over ${HEADERS_LIMIT} headers` }
  for (const name of names) {
    if (RESERVED.test(name)) return { name, problem: `the header ${name} is set by the worker itself` }
    try {
      validateHeaderName(name)
      validateHeaderValue(name, headers[name] ?? '')
    } catch {
      return { name, problem: 'is no header that can be sent' }
    }
  }
  return undefined
}
