/** What needs a hand, the worst first, each with where to look and, where there is one, the way to mend it. */
import { request } from '../../api/client.ts'
import { useAction } from '../../api/use-action.ts'
import { Button, ButtonLink } from '../../kit/button.tsx'
import { ToneMark } from '../../kit/marks.tsx'
import { Panel } from '../../kit/page.tsx'
import { Age } from '../../kit/time.tsx'
import { useMayOperate } from '../../session/use-me.ts'
import { text } from '../../text/text.ts'
import type { Attention } from './attention.ts'

/** More are counted: whoever has so many troubles begins with the first. */
const SHOWN = 8

export function AttentionList({ items }: { items: readonly Attention[] }) {
  const words = text.overview.attention
  const shown = items.slice(0, SHOWN)
  return (
    <Panel
      title={words.title}
      unit={items.length > 0 ? String(items.length) : undefined}
      isFlush
      className="attention"
    >
      {items.length === 0 ? (
        <div className="attention-calm">
          <p className="attention-none">
            <ToneMark tone="ok" /> {words.none}
          </p>
          <p className="muted">{words.noneDetail}</p>
        </div>
      ) : (
        <ul className="attention-list">
          {shown.map((item) => (
            <AttentionRow key={item.id} item={item} />
          ))}
          {items.length > shown.length && (
            <li className="attention-more muted">{words.more(items.length - shown.length)}</li>
          )}
        </ul>
      )}
    </Panel>
  )
}

function AttentionRow({ item }: { item: Attention }) {
  const words = text.overview.attention
  return (
    <li className="attention-row">
      <ToneMark tone={item.tone} />
      <div className="attention-words">
        <strong>{item.sentence}</strong>
        <span className="muted">
          {[item.detail].filter(Boolean).join()}
          {item.since && (
            <>
              {item.detail && ' · '}
              {words.since} <Age at={item.since} form="span" />
            </>
          )}
        </span>
      </div>
      <div className="attention-actions">
        {item.resting && item.resting.length > 0 && <WakeButton ids={item.resting} />}
        <ButtonLink to={item.href}>{item.hrefLabel}</ButtonLink>
      </div>
    </li>
  )
}

/** Ends the maintenance of all that operators have switched off here; can be taken back. */
function WakeButton({ ids }: { ids: readonly string[] }) {
  const { may, why } = useMayOperate()
  const words = text.overview.attention
  const wake = useAction({
    run: (workers: readonly string[]) => request('POST', '/fleet/on', { body: { select: { workers } } }),
    title: words.woken(ids.length),
    failed: words.wakeFailed,
    undo: (_result, workers) => request('POST', '/fleet/off', { body: { select: { workers } } }),
    invalidates: [['workers'], ['queue'], ['activity']],
  })
  return (
    <Button pending={wake.isPending} disabledWhy={!may && why} onClick={() => void wake.start(ids)}>
      {words.wake(ids.length)}
    </Button>
  )
}
