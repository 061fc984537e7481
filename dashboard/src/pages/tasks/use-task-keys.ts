/** Keys of the list: `c` cancels, `r` retries, `e` explains the task in focus, or all that are chosen. */
import type { BulkAction, RunItem } from '@berth/protocol'
import type { RefObject } from 'react'
import { useKeys } from '../../shell/keys.ts'
import { text } from '../../text/text.ts'
import { canChange } from './bulk.ts'

interface Options {
  readonly box: RefObject<HTMLElement | null>
  readonly rows: readonly RunItem[]
  readonly chosen: readonly RunItem[]
  readonly mayOperate: boolean
  onAsk(action: BulkAction, runs: readonly RunItem[]): void
  onExplain(run: RunItem): void
}

export function useTaskKeys({ box, rows, chosen, mayOperate, onAsk, onExplain }: Options): void {
  const current = () => {
    const row = document.activeElement?.closest<HTMLElement>('tr[data-row]')
    return row && box.current?.contains(row) ? rows.find(({ id }) => id === row.dataset.row) : undefined
  }
  const ask = (action: BulkAction) => {
    const focused = current()
    const meant = chosen.length > 0 ? chosen : focused ? [focused] : []
    if (meant.some((run) => canChange(action, run))) onAsk(action, meant)
  }
  useKeys({
    c: mayOperate && { label: text.tasks.keys.cancel, run: () => ask('cancel') },
    r: mayOperate && { label: text.tasks.keys.retry, run: () => ask('retry') },
    e: {
      label: text.tasks.keys.explain,
      run: () => {
        const run = current()
        if (run) onExplain(run)
      },
    },
  })
}
