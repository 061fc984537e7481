/** Asks before an action on many tasks: how many exactly, in which states, of which functions, from when to when. */
import type { BulkAction } from '@berth/protocol'
import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { curlOf } from '../../api/client.ts'
import { wordsOfError } from '../../api/use-action.ts'
import { ConfirmDialog, type Fact } from '../../kit/confirm.tsx'
import { Instant } from '../../kit/time.tsx'
import { formatCount, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { type BulkPlan, type BulkSource, planBulk, TYPED_ABOVE } from './bulk.ts'

interface Props {
  readonly action: BulkAction
  readonly source: BulkSource
  onConfirm(reason: string, plan: BulkPlan): unknown
  onClose(): void
}

const SHOWN_FUNCTIONS = 5

export function BulkDialog({ action, source, onConfirm, onClose }: Props) {
  const words = text.tasks.bulk
  const asked = useMemo(() => ({ action, source }), [action, source])
  const { data: plan, error } = useQuery({
    queryKey: ['runs', 'plan', asked],
    queryFn: ({ signal }) => planBulk(action, source, signal),
    staleTime: 0,
    gcTime: 0,
  })
  const isMuch = plan !== undefined && plan.matched > TYPED_ABOVE
  const nothing = plan?.matched === 0 ? words.nothing[action] : null
  return (
    <ConfirmDialog
      title={words.title[action]}
      tone={action === 'retry' ? undefined : 'bad'}
      isLoading={plan === undefined && !error}
      facts={plan && factsOf(plan, source)}
      typeToConfirm={isMuch ? String(plan.matched) : undefined}
      reason={isMuch ? 'required' : 'optional'}
      equivalent={source.kind === 'all' ? equivalentOf(action, source) : undefined}
      confirmLabel={plan ? words.confirm[action](plan.matched) : words.title[action]}
      disabledWhy={error ? wordsOfError(error).detail : nothing}
      dismissLabel={words.keep}
      onConfirm={(reason) => plan && onConfirm(reason, plan)}
      onClose={onClose}
    >
      <p className="dialog-lead">{words.effect[action]}</p>
      {error && (
        <p className="form-error" role="alert">
          {wordsOfError(error).detail}
        </p>
      )}
    </ConfirmDialog>
  )
}

function equivalentOf(action: BulkAction, { filter }: Extract<BulkSource, { kind: 'all' }>): string {
  return curlOf({ method: 'POST', path: '/bulk', body: { action, filter } })
}

function factsOf(plan: BulkPlan, source: BulkSource): readonly Fact[] {
  const words = text.tasks.bulk
  const shown = plan.byFunction.slice(0, SHOWN_FUNCTIONS)
  const others = plan.byFunction.slice(SHOWN_FUNCTIONS)
  const rest = others.reduce((sum, [, count]) => sum + count, 0)
  const facts: Fact[] = [{ label: words.exactly, value: formatCount(plan.matched) }]
  for (const [status, count] of plan.byStatus)
    facts.push({
      label: text.runStates[status] ?? status,
      value: formatCount(count),
    })
  for (const [name, count] of shown) facts.push({ label: visible(name), value: formatCount(count) })
  if (others.length > 0) facts.push({ label: words.otherFunctions(others.length), value: formatCount(rest) })
  const leftOut = source.kind === 'chosen' ? source.runs.length - plan.matched : 0
  if (leftOut > 0) facts.push({ label: words.leftOut, value: formatCount(leftOut) })
  if (plan.oldestAt !== null) {
    facts.push({ label: words.oldest, value: <Instant at={plan.oldestAt} /> })
    facts.push({ label: words.newest, value: <Instant at={plan.newestAt} /> })
  }
  return facts
}
