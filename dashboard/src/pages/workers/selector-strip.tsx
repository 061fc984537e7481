/**
 * The filter generator: the picked tags as the `tags` of a request, with how many workers it means by now. Shown
 * as soon as a tag is picked.
 */
import { useMemo } from 'react'
import { useFeedPart } from '../../feed/use-feed.tsx'
import { CopyButton } from '../../kit/copy.tsx'
import { ToneMark } from '../../kit/marks.tsx'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { countMatches, selectorText, writeSelector } from './tag-selector.ts'
import type { Picked } from './worker-filter.ts'

export function SelectorStrip({ picked }: { readonly picked: Picked }) {
  const workers = useFeedPart(({ feed }) => feed.workers)
  const written = useMemo(() => writeSelector(picked), [picked])
  const match = useMemo(
    () => (written.ok ? countMatches(written, workers.values()) : null),
    [written, workers],
  )
  if (!written.ok && written.why === 'empty') return null
  const words = text.workers.selector
  if (!written.ok || !match) return <p className="selector-strip muted">{words.tooMany}</p>
  const body = selectorText(written)
  return (
    <div className="selector-strip">
      <span className="selector-title">{words.title}</span>
      <code>{visible(JSON.stringify(JSON.parse(body)))}</code>
      <CopyButton value={body} label={words.copy} />
      <span className="selector-count">
        <ToneMark tone={match.inService > 0 ? 'ok' : 'bad'} />
        {words.matches(match.matching, match.inService, match.freeSlots)}
      </span>
    </div>
  )
}
