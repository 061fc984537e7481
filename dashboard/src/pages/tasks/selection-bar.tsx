/** What can be done with the tasks that are chosen, or with all that the filter means. */
import type { BulkAction, RunItem } from '@berth/protocol'
import { Button } from '../../kit/button.tsx'
import type { IconName } from '../../kit/marks.tsx'
import { formatCount } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { canChange } from './bulk.ts'

interface Props {
  readonly runs: readonly RunItem[]
  readonly isAll: boolean
  /** Why nothing can be changed now. */
  readonly why: string | undefined
  onAsk(action: BulkAction): void
  onAll(): void
  onNone(): void
}

const ACTIONS: readonly (readonly [BulkAction, IconName])[] = [
  ['cancel', 'stop'],
  ['retry', 'retry'],
  ['delete', 'bin'],
]

export function SelectionBar({ runs, isAll, why, onAsk, onAll, onNone }: Props) {
  const words = text.tasks.bulk
  const whyNot = (action: BulkAction) =>
    why ?? (isAll || runs.some((run) => canChange(action, run)) ? undefined : words.nothing[action])
  return (
    <section className="selection" aria-label={words.chosenLabel}>
      <strong>{isAll ? words.allChosen : words.chosen(formatCount(runs.length))}</strong>
      {!isAll && (
        <Button kind="quiet" onClick={onAll}>
          {words.chooseAll}
        </Button>
      )}
      <Button kind="quiet" onClick={onNone}>
        {words.chooseNone}
      </Button>
      <span className="selection-actions">
        {ACTIONS.map(([action, icon]) => (
          <Button key={action} icon={icon} disabledWhy={whyNot(action)} onClick={() => onAsk(action)}>
            {words.name[action]}
          </Button>
        ))}
      </span>
    </section>
  )
}
