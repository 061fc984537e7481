/** The body of `POST /task` for a cell: what was chosen, and nothing that was not. Pure. */
import type { FormCell } from '@berth/protocol'

export function taskBody(cell: FormCell, input: unknown): Record<string, unknown> {
  const { function: name, group, contract, mode, priority, tags, timeout, session, webhook } = cell
  return {
    function: name,
    ...(group !== 'default' && { group }),
    ...(contract !== null && { contract }),
    input,
    // Said also where it is the default: a function may run in the background unless a call says otherwise.
    mode,
    ...(priority !== null && { priority }),
    ...(tags !== null && Object.keys(tags).length > 0 && { tags }),
    ...(timeout !== null && { timeout }),
    ...(session !== null && { session }),
    ...(mode === 'webhook' && { webhook: { url: webhook ?? '' } }),
  }
}
