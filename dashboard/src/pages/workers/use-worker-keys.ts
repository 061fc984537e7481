/** The keys of the Workers page: `/` the search, `m` maintenance and `d` drain of what is chosen or under the cursor. */
import type { RefObject } from 'react'
import { useKeys } from '../../shell/keys.ts'
import { text } from '../../text/text.ts'

interface Options {
  readonly search: RefObject<HTMLInputElement | null>
  /** The worker under the cursor of the grid; a row of the table says itself. */
  readonly current: RefObject<string | null>
  readonly hasSelection: boolean
  /** Null: what is chosen. */
  onMaintenance(id: string | null): void
  onDrain(id: string | null): void
}

export function useWorkerKeys({ search, current, hasSelection, onMaintenance, onDrain }: Options): void {
  const words = text.workers.keys
  const aim = (act: (id: string | null) => void) => () => {
    if (hasSelection) return act(null)
    const id = focusedRow() ?? current.current
    if (id !== null) act(id)
  }
  useKeys({
    '/': {
      label: words.filter,
      run: (event) => {
        event.preventDefault()
        search.current?.focus()
      },
    },
    m: { label: words.maintenance, run: aim(onMaintenance) },
    d: { label: words.drain, run: aim(onDrain) },
  })
}

function focusedRow(): string | null {
  return document.activeElement?.closest<HTMLElement>('[data-row]')?.dataset.row ?? null
}
