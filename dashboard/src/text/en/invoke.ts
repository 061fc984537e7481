/** English words of the area "invoke". */
export const invoke = {
  title: 'Invoke',
}
