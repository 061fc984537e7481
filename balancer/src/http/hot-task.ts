/**
 * The short way of `POST /task` and `POST /task/{group}/{function}`: before the router, from Node's own request
 * to Node's own response. The key is checked before a byte of the body is read. Mounted by compose.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Gate, readHead } from './auth.ts'
import type { RoutedTarget } from './task-call.ts'
import { refuseUpload, type TaskExchange } from './task-exchange.ts'
import type { UploadKeys } from './upload-keys.ts'

export interface HotTaskDeps {
  readonly gate: Gate
  readonly exchange: TaskExchange
  /** Admit a task of a page that is no JSON. */
  readonly uploadKeys?: Pick<UploadKeys, 'admits'> | undefined
}

/** A listener that takes these two and leaves everything else (false). */
export function createHotTask({ gate, exchange, uploadKeys }: HotTaskDeps) {
  return (req: IncomingMessage, res: ServerResponse): boolean => {
    if (req.method !== 'POST') return false
    const { url = '' } = req
    const target = url === '/task' ? undefined : targetOf(url)
    if (url !== '/task' && target === undefined) return false
    if (gate.hasKey(req)) exchange.serve(req, res, target)
    else if (uploadKeys?.admits(req.headers.authorization)) exchange.serve(req, res, target, 'ui')
    else {
      const admission = gate.admit(readHead(req))
      if (!admission.ok) refuseUpload(req, res, admission.error)
      else exchange.serve(req, res, target, admission.access.kind === 'session' ? 'ui' : undefined)
    }
    return true
  }
}

/** Whether a client that asks first may send its body. */
export function mayContinue({ gate, exchange, uploadKeys }: HotTaskDeps) {
  return (req: IncomingMessage): boolean => {
    const isForTask = isTask(req)
    if (isForTask && uploadKeys?.admits(req.headers.authorization)) return exchange.mayReceive(req)
    if (!gate.admit(readHead(req), isForTask ? 'operator' : 'viewer').ok) return req.url === '/sign-in'
    return !isForTask || exchange.mayReceive(req)
  }
}

function isTask({ method, url = '' }: IncomingMessage): boolean {
  return method === 'POST' && (url === '/task' || url.startsWith('/task/'))
}

const TARGET = /^\/task\/([^/?#]+)\/([^/?#]+)(?:\?([^#]*))?$/

/** Undefined leaves the address to the router, which knows what to say of it. */
function targetOf(url: string): RoutedTarget | undefined {
  const [, group, name, query = ''] = TARGET.exec(url) ?? []
  if (group === undefined || name === undefined) return undefined
  try {
    return { group: decodeURIComponent(group), function: decodeURIComponent(name), query }
  } catch {
    return undefined
  }
}
