/** What stands above every page when something is wrong: no connection, a workers.json that is bad. */
import { useEachSecond, useFeedClient, useFeedPart } from '../feed/use-feed.tsx'
import { ToneMark } from '../kit/marks.tsx'
import { formatInstant, visible } from '../text/format.ts'
import { text } from '../text/text.ts'

export function ConnectionBanner() {
  const link = useFeedPart((view) => view.link)
  const isEmpty = useFeedPart((view) => view.feed.seq === null)
  const client = useFeedClient()
  const seconds = useEachSecond(client.secondsToRetry)
  if (link.phase === 'live' || link.phase === 'signed-out') return null
  if (link.phase === 'connecting' && isEmpty) return null
  const words =
    link.phase === 'connecting'
      ? text.shell.connection.trying
      : link.reason === 'unreadable'
        ? text.shell.connection.unreadable(seconds ?? 0)
        : text.shell.connection.lost(seconds ?? 0)
  return (
    <section className="banner banner-bad" aria-label={text.shell.disconnected}>
      <ToneMark tone="bad" />
      <p>
        <strong>{words}</strong> {!isEmpty && <span>{text.shell.connection.old}</span>}
      </p>
      <button
        type="button"
        className="button"
        onClick={client.retryNow}
        disabled={link.phase === 'connecting'}
      >
        {text.shell.connection.retry}
      </button>
    </section>
  )
}

export function ConfigBanner() {
  const config = useFeedPart(({ feed }) => feed.config)
  if (!config) return null
  return (
    <>
      {config.state === 'stale' && (
        <section className="banner banner-warn" aria-label={text.shell.config.stale}>
          <ToneMark tone="warn" />
          <div className="banner-words">
            <p>
              <strong>{text.shell.config.stale}</strong>{' '}
              {text.shell.config.since(formatInstant(config.since) ?? '')}
            </p>
            {config.error !== undefined && (
              <p>
                {config.line !== undefined && (
                  <span className="place">{text.shell.config.place(config.line, config.column ?? null)}</span>
                )}{' '}
                <code>{visible(config.error)}</code>
              </p>
            )}
            <p className="muted">{text.shell.config.cure}</p>
          </div>
        </section>
      )}
      {config.warnings.length > 0 && (
        <details className="banner banner-calm">
          <summary>{text.shell.config.warnings(config.warnings.length)}</summary>
          <ul>
            {config.warnings.map((warning) => (
              <li key={warning}>{visible(warning)}</li>
            ))}
          </ul>
        </details>
      )}
    </>
  )
}
