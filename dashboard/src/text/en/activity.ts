/** English words of the area "activity". */
export const activity = {
  title: 'Activity',
}
