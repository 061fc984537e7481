/** German words of the area "capability". */
import type { Messages } from '../en/index.ts'

export const capability: Messages['capability'] = {
  title: 'Gruppen und Verträge',
}
