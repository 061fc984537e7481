/** What a task has used and what that costs, the messages it told and the sources it named. */
import type { RunView } from '@berth/protocol'
import { JsonView } from '../../kit/json-view.tsx'
import { KeyValues, Panel } from '../../kit/page.tsx'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'

const amount = new Intl.NumberFormat(text.locale, { maximumFractionDigits: 6 })

export function UsagePanel({ run }: { run: RunView }) {
  const words = text.task.usage
  const { usage, costs, budget, messages, messagesDropped = 0, sources } = run
  const used = Object.entries(usage ?? {}).filter(([name]) => costs?.[name] === undefined)
  const isEmpty =
    used.length === 0 && !costs && budget === null && messages.length === 0 && sources.length === 0
  if (isEmpty) return null
  return (
    <Panel title={words.title}>
      <KeyValues
        items={[
          budget !== null && { label: words.budget, value: visible(budget) },
          ...used.map(([name, value]) => ({ label: visible(name), value: amount.format(value) })),
          ...Object.entries(costs ?? {}).map(([name, value]) => ({
            label: visible(name),
            value: words.dollars(amount.format(value)),
          })),
        ]}
      />
      {sources.length > 0 && (
        <>
          <h3 className="family-head">{words.sources}</h3>
          <ul className="sources">
            {sources.map(({ url, title }) => (
              <li key={url}>
                {isWeb(url) ? (
                  <a href={url} rel="noreferrer noopener" target="_blank">
                    {visible(title ?? url)}
                  </a>
                ) : (
                  visible(title ?? url)
                )}
              </li>
            ))}
          </ul>
        </>
      )}
      {messages.length > 0 && (
        <>
          <h3 className="family-head">{words.messages}</h3>
          {messagesDropped > 0 && <p className="muted">{words.dropped(messagesDropped)}</p>}
          <JsonView value={messages} label={words.messages} openLevels={1} />
        </>
      )}
    </Panel>
  )
}

/** Other schemes are no links: what a task names is not ours to press. */
function isWeb(url: string): boolean {
  return /^https?:\/\//i.test(url)
}
