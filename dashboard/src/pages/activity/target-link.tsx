/** What an entry is about, as a link to its page where it has one. */
import type { ActivityTarget } from '@berth/protocol'
import { Link } from '../../kit/link.tsx'
import { paths, withQuery } from '../../paths.ts'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'

export function TargetLink({ target }: { target: ActivityTarget }) {
  const to = pathOf(target)
  const words = (
    <>
      <span className="activity-kind">{text.activity.targets[target.kind]}</span>{' '}
      <span className="activity-target">{visible(target.id)}</span>
    </>
  )
  return to === null ? <span>{words}</span> : <Link to={to}>{words}</Link>
}

/** Null where nothing is to be seen. */
export function pathOf({ kind, id }: ActivityTarget): string | null {
  switch (kind) {
    case 'worker':
      return paths.worker(id)
    case 'run':
      return paths.run(id)
    case 'runs':
      return withQuery(paths.runs(), { bulk: id })
    case 'schedule':
      return paths.schedule(id)
    case 'config':
      return paths.config()
    case 'group':
      return withQuery(paths.capability(), { group: id })
    case 'function': {
      const at = id.indexOf('/')
      return at < 0 ? null : paths.function(id.slice(0, at), id.slice(at + 1))
    }
    case 'form':
      return withQuery(paths.invoke(), { form: id })
    case 'fleet':
      return paths.workers()
    case 'delivery':
    case 'session':
    case 'balancer':
      return null
  }
}
