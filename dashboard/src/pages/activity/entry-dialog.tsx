/** One entry in full: who, when, why, from where, and what differed. */
import type { ActivityItem } from '@berth/protocol'
import { Button } from '../../kit/button.tsx'
import { CopyButton, CopyMenu } from '../../kit/copy.tsx'
import { Dialog } from '../../kit/dialog.tsx'
import { KeyValues } from '../../kit/page.tsx'
import { EmptyState, Skeleton } from '../../kit/states.tsx'
import { Age, Instant } from '../../kit/time.tsx'
import { paths, withQuery } from '../../paths.ts'
import { visible } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { DifferenceView } from './difference-view.tsx'
import { actionWords, Who } from './entry-words.tsx'
import { TargetLink } from './target-link.tsx'

interface Props {
  readonly id: string
  /** Undefined while it is read, null when there is none. */
  readonly entry: ActivityItem | null | undefined
  onClose(): void
}

export function EntryDialog({ id, entry, onClose }: Props) {
  return (
    <Dialog title={entry ? actionWords(entry.action) : text.activity.entry} onClose={onClose} size="wide">
      <div className="activity-entry">
        {entry === undefined && <Skeleton rows={4} />}
        {entry === null && <EmptyState title={text.activity.gone} teach={text.activity.goneWhy} />}
        {entry && <Entry entry={entry} />}
      </div>
      <div className="dialog-actions">
        <CopyMenu id={id} link={withQuery(paths.activity(), { entry: id })} />
        {entry && (
          <CopyButton
            value={JSON.stringify(entry, null, 2)}
            label={text.activity.copyJson}
            kind="plain"
            isIconOnly={false}
          />
        )}
        <Button onClick={onClose}>{text.shell.close}</Button>
      </div>
    </Dialog>
  )
}

function Entry({ entry }: { entry: ActivityItem }) {
  return (
    <>
      <p className="activity-sentence">{visible(entry.summary)}</p>
      <KeyValues
        items={[
          {
            label: text.activity.when,
            value: (
              <>
                <Instant at={entry.at} isExact />{' '}
                <span className="muted">
                  (<Age at={entry.at} />)
                </span>
              </>
            ),
          },
          { label: text.activity.who, value: <Who entry={entry} /> },
          {
            label: text.activity.why,
            value:
              entry.reason === null ? (
                <span className="unknown">{text.activity.noReason}</span>
              ) : (
                visible(entry.reason)
              ),
          },
          { label: text.activity.what, value: <TargetLink target={entry.target} /> },
          { label: text.activity.action, value: <code>{visible(entry.action)}</code> },
          entry.address !== null && { label: text.activity.address, value: visible(entry.address) },
          { label: text.activity.id, value: <code>{entry.id}</code> },
        ]}
      />
      <h3>{text.activity.difference}</h3>
      <DifferenceView before={entry.before} after={entry.after} />
    </>
  )
}
