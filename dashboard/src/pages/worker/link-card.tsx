/** The line to a worker: its round trip, how often it broke, what never came, and the last ten messages on it. */
import type { LinkView, WorkerView } from '@berth/protocol'
import { KeyValues, Panel } from '../../kit/page.tsx'
import { ErrorState } from '../../kit/states.tsx'
import { Age, Instant } from '../../kit/time.tsx'
import { formatCount, formatMs, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'

interface Props {
  readonly worker: WorkerView
  readonly link: LinkView | undefined
  readonly error: Error | null
}

export function LinkCard({ worker, link, error }: Props) {
  const words = text.worker.link
  return (
    <Panel title={words.title} className="link-card">
      {error && <ErrorState error={error} />}
      <KeyValues
        items={[
          { label: words.rtt, value: worker.latencyMs === null ? null : formatMs(worker.latencyMs) },
          { label: words.connected, value: <Age at={link?.connectedAt} form="span" /> },
          { label: words.lastSeen, value: <Age at={worker.lastSeenAt} /> },
          { label: words.reconnects, value: link && formatCount(link.reconnects) },
          { label: words.gaps, value: link && formatCount(link.gaps) },
          { label: words.age, value: link && formatMs(link.clockAgeMs) },
        ]}
      />
      {link && link.lastMessages.length > 0 && <Messages messages={link.lastMessages} />}
    </Panel>
  )
}

function Messages({ messages }: { messages: LinkView['lastMessages'] }) {
  const words = text.worker.link
  return (
    <table className="link-messages">
      <caption>{words.messages}</caption>
      <thead>
        <tr>
          <th scope="col">{words.time}</th>
          <th scope="col">{words.direction}</th>
          <th scope="col">{words.kind}</th>
          <th scope="col" className="number">
            {words.bytes}
          </th>
        </tr>
      </thead>
      <tbody>
        {messages
          .map((message, i) => ({ ...message, key: `${message.at} ${i}` }))
          .reverse()
          .map(({ key, at, direction, kind, bytes }) => (
            <tr key={key}>
              <td>
                <Instant at={at} isExact />
              </td>
              <td>{words.directions[direction]}</td>
              <td>
                <code>{visible(kind)}</code>
              </td>
              <td className="number">{formatCount(bytes)}</td>
            </tr>
          ))}
      </tbody>
    </table>
  )
}
