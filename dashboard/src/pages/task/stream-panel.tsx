/** What a task streams, replayed and live, with its events in the order in which they came. */
import { isFinal, type RunView } from '@berth/protocol'
import { useEffect, useRef } from 'react'
import { CopyButton } from '../../kit/copy.tsx'
import { Panel } from '../../kit/page.tsx'
import { ScrollBox } from '../../kit/scroll-box.tsx'
import { formatCount, formatShare, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { useEvents } from './use-events.ts'

/** Of these the page shows more elsewhere, or they say nothing by themselves. */
const SHOWN_ELSEWHERE = new Set(['log', 'message', 'source', 'result', 'error', 'usage'])

export function StreamPanel({ run }: { run: RunView }) {
  const words = text.task.stream
  const { streamed, cut, events } = useEvents(run.id, run.durable)
  const box = useRef<HTMLElement>(null)
  const isAtFoot = useRef(true)
  useEffect(() => {
    if (isAtFoot.current && streamed !== '') box.current?.scrollTo({ top: box.current.scrollHeight })
  }, [streamed])
  const shown = events.filter(({ type }) => !SHOWN_ELSEWHERE.has(type))
  const { progress } = run
  if (streamed === '' && progress === null && shown.length === 0) return null
  return (
    <Panel
      title={streamed === '' ? words.eventsTitle : words.title}
      unit={isFinal(run.status) ? words.replayed : words.live}
      actions={streamed !== '' && <CopyButton value={streamed} label={words.copy} />}
    >
      {progress !== null && (
        <p className="stream-progress">
          <progress max={1} value={progress.fraction} aria-label={words.progress} />{' '}
          {formatShare(progress.fraction)}{' '}
          {progress.text !== null && <span className="muted">{visible(progress.text)}</span>}
        </p>
      )}
      {streamed !== '' && (
        <ScrollBox
          ref={box}
          className="stream-text"
          label={words.text}
          role="region"
          onScroll={() => {
            const { scrollTop = 0, scrollHeight = 0, clientHeight = 0 } = box.current ?? {}
            isAtFoot.current = scrollHeight - scrollTop - clientHeight < 8
          }}
        >
          {cut > 0 && <p className="muted">{words.cut(formatCount(cut))}</p>}
          <pre>{streamed.split('\n').map(visible).join('\n')}</pre>
        </ScrollBox>
      )}
      {shown.length > 0 && (
        <details className="stream-events">
          <summary>{words.events(shown.length)}</summary>
          <ol>
            {shown.map((event) => (
              <li key={event.id}>
                <code>{visible(event.type)}</code> {visible(JSON.stringify(event.data))}
              </li>
            ))}
          </ol>
        </details>
      )}
    </Panel>
  )
}
