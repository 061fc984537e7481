/** German words of the area "functions". */
import type { Messages } from '../en/index.ts'

export const functions: Messages['functions'] = {
  title: 'Funktionen',
}
