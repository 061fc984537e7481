/** German words of the area "queue". */
import type { Messages } from '../en/index.ts'

export const queue: Messages['queue'] = {
  title: 'Warteschlange',
}
