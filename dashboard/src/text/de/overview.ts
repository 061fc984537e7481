/** German words of the area "overview". */
import type { Messages } from '../en/index.ts'

export const overview: Messages['overview'] = {
  title: 'Überblick',
}
