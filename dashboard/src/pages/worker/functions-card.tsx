/** What a worker serves: its functions, each with the hash of its interface, under which contract. */
import type { ServedInterfaceView, WorkerView } from '@berth/protocol'
import { useState } from 'react'
import { Badge } from '../../kit/badge.tsx'
import { Button } from '../../kit/button.tsx'
import { CopyButton } from '../../kit/copy.tsx'
import { Link } from '../../kit/link.tsx'
import { Panel } from '../../kit/page.tsx'
import { paths } from '../../paths.ts'
import { formatCount, formatDuration, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'

/** A worker may serve thousands; more than these are asked for. */
const LISTED = 12
const MOST = 500
const SHORT_HASH = 8

interface Props {
  readonly worker: WorkerView
  /** Undefined while it is read; null while nobody knows. */
  readonly served: ServedInterfaceView | null | undefined
}

export function FunctionsCard({ worker, served }: Props) {
  const [isWhole, setWhole] = useState(false)
  const words = text.worker.functions
  const all = served?.functions ?? []
  const shown = all.slice(0, isWhole ? MOST : LISTED)
  return (
    <Panel
      title={words.title}
      className="functions-card"
      unit={formatCount(worker.functions.length)}
      actions={
        served && (
          <span className="hash">
            {words.contract(served.contract)}{' '}
            <code title={served.hash}>{served.hash.slice(0, SHORT_HASH)}</code>
            <CopyButton value={served.hash} label={words.copyHash} />
          </span>
        )
      }
    >
      {!served && (
        <p className="muted">
          {served === null || worker.functions.length === 0
            ? text.worker.details.noFunctions
            : text.kit.loading}
        </p>
      )}
      <ul className="function-list">
        {shown.map((one) => (
          <li key={one.name}>
            {worker.group === null ? (
              <span className="function-name">{visible(one.name)}</span>
            ) : (
              <Link to={paths.function(worker.group, one.name)} className="function-name">
                {visible(one.name)}
              </Link>
            )}
            <span className="function-facts">
              {one.supportsStreaming && <Badge>{words.streams}</Badge>}
              {one.background && <Badge>{words.background}</Badge>}
              {one.keepWarm && <Badge>{words.warm}</Badge>}
              {one.slots > 1 && <Badge>{words.slots(one.slots)}</Badge>}
              {one.timeout !== null && <Badge>{formatDuration(one.timeout)}</Badge>}
              <code className="muted" title={one.hash}>
                {one.hash.slice(0, SHORT_HASH)}
              </code>
            </span>
          </li>
        ))}
      </ul>
      {all.length > shown.length && !isWhole && (
        <Button kind="quiet" onClick={() => setWhole(true)}>
          {words.showAll(Math.min(all.length, MOST))}
        </Button>
      )}
      {isWhole && all.length > MOST && <p className="muted">{words.capped(MOST, all.length)}</p>}
    </Panel>
  )
}
