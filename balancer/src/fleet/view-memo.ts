/**
 * The last view of a worker, given again while nothing of its picture has changed: thousands of workers are
 * looked at four times a second, and who gets the same object again need not compare what is in it. Owned by
 * a member. Invariant: a view is never older than the picture, since every part of the picture is compared; what
 * changes is replaced there, never altered inside.
 */
import type { WorkerView } from '@berth/protocol'
import { type Picture, viewOf } from './picture.ts'

interface Seen {
  readonly picture: Picture
  readonly report: Picture['report']
  readonly breaker: WorkerView['breaker']
  readonly view: WorkerView
}

export class ViewMemo {
  #seen: Seen | undefined

  of(picture: Picture, id: string, breaker: WorkerView['breaker']): WorkerView {
    const seen = this.#seen
    if (seen?.view.id === id && seen.breaker === breaker && isUnchanged(seen, picture)) return seen.view
    const view = viewOf(picture, id, breaker)
    const { report } = picture
    if (seen) keepParts(seen, picture, view)
    this.#seen = { picture: { ...picture }, report: report && { ...report }, breaker, view }
    return view
  }
}

/** What is made of the same is the same: who compares two views need not look into it. */
function keepParts({ picture: before, report, view: last }: Seen, picture: Picture, view: WorkerView): void {
  if (before.entry === picture.entry && report?.tags === picture.report?.tags) view.tags = last.tags
  if (report?.services === picture.report?.services) view.services = last.services
  if (before.known === picture.known) view.functions = last.functions
}

/** The report is the one part that is altered in place, so its own parts are compared as well. */
function isUnchanged(seen: Seen, picture: Picture): boolean {
  if (!hasSameParts(seen.picture, picture)) return false
  return (
    seen.report === undefined || picture.report === undefined || hasSameParts(seen.report, picture.report)
  )
}

function hasSameParts<T extends object>(a: T, b: T): boolean {
  for (const name in a) if (a[name] !== b[name]) return false
  return true
}
