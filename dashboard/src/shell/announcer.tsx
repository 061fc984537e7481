/**
 * The polite live region: says what matters of the feed's changes, at most one message in 5 s; what
 * comes in between is gathered into the next. Off by a switch in the keyboard help.
 */
import type { WorkerView } from '@berth/protocol'
import { useEffect, useRef, useState } from 'react'
import type { FeedView } from '../feed/feed-client.ts'
import { useFeedClient } from '../feed/use-feed.tsx'
import { useSwitchedOn } from '../kit/preference.ts'
import { text } from '../text/text.ts'

export const ANNOUNCE_MS = 5_000
/** Up to this many changes are told one by one, more as a number. */
const TOLD_SINGLY = 2

/** What of the difference between two views is worth saying. */
export function describeChanges(before: FeedView, after: FeedView): string[] {
  const said: string[] = []
  if (before.link.phase === 'live' && after.link.phase === 'waiting') said.push(text.shell.announce.lost)
  if (before.feed.seq !== null && before.link.phase !== 'live' && after.link.phase === 'live') {
    said.push(text.shell.announce.back)
  }
  if (before.feed.config && after.feed.config && before.feed.config.state !== after.feed.config.state) {
    said.push(
      after.feed.config.state === 'stale' ? text.shell.announce.configBad : text.shell.announce.configGood,
    )
  }
  if (before.feed.seq !== null && before.feed.workers !== after.feed.workers) {
    said.push(...describeWorkers(before.feed.workers, after.feed.workers))
  }
  return said
}

function describeWorkers(
  before: ReadonlyMap<string, WorkerView>,
  after: ReadonlyMap<string, WorkerView>,
): string[] {
  const said: string[] = []
  for (const [id, worker] of after) {
    if (soundOf(before.get(id)) !== soundOf(worker))
      said.push(text.shell.announce.changed(id, text.stateClauses[worker.status]))
  }
  for (const id of before.keys()) if (!after.has(id)) said.push(text.shell.announce.gone(id))
  return said
}

/** Ready and full sound alike: a busy worker would otherwise be announced all day. */
function soundOf(worker: WorkerView | undefined): string | null {
  if (!worker) return null
  return worker.status === 'saturated' ? 'ready' : worker.status
}

export function gather(said: readonly string[]): string {
  return said.length <= TOLD_SINGLY ? said.join(' ') : text.shell.announce.many(said.length)
}

export function Announcer() {
  const client = useFeedClient()
  const [isOn] = useSwitchedOn('announce')
  const [message, setMessage] = useState('')
  const waiting = useRef<string[]>([])
  useEffect(() => {
    if (!isOn) return
    let before = client.getView()
    let timer: number | null = null
    const flush = () => {
      timer = null
      if (waiting.current.length === 0) return
      setMessage(gather(waiting.current))
      waiting.current = []
      timer = window.setTimeout(flush, ANNOUNCE_MS)
    }
    const stop = client.subscribe(() => {
      const after = client.getView()
      waiting.current.push(...describeChanges(before, after))
      before = after
      if (timer === null) flush()
    })
    return () => {
      stop()
      if (timer !== null) window.clearTimeout(timer)
    }
  }, [client, isOn])
  return (
    <div className="only-heard" role="status" aria-live="polite">
      {message}
    </div>
  )
}
