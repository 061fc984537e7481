/** German words of the area "invoke". */
import type { Messages } from '../en/index.ts'

export const invoke: Messages['invoke'] = {
  title: 'Ausführen',
}
