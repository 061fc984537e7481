/** Counts the balancer's own log lines by level. Owned by the recorder; one integer a line. */
import type { Log } from '@berth/runtime'

export class LogCounts {
  readonly tally = { debug: 0, info: 0, warn: 0, error: 0, dropped: 0 }
  readonly stop: () => void

  constructor(log: Pick<Log, 'follow'>) {
    this.stop = log.follow(({ level }) => {
      this.tally[level]++
    })
  }
}
