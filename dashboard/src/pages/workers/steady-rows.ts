/**
 * The rows of the table: a worker stays the same row while nothing of it has changed but its figures (slots, load,
 * when it was heard), which the cells follow by themselves. So a thousand workers that push once a second draw no
 * row again, and the list itself stays the same one as long as its rows and their order do.
 * Invariant: a row never tells a figure; whoever needs one reads it from the feed.
 */
import type { WorkerView } from '@berth/protocol'

export class SteadyRows {
  #rows: readonly WorkerView[] = []

  of(workers: readonly WorkerView[]): readonly WorkerView[] {
    const rows = this.#rows
    const isSame = rows.length === workers.length && workers.every((worker, i) => looksSame(rows[i], worker))
    if (isSame) return rows
    const known = new Map(rows.map((row) => [row.id, row]))
    this.#rows = workers.map((worker) => {
      const row = known.get(worker.id)
      return row && looksSame(row, worker) ? row : worker
    })
    return this.#rows
  }
}

function looksSame(row: WorkerView | undefined, worker: WorkerView): boolean {
  return (
    row !== undefined &&
    row.id === worker.id &&
    row.url === worker.url &&
    row.status === worker.status &&
    row.reason === worker.reason &&
    row.maintenance === worker.maintenance &&
    row.breaker === worker.breaker &&
    row.group === worker.group &&
    row.contract === worker.contract &&
    row.version === worker.version &&
    row.tags === worker.tags
  )
}
