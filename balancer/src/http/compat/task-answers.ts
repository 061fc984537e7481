/**
 * Tasks that come by the API of another system: submitted as `POST /task` would, and answered here instead of on a
 * connection. Used by the folders of `compat/`, each of which words the answer in the shape of its own callers.
 * Invariant: nothing is known here that `Tasks` does not know; a caller that goes away ends its task as ever.
 */
import { wholeOf } from '@berth/runtime'
import type { RouteContext } from '../routes.ts'
import type { TaskHead } from '../task-call.ts'
import type { TaskAnswer, Tasks } from '../tasks.ts'

/** What `Tasks` writes around a result. */
const PREFIX = '{"success":true,"result":'
const SUFFIX = '}'

/** The answer to a task body that streams nothing; `body` is what `POST /task` takes. */
export function askTask(c: RouteContext, tasks: Pick<Tasks, 'handle'>, body: object): Promise<TaskAnswer> {
  const answered = Promise.withResolvers<TaskAnswer>()
  const leave = tasks.handle(
    { head: headOf(c), bytes: Buffer.from(JSON.stringify(body)) },
    {
      answer: answered.resolve,
      open: () => {
        throw new Error('a task of another API was streamed, which none asks for')
      },
    },
  )
  const { signal } = c.req.raw
  if (signal.aborted) leave()
  else signal.addEventListener('abort', leave, { once: true })
  return answered.promise.finally(() => signal.removeEventListener('abort', leave))
}

/** The result's JSON as it came from the worker, digits and all; undefined for an answer that holds none. */
export function resultTextOf({ status, body }: TaskAnswer): string | undefined {
  const text = textOf(body)
  if (status !== 200 || !text.startsWith(PREFIX) || !text.endsWith(SUFFIX)) return undefined
  return text.slice(PREFIX.length, -SUFFIX.length)
}

/** The JSON of an answer that is no result: a problem, or what was accepted. */
export function readAnswer({ body }: TaskAnswer): Readonly<Record<string, unknown>> {
  return JSON.parse(textOf(body))
}

function textOf(body: TaskAnswer['body']): string {
  return typeof body === 'string' ? body : Buffer.from(wholeOf(body)).toString('utf8')
}

export function headOf(c: RouteContext): TaskHead {
  return {
    contentType: 'application/json',
    contentEncoding: c.req.header('content-encoding'),
    prefer: undefined,
    idempotencyKey: c.req.header('idempotency-key'),
    traceparent: c.req.header('traceparent'),
    host: c.req.header('host'),
    forwardedProto: c.req.header('x-forwarded-proto'),
    wantsEvents: false,
  }
}
