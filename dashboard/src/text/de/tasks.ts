/** German words of the area "tasks". */
import type { Messages } from '../en/index.ts'

export const tasks: Messages['tasks'] = {
  title: 'Aufgaben',
}
