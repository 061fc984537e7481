/** What can be done with one task: each asks the balancer, tells the outcome and is undone where that is possible. */
import { isFinal, type RunView } from '@berth/protocol'
import { z } from 'zod'
import { request } from '../../api/client.ts'
import type { ReadKey } from '../../api/query.ts'
import { useAction } from '../../api/use-action.ts'
import { useNavigate } from '../../kit/navigate.ts'
import { paths } from '../../paths.ts'
import { useMayOperate } from '../../session/use-me.ts'
import { text } from '../../text/text.ts'

const begunSchema = z.object({ runId: z.string() })

export interface RetryEdits {
  readonly input?: Readonly<Record<string, unknown>>
  readonly priority?: number
}

/** Why each cannot be done now; undefined when it can. */
export interface WhyNot {
  readonly cancel: string | undefined
  readonly retry: string | undefined
  readonly continue: string | undefined
  readonly priority: string | undefined
  readonly delete: string | undefined
}

export function useRunActions(run: RunView) {
  const navigate = useNavigate()
  const { may, why } = useMayOperate()
  const words = text.task.actions
  const path = `/runs/${encodeURIComponent(run.id)}`
  const invalidates: readonly ReadKey[] = [['run', run.id], ['runs']]
  const goTo = ({ runId }: { runId: string }) => navigate(paths.run(runId))
  const cancelOf = (id: string) => request('POST', `/runs/${encodeURIComponent(id)}/cancel`)

  const cancel = useAction({
    run: (reason: string) => request('POST', `${path}/cancel`, { reason }),
    title: words.cancelled,
    failed: words.notCancelled,
    invalidates,
  })
  const retry = useAction({
    run: (edits: RetryEdits, reason: string) =>
      request('POST', `${path}/retry`, { schema: begunSchema, body: edits, reason }),
    title: words.retried,
    failed: words.notRetried,
    undo: ({ runId }) => cancelOf(runId),
    onDone: goTo,
    invalidates,
  })
  const next = useAction({
    run: (input: Readonly<Record<string, unknown>>, reason: string) =>
      request('POST', `${path}/continue`, { schema: begunSchema, body: { input }, reason }),
    title: words.continued,
    failed: words.notContinued,
    undo: ({ runId }) => cancelOf(runId),
    onDone: goTo,
    invalidates,
  })
  const setPriority = (priority: number, reason = '') =>
    request('PATCH', path, { body: { priority }, reason })
  const prioritise = useAction<[priority: number, reason: string, before: number], number>({
    run: (priority: number, reason: string, before: number) =>
      setPriority(priority, reason).then(() => before),
    title: (_before, priority) => words.prioritised(priority),
    failed: words.notPrioritised,
    undo: (before) => setPriority(before),
    invalidates,
  })
  const remove = useAction({
    run: (reason: string) => request('DELETE', path, { reason }),
    title: words.deleted,
    failed: words.notDeleted,
    onDone: () => navigate(paths.runs()),
    invalidates: [['runs']],
  })

  const isOver = isFinal(run.status)
  const isHeld = run.status === 'queued' || run.status === 'scheduled'
  const whyNot: WhyNot = {
    cancel: may ? (isOver ? words.isOver : undefined) : why,
    retry: may ? whyNoRetry(run) : why,
    continue: may ? (run.durable ? undefined : words.inMemory) : why,
    priority: may ? (isHeld ? undefined : words.waitsNoMore) : why,
    delete: may ? (isOver ? undefined : words.goesOn) : why,
  }
  return { cancel, retry, next, prioritise, remove, whyNot }
}

function whyNoRetry({ status, durable }: RunView): string | undefined {
  if (!isFinal(status)) return text.task.actions.goesOn
  return durable ? undefined : text.task.actions.inMemory
}
