/** Holds the page still and lets it go on; says how old what stands there is. */
import { useEachSecond, useFeedClient } from '../feed/use-feed.tsx'
import { Icon } from '../kit/marks.tsx'
import { formatDuration } from '../text/format.ts'
import { text } from '../text/text.ts'
import { useLive } from './live.ts'

export function LiveSwitch() {
  const { isLive, pausedAtMs, pause, resume } = useLive()
  const client = useFeedClient()
  const age = useEachSecond(() =>
    pausedAtMs === null ? null : Math.floor((client.serverNowMs() - pausedAtMs) / 1_000),
  )
  const word = isLive ? text.shell.pause : text.shell.resume
  return (
    <button
      type="button"
      className={isLive ? 'button live-switch' : 'button live-switch live-switch-paused'}
      aria-label={word}
      title={word}
      onClick={isLive ? pause : resume}
    >
      <Icon name={isLive ? 'pause' : 'play'} />
      {age !== null && <span>{text.shell.paused(formatDuration(age * 1_000))}</span>}
    </button>
  )
}
