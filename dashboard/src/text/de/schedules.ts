/** German words of the area "schedules". */
import type { Messages } from '../en/index.ts'

export const schedules: Messages['schedules'] = {
  title: 'Zeitpläne',
}
