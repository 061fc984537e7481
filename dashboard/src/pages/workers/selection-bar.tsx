/** What can be done with the workers that are chosen; stands at the foot of the window while there are any. */
import type { WorkerView } from '@berth/protocol'
import { useState } from 'react'
import { Button } from '../../kit/button.tsx'
import { formatCount } from '../../text/format.ts'
import { text } from '../../text/text.ts'
import { OffDialog, useOn } from './off-dialog.tsx'

interface Props {
  readonly ids: readonly string[]
  readonly workers: ReadonlyMap<string, WorkerView>
  readonly disabledWhy: string | undefined
  onClear(): void
  /** What a key has asked for. */
  readonly asked: 'maintenance' | 'drain' | null
  onAsked(asked: 'maintenance' | 'drain' | null): void
}

export function SelectionBar({ ids, workers, disabledWhy, onClear, asked, onAsked }: Props) {
  const on = useOn()
  // What the dialog asks about stays what was chosen when it was opened.
  const [held, setHeld] = useState<readonly string[] | null>(null)
  const away = ids.filter((id) => workers.get(id)?.maintenance != null)
  const words = text.workers.bar
  const open = (what: 'maintenance' | 'drain') => {
    setHeld(ids)
    onAsked(what)
  }
  const close = () => {
    setHeld(null)
    onAsked(null)
  }
  return (
    <>
      {ids.length > 0 && (
        <section className="selection-bar" aria-label={words.label}>
          <strong>{words.chosen(ids.length)}</strong>
          <Button disabledWhy={disabledWhy} onClick={() => open('maintenance')}>
            {words.off}
          </Button>
          <Button disabledWhy={disabledWhy} onClick={() => open('drain')}>
            {words.drain}
          </Button>
          <Button
            pending={on.isPending}
            disabledWhy={disabledWhy ?? (away.length === 0 ? words.noneAway : undefined)}
            onClick={() => void on.start(away)}
          >
            {away.length > 0 ? words.onCount(formatCount(away.length)) : words.on}
          </Button>
          <Button kind="quiet" onClick={onClear}>
            {words.clear}
          </Button>
        </section>
      )}
      {asked && (held ?? ids).length > 0 && (
        <OffDialog ids={held ?? ids} isDrain={asked === 'drain'} onClose={close} />
      )}
    </>
  )
}
