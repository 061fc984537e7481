/** German words of the area "config". */
import type { Messages } from '../en/index.ts'

export const config: Messages['config'] = {
  title: 'Konfiguration',
}
