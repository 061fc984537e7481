/** English words of the area "schedules". */
export const schedules = {
  title: 'Schedules',
}
