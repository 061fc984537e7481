/**
 * The hot route of the worker's HTTP, without its router: a task in, an answer out. `handleTask` is mounted by
 * `http.ts`; each task becomes an order that shares queue and slots with what comes over the link.
 * Invariant: every call is answered once, and one whose client has left costs no slot it has not got already.
 */

import { makeRunId } from '../attempt/run-id.ts'
import { DirectOrder, type DirectSpec } from '../direct/direct-order.ts'
import type { CheckedInput } from '../input/parameters.ts'
import { readTask, type TaskRequest, type WantedTask } from '../input/task-request.ts'
import type { WorkerLimits, WorkerParts } from '../parts.ts'
import type { Caller } from '../stream/caller.ts'
import { EventReply } from '../stream/event-reply.ts'
import { type Reply, WholeReply } from '../stream/reply.ts'
import { TextReply } from '../stream/text-reply.ts'
import { WebhookReply } from '../webhook/webhook-reply.ts'
import { type Answer, problem, problemOf } from './answer.ts'

export interface DirectRequest extends TaskRequest {
  /** Streams shall be server-sent events. */
  readonly wantsEvents: boolean
}

/** An answer, at once or later; undefined when it was written to the caller itself. */
export type Answered = Answer | Promise<Answer | undefined>

/** Makes no promise of its own: a task costs little more than its promises. */
export function handleTask(parts: WorkerParts, request: DirectRequest, caller: Caller): Answered {
  const read = readTask(parts, request)
  if (!read.ok) return problem(read.complaint.code, read.complaint.detail, read.complaint)
  const { task } = read
  const checked = task.function.input.check(task.input, task.inputPointer)
  if (!(checked instanceof Promise)) return submit(parts, request, caller, task, checked)
  return checked.then((late) => submit(parts, request, caller, task, late))
}

function submit(
  parts: WorkerParts,
  request: DirectRequest,
  caller: Caller,
  task: WantedTask,
  checked: CheckedInput,
): Answered {
  if (!checked.ok) return problemOf(checked.error)
  const run = makeRunId(parts.clock.wallMs())
  const reply = replyOf(parts, task, request, caller, run, () => order.abort('unread'))
  const order = new DirectOrder(parts, specOf(parts, task, checked.value, run), reply)
  // Whoever wants a webhook has said that it will not wait.
  if (task.mode !== 'webhook') caller.onGone(() => order.leaveCaller())
  order.submit()
  return reply.answered
}

function replyOf(
  { deliveries }: WorkerParts,
  { mode, body }: WantedTask,
  { route, wantsEvents }: DirectRequest,
  caller: Caller,
  run: string,
  onUnread: () => void,
): Reply {
  if (mode === 'webhook' && body.webhook) {
    const { url, headers = {} } = body.webhook
    return new WebhookReply(deliveries, { url, headers }, run)
  }
  if (mode !== 'stream') return new WholeReply(route !== undefined)
  const headers = { 'x-run-id': run }
  return wantsEvents ? new EventReply(caller, headers, onUnread) : new TextReply(caller, headers, onUnread)
}

/** Of one attempt, by the mode when nobody names it. */
function timeoutOf({ body, function: fn, mode }: WantedTask, limits: WorkerLimits): number {
  const fallbackMs = mode === 'webhook' ? limits.backgroundTimeoutMs : limits.defaultTimeoutMs
  return body.timeout ?? fn.timeoutMs ?? fallbackMs
}

function specOf({ clock, limits }: WorkerParts, task: WantedTask, input: unknown, run: string): DirectSpec {
  const { function: fn, body, upload } = task
  const { priority, attempts, deadline } = body
  return {
    function: fn,
    input,
    run,
    priority: priority ?? limits.defaultPriority,
    timeoutMs: timeoutOf(task, limits),
    attempts,
    remainingMs: deadline === undefined ? null : Date.parse(deadline) - clock.wallMs(),
    upload,
  }
}
