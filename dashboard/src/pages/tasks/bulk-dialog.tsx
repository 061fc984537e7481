/** Asks before an action on many tasks: how many exactly, in which states, of which functions, from when to when. */
import type { BulkAction } from '@berth/protocol'
import { useQuery } from '@tanstack/react-query'
import { useMemo } from 'react'
import { curlOf } from '../../api/client.ts'
import { wordsOfError } from '../../api/use-action.ts'
import { ConfirmDialog } from '../../kit/confirm.tsx'
import { text } from '../../text/text.ts'
import { type BulkPlan, type BulkSource, planBulk, TYPED_ABOVE } from './bulk.ts'
import { BulkEffect } from './bulk-effect.tsx'

interface Props {
  readonly action: BulkAction
  readonly source: BulkSource
  onConfirm(reason: string, plan: BulkPlan): unknown
  onClose(): void
}

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
      {plan && <BulkEffect action={action} plan={plan} source={source} />}
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
