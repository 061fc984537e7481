/**
 * A small service: something that a worker keeps running beside its functions, here a ticking clock.
 * Started before the worker takes tasks, stopped after the last one; while it is down the worker takes none.
 */
import { defineService } from '@berth/worker'

const TICK_MS = 1_000
const STALE_AFTER_MS = 5_000

let timer: NodeJS.Timeout | undefined
let tickedAt = 0

function tick(): void {
  tickedAt = performance.now()
}

function stop(): void {
  clearInterval(timer)
  timer = undefined
}

export default defineService({
  start({ signal, log }) {
    tick()
    timer = setInterval(tick, TICK_MS)
    signal.addEventListener('abort', stop, { once: true })
    log.info('the clock ticks', { everyMs: TICK_MS })
  },
  stop,
  /** A text is the reason why the service counts as down. */
  status() {
    if (!timer) return 'the clock is stopped'
    const silentMs = Math.round(performance.now() - tickedAt)
    return silentMs > STALE_AFTER_MS ? `the clock has not ticked for ${silentMs} ms` : true
  },
  config: { restartOnFailure: true },
})
