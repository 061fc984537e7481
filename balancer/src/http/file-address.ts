/**
 * Addresses of files on the request's own host. Pure; used by every route that shows runs or their files.
 * Inside the balancer a file's `url` begins at the root; what leaves is absolute.
 */
import type { RunItem } from '@berth/protocol'
import { originOf } from './durable-order.ts'
import type { RouteContext } from './routes.ts'

export function requestOrigin(c: RouteContext): string {
  const forwardedProto = c.req.header('x-forwarded-proto')
  return originOf({ host: c.req.header('host'), forwardedProto }) ?? new URL(c.req.url).origin
}

/** A run as it leaves. */
export function placeFiles<Run extends Pick<RunItem, 'files'>>(run: Run, origin: string): Run {
  if (run.files.length === 0) return run
  return { ...run, files: run.files.map((file) => ({ ...file, url: `${origin}${file.url}` })) }
}
