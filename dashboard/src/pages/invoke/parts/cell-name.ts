/** How a cell is called on its page: "A · word-count", or the name that somebody gave it. */
import type { FormCell } from '@berth/protocol'
import { visible } from '../../../text/format.ts'

export function cellName(cell: Pick<FormCell, 'id' | 'title' | 'function'>): string {
  return `${cell.id.toUpperCase()} · ${visible(cell.title ?? cell.function)}`
}
