/** Before and after as a table of what differs, and words for what has no difference to show. */
import { useMemo } from 'react'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { type Change, differenceOf } from './difference.ts'

export function DifferenceView({ before, after }: { before: unknown; after: unknown }) {
  const { changes, more } = useMemo(() => differenceOf(before, after), [before, after])
  if (changes.length === 0) return <p className="muted">{text.activity.noDifference}</p>
  const hasBefore = changes.some((change) => change.before !== undefined)
  return (
    <div className="activity-difference">
      <table>
        <caption className="only-heard">{text.activity.difference}</caption>
        <thead>
          <tr>
            <th scope="col">{text.activity.member}</th>
            {hasBefore && <th scope="col">{text.activity.before}</th>}
            <th scope="col">{hasBefore ? text.activity.after : text.activity.value}</th>
          </tr>
        </thead>
        <tbody>
          {changes.map((change) => (
            <Row key={change.path} change={change} hasBefore={hasBefore} />
          ))}
        </tbody>
      </table>
      {more > 0 && <p className="muted">{text.activity.moreChanges(more)}</p>}
    </div>
  )
}

function Row({ change: { path, before, after }, hasBefore }: { change: Change; hasBefore: boolean }) {
  return (
    <tr>
      <th scope="row">{path === '' ? text.activity.whole : visible(path)}</th>
      {hasBefore && (
        <td>
          <Value value={before} kind="was" />
        </td>
      )}
      <td>
        <Value value={after} kind={hasBefore ? 'is' : 'plain'} />
      </td>
    </tr>
  )
}

function Value({ value, kind }: { value: unknown; kind: 'was' | 'is' | 'plain' }) {
  if (value === undefined || value === null) return <span className="unknown">{text.activity.nothing}</span>
  const words = typeof value === 'string' ? visible(value) : visible(JSON.stringify(value))
  if (kind === 'plain') return <span>{words}</span>
  return kind === 'was' ? <del>{words}</del> : <ins>{words}</ins>
}
