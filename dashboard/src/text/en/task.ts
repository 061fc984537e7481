/** English words of the area "task". */
export const task = {
  title: 'Task',
}
