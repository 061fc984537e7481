/** The messages of a task's webhook: where to, how they stand, every try, and another one by hand. */
import type { DeliveryView } from '@berth/protocol'
import { request } from '../../api/client.ts'
import { useAction } from '../../api/use-action.ts'
import { Badge } from '../../kit/badge.tsx'
import { Button } from '../../kit/button.tsx'
import type { Tone } from '../../kit/marks.tsx'
import { KeyValues, Panel } from '../../kit/page.tsx'
import { Duration, Instant } from '../../kit/time.tsx'
import { useMayOperate } from '../../session/use-me.ts'
import { formatCount, visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'

interface Props {
  readonly run: string
  readonly deliveries: readonly DeliveryView[]
}

const tones: Readonly<Record<DeliveryView['state'], Tone>> = {
  pending: 'busy',
  delivered: 'ok',
  failed: 'bad',
  refused: 'bad',
  disabled: 'warn',
}

export function DeliveriesPanel({ run, deliveries }: Props) {
  const words = text.task.deliveries
  const { may, why } = useMayOperate()
  const redeliver = useAction({
    run: (id: string) => request('POST', `/deliveries/${encodeURIComponent(id)}/redeliver`),
    title: words.redelivered,
    failed: words.notRedelivered,
    invalidates: [['deliveries', run]],
  })
  if (deliveries.length === 0) return null
  return (
    <Panel title={words.title} unit={words.count(deliveries.length)}>
      {deliveries.map((delivery) => (
        <section key={delivery.id} className="delivery" aria-label={visible(delivery.id)}>
          <div className="delivery-head">
            <Badge tone={tones[delivery.state]} hasMark>
              {words.states[delivery.state]}
            </Badge>
            <code className="delivery-url">{visible(delivery.url)}</code>
            <Button
              icon="retry"
              pending={redeliver.isPending}
              disabledWhy={may ? undefined : why}
              onClick={() => void redeliver.start(delivery.id)}
            >
              {words.redeliver}
            </Button>
          </div>
          <KeyValues
            items={[
              { label: words.id, value: <code>{visible(delivery.id)}</code> },
              { label: words.type, value: <code>{delivery.type}</code> },
              delivery.nextAt !== null && { label: words.next, value: <Instant at={delivery.nextAt} /> },
              delivery.error !== null && { label: words.error, value: visible(delivery.error) },
            ]}
          />
          <Tries delivery={delivery} />
        </section>
      ))}
    </Panel>
  )
}

function Tries({ delivery }: { delivery: DeliveryView }) {
  const words = text.task.deliveries
  if (delivery.attempts.length === 0) return <p className="muted">{words.noTries}</p>
  return (
    <div className="scores-box">
      <table className="scores">
        <caption>{words.tries(delivery.tries)}</caption>
        <thead>
          <tr>
            <th scope="col">{words.n}</th>
            <th scope="col">{words.at}</th>
            <th scope="col">{words.took}</th>
            <th scope="col">{words.answer}</th>
          </tr>
        </thead>
        <tbody>
          {delivery.attempts.map((attempt) => (
            <tr key={attempt.n}>
              <th scope="row">{formatCount(attempt.n)}</th>
              <td>
                <Instant at={attempt.at} isExact />
              </td>
              <td>
                <Duration ms={attempt.durationMs} />
              </td>
              <td>
                {attempt.status ?? text.unknown} {attempt.error !== null && visible(attempt.error)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
