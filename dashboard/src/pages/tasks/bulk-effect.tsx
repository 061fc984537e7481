/**
 * What an action on many tasks would meet: how many in a sentence, then by state and by function, and of the
 * chosen ones that it leaves out, why. Shown by `bulk-dialog.tsx` before anything happens.
 */
import type { BulkAction, RunItem } from '@berth/protocol'
import { Instant } from '../../kit/time.tsx'
import { formatCount, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { type BulkPlan, type BulkSource, reasonsOf } from './bulk.ts'

const SHOWN_FUNCTIONS = 5

interface Props {
  readonly action: BulkAction
  readonly plan: BulkPlan
  readonly source: BulkSource
}

export function BulkEffect({ action, plan, source }: Props) {
  const words = text.tasks.bulk
  return (
    <div className="bulk-effect">
      {plan.matched > 0 && <p className="bulk-exactly">{words.exactly[action](plan.matched)}</p>}
      {plan.matched > 0 && <PlanTable plan={plan} />}
      {plan.oldestAt !== null && (
        <p className="muted">
          {words.oldest}: <Instant at={plan.oldestAt} /> · {words.newest}: <Instant at={plan.newestAt} />
        </p>
      )}
      {source.kind === 'chosen' && <LeftOut action={action} runs={source.runs} />}
    </div>
  )
}

function PlanTable({ plan }: { plan: BulkPlan }) {
  const words = text.tasks.bulk
  const others = plan.byFunction.slice(SHOWN_FUNCTIONS)
  const rest = others.reduce((sum, [, count]) => sum + count, 0)
  const functions = plan.byFunction
    .slice(0, SHOWN_FUNCTIONS)
    .map(([name, count]) => [visible(name), count] as const)
  if (others.length > 0) functions.push([words.otherFunctions(others.length), rest])
  return (
    <table className="bulk-table">
      <caption className="only-heard">{words.planned}</caption>
      <Part
        title={words.byState}
        rows={plan.byStatus.map(([status, count]) => [text.runStates[status] ?? status, count])}
      />
      <Part title={words.byFunction} rows={functions} />
    </table>
  )
}

function Part({ title, rows }: { title: string; rows: readonly (readonly [string, number])[] }) {
  return (
    <tbody>
      <tr>
        <th scope="rowgroup" colSpan={2} className="muted">
          {title}
        </th>
      </tr>
      {rows.map(([name, count]) => (
        <tr key={name}>
          <th scope="row">{name}</th>
          <td className="number">{formatCount(count)}</td>
        </tr>
      ))}
    </tbody>
  )
}

function LeftOut({ action, runs }: { action: BulkAction; runs: readonly RunItem[] }) {
  const words = text.tasks.bulk
  const reasons = reasonsOf(action, runs)
  if (reasons.length === 0) return null
  const count = reasons.reduce((sum, [, one]) => sum + one, 0)
  return (
    <div className="bulk-left-out">
      <p>{words.leftOut(formatCount(count), formatCount(runs.length))}</p>
      <ul>
        {reasons.map(([reason, one]) => (
          <li key={reason}>{words.leftOutWhy[reason](one)}</li>
        ))}
      </ul>
    </div>
  )
}
