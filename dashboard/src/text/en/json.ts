/** English words of a JSON value that shows as a tree. */
export const json = {
  copy: (what: string) => `Copy ${what}`,
  hidden: 'hidden',
  members: (n: number) => (n === 1 ? '{ 1 member }' : `{ ${n} members }`),
  elements: (n: number) => (n === 1 ? '[ 1 element ]' : `[ ${n} elements ]`),
  characters: (n: number) => `${n} characters`,
  cut: (n: string) => `The first ${n} lines show.`,
  more: (n: string) => `Show ${n} more`,
}
