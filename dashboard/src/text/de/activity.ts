/** German words of the area "activity". */
import type { Messages } from '../en/index.ts'

export const activity: Messages['activity'] = {
  title: 'Verlauf',
}
