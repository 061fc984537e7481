/** English words of the area "capability". */
export const capability = {
  title: 'Groups and contracts',
}
