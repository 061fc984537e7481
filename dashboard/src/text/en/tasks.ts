/** English words of the area "tasks". */
export const tasks = {
  title: 'Tasks',
}
