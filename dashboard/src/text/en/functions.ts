/** English words of the area "functions". */
export const functions = {
  title: 'Functions',
}
