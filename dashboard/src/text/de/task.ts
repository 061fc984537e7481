/** German words of the area "task". */
import type { Messages } from '../en/index.ts'

export const task: Messages['task'] = {
  title: 'Aufgabe',
}
