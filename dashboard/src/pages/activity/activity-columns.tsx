/** The columns of the list: when, who, what, at what, why. */
import type { ActivityItem } from '@berth/protocol'
import type { Column } from '../../kit/data-table.tsx'
import { Instant } from '../../kit/time.tsx'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { actionWords, Who } from './entry-words.tsx'
import { TargetLink } from './target-link.tsx'

/** `onOpen` opens an entry; its sentence is the button, so that keys reach it too. */
export function activityColumns(onOpen: (entry: ActivityItem) => void): readonly Column<ActivityItem>[] {
  return [
    { id: 'at', header: text.activity.when, width: '170px', cell: ({ at }) => <Instant at={at} /> },
    {
      id: 'who',
      header: text.activity.who,
      width: '150px',
      isMinor: true,
      cell: (entry) => <Who entry={entry} />,
    },
    {
      id: 'action',
      header: text.activity.action,
      width: '170px',
      isMinor: true,
      cell: ({ action }) => actionWords(action),
    },
    {
      id: 'what',
      header: text.activity.what,
      isWide: true,
      cell: (entry) => (
        <button type="button" className="activity-open" onClick={() => onOpen(entry)}>
          {visible(entry.summary)}
        </button>
      ),
    },
    {
      id: 'target',
      header: text.activity.target,
      width: '210px',
      isMinor: true,
      cell: ({ target }) => <TargetLink target={target} />,
    },
    {
      id: 'why',
      header: text.activity.why,
      width: '220px',
      isMinor: true,
      cell: ({ reason }) =>
        reason === null ? (
          <span className="unknown">{text.unknown}</span>
        ) : (
          <span title={visible(reason)}>{visible(reason)}</span>
        ),
    },
  ]
}
