/**
 * `GET /activity`: who did what, when and why, and what happened by itself (CONTRACT §4, Operating); with
 * `Accept: application/x-ndjson` all of it, a line each. Everything is asked of ports/activity.ts.
 * Invariant: an export holds at most one page in memory, and at most four are under way.
 */
import type { ActivityFilter, ActivityPort } from '../ports/activity.ts'
import { readActivityQuery } from './activity-query.ts'
import { problem } from './problem.ts'
import type { Route, RouteContext } from './routes.ts'

const EXPORT_PAGE = 500
const EXPORTS_AT_ONCE = 4
const PATIENCE_MS = 30_000

export function activityRoutes(activity: Pick<ActivityPort, 'list'>): readonly Route[] {
  const exports = new ActivityExports(activity)
  return [{ method: 'GET', path: '/activity', policy: 'read', handle: (c) => list(c, activity, exports) }]
}

async function list(
  c: RouteContext,
  activity: Pick<ActivityPort, 'list'>,
  exports: ActivityExports,
): Promise<Response> {
  const query = readActivityQuery(c.req.url)
  if (!query.ok) return problem(query.error)
  const { filter, limit, before } = query.value
  if (c.req.header('accept')?.includes('application/x-ndjson')) return exports.answer(filter, before)
  const found = await activity.list(filter, limit + 1, before)
  const items = found.slice(0, limit)
  return c.json({ items, cursor: found.length > limit ? (items.at(-1)?.id ?? null) : null })
}

class ActivityExports {
  readonly #activity: Pick<ActivityPort, 'list'>
  #open = 0

  constructor(activity: Pick<ActivityPort, 'list'>) {
    this.#activity = activity
  }

  answer(filter: ActivityFilter, before: string | null): Response {
    if (this.#open >= EXPORTS_AT_ONCE) {
      const detail = `${EXPORTS_AT_ONCE} exports are under way already. Try again when one of them has ended.`
      return problem({ code: 'RATE_LIMITED', detail, retryAfterMs: 5_000 })
    }
    this.#open++
    return new Response(this.#lines(filter, before), { headers: { 'content-type': 'application/x-ndjson' } })
  }

  #lines(filter: ActivityFilter, before: string | null): ReadableStream<Uint8Array> {
    let last = before
    let isOpen = true
    let patience: NodeJS.Timeout | undefined
    const end = () => {
      clearTimeout(patience)
      if (isOpen) this.#open--
      isOpen = false
    }
    const pull = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
      clearTimeout(patience)
      const found = await this.#activity.list(filter, EXPORT_PAGE, last)
      if (!isOpen) return
      last = found.at(-1)?.id ?? last
      if (found.length > 0)
        controller.enqueue(Buffer.from(found.map((item) => `${JSON.stringify(item)}\n`).join('')))
      if (found.length < EXPORT_PAGE) {
        end()
        return controller.close()
      }
      patience = setTimeout(() => {
        end()
        controller.error(new Error('the reader of an export takes nothing'))
      }, PATIENCE_MS).unref()
    }
    return new ReadableStream<Uint8Array>({
      pull: (controller) =>
        pull(controller).catch((error: unknown) => {
          end()
          throw error
        }),
      cancel: end,
    })
  }
}
